"""The past of a number that WhatsApp's app and the Cloud API share: its messages in chunks, and the phone's address book.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/history
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_app_state_sync
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.model import Ignored, Routed, Severity, Unusable, Value
from waystate.channels.whatsapp.account_reports import Statement, report_of
from waystate.channels.whatsapp.change import FieldChange
from waystate.channels.whatsapp.content import about_of, content_of, find_media, type_of
from waystate.channels.whatsapp.lines import line_of
from waystate.channels.whatsapp.senders import Sender, digits_of, find_party, is_customer_id
from waystate.contacts.model import PHONE
from waystate.documents import JsonObject
from waystate.messages.model import AddressBookEntry, Direction, PastMessage, Status

_DECLINED = "2593109"
_STATUSES = {
    "PENDING": Status.SENT,
    "SENT": Status.SENT,
    "DELIVERED": Status.DELIVERED,
    "READ": Status.READ,
    "PLAYED": Status.READ,
    "ERROR": Status.FAILED,
    "FAILED": Status.FAILED,
}
"""What the business wrote, by the app's word for how far it came. What it wrote long ago is not under way any more."""
_ADDRESS = frozenset({"to", "to_user_id", "to_parent_user_id", "history_context"})


def parse_history(change: FieldChange) -> list[Routed]:
    """Each past message is an item, and each chunk an entry of the timeline, which tells how far it is; both in their order."""
    chunks, files = find_list(change.value, "history") or [], find_list(change.value, "messages") or []
    if not chunks and not files:
        return [change.routed(change.item, report_of(change))]
    found: list[Routed] = []
    for place, chunk in enumerate(chunks):
        item = f"{change.item}.y{place}"
        found.append(change.routed(item, report_of(*_progress(change, chunk), part=f"y{place}")))
        for t, thread in enumerate(find_list(chunk, "threads") or []):
            found += [change.routed(name, value) for name, value in _parse_thread(change, f"{item}.t{t}", thread)]
    listed = find_list(change.value, "contacts") or []
    for place, message in enumerate(files):
        item = f"{change.item}.m{place}"
        found.append(change.routed(item, _parse_message(change, item, message, _party(change, message, listed))))
    return found


def parse_address_book(change: FieldChange) -> list[Routed]:
    """Each entry that was added or changed is an item. One that was removed takes no name away."""
    entries = find_list(change.value, "state_sync") or []
    if not entries:
        return [change.routed(change.item, report_of(change))]
    return [
        change.routed(f"{change.item}.n{place}", _parse_entry(change, f"{change.item}.n{place}", place, entry))
        for place, entry in enumerate(entries)
    ]


def _progress(change: FieldChange, chunk: Any) -> tuple[FieldChange, Statement]:
    """What a chunk tells of the whole: without its messages, which are kept as such."""
    if not isinstance(chunk, dict):
        text = "WhatsApp sent a chunk of past messages that cannot be read."
        return change.of_part(history=[chunk]), Statement(text, Severity.WARNING)
    metadata, errors = find_object(chunk, "metadata") or {}, find_list(chunk, "errors") or []
    threads = find_list(chunk, "threads") or []
    count = sum(len(find_list(thread, "messages") or []) for thread in threads)
    said: JsonObject = {"metadata": metadata, "threads": len(threads), "messages": count}
    whole = change.of_part(history=said)
    if errors:
        said["errors"] = errors
        code = find_text(errors[0], "code")
        text = find_text(errors[0], "title") or find_text(errors[0], "message") or "no reason given"
        sentence = (
            "The business chose not to share the past messages of its phone."
            if code == _DECLINED
            else f"WhatsApp cannot send the number's past messages: {text}."
        )
        return whole, Statement(sentence, Severity.WARNING, code)
    phase, order, progress = (find_text(metadata, key) or "?" for key in ("phase", "chunk_order", "progress"))
    sentence = (
        f"WhatsApp sends the number's past messages: phase {phase}, chunk {order} with {count} of them; {progress} % are sent."
    )
    return whole, Statement(sentence, event=f"phase {phase}")


def _parse_thread(change: FieldChange, item: str, thread: Any) -> Iterator[tuple[str, Value]]:
    messages = find_list(thread, "messages") or []
    context = find_object(thread, "context")
    party = find_party(
        [find_text(thread, "id"), *(find_text(context, key) for key in ("user_id", "parent_user_id", "wa_id"))], context
    )
    if party is None and messages:
        yield item, Unusable(item, "the thread is no customer's: its `id` is neither a phone nor a user id", thread)
        return
    for m, message in enumerate(messages):
        name = f"{item}.m{m}"
        yield name, _parse_message(change, name, message, party)


def _party(change: FieldChange, message: Any, contacts: list[Any]) -> Sender | None:
    """Of a message that stands in no thread: whoever of `from` and `to` is not the business."""
    named = [find_text(message, key) for key in ("from", "to", "from_user_id", "to_user_id")]
    own = digits_of(change.display_phone_number)
    ids = [each for each in named if each is not None and digits_of(each) != own and is_customer_id(each)]
    contact = next((each for each in contacts if find_text(each, "wa_id") in ids or find_text(each, "user_id") in ids), None)
    profile = find_object(contact, "profile")
    return find_party([*ids, find_text(contact, "user_id"), find_text(contact, "wa_id")], profile)


def _parse_message(change: FieldChange, item: str, message: Any, party: Sender | None) -> PastMessage | Unusable:
    wamid = find_text(message, "id")
    if wamid is None or party is None or change.phone_number_id is None:
        return Unusable(item, "the past message has no id, or it names no customer or no number", message)
    context = find_object(message, "history_context")
    direction = _direction(change, message, context, party)
    word = (find_text(context, "status") or "").upper()
    kind = type_of(message)
    content = content_of(message, kind)
    about = {key: value for key, value in about_of(message, kind).items() if key not in _ADDRESS}
    return PastMessage(
        wamid=wamid,
        phone_number_id=change.phone_number_id,
        direction=direction,
        status=Status.PROCESSED if direction is Direction.INBOUND else _STATUSES.get(word, Status.SENT),
        sent_at=moment_of(message.get("timestamp"), change.received_at),
        wa_id=party.wa_id,
        user_id=party.user_id,
        contact_name=party.name,
        display_phone_number=change.display_phone_number,
        type=kind,
        text=line_of(kind, content, about),
        content=content if kind in message else {key: value for key, value in content.items() if key not in _ADDRESS},
        media=find_media(kind, content),
        metadata=about | ({} if context is None else {"history_context": context}),
        origin=f"{change.origin}:{item}",
    )


def _direction(change: FieldChange, message: Any, context: JsonObject | None, party: Sender) -> Direction:
    """Who wrote it: WhatsApp says so, or else `from` is the customer's or the business's."""
    if context is not None and isinstance(context.get("from_me"), bool):
        return Direction.OUTBOUND if context["from_me"] else Direction.INBOUND
    origin = find_text(message, "from")
    if origin is None:
        is_customers = find_text(message, "from_user_id") is not None
    elif digits_of(origin) == digits_of(change.display_phone_number):
        is_customers = False
    else:
        is_customers = origin in (party.wa_id, party.user_id) or find_text(message, "to") is None
    return Direction.INBOUND if is_customers else Direction.OUTBOUND


def _parse_entry(change: FieldChange, item: str, place: int, entry: Any) -> Value:
    contact, action = find_object(entry, "contact"), find_text(entry, "action")
    phone = (find_text(contact, "phone_number") or "").removeprefix("+")
    name = find_text(contact, "full_name") or find_text(contact, "first_name")
    if action == "remove":
        return Ignored(item, "remove", "the phone's address book lost a name; the customer keeps theirs")
    if change.phone_number_id is None or name is None or PHONE.fullmatch(phone) is None:
        odd = entry if isinstance(entry, dict) else {"value": entry}
        said = Statement("WhatsApp sent an entry of the phone's address book that names nobody.", event=action)
        return report_of(replace(change, value=odd), said, part=f"n{place}")
    return AddressBookEntry(
        phone_number_id=change.phone_number_id,
        wa_id=phone,
        name=name,
        at=moment_of((find_object(entry, "metadata") or {}).get("timestamp"), change.received_at),
        origin=f"{change.origin}:{item}",
    )
