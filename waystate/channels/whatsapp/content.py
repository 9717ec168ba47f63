"""The type, the platform's own object and the agent's readable line of one WhatsApp message.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages
"""

from collections.abc import Callable, Iterable
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.documents import JsonObject, Unreadable, dump, parse

UNSUPPORTED = "[unsupported message]"
MEDIA_TYPES = frozenset({"image", "video", "document", "sticker", "audio", "voice"})

_MEDIA_FIELDS = ("id", "mime_type", "sha256", "caption", "filename", "url", "voice", "animated")
_ENVELOPE = frozenset({"id", "from", "from_user_id", "from_parent_user_id", "timestamp", "type"})
_ABOUT = frozenset({"context", "referral", "errors", "group_id", "identity"})
_FORM_LIMIT = 1000
_INVISIBLE = str.maketrans("", "", "\u200e\u200f")


def type_of(message: JsonObject) -> str:
    """The message's own word; where it is missing, the known type whose object is there."""
    named = find_text(message, "type")
    return named or next((known for known in _LINES if known in message), "unsupported")


def content_of(message: JsonObject, kind: str) -> JsonObject:
    """The object under the type's name. A type without one keeps whatever came with the message."""
    content = message.get(kind)
    if isinstance(content, dict):
        return content
    if content is not None:
        return {kind: content}
    return {key: value for key, value in message.items() if key not in _ENVELOPE and key not in _ABOUT}


def about_of(message: JsonObject, kind: str) -> JsonObject:
    """What surrounds the content: context, referral, errors, group and whatever else Meta adds."""
    if kind in message:
        return {key: value for key, value in message.items() if key not in _ENVELOPE and key != kind}
    return {key: value for key, value in message.items() if key in _ABOUT}


def find_media(kind: str, content: JsonObject) -> JsonObject | None:
    if kind not in MEDIA_TYPES:
        return None
    return {key: content[key] for key in _MEDIA_FIELDS if content.get(key) is not None} or None


def line_of(kind: str, content: JsonObject) -> str:
    """One line that tells an agent what came; for text, the text."""
    line = _LINES.get(kind)
    return (line(content) if line is not None else None) or UNSUPPORTED


def _text(content: JsonObject) -> str:
    return find_text(content, "body") or find_text(content, "text") or "[empty message]"


def _media(name: str) -> Callable[[JsonObject], str]:
    def line(content: JsonObject) -> str:
        label = "voice message" if content.get("voice") is True else name
        return find_text(content, "caption") or _bracket(label, [find_text(content, "filename")])

    return line


def _location(content: JsonObject) -> str:
    place = _join([find_text(content, "name"), find_text(content, "address")])
    spot = _join([find_text(content, "latitude"), find_text(content, "longitude")])
    return _bracket("location", [f"{place} ({spot})" if place and spot else place or spot])


def _contacts(content: JsonObject) -> str:
    people = [_person(entry) for entry in find_list(content, "contacts") or []]
    named = [person for person in people if person]
    return _bracket("contacts" if len(named) > 1 else "contact", ["; ".join(named)])


def _person(entry: Any) -> str:
    name = find_object(entry, "name")
    parts = [find_text(name, "formatted_name") or find_text(name, "first_name")]
    parts += [find_text(phone, "phone") or find_text(phone, "wa_id") for phone in find_list(entry, "phones") or []]
    return _join(parts)


def _interactive(content: JsonObject) -> str | None:
    kind = find_text(content, "type") or ""
    reply = find_object(content, kind)
    match kind:
        case "button_reply" | "list_reply":
            return find_text(reply, "title") or find_text(reply, "id")
        case "nfm_reply":
            return _form(reply)
        case "call_permission_reply":
            return _bracket("call permission", [find_text(reply, "response")])
    return None


def _form(reply: JsonObject | None) -> str:
    """The answers a customer gave in a flow: `response_json` is JSON inside a string, and may be anything."""
    try:
        answers = parse((find_text(reply, "response_json") or "").encode())
    except Unreadable:
        answers = None
    given = answers.items() if isinstance(answers, dict) else ()
    pairs = [f"{key}: {value if isinstance(value, str) else dump(value)}" for key, value in given if key != "flow_token"]
    return _bracket("form", [_join(pairs)[:_FORM_LIMIT] or find_text(reply, "body")])


def _reaction(content: JsonObject) -> str:
    emoji = find_text(content, "emoji")
    return f"[reaction {emoji}]" if emoji else "[reaction removed]"


def _order(content: JsonObject) -> str:
    count = len(find_list(content, "product_items") or [])
    line = f"[order: {count} item{'' if count == 1 else 's'}]"
    note = find_text(content, "text")
    return f"{line} {note}" if note else line


def _system(content: JsonObject) -> str:
    """The body carries direction marks in real traffic."""
    body = (find_text(content, "body") or "").translate(_INVISIBLE).strip()
    return _bracket("system", [body or find_text(content, "type")])


def _edit(content: JsonObject) -> str:
    inner = find_object(content, "message")
    if inner is None:
        return "[edited]"
    kind = type_of(inner)
    return "[edited]" if kind == "edit" else f"[edited] {line_of(kind, content_of(inner, kind))}"


def _bracket(label: str, parts: Iterable[str | None]) -> str:
    detail = _join(parts)
    return f"[{label}: {detail}]" if detail else f"[{label}]"


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)


_LINES: dict[str, Callable[[JsonObject], str | None]] = {
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "document": _media("document"),
    "sticker": _media("sticker"),
    "audio": _media("audio"),
    "voice": _media("voice message"),
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": lambda content: find_text(content, "text") or find_text(content, "payload"),
    "reaction": _reaction,
    "order": _order,
    "system": _system,
    "edit": _edit,
    "revoke": lambda _: "[message deleted]",
    "request_welcome": lambda _: "[chat opened]",
}
