"""Messages of before a number came here: history, of which nobody is told, in a conversation of its own that is closed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.model import KeptPast, preview_of
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.events.model import Event
from waystate.ids import TenantId, id_floor, new_id
from waystate.messages import store as message_store
from waystate.messages.echo import find_or_make
from waystate.messages.model import Direction, PastMessage, Status
from waystate.messages.store import IMPORTED, MessageRow

PLACEHOLDER = "media_placeholder"
"""The type of a past message whose file is told later, by a message of the same id."""
_BEFORE_ALL = datetime(2009, 1, 1, tzinfo=UTC)
"""No conversation of traffic is older, and the latest of a customer is found by its id."""
_AGAIN = timedelta(days=7)
"""So long WhatsApp sends a webhook again that was not taken: https://developers.facebook.com/docs/graph-api/webhooks"""
_LOW_BITS = (1 << 62) - 1


class Kept(NamedTuple):
    """The wamids that are new here, and those of which the file is known now; events of contacts that are one."""

    new: Collection[str]
    completed: Collection[str]
    events: Sequence[Event]


async def keep_many(conn: Connection, tenant: TenantId, messages: Sequence[PastMessage], now: datetime) -> Kept:
    """In the caller's transaction. What is known by its wamid is left as it is, but for a file that was not told yet.

    No window opens and no conversation of traffic moves.
    """
    copies: dict[str, PastMessage] = {}
    for each in sorted(messages, key=lambda one: (one.type == PLACEHOLDER, one.sent_at)):
        copies.setdefault(each.wamid, each)
    in_time = sorted(copies.values(), key=lambda one: one.sent_at)
    ids = {each.wamid: new_id() for each in in_time}
    claimed = await _claim(conn, tenant, in_time, ids, now)
    completed = await _complete(conn, tenant, [each for each in in_time if each.wamid not in claimed])
    new = [each for each in in_time if each.wamid in claimed]
    if not new:
        return Kept((), completed, ())
    people = [person_of(each.wa_id, each.user_id, each.contact_name, each.sent_at) for each in new]
    contacts, events = await find_or_make(conn, tenant, people, new[0].phone_number_id, now)
    homes = {key: home_of(tenant, *key) for key in zip((each.phone_number_id for each in new), contacts, strict=True)}
    kept = [_past(home, key, new, contacts, now) for key, home in homes.items()]
    await conversation_store.keep_past(conn, tenant, kept)
    rows = [
        _row(each, ids[each.wamid], homes[each.phone_number_id, contact]) for each, contact in zip(new, contacts, strict=True)
    ]
    await message_store.insert_many(conn, tenant, rows)
    await contact_store.want_index(conn, tenant, contacts)
    return Kept([each.wamid for each in new], completed, events)


def home_of(tenant: TenantId, phone_number_id: str, contact_id: UUID) -> UUID:
    """The id of the conversation that holds the past of a customer on a number: the same whichever chunk comes first."""
    named = sha256(f"{tenant}/{phone_number_id}/{contact_id}".encode()).digest()
    return UUID(int=id_floor(_BEFORE_ALL).int | int.from_bytes(named[:8], "big") & _LOW_BITS)


async def _claim(
    conn: Connection, tenant: TenantId, messages: Sequence[PastMessage], ids: Mapping[str, UUID], now: datetime
) -> set[str]:
    """The wamids that are new here. A customer's that may still come as a message is past alone, so that it is new then."""
    known = await message_store.find_ids(conn, tenant, sorted(ids), sources=("whatsapp", "history"))
    new = sorted((each for each in messages if each.wamid not in known), key=lambda one: one.wamid)
    may_come = {each.wamid for each in new if each.direction is Direction.INBOUND and each.sent_at > now - _AGAIN}
    claimed: set[str] = set()
    for source, wamids in (
        ("whatsapp", [each.wamid for each in new if each.wamid not in may_come]),
        ("history", [each.wamid for each in new if each.wamid in may_come]),
    ):
        if wamids:
            claimed |= await message_store.claim_many(conn, tenant, source, {each: ids[each] for each in wamids})
    return claimed


async def _complete(conn: Connection, tenant: TenantId, messages: Sequence[PastMessage]) -> list[str]:
    """The wamids of those whose place is held by a message that said no more than that there is a file."""
    told = [each for each in messages if each.type != PLACEHOLDER]
    if not told:
        return []
    return await message_store.complete_past(conn, tenant, PLACEHOLDER, told)


def _past(home: UUID, key: Key, messages: Sequence[PastMessage], contacts: Sequence[UUID], now: datetime) -> KeptPast:
    own = [each for each, contact in zip(messages, contacts, strict=True) if (each.phone_number_id, contact) == key]
    latest = own[-1]
    return KeptPast(
        id=home,
        contact_id=key[1],
        phone_number_id=key[0],
        wa_id=latest.wa_id,
        user_id=latest.user_id,
        message_at=latest.sent_at,
        message_id=latest.wamid,
        preview=preview_of(latest.text),
        now=now,
    )


def _row(message: PastMessage, id: UUID, home: UUID) -> MessageRow:
    is_failed = message.status is Status.FAILED
    return MessageRow(
        id=id,
        conversation_id=home,
        direction=message.direction,
        status=message.status,
        wamid=message.wamid,
        type=message.type,
        text=message.text,
        content=message.content,
        media=message.media,
        sender=message.display_phone_number if message.direction is Direction.OUTBOUND else message.wa_id or message.user_id,
        origin=f"{IMPORTED}whatsapp:{message.origin}",
        sent_at=message.sent_at,
        failed_at=message.sent_at if is_failed else None,
        error={"title": "It had failed before Waystate came."} if is_failed else None,
        metadata=message.metadata,
    )
