"""The type, the platform's own object and what surrounds it of one WhatsApp message.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages
"""

from waystate.channels.fields import find_text
from waystate.documents import JsonObject

MEDIA_TYPES = frozenset({"image", "video", "document", "sticker", "audio", "voice"})
TYPES = (
    *("text", "image", "video", "document", "sticker", "audio", "voice", "location", "contacts", "interactive", "button"),
    *("reaction", "order", "system", "edit", "revoke", "request_welcome"),
)
"""Every type with a line of its own (`lines.py`). A message that does not name its type is of the first whose object it has."""

_MEDIA_FIELDS = ("id", "mime_type", "sha256", "caption", "filename", "url", "voice", "animated")
_ENVELOPE = frozenset({"id", "from", "from_user_id", "from_parent_user_id", "timestamp", "type"})
_ABOUT = frozenset({"context", "referral", "errors", "group_id", "identity"})


def type_of(message: JsonObject) -> str:
    """The message's own word; where it is missing, the known type whose object is there."""
    named = find_text(message, "type")
    return named or next((known for known in TYPES if known in message), "unsupported")


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
