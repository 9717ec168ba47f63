"""Calls between a number and its customers: signs of the customer, from which WhatsApp's window counts as from a message."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.contacts.model import person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.events.model import CallReported, Event
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.echo import find_or_make
from waystate.messages.model import CallReport
from waystate.messages.receive import expired
from waystate.messages.windows import make_due, told_of_opened
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
    latest, opening = await _find_conversations(conn, tenant, settings, of_whom, now)
    signs = [(latest[call.phone_number_id, contact], call.at) for call, contact in of_whom if is_sign(call)]
    windows = await conversation_store.signal_window(conn, tenant, signs, now) if signs else []
    await make_due(conn, tenant, windows, now)
    told = [_event(call, contact, latest.get((call.phone_number_id, contact)), now) for call, contact in of_whom]
    return [*events, *opening, *told, *told_of_opened(windows, now)]


def name_of(call: CallReport) -> str:
    """What tells a copy: an event comes once a call."""
    return f"call:{call.call_id}:{call.event}"


async def _find_conversations(
    conn: Connection, tenant: TenantId, settings: TenantSettings, calls: Sequence[tuple[CallReport, UUID]], now: datetime
) -> tuple[dict[Key, UUID], list[Event]]:
    """The latest one of each customer on the number, made where a sign needs one; and the events of those that ended."""
    keys = sorted({(call.phone_number_id, contact) for call, contact in calls})
    rows = await conversation_store.find_latest_many(conn, tenant, keys)
    found = {key: row.id for key, row in zip(keys, rows, strict=True) if row is not None}
    missing = {
        (call.phone_number_id, contact): Activity(
            contact_id=contact, phone_number_id=call.phone_number_id, wa_id=call.wa_id, user_id=call.user_id, at=now
        )
        for call, contact in calls
        if is_sign(call) and (call.phone_number_id, contact) not in found
    }
    if not missing:
        return found, []
    opened, overdue = await conversation_store.open_many(
        conn, tenant, list(missing.values()), ttl=settings.mapping_ttl, now=now
    )
    return found | {key: each.id for key, each in opened.items()}, expired(overdue, now)


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
