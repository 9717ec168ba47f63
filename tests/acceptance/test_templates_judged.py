"""What Waystate says of a template message beforehand, and what the simulated WhatsApp does with it: the same."""

import copy
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import ACCESS_TOKEN, FAR, NUMBER, SIMULATED
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.template_reports import find_listed
from waystate.clock import utc_now
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.rules import PlatformRules
from waystate.templates.check import check
from waystate.templates.definition import MEDIA, Shape, is_named, read_definition, variables_of
from waystate.templates.model import Template, TemplateSync, list_out

API, ACCOUNT = f"{FAR}/graph/v23.0", str(SIMULATED["waba_id"])
WEBHOOKS_GO_NOWHERE = httpx2.MockTransport(lambda _: httpx2.Response(200))


class FarSide:
    """The simulated Graph API, and the templates that it lists."""

    def __init__(self, http: httpx2.AsyncClient, templates: list[Template]) -> None:
        self.http = http
        self.templates = templates

    async def takes(self, template: Template, components: list[Any]) -> str | None:
        """None, or why not."""
        content = {"name": template.name, "language": {"code": template.language}, "components": components}
        body = {"messaging_product": "whatsapp", "to": "15550100777", "type": "template", "template": content}
        answer = await self.http.post(
            f"{API}/{NUMBER}/messages", json=body, headers={"authorization": f"Bearer {ACCESS_TOKEN}"}
        )
        return None if answer.status_code == 200 else answer.text


@pytest.fixture
async def far_side() -> AsyncIterator[FarSide]:
    far = create_simulator(
        SimulatorConfig(**SIMULATED, rules=PlatformRules(pair_interval=0, messages_per_second=1e6)),
        transport=WEBHOOKS_GO_NOWHERE,
    )
    async with far.router.lifespan_context(far), httpx2.AsyncClient(transport=httpx2.ASGITransport(far)) as http:
        listed = await GraphClient(http).list_templates(api_url=API, business_account_id=ACCOUNT, access_token=ACCESS_TOKEN)
        assert isinstance(listed, list)
        reports = [each for one in listed if (each := find_listed(one, ACCOUNT, utc_now())) is not None]
        sync = TemplateSync(business_account_id=ACCOUNT, due_at=utc_now())
        yield FarSide(http, [each.after for each in list_out([], reports, sync, utc_now())])


def fitting(template: Template) -> list[Any]:
    """A send that fits its template."""
    definition = read_definition(template.components or [])
    named = is_named(template, definition)
    sent = _fitting(definition, named)
    if definition.offer is not None:
        ends = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_900_000_000_000}}
        sent.append({"type": "limited_time_offer", "parameters": [ends]})
    if definition.cards:
        cards = [{"card_index": place, "components": _fitting(each, named)} for place, each in enumerate(definition.cards)]
        sent.append({"type": "carousel", "cards": cards})
    return sent


CUP = {"product_retailer_id": "cup"}
SHOWN = {
    "location": {"latitude": "1", "longitude": "2", "name": "a"},
    "product": CUP | {"catalog_id": "1"},
}
"""In a header, where it is no medium."""


def _fitting(definition: Shape, named: bool) -> list[Any]:
    sent: list[Any] = []
    kind = MEDIA.get(definition.header_format or "")
    if kind is not None:
        sent.append(
            {"type": "header", "parameters": [{"type": kind, kind: SHOWN.get(kind, {"link": "https://shop.example/a"})}]}
        )
    for place in ("header", "body"):
        names = variables_of(getattr(definition, place))
        values = [{"type": "text", "text": "1234"} | ({"parameter_name": name} if named else {}) for name in names]
        if values:
            sent.append({"type": place, "parameters": values})
    for index, button in enumerate(definition.buttons):
        parameter = {
            "URL": {"type": "text", "text": "1234"} if button.has_variable else None,
            "COPY_CODE": {"type": "coupon_code", "coupon_code": "SAVE"},
            "QUICK_REPLY": {"type": "payload", "payload": "yes"},
            "MPM": {"type": "action", "action": {"sections": [{"title": "Cups", "product_items": [CUP]}]}},
        }.get(button.kind)
        if parameter is not None:
            sent.append({"type": "button", "sub_type": button.kind.lower(), "index": index, "parameters": [parameter]})
    return sent


def torn(components: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The send with one thing of it missing, doubled, or made another."""
    for place, component in enumerate(components):
        yield f"without {component['type']}", components[:place] + components[place + 1 :]
        for name, changed in _torn(component):
            yield f"{component['type']} {place}: {name}", [*components[:place], changed, *components[place + 1 :]]
    yield "with a header", [*components, {"type": "header", "parameters": [{"type": "text", "text": "a"}]}]
    yield (
        "with a button",
        [
            *components,
            {"type": "button", "sub_type": "quick_reply", "index": 9, "parameters": [{"type": "payload", "payload": "a"}]},
        ],
    )
    card = {"card_index": 0, "components": []}
    yield "with cards", [*[each for each in components if each["type"] != "carousel"], {"type": "carousel", "cards": [card]}]


def _torn(component: Any) -> Iterator[tuple[str, Any]]:
    if cards := component.get("cards"):
        yield "one card less", component | {"cards": cards[:-1]}
        yield "a card twice", component | {"cards": [*cards[:-1], cards[0]]}
        for name, inner in torn(cards[0]["components"]):
            if not name.startswith("with a ") and name != "with cards":
                yield f"card {name}", component | {"cards": [cards[0] | {"components": inner}, *cards[1:]]}
        return
    given = component["parameters"]
    yield "no parameter", component | {"parameters": []}
    yield "one more", component | {"parameters": [*given, given[0]]}
    if "sub_type" in component:
        yield "another button", component | {"sub_type": "flow"}
    for value in ("", "a\nb", "a     b", "x" * 61, "x" * 1025, "x" * 2001):
        changed = copy.deepcopy(component)
        kind = changed["parameters"][0]["type"]
        if kind in ("text", "payload", "coupon_code"):
            changed["parameters"][0][kind] = value
            yield f"{kind} of {len(value)}", changed
    for kind, shown in SHOWN.items():
        if given[0].get("type") == kind:
            for lacking in shown:
                whole = {name: value for name, value in shown.items() if name != lacking}
                yield f"a {kind} without {lacking}", component | {"parameters": [{"type": kind, kind: whole}]}
    for other in (
        {"type": "image", "image": {"link": "https://a.example/a"}},
        {"type": "payload", "payload": "a"},
        {"type": "text"},
    ):
        yield f"a {other['type']}", component | {"parameters": [other, *given[1:]]}


STRICTER = {
    ("spring_sale", "button 2: text of 2001"),
    ("plants", "carousel 1: card button 3: text of 2001"),
    ("last_days", "button 3: text of 2001"),
    ("visit", "button 2: text of 2001"),
    ("sign_in_code", "body 0: text of 61"),
    *(("sign_in_code", f"button 1: text of {length}") for length in (3, 7, 61, 1025, 2001)),
}
"""Refused here alone: the length of an address and of a code, and a code in the button that is another than the body's."""


async def test_the_simulated_whatsapp_takes_what_is_let_through_and_nothing_that_is_refused(far_side: FarSide) -> None:
    tried, stricter = 0, set()
    for template in far_side.templates:
        good = fitting(template)
        assert (check(template, good), await far_side.takes(template, good)) == ([], None), template.name
        for name, components in torn(good):
            tried += 1
            ours, theirs = check(template, components), await far_side.takes(template, components)
            if ours and theirs is None:
                stricter.add((template.name, name))
            assert ours or theirs is None, (template.name, name, theirs)
    assert stricter == STRICTER
    assert tried > 200
