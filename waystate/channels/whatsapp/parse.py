"""Webhook bodies of the WhatsApp Cloud API as values. Whatever the bytes are, only `Unreadable` is ever raised.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.model import Ignored, Parsed, Routed, Unusable
from waystate.channels.whatsapp.account_reports import report_of, report_of_error
from waystate.channels.whatsapp.calls import parse_calls
from waystate.channels.whatsapp.change import FieldChange, read_change
from waystate.channels.whatsapp.content import about_of, content_of, find_media, type_of
from waystate.channels.whatsapp.echoes import parse_echoes
from waystate.channels.whatsapp.history import parse_address_book, parse_history
from waystate.channels.whatsapp.lines import AMENDING, amendment_of, line_of, preview_of
from waystate.channels.whatsapp.preferences import parse_preferences
from waystate.channels.whatsapp.senders import ContactBook, Sender, find_sender, is_system
from waystate.channels.whatsapp.standby import parse_standby
from waystate.channels.whatsapp.template_reports import CHANGES, find_change
from waystate.documents import JsonObject, Unreadable, parse
from waystate.ids import find_uuid
from waystate.messages.model import InboundMessage, StatusReport
from waystate.messages.status import is_of_message, payment_status

_NUMBER = re.compile(rb'"phone_number_id"\s*:\s*(?:"([^"\\\x00-\x1f]*)"|(\d{1,15})(?=[\s,}\]])|)')
_ESCAPED_LETTER = re.compile(rb"\\u00(?:5[fF]|[67])")
"""With one of these the key itself may be written otherwise. Meta escapes what is not ASCII, and the slash."""
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)

FIELDS: Mapping[str, Callable[[FieldChange], list[Routed]]] = {
    "calls": parse_calls,
    "history": parse_history,
    "smb_app_state_sync": parse_address_book,
    "smb_message_echoes": parse_echoes,
    "standby": parse_standby,
    "user_preferences": parse_preferences,
}
"""Fields whose changes are made of items, beside `messages`; what is of an account as such is one entry of its timeline."""
_NOBODYS = "it names no business account and no number, so nobody can tell whose it is"
_PARTICIPANT = ("recipient_participant_id", "participant_recipient_id", "recipient_participant_user_id")
"""Meta's pages spell it in either order; who shows no phone has the last alone."""


def parse_webhook(body: bytes, received_at: datetime, origin: str = "") -> Parsed:
    """The items of an envelope, or of a bare change object (`{"field", "value"}`).

    `received_at` stands in for timestamps that are missing or garbage. Each message's and status's `origin` is
    `{origin}:{item}`. Raises `Unreadable` for what is no JSON object or has neither shape.
    """
    document = parse(body)
    if not isinstance(document, dict):
        raise Unreadable("the body is no JSON object; a webhook of WhatsApp is one with `entry`")
    entries = find_list(document, "entry")
    if entries is None:
        if find_object(document, "value") is None:
            raise Unreadable("the body has neither `entry` (an envelope) nor `value` (a change); is the sender WhatsApp?")
        return Parsed(_parse_change("0.0", {}, document, received_at, origin))
    items: list[Routed] = []
    for e, entry in enumerate(entries):
        waba_id = find_text(entry, "id")
        changes = find_list(entry, "changes")
        if changes is None:
            items.append(Routed(item=str(e), waba_id=waba_id, value=Unusable(str(e), "the entry has no `changes`", entry)))
        for c, change in enumerate(changes or []):
            items += _parse_change(f"{e}.{c}", entry, change, received_at, origin)
    return Parsed(items)


def find_numbers(body: bytes) -> list[str]:
    """Each `phone_number_id` that `parse_webhook` finds items of, once and in the body's order; none in an unreadable body.

    A scan of the bytes: quotes inside texts are escaped and do not match, but a key of that name elsewhere in the body does, so
    there may be numbers without items. Only a body in which the scan cannot be sure of a key or a value is parsed for it.
    """
    found = [text or digits for text, digits in _NUMBER.findall(body)]
    with suppress(Unreadable, UnicodeDecodeError):
        if all(found) and _ESCAPED_LETTER.search(body) is None:
            return list(dict.fromkeys(number.decode() for number in found))
        items = parse_webhook(body, _ANY_TIME).items
        return list(dict.fromkeys(item.phone_number_id for item in items if item.phone_number_id is not None))
    return []


def _parse_change(item: str, entry: JsonObject, said: Any, received_at: datetime, origin: str) -> list[Routed]:
    change = read_change(item, entry, said, received_at, origin)
    value = find_object(said, "value")
    if change.field in CHANGES and value is not None and change.waba_id is not None:
        told = find_change(change.field, value, change.waba_id, change.at, f"{origin}:{item}")
        template = Ignored(item, change.field, told) if isinstance(told, str) else told
        return [Routed(item=item, value=template, waba_id=change.waba_id)]
    if change.field != "messages" and change.waba_id is None and change.phone_number_id is None:
        return [change.routed(item, Ignored(item, change.field, _NOBODYS))]
    if change.field in FIELDS and value is not None:
        return FIELDS[change.field](change)
    if change.field != "messages":
        whole = (
            change if value is not None or not isinstance(said, dict) else replace(change, value={"value": said.get("value")})
        )
        return [change.routed(item, report_of(whole))]
    if value is None:
        unusable = Unusable(item, "the change has no `value` object", said)
        return [Routed(item=item, value=unusable, waba_id=change.waba_id)]
    return _parse_items(change)


def _parse_items(change: FieldChange) -> list[Routed]:
    messages, statuses = (find_list(change.value, key) or [] for key in ("messages", "statuses"))
    book = ContactBook(find_list(change.value, "contacts") or [], messages, statuses)
    values: list[tuple[str, Any]] = []
    for m, message in enumerate(messages):
        item = f"{change.item}.m{m}"
        values.append((item, _parse_message(change, item, message, book)))
    for s, status in enumerate(statuses):
        item = f"{change.item}.s{s}"
        values.append((item, _parse_status(change, item, status)))
    for e, error in enumerate(find_list(change.value, "errors") or []):
        item = f"{change.item}.e{e}"
        values.append((item, report_of_error(change, error, e)))
    if not values:
        values.append((change.item, Ignored(change.item, "messages", "the change has no messages and no statuses")))
    return [change.routed(item, value) for item, value in values]


def _parse_message(change: FieldChange, item: str, message: Any, book: ContactBook) -> InboundMessage | Ignored | Unusable:
    wamid = find_text(message, "id")
    if wamid is None:
        return Unusable(item, "the message has no id", message)
    if change.phone_number_id is None:
        return Unusable(item, "the change has no `metadata.phone_number_id`, so nobody can tell whose message it is", message)
    sender = find_sender(message, book.find_contact(message))
    if sender is None and is_system(message):
        return Ignored(item, "system", "WhatsApp says it of nobody it names")
    if sender is None:
        return Unusable(item, _why_nobodys(message), message)
    kind = type_of(message)
    content, about = content_of(message, kind), about_of(message, kind)
    media, text = find_media(kind, content), line_of(kind, content, about)
    return InboundMessage(
        wamid=wamid,
        phone_number_id=change.phone_number_id,
        display_phone_number=change.display_phone_number,
        sent_at=moment_of(message.get("timestamp"), change.received_at),
        wa_id=sender.wa_id,
        user_id=sender.user_id,
        other_wa_ids=sender.other_wa_ids,
        parent_user_id=sender.parent_user_id,
        contact_name=sender.name,
        type=kind,
        text=text,
        preview=preview_of(kind, text, content, media) if media is not None else None,
        content=content,
        media=media,
        metadata=about | _about_group(message) | _about_sender(message, sender),
        amends=amendment_of(kind, content) if kind in AMENDING else None,
        origin=f"{change.origin}:{item}",
    )


def _why_nobodys(message: JsonObject) -> str:
    if find_text(message, "from") is None:
        return "the message names no sender: no phone number and no user id"
    return "its `from` is neither a phone number (5 to 20 digits) nor a business-scoped user id, so it is no customer's"


def _about_group(message: JsonObject) -> JsonObject:
    """The group that it was written in, as a text; what can be no id stays as it is, for a person to look at."""
    named = find_text(message, "group_id")
    return {} if named is None else {"group_id": named}


def _about_sender(message: JsonObject, sender: Sender) -> JsonObject:
    """What of the sender has no field of its own: the username, and `from` where it is not the id that was kept."""
    about: JsonObject = {}
    if sender.username is not None:
        about["username"] = sender.username
    origin = find_text(message, "from")
    if origin is not None and origin not in (sender.wa_id, sender.user_id):
        about["from"] = origin
    return about


def _parse_status(change: FieldChange, item: str, status: Any) -> StatusReport | Ignored | Unusable:
    kind = find_text(status, "type")
    wamid, word = find_text(status, "id"), find_text(status, "status")
    is_payment = kind == "payment" and wamid is not None and word is not None
    if kind is not None and not is_payment and not is_of_message(kind):
        return Ignored(item, kind, "the status is of something else than a message")
    if wamid is None or word is None:
        return Unusable(item, "the status lacks its message's id or the status itself", status)
    errors = find_list(status, "errors")
    return StatusReport(
        wamid=wamid,
        status=payment_status(word) if is_payment else word,
        at=moment_of(status.get("timestamp"), change.received_at),
        message_id=_find_message_id(status),
        error=_error(errors[0]) if errors else None,
        details=_details(status, errors) if not is_payment else {"payment": find_object(status, "payment") or {}},
        recipient=next((each for key in _PARTICIPANT if (each := find_text(status, key)) is not None), ""),
        is_of_group=find_text(status, "recipient_type") == "group" or find_text(status, "group_id") is not None,
        origin=f"{change.origin}:{item}",
    )


def _find_message_id(status: Any) -> UUID | None:
    """Our own id, echoed; other senders on the same number put anything there."""
    data = find_text(status, "biz_opaque_callback_data")
    return find_uuid(data) if data is not None else None


def _details(status: JsonObject, errors: list[Any] | None) -> JsonObject | None:
    """What a status says beside itself: its price, its conversation, and further errors."""
    said: JsonObject = {key: found for key in ("pricing", "conversation") if (found := find_object(status, key))}
    if errors is not None and len(errors) > 1:
        said["errors"] = errors
    return said or None


def _error(error: Any) -> JsonObject:
    return error if isinstance(error, dict) else {"message": str(error)}
