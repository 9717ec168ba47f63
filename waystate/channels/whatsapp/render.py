"""Bodies for the WhatsApp Cloud API. Every one carries our message id, which each of its statuses echoes.

https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages
"""

from typing import Any, Literal
from uuid import UUID

from waystate.channels.fields import find_text, is_visible
from waystate.channels.offers import Offer
from waystate.channels.whatsapp.choices import find_interactive
from waystate.channels.whatsapp.groups import check_for_group
from waystate.channels.whatsapp.template import has_code
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected

BSUID_FIELD: Literal["recipient", "to"] = "recipient"  # Meta's own pages disagree; libraries that work send `recipient`

MAX_TEXT = 4096
_FILES = frozenset({"image", "video", "audio", "document"})


def render_text(
    *,
    wa_id: str | None,
    user_id: str | None,
    text: str,
    message_id: UUID,
    reply_to: str | None = None,
    group_id: str | None = None,
) -> JsonObject:
    """A text to a phone, else to a business-scoped user id, or to a group. `reply_to` is the quoted wamid."""
    if not is_visible(text):
        raise Rejected(Reason.INVALID_PAYLOAD, "WhatsApp refuses an empty text; write something and send again.")
    if len(text) > MAX_TEXT:
        raise Rejected(
            Reason.INVALID_PAYLOAD,
            f"The text has {len(text)} characters and WhatsApp takes {MAX_TEXT}; shorten it or send it in parts.",
        )
    return _message(_addressed(wa_id, user_id, group_id), message_id, reply_to, "text", {"body": text})


def render_outbound(
    *,
    wa_id: str | None,
    user_id: str | None,
    message_id: UUID,
    type: str,
    text: str | None,
    media: JsonObject | None,
    reply_to: str | None = None,
    group_id: str | None = None,
    offer: Offer | None = None,
) -> JsonObject:
    """An agent's or bot's message (the fields of `OutboundMessage`).

    An `offer` becomes buttons, a list, a link or a carousel where it fits whole, else the numbered text. A file that is kept
    here goes by its id, with the text below it; other media go as their URL. A group takes no buttons: there the numbered text
    goes.
    """
    to = _addressed(wa_id, user_id, group_id)
    if media is not None and type in _FILES and find_text(media, "file_id"):
        shown: JsonObject = {"media_id": media["file_id"]} | ({"caption": text} if is_visible(text) else {})
        return _message(to, message_id, reply_to, type, shown)
    interactive = find_interactive(offer, may_be_interactive=group_id is None) if offer is not None else None
    if interactive is not None:
        return _message(to, message_id, reply_to, "interactive", interactive)
    lines = [text] if text else []
    url = find_text(media, "url")
    if url is not None and url not in (text or ""):
        lines.append(url)
    text = "\n".join(lines)
    return render_text(wa_id=wa_id, user_id=user_id, group_id=group_id, text=text, message_id=message_id, reply_to=reply_to)


CHECKED = "CHECKED"
"""In place of a template's category: whoever took the message has looked whether it carries a code."""


def render_composed(
    *,
    wa_id: str | None,
    user_id: str | None,
    message_id: UUID,
    type: str,
    content: Any,
    reply_to: str | None = None,
    category: str | None = None,
    group_id: str | None = None,
) -> JsonObject:
    """A message of our API: `content` is WhatsApp's object under its type (`outgoing.render_content`), of contacts their list.

    `category`: that of its template, where it is known. A template with a one-time code is refused without a phone number, what
    a group does not take is refused there, and a reaction replies to nothing.
    """
    if group_id is not None:
        check_for_group(type, content)
    if type == "template" and not wa_id and has_code(content, category):
        raise Rejected(
            Reason.INVALID_PAYLOAD,
            "WhatsApp sends a template with a code to a phone number alone (131062), and of this customer only a user id is "
            "known. Ask for the number first (interactive request_contact_info), then send the code again.",
        )
    if type == "contacts" and isinstance(content, dict):
        content = content.get("contacts")
    to = _addressed(wa_id, user_id, group_id)
    return _message(to, message_id, None if type == "reaction" else reply_to, type, content)


def render_read_mark(wamid: str, *, typing: bool) -> JsonObject:
    """A customer's message was read, and all before it. `typing`: an answer is being written, for 25 seconds or until it comes.

    https://developers.facebook.com/docs/whatsapp/cloud-api/typing-indicators
    """
    mark: JsonObject = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    return mark | ({"typing_indicator": {"type": "text"}} if typing else {})


def readdressed(body: JsonObject, *, wa_id: str | None, user_id: str | None) -> JsonObject:
    """A body that was rendered before, for the same person under another id."""
    rest = {name: value for name, value in body.items() if name not in ("to", BSUID_FIELD)}
    return rest | _addressed(wa_id, user_id, None)


def _message(to: JsonObject, message_id: UUID, reply_to: str | None, type: str, content: Any) -> JsonObject:
    body: JsonObject = {"messaging_product": "whatsapp", **to, "type": type, type: content}
    if reply_to:
        body["context"] = {"message_id": reply_to}
    return body | {"biz_opaque_callback_data": str(message_id)}


def _addressed(wa_id: str | None, user_id: str | None, group_id: str | None) -> JsonObject:
    """Who is in a group gets what is said there by the group alone."""
    if group_id:
        return {"recipient_type": "group", "to": group_id}
    if wa_id:
        return {"recipient_type": "individual", "to": wa_id}
    if user_id:
        return {"recipient_type": "individual", BSUID_FIELD: user_id}
    raise Rejected(Reason.INVALID_PAYLOAD, "The message has no recipient: neither a phone number nor a user id is known.")
