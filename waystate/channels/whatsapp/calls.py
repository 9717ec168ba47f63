"""What WhatsApp tells of voice calls between a number and its customers. Waystate carries none; it keeps what was told.

https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/reference
"""

from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.model import Routed, Severity
from waystate.channels.whatsapp.account_reports import Statement, report_of
from waystate.channels.whatsapp.change import FieldChange
from waystate.channels.whatsapp.senders import Sender, digits_of, find_party
from waystate.messages.model import CallReport

_BY_CUSTOMER, _BY_BUSINESS = "USER_INITIATED", "BUSINESS_INITIATED"
_EVENTS = {
    "connect": "began",
    "terminate": "ended",
    "call_recording_available": "has a recording",
    "call_transcription_available": "has a transcript",
}


def parse_calls(change: FieldChange) -> list[Routed]:
    """Each call's event and status is an entry of the timeline, and an item where it names a customer; in their order."""
    found: list[Routed] = []
    for key, mark in (("calls", "c"), ("statuses", "s")):
        for place, said in enumerate(find_list(change.value, key) or []):
            part = f"{mark}{place}"
            call = _parse(change, f"{change.item}.{part}", said)
            report = report_of(change.of_part(**{key: [said]}), _statement(call, said), part=part)
            found.append(change.routed(f"{change.item}.{part}", report))
            if call is not None:
                found.append(change.routed(f"{change.item}.{part}.w", call))
    for place, error in enumerate(find_list(change.value, "errors") or []):
        text = find_text(error, "message") or find_text(error, "title") or "no reason given"
        told = Statement(f"WhatsApp reports an error of a call: {text}.", Severity.WARNING, find_text(error, "code"))
        report = report_of(change.of_part(errors=[error]), told, part=f"e{place}")
        found.append(change.routed(f"{change.item}.e{place}", report))
    return found or [change.routed(change.item, report_of(change))]


def _parse(change: FieldChange, item: str, said: Any) -> CallReport | None:
    call_id = find_text(said, "id")
    event = (find_text(said, "event") or find_text(said, "status") or "").lower()[:100]
    is_by_customer = _is_by_customer(change, said)
    party = _party(change, said, is_by_customer)
    if call_id is None or not event or party is None or change.phone_number_id is None:
        return None
    duration = said.get("duration")
    return CallReport(
        call_id=call_id,
        phone_number_id=change.phone_number_id,
        event=event,
        is_by_customer=is_by_customer,
        status=_status(said),
        duration=duration if isinstance(duration, int) and not isinstance(duration, bool) and 0 <= duration < 1 << 31 else None,
        at=moment_of(said.get("timestamp"), change.received_at),
        wa_id=party.wa_id,
        user_id=party.user_id,
        contact_name=party.name,
        origin=f"{change.origin}:{item}.w",
    )


def _status(said: Any) -> str | None:
    """A word, or a list of one as some pages have it."""
    listed = find_list(said, "status") or []
    word = find_text(said, "status") or (listed[0] if listed and isinstance(listed[0], str) else None)
    return None if word is None else word.lower()[:100]


def _is_by_customer(change: FieldChange, said: Any) -> bool:
    """A status without a direction is of a call that the business made: WhatsApp tells none of the others."""
    direction = find_text(said, "direction")
    if direction in (_BY_CUSTOMER, _BY_BUSINESS):
        return direction == _BY_CUSTOMER
    origin = find_text(said, "from") or find_text(said, "from_user_id")
    return origin is not None and digits_of(origin) != digits_of(change.display_phone_number)


def _party(change: FieldChange, said: Any, is_by_customer: bool) -> Sender | None:
    side = "from" if is_by_customer else "to"
    own = digits_of(change.display_phone_number)
    told = [find_text(said, key) for key in (f"{side}_user_id", side, "recipient_user_id", "recipient_id")]
    ids = [each for each in told if each is not None and (not own or digits_of(each) != own)]
    contacts = find_list(change.value, "contacts") or []
    listed = [each for each in contacts if {find_text(each, "wa_id"), find_text(each, "user_id")} & {*ids}]
    contact = listed[0] if listed else contacts[0] if len(contacts) == 1 and not ids else None
    further = [find_text(contact, key) for key in ("user_id", "parent_user_id", "wa_id")]
    return find_party([*ids, *further], find_object(contact, "profile"))


def _statement(call: CallReport | None, said: Any) -> Statement:
    event = (find_text(said, "event") or find_text(said, "status") or "?").lower()
    if call is None:
        return Statement(f"WhatsApp told of a call: {event}.", event=event)
    whose = "A customer's call to the number" if call.is_by_customer else "The business's call to a customer"
    status = "" if call.status is None or call.status == event else f", {call.status}"
    length = f", after {call.duration} s" if call.duration else ""
    return Statement(f"{whose} {_EVENTS.get(event, f'is {event}')}{status}{length}.", event=event)
