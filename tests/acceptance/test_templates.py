"""`/v1/templates` and `waystate template`: what is known of message templates, how fresh it is, and what a message will be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest

from tests.acceptance.credentials import bearing, key_with
from tests.acceptance.installation import Installation, installed, new_account
from tests.acceptance.terminal import Terminal, beside
from tests.databases import Databases
from tests.integration.templates.far_side import ListingSide, entry
from waystate.ids import TenantId
from waystate.principal import Scope

TENANT = TenantId("acme")
NUMBER, ACCOUNT = "1001", "waba-1001"
COMPONENTS = [{"type": "body", "parameters": [{"type": "text", "text": "Ada"}]}]


@dataclass
class Office:
    """A server, WhatsApp's side of its listings, and a key that may read and send."""

    place: Installation
    side: ListingSide
    key: str

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = await self.place.http.request(method, path, json=body, headers=bearing(self.key))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def template(self, name: str) -> Any:
        (found,) = (await self.call("GET", f"/v1/templates?name={name}"))["items"]
        return found


@pytest.fixture
async def office(databases: Databases, tmp_path: Path) -> AsyncIterator[Office]:
    side = ListingSide()
    side.templates[ACCOUNT] = [entry("hello"), entry("help", text="Hi", status="PAUSED"), entry("hello", "de", "Hallo {{1}}")]
    with databases.fresh() as url:
        async with installed(url, tmp_path, http=side.client(), TRUSTED_MODE="off") as place:
            await place.add_tenant(TENANT, number=NUMBER, integration=None)
            yield Office(place, side, await key_with(place, TENANT, Scope.MESSAGES_READ, Scope.MESSAGES_SEND))


async def test_templates_are_asked_for_listed_and_shown(office: Office) -> None:
    before = await office.call("GET", "/v1/templates")
    assert before == {
        "items": [],
        "next": None,
        "accounts": [{"businessAccountId": ACCOUNT, "syncedAt": None, "error": None}],
    }
    (synced,) = (await office.call("POST", "/v1/templates/sync", {}))["accounts"]
    assert (synced["found"], synced["added"], synced["error"]) == (3, 3, None)
    page = await office.call("GET", "/v1/templates?limit=2")
    rest = await office.call("GET", f"/v1/templates?limit=2&before={page['next']}")
    assert [len(page["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    assert page["accounts"] == [{"businessAccountId": ACCOUNT, "syncedAt": synced["syncedAt"], "error": None}]
    for query, names in (
        ("name=hel", {("hello", "en_US"), ("hello", "de"), ("help", "en_US")}),
        ("language=en-US&status=APPROVED", {("hello", "en_US")}),
        (f"number={NUMBER}&name=help", {("help", "en_US")}),
        (f"businessAccountId={ACCOUNT}&category=MARKETING", set()),
    ):
        found = (await office.call("GET", f"/v1/templates?{query}"))["items"]
        assert {(each["name"], each["language"]) for each in found} == names, query
    shown = page["items"][0]
    assert await office.call("GET", f"/v1/templates/{shown['id']}") == shown


async def test_a_preview_shows_the_message_or_says_why_there_is_none(office: Office) -> None:
    await office.call("POST", "/v1/templates/sync")
    (hello,) = (await office.call("GET", "/v1/templates?name=hello&language=en_US"))["items"]
    path = f"/v1/templates/{hello['id']}/preview"
    shown = await office.call("POST", path, {"components": COMPONENTS})
    assert (shown["body"], shown["header"], shown["buttons"]) == ("Hi Ada", None, [])
    refused = await office.call("POST", path, status=422)
    assert refused["code"] == "template_refused"
    assert refused["errors"] == [
        {"field": "components", "problem": "Body: 1 parameter is needed ({{1}}), 0 are given."},
    ]
    paused = await office.template("help")
    assert "is PAUSED" in (await office.call("POST", f"/v1/templates/{paused['id']}/preview", {}, status=422))["detail"]


async def test_a_listing_that_fails_is_told_and_takes_nothing_away(office: Office) -> None:
    await office.call("POST", "/v1/templates/sync")
    office.side.refusals["EAAtoken"] = (401, {"code": 190, "message": "Error validating access token"})
    (failed,) = (await office.call("POST", "/v1/templates/sync", {"businessAccountId": ACCOUNT}))["accounts"]
    assert (failed["error"]["code"], failed["found"]) == ("190", 0)
    page = await office.call("GET", "/v1/templates")
    assert len(page["items"]) == 3
    assert page["accounts"][0]["error"]["code"] == "190"
    assert page["accounts"][0]["syncedAt"] is not None


async def test_what_the_tenant_does_not_have_is_not_found(office: Office) -> None:
    unknown = "019c1420-7a01-7c3e-8b2c-4d6e8f0a1c36"
    await office.call("GET", f"/v1/templates/{unknown}", status=404)
    await office.call("POST", f"/v1/templates/{unknown}/preview", {}, status=404)
    await office.call("GET", "/v1/templates?number=2002", status=404)
    await office.call("POST", "/v1/templates/sync", {"businessAccountId": "waba-2002"}, status=404)
    reader = await key_with(office.place, TENANT, Scope.MESSAGES_READ)
    answer = await office.place.http.post("/v1/templates/sync", json={}, headers=bearing(reader))
    assert answer.status_code == 403
    assert office.side.asked == []


async def test_a_webhook_keeps_a_template_current_and_the_change_is_an_event(office: Office) -> None:
    await office.call("POST", "/v1/templates/sync")
    value = {
        "event": "PAUSED",
        "message_template_id": "id.hello.de",
        "message_template_name": "hello",
        "message_template_language": "de",
        "reason": "NONE",
        "other_info": {"title": "FIRST_PAUSE", "description": "3 hours"},
    }
    at = await office.place.value("SELECT (extract(epoch FROM now()) + 120)::bigint")
    change = {"field": "message_template_status_update", "value": value}
    body = {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT, "time": at, "changes": [change]}]}
    for _ in range(2):
        assert (await office.place.post_meta(body)).status_code == 200
    await office.place.settled()
    (german,) = (await office.call("GET", "/v1/templates?name=hello&language=de"))["items"]
    assert (german["status"], german["reason"]) == ("PAUSED", "FIRST_PAUSE: 3 hours")
    events = await office.place.rows("SELECT data FROM events WHERE type = 'template.changed' AND data->>'status' = 'PAUSED'")
    assert [each["data"]["previous_status"] for each in events if each["data"]["name"] == "hello"] == ["APPROVED"]
    assert await office.place.value("SELECT count(*) FROM dead_letters") == 0


async def test_numbers_of_one_account_are_one_listing_and_a_lost_account_is_shown_no_more(office: Office) -> None:
    await office.place.add_accounts(TENANT, [new_account("1002", business_account_id=ACCOUNT, is_default=False)])
    await office.call("POST", "/v1/templates/sync")
    assert len(office.side.asked) == 1
    moved = [new_account(number, business_account_id="waba-9", is_default=number == NUMBER) for number in (NUMBER, "1002")]
    await office.place.add_accounts(TENANT, moved)
    page = await office.call("GET", "/v1/templates")
    assert (page["items"], [each["businessAccountId"] for each in page["accounts"]]) == ([], ["waba-9"])


class Desk(Terminal):
    command: ClassVar[tuple[str, ...]] = ("template",)


@asynccontextmanager
async def listening(side: ListingSide) -> AsyncIterator[str]:
    """The far side on a port of this machine, for a command's own process."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        async with side.client() as http:
            answer = await http.request(method, f"http://far.test{target}", headers=headers)
        length = f"HTTP/1.1 {answer.status_code} OK\r\ncontent-length: {len(answer.content)}\r\nconnection: close\r\n\r\n"
        writer.write(length.encode() + answer.content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v23.0"
    finally:
        server.close()
        await server.wait_closed()


async def test_an_operator_asks_for_templates_and_reads_them(databases: Databases, tmp_path: Path) -> None:
    side = ListingSide()
    side.templates[ACCOUNT] = [entry("hello"), entry("hello", "de", "Hallo {{1}}")]
    with databases.fresh() as url:
        async with installed(url, tmp_path, http=httpx2.AsyncClient()) as place, listening(side) as address:
            await place.add_tenant(TENANT, number=NUMBER, integration=None)
            await place.add_accounts(TENANT, [new_account(NUMBER, api_url=address)])
            desk = Desk(place, beside(url, tmp_path) | {"EGRESS_HOSTS": "127.0.0.1"})
            assert "never listed" in await desk.output("list", TENANT)
            assert "2 templates: 2 new, 0 changed, 0 deleted" in await desk.output("sync", TENANT)
            listed = await desk.output("list", TENANT, "--language", "de")
            assert "hello  de  APPROVED  UTILITY, GREEN" in listed
            assert f"Business account {ACCOUNT}: listed at" in listed
            shown = await desk.told("show", TENANT, "hello", "--language", "de")
            assert [each["components"] for each in shown] == [[{"type": "BODY", "text": "Hallo {{1}}"}]]
            assert "Hallo {{1}}" in await desk.output("show", TENANT, "hello")
            code, _, errors = await desk.run("show", TENANT, "hell")
            assert (code, "has no template 'hell'" in errors) == (2, True)
            side.refusals["EAAtoken"] = (401, {"code": 190, "message": "Error validating access token"})
            code, output, _ = await desk.run("sync", TENANT, "--json")
            assert (code, json.loads(output)["accounts"][0]["error"]["code"]) == (1, "190")
