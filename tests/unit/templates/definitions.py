"""Templates as WhatsApp's listing shows them, and what a send of each looks like."""

from datetime import UTC, datetime
from typing import Any

from waystate.documents import JsonObject
from waystate.ids import new_id
from waystate.templates.model import Template

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def template(*components: JsonObject, **said: Any) -> Template:
    given: dict[str, Any] = {
        "id": new_id(),
        "business_account_id": "102",
        "external_id": "12",
        "name": "order_update",
        "language": "en_US",
        "category": "UTILITY",
        "status": "APPROVED",
        "status_at": NOW,
        "parameter_format": "POSITIONAL",
        "components": list(components),
        "changed_at": NOW,
    }
    return Template(**(given | said))


def header(text: str | None = None, format: str = "TEXT") -> JsonObject:
    return {"type": "HEADER", "format": format} | ({"text": text} if text is not None else {})


def body(text: str) -> JsonObject:
    return {"type": "BODY", "text": text}


def buttons(*each: JsonObject) -> JsonObject:
    return {"type": "BUTTONS", "buttons": list(each)}


URL = {"type": "URL", "text": "Track", "url": "https://example.test/{{1}}"}
QUICK = {"type": "QUICK_REPLY", "text": "Stop"}
OTP = {"type": "URL", "text": "Copy code", "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"}


def text(value: str = "Ada", name: str | None = None) -> JsonObject:
    return {"type": "text", "text": value} | ({"parameter_name": name} if name is not None else {})


def sent(kind: str, *parameters: JsonObject, **further: Any) -> JsonObject:
    return {"type": kind, "parameters": list(parameters)} | further


def button(sub_type: str, index: Any, *parameters: JsonObject) -> JsonObject:
    return sent("button", *parameters, sub_type=sub_type, index=index)


def card(index: int, *components: JsonObject) -> JsonObject:
    return {"card_index": index, "components": list(components)}


CAROUSEL = template(
    body("Our offers, {{1}}"),
    {
        "type": "CAROUSEL",
        "cards": [
            {"components": [header(format="IMAGE"), body("{{1}} off"), buttons(QUICK, URL)]},
            {"components": [header(format="IMAGE"), body("{{1}} off"), buttons(QUICK, URL)]},
        ],
    },
)
IMAGE = {"type": "image", "image": {"id": "1"}}


def carousel(*cards: JsonObject) -> JsonObject:
    return {"type": "carousel", "cards": list(cards)}


def whole_card(index: int) -> JsonObject:
    return card(index, sent("HEADER", IMAGE), sent("BODY", text(f"{index}0%")), button("URL", "1", text(f"o{index}")))
