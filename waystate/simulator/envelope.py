"""The shapes Meta wraps everything in. Source: developers.facebook.com, WhatsApp Cloud API, webhooks reference."""

import base64
from random import Random

from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig

_INBOUND = bytes([0x15, 2, 0, 0x12, 0x18])
_OUTBOUND = bytes([0x15, 2, 0, 0x11, 0x18])


def new_wamid(user: str, random: Random, *, outbound: bool = False) -> str:
    """As real ones: base64 of a frame that holds the user's number and 18 or 20 hex digits of the message."""
    number = user.encode()
    digits = random.randbytes(9 if outbound else 10).hex().upper().encode()
    frame = bytes([0x1C, 0x18, len(number)]) + number + (_OUTBOUND if outbound else _INBOUND) + bytes([len(digits)]) + digits
    return "wamid." + base64.b64encode(frame + b"\x00").decode()


def render_envelope(config: SimulatorConfig, value: JsonObject) -> JsonObject:
    """One change of the field `messages`; `value` brings contacts with messages or statuses."""
    metadata = {"display_phone_number": config.display_phone_number, "phone_number_id": config.phone_number_id}
    change = {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": "messages"}
    return {"object": "whatsapp_business_account", "entry": [{"id": config.waba_id, "changes": [change]}]}


def without_none(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if value is not None}


def find_text(message: JsonObject) -> str | None:
    """The body of a text message, the same in both directions."""
    match message.get("text"):
        case {"body": str(body)}:
            return body
    return None
