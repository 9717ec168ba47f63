"""docs/reference/agents-view.md shows what the renderers make of an example of every type.

`python -m tests.test_agents_view` writes its tables.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.pages import with_tables
from waystate.channels.genesys.content import READABLE, Unshowable, offer_of, text_of
from waystate.channels.whatsapp.choices import find_interactive
from waystate.channels.whatsapp.content import MEDIA_TYPES, TYPES
from waystate.channels.whatsapp.lines import SpokenInGroup, Surroundings, agents_text, attributes_of, line_of
from waystate.pipeline.items import WITHOUT_EITHER

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "agents-view.md"

_FLOW = {"name": "flow", "body": "Sent", "response_json": '{"size":"L","gift":true,"flow_token":"t"}'}
_CARD = {
    "name": {"formatted_name": "Lee Example"},
    "org": {"company": "Example Ltd", "title": "Buyer"},
    "phones": [{"phone": "+1 555 010 0142", "wa_id": "15550100142"}],
    "emails": [{"email": "lee@example.org"}],
}
CUSTOMERS: dict[str, list[dict[str, Any]]] = {
    "text": [{"body": "Where is my order?"}],
    "image": [{"id": "777", "mime_type": "image/jpeg", "caption": "is this the right part?"}, {"id": "777"}],
    "video": [{"id": "779", "caption": "it rattles"}],
    "document": [{"id": "778", "filename": "invoice-77.pdf", "caption": "please check"}],
    "sticker": [{"id": "780"}],
    "audio": [{"id": "781", "voice": True}, {"id": "782"}],
    "voice": [{"id": "783"}],
    "location": [{"latitude": 37.44, "longitude": -122.16, "name": "Main shop", "address": "1 Example Way"}],
    "contacts": [{"contacts": [_CARD]}],
    "interactive": [
        {"type": "button_reply", "button_reply": {"id": "yes-1", "title": "Yes"}},
        {"type": "list_reply", "list_reply": {"id": "express", "title": "Express", "description": "Next day"}},
        {"type": "nfm_reply", "nfm_reply": _FLOW},
        {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}},
    ],
    "button": [{"text": "Stop", "payload": "unsubscribe"}],
    "reaction": [{"message_id": "wamid.1", "emoji": "👍"}, {"message_id": "wamid.1"}],
    "order": [
        {
            "catalog_id": "55",
            "text": "by Friday",
            "product_items": [
                {"product_retailer_id": "cup-1", "quantity": 2, "item_price": 30, "currency": "USD"},
                {"product_retailer_id": "lid-9", "quantity": "1", "item_price": "2.50", "currency": "USD"},
            ],
        }
    ],
    "system": [{"body": "Lee changed from 15550100142 to 15550100143", "type": "user_changed_number"}],
    "edit": [{"original_message_id": "wamid.1", "message": {"type": "image", "image": {"caption": "the new one"}}}],
    "revoke": [{"original_message_id": "wamid.1"}],
    "request_welcome": [{}],
    "unsupported": [{"type": "poll_creation"}, {}],
}
"""By type, the platform's own objects of it."""
SURROUNDED: dict[str, Surroundings] = {
    "a reply": Surroundings({"context": {"from": "1555", "id": "wamid.0"}}, "Which size do you need?"),
    "a reply to what is not known here": Surroundings({"context": {"from": "1555", "id": "wamid.0"}}),
    "written after a message from the phone": Surroundings(phone_reply="Your cup is ready, come by until 6"),
    "written in a group": Surroundings(
        group=SpokenInGroup("Y2FwaV9ncm91cDo", "Ann Example", "15550100101", "019c1420-7b10-7e02-a3c4-1d2e3f405162")
    ),
    "forwarded": Surroundings({"context": {"forwarded": True}}),
    "from an ad": Surroundings(
        {
            "referral": {
                "source_url": "https://ads.example/1",
                "source_type": "ad",
                "source_id": "120",
                "headline": "Chat with us",
                "ctwa_clid": "Aff-1",
            }
        }
    ),
    "of a contact of whom more is known": Surroundings(tags=("vip", "wholesale"), language="de"),
    "about a product": Surroundings(
        {"context": {"id": "wamid.0", "referred_product": {"catalog_id": "55", "product_retailer_id": "cup-1"}}}, "Our cups"
    ),
}
"""What may stand around a message of any type."""

_CARD_OF_A_BOT = {
    "title": "Blue cup",
    "description": "Holds 300 ml",
    "image": "https://shop.example/cup.png",
    "defaultAction": {"type": "Link", "url": "https://shop.example/cups"},
    "actions": [
        {"type": "Postback", "text": "Order it"},
        {"type": "Link", "text": "See it", "url": "https://shop.example/cup"},
    ],
}
AGENTS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "attachment": ("Here it is", {"mediaType": "File", "filename": "a.pdf", "url": "https://api-downloads.example/1"}),
    "location": (None, {"text": "Main shop", "address": "1 Example Way", "latitude": 37.44, "longitude": -122.16}),
    "quickReply": ("Do you want to go on?", {"text": "Yes"}),
    "quickReplyV2": (None, {"title": "Do you want to go on?", "actions": [{"text": "Yes"}, {"text": "No"}]}),
    "card": (None, _CARD_OF_A_BOT),
    "carousel": (None, {"cards": [_CARD_OF_A_BOT, {"title": "Red cup", "actions": [{"text": "Order it"}]}]}),
    "listPicker": (
        None,
        {"sections": [{"title": "Size", "listItems": [{"title": "Small", "description": "200 ml"}, {"title": "Large"}]}]},
    ),
    "datePicker": (
        None,
        {
            "title": "When would you be available?",
            "availableTimes": [
                {"dateTime": "2026-05-30T12:00:00.000Z", "duration": 1800},
                {"dateTime": "2026-06-30T09:30:00+02:00", "duration": 5400},
            ],
        },
    ),
    "text": (None, {"body": "Good morning"}),
    "template": (
        None,
        {
            "header": {"type": "Text", "text": "Order {{number}}", "parameters": [{"name": "number", "text": "A-7"}]},
            "body": {"text": "Hi {{1}}, it left today.", "parameters": [{"name": "1", "text": "Ann"}]},
            "footer": {"text": "Example Ltd"},
        },
    ),
    "form": (None, {}),
}
"""By the field of Genesys' content, the message's text and an example of it."""


def customers_table() -> list[str]:
    lines = ["| type | the agent reads | attributes, beside `whatsapp_message_type` |", "|---|---|---|"]
    for kind, contents in CUSTOMERS.items():
        for content in contents:
            text = agents_text(kind, line_of(kind, content), content, None)
            attributes = attributes_of(kind, content, None)
            lines.append(f"| `{kind}` | {_cell(text)} | {_attributes(attributes)} |")
    return lines


def surroundings_table() -> list[str]:
    lines = ["| the message is | the agent reads | attributes |", "|---|---|---|"]
    for what, around in SURROUNDED.items():
        text = agents_text("text", "Large, please", {"body": "Large, please"}, None, around)
        lines.append(f"| {what} | {_cell(text)} | {_attributes(attributes_of('text', {}, None, around))} |")
    return lines


def agents_table() -> list[str]:
    lines = ["| content | goes as | its text, where it goes as text |", "|---|---|---|"]
    for field, (text, content) in AGENTS.items():
        items = [{"contentType": field.capitalize(), field: content}]
        try:
            shown = _cell(text_of(text, items))
            interactive = find_interactive(offer_of(text, items)) or {"type": "text"}
            goes_as = _INTERACTIVE[interactive["type"]] if field not in ("attachment", "text") else "file or text"
        except Unshowable as error:
            goes_as, shown = "nothing", f"the agent gets a Failed receipt: {error}"
        lines.append(f"| `{field}` | {goes_as} | {shown} |")
    return lines


_INTERACTIVE = {"button": "buttons", "list": "a list", "cta_url": "a link button", "carousel": "a carousel", "text": "text"}


def _cell(text: str) -> str:
    return "<br>".join(f"`{line}`" for line in text.replace("|", "\\|").split("\n"))


def _attributes(attributes: dict[str, str]) -> str:
    del attributes["whatsapp_message_type"]
    return "<br>".join(f"`{name}`: `{value}`" for name, value in attributes.items())


TABLES = {"customers": customers_table, "surroundings": surroundings_table, "agents": agents_table}


def test_the_page_shows_what_the_agent_gets() -> None:
    assert PAGE.read_text() == with_tables(PAGE.read_text(), TABLES)


def test_every_type_has_an_example_and_a_line_of_its_own() -> None:
    assert {*TYPES, "unsupported"} == CUSTOMERS.keys()
    assert CUSTOMERS.keys() >= MEDIA_TYPES | WITHOUT_EITHER
    for kind in TYPES:
        for content in (*CUSTOMERS[kind], {}):
            line = line_of(kind, content)
            assert line.strip(), kind
            assert "unsupported" not in line or (kind, content) == ("interactive", {}), (kind, line)


def test_every_content_of_genesys_that_can_be_shown_has_an_example() -> None:
    assert READABLE | {"form"} == AGENTS.keys()


@pytest.mark.parametrize("kind", [*CUSTOMERS, "hologram"])
@pytest.mark.parametrize("text", [None, "", "  \n", "\u200e", "\u200b\ufe0f", "\u2800"])
def test_no_line_is_ever_empty(kind: str, text: str | None) -> None:
    for content in ({}, {"body": text}, {"caption": text}, {"text": text, "payload": text}, {"type": "button_reply"}):
        for media in (None, {"url": "https://example.org/1"}):
            found = agents_text(kind, text, content, media)
            assert any(letter.isalnum() for letter in found), (content, media)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(), TABLES))
