"""Calls between a number and its customers: signs of the customer, from which WhatsApp's window counts as from a message."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.contacts.model import person_of
from waystate.db.pool import Connection
from waystate.events.model import CallReported, Event
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.echo import find_or_make
from waystate.messages.model import CallReport
from waystate.messages.signs import Sign, signal_many
from waystate.tenants.model import TenantSettings


def is_sign(call: CallReport) -> bool:
    """A customer's call counts whether it is answered or not, the business's once the customer accepts it."""
    if call.is_by_customer:
        return call.event in ("connect", "terminate")
    return call.event == "accepted" or (call.event == "terminate" and bool(call.duration))


async def report_many(
    conn: Connection, tenant: TenantId, settings: TenantSettings, calls: Sequence[CallReport], now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events. What came before has no effect again.

    The customer's latest conversation on the number gets the sign; where they have none, one is opened for it.
    """
    keys = {name_of(call): call for call in calls}
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", {key: new_id() for key in sorted(keys)})
    new = [call for key, call in keys.items() if key in claimed]
    if not new:
        return []
    people = [person_of(call.wa_id, call.user_id, call.contact_name, call.at) for call in new]
    contacts, events = await find_or_make(conn, tenant, people, new[0].phone_number_id, now)
    of_whom = list(zip(new, contacts, strict=True))
    signs = [
        Sign(each.phone_number_id, contact, each.at, each.wa_id, each.user_id) for each, contact in of_whom if is_sign(each)
    ]
    callers = {(each.phone_number_id, contact) for each, contact in of_whom}
    signalled = await signal_many(conn, tenant, settings, signs, now, asked=callers)
    homes = signalled.conversations
    told = [_event(call, contact, homes.get((call.phone_number_id, contact)), now) for call, contact in of_whom]
    return [*events, *signalled.expired, *told, *signalled.opened]


def name_of(call: CallReport) -> str:
    """What tells a copy: an event comes once a call."""
    return f"call:{call.call_id}:{call.event}"


def _event(call: CallReport, contact: UUID, conversation: UUID | None, now: datetime) -> CallReported:
    return CallReported(
        contact_id=contact,
        phone_number_id=call.phone_number_id,
        at=now,
        wa_id=call.wa_id,
        user_id=call.user_id,
        mapping_id=conversation,
        call_id=call.call_id,
        event=call.event,
        direction="inbound" if call.is_by_customer else "outbound",
        status=call.status,
        duration=call.duration,
        timestamp=call.at,
    )
