"""What a WhatsApp group takes: texts, files, and templates of texts and files. Pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/groups/groups-messaging/
"""

from typing import Any

from waystate.channels.fields import find_list, find_text
from waystate.errors import Reason, Rejected

TAKEN = frozenset({"text", "image", "video", "audio", "document", "sticker", "template"})
"""Types of messages that WhatsApp documents for groups."""
_COMPONENTS = frozenset({"header", "body"})
_PARAMETERS = frozenset({"text", "currency", "date_time", "image", "video", "document"})


def check_for_group(type: str, content: Any) -> None:
    """Raises `Rejected` for what WhatsApp takes in no group; it would fail there, or be shown to nobody."""
    if type not in TAKEN:
        raise Rejected(
            Reason.NOT_FOR_GROUPS,
            f"A WhatsApp group takes texts, files and templates of these, and no {type}. Say it as a text or a file.",
        )
    if type != "template":
        return
    for component in find_list(content, "components") or []:
        kind = (find_text(component, "type") or "").lower()
        given = [(find_text(each, "type") or "").lower() for each in find_list(component, "parameters") or []]
        wrong = kind if kind not in _COMPONENTS else next((each for each in given if each not in _PARAMETERS), None)
        if wrong is not None:
            text = f"A WhatsApp group takes templates of texts and files, and this one has a {wrong or 'part without type'}."
            raise Rejected(Reason.NOT_FOR_GROUPS, f"{text} Send another template.")
