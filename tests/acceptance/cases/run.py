"""One case at work: its steps as signed webhooks to an installation of its own, each worked off before the next."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2

from tests.acceptance.cases.far_sides import FarSides, Line, lines_of, still_far_sides
from tests.acceptance.cases.files import Case, Step, UnknownCase
from tests.acceptance.installation import TENANT, Door, Installation, installed, new_account, new_integration
from waystate.clock import iso
from waystate.ids import TenantId
from waystate.tenants.model import Tenant

_PLACEHOLDER = re.compile(r"<([^<>]+)>")
_NOW = re.compile(r"now(?: *(?P<sign>[+-]) *(?P<count>\d+) *(?P<unit>s|min|h|d))?")
_OF = re.compile(r"(?P<what>contact|genesys conversation|wamid) of (?P<name>\S+)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


class Run:
    """An installation with one tenant, and what the far sides saw. `ids` are all that the bodies gave to anything so far."""

    def __init__(self, place: Installation, far: FarSides, lines: Mapping[str, Line]) -> None:
        self.place = place
        self.far = far
        self.ids: set[str] = set()
        self._lines = lines
        self._default = next(iter(lines.values()))
        self._line_of: dict[str, Line] = {}

    async def do(self, step: Step) -> None:
        """Post the step's body and wait until nothing that follows from it is pending."""
        line = self._find_line(step.body) or self._default
        body = await self.resolve(step.body, line, in_genesys=step.do == "genesys_webhook")
        named = set(_ids_in(body))
        self.ids |= named
        if step.do == "whatsapp_webhook":
            numbers = [number for key, number in _values(body) if key == "phone_number_id" and number in self._lines]
            self._line_of |= dict.fromkeys(named, self._lines[numbers[0]] if numbers else self._default)
            answer = await self.place.post_meta(body)
        else:
            answer = await self.place.post_genesys(body, integration=line.integration)
        assert answer.status_code == 200, answer.text
        await self.place.settled()

    async def resolve(self, value: Any, line: Line | None = None, *, in_genesys: bool = False) -> Any:
        """The value with every text that is a placeholder replaced; what is not known yet becomes an id of nobody."""
        match value:
            case dict():
                return {key: await self.resolve(each, line, in_genesys=in_genesys) for key, each in value.items()}
            case list():
                return [await self.resolve(each, line, in_genesys=in_genesys) for each in value]
            case str() if found := _PLACEHOLDER.fullmatch(value):
                return await self._replacement(found[1], line or self._default, in_genesys)
        return value

    async def find_trace(self, name: str) -> Any:
        """What Waystate tells of a message; None if it knows none of that id."""
        answer = await self.place.state("GET", f"/v1/messages/{quote(name, safe='')}/trace")
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    async def _replacement(self, placeholder: str, line: Line, in_genesys: bool) -> str:
        if placeholder == "new":
            return str(uuid4())
        if placeholder == "integration":
            return line.integration
        if found := _NOW.fullmatch(placeholder):
            at = _moment(self.place.app.clock(), found)
            return iso(at) if in_genesys else str(int(at.timestamp()))
        if found := _OF.fullmatch(placeholder):
            known = await self._find(found["what"], found["name"])
            return known if known is not None else str(uuid4())
        raise UnknownCase(f"nobody knows the placeholder <{placeholder}>")

    async def _find(self, what: str, name: str) -> str | None:
        """Of Genesys' ids, the one that Genesys itself would use: what Waystate believes may be what the case is about."""
        trace = await self.find_trace(name)
        if what == "wamid":
            return trace and trace["wamid"]
        told = self.far.told(name)
        contact = told[-1].body["channel"]["from"]["id"] if told else trace and trace["contact"]["id"]
        if what == "contact" or contact is None:
            return contact
        line = self._line_of.get(name, self._default)
        known = self.far.find_conversation(line.integration, contact)
        return known or (trace and trace["conversation"]["genesysConversationId"])

    def _find_line(self, body: Any) -> Line | None:
        """Of the customer's message that a body of Genesys speaks of."""
        for _, value in _values(body):
            found = _PLACEHOLDER.fullmatch(value)
            of = _OF.fullmatch(found[1]) if found else None
            if of is not None and of["name"] in self._line_of:
                return self._line_of[of["name"]]
        return None


@asynccontextmanager
async def running(case: Case, url: str, home: Path) -> AsyncIterator[Run]:
    """The case after its steps, on an installation whose tenant has the numbers that its bodies name."""
    lines = lines_of(case.numbers())
    door = Door()
    async with (
        still_far_sides(lines, door) as far,
        httpx2.AsyncClient(transport=far) as http,
        installed(url, home, http=http, door=door) as place,
    ):
        await _add_tenant(place, lines)
        run = Run(place, far, lines)
        for step in case.steps:
            await run.do(step)
        yield run


async def _add_tenant(place: Installation, lines: Mapping[str, Line]) -> None:
    tenant = TenantId(TENANT)
    await place.add_tenants([Tenant(id=tenant, name=TENANT)])
    for index, line in enumerate(lines.values()):
        far: dict[str, Any] = {"api_url": f"{line.address}/genesys", "login_url": f"{line.address}/genesys/login"}
        integration = new_integration(line.integration, **far)
        account = new_account(
            line.number,
            business_account_id=line.waba,
            api_url=f"{line.address}/graph/v26.0",
            genesys_integration_id=integration.id,
            is_default=index == 0,
        )
        await place.add_accounts(tenant, [account], [integration])


def _moment(now: datetime, found: re.Match[str]) -> datetime:
    if found["sign"] is None:
        return now
    distance = timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
    return now - distance if found["sign"] == "-" else now + distance


def _ids_in(body: Any) -> list[str]:
    return [value for key, value in _values(body) if key in ("id", "messageId")]


def _values(document: Any, key: str = "") -> list[tuple[str, str]]:
    """Every text of a document, with the key that it stands under."""
    match document:
        case dict():
            return [pair for name, each in document.items() for pair in _values(each, name)]
        case list():
            return [pair for each in document for pair in _values(each, key)]
        case str():
            return [(key, document)]
    return []
