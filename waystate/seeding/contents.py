"""What a turn of a dialogue looks like as a message of WhatsApp or of an agent. Pure."""

from random import Random
from typing import NamedTuple

from waystate.channels.whatsapp.content import find_media
from waystate.channels.whatsapp.lines import line_of
from waystate.documents import JsonObject
from waystate.seeding.dialogues import Turn

_MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
_SENTENCE = (
    "I have been a customer since 2011 and this has never happened before: on {day} nobody came, on the phone I was number "
    "{place} in the queue, and the answer I got by e-mail was about somebody else's order. "
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_LONG = 24
"""Sentences: about 4,000 characters, of which WhatsApp takes 4,096."""


class Said(NamedTuple):
    """`type`, `text`, `content` and `media` as the pipelines store them."""

    type: str
    text: str
    content: JsonObject
    media: JsonObject | None


def said(turn: Turn, random: Random) -> Said:
    if not turn.by_customer:
        return _by_business(turn)
    kind, content = _by_customer(turn, random)
    return Said(kind, line_of(kind, content), content, find_media(kind, content))


def _by_customer(turn: Turn, random: Random) -> tuple[str, JsonObject]:
    """The platform's object of that type."""
    match turn.kind:
        case "long":
            return "text", {"body": _long_text(random)}
        case "image" | "video" | "document" | "sticker":
            return turn.kind, _file(turn, random)
        case "voice" | "audio":
            content = {"id": _media_id(random), "mime_type": "audio/ogg; codecs=opus", "sha256": random.randbytes(32).hex()}
            return "audio", content | {"voice": turn.kind == "voice"}
        case "location":
            name, latitude, longitude = turn.argument.split("|")
            return "location", {"name": name, "latitude": float(latitude), "longitude": float(longitude)}
        case "contacts":
            name, phone = turn.argument.split("|")
            people = [{"name": {"formatted_name": name}, "phones": [{"phone": phone}]}]
            return "contacts", {"contacts": people}
        case "reaction":
            return "reaction", {"emoji": turn.argument}
        case "button":
            return "button", {"text": turn.argument, "payload": turn.argument}
    return "text", {"body": turn.text}


def _by_business(turn: Turn) -> Said:
    match turn.kind:
        case "document":
            url = f"https://example.com/files/{turn.argument}"
            media = {"type": "document", "url": url, "mime_type": _mime(turn.argument), "filename": turn.argument}
            return Said("document", turn.text, {"text": turn.text}, media)
        case "template":
            return Said("template", turn.text, {"name": turn.argument, "text": turn.text}, None)
    return Said("text", turn.text, {"text": turn.text}, None)


def _file(turn: Turn, random: Random) -> JsonObject:
    content: JsonObject = {"id": _media_id(random), "mime_type": _mime(turn.argument), "sha256": random.randbytes(32).hex()}
    if turn.text:
        content["caption"] = turn.text
    if turn.kind == "document":
        content["filename"] = turn.argument
    if turn.kind == "sticker":
        content["animated"] = False
    return content


def _mime(name: str) -> str:
    return _MIME[name.rpartition(".")[2]]


def _media_id(random: Random) -> str:
    return str(random.randrange(10**14, 10**15))


def _long_text(random: Random) -> str:
    sentences = (
        _SENTENCE.replace("{day}", random.choice(_DAYS)).replace("{place}", str(random.randint(2, 60))) for _ in range(_LONG)
    )
    return "".join(sentences)[:4096].strip()
