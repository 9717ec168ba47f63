"""Two contacts that turned out to be one: their conversations come together, and the record keeps what undoing it takes."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.desk import store as desk_store
from waystate.conversations.model import OPEN, ConversationStatus
from waystate.conversations.store import MergeRow
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events.model import ContactMerged, ConversationMerged, Event
from waystate.groups import store as group_store
from waystate.ids import TenantId, new_id
from waystate.preferences import store as preference_store

FILLED = (
    *("name", "is_named_by_hand", "email", "phone_number", "username", "language", "profile_picture_url"),
    *("tags", "preferences", "metadata"),
)
"""What a contact gives to the one that it turned out to be, where that one lacks it."""
_NEVER = datetime.min.replace(tzinfo=UTC)


Carry = Callable[[Connection, TenantId, Mapping[UUID, UUID]], Awaitable[Mapping[UUID, Iterable[UUID]]]]
"""Moves what else contacts have to those that they turned out to be; the ids of that, by the former contact."""


async def merge_many(
    conn: Connection,
    tenant: TenantId,
    merged: Mapping[UUID, UUID],
    phone_number_id: str,
    now: datetime,
    carry: Carry,
    *,
    made_by: str | None = None,
) -> list[Event]:
    """`merged`: contact → the one that it turned out to be; `phone_number_id`: where that was learned; "": nowhere.

    In the caller's transaction, before it opens conversations; it appends the events. Messages stay in their conversations.
    What waits for the contacts is carried over before conversations are locked, as everybody locks them. `made_by`: who says
    so; None: a message proves it. What people say of two records is no newer word of a customer's: then an opt-out holds.
    """
    both = {*merged, *merged.values()}
    known = await contact_store.lock_many(conn, tenant, both)
    if known.keys() != both:
        raise asyncpg.SerializationError("one of the contacts was merged meanwhile; run it again")
    carried = await carry(conn, tenant, merged)
    said = await preference_store.list_of_contacts(conn, tenant, both)
    in_groups = await group_store.list_groups_of(conn, tenant, both)
    await preference_store.move_many(conn, tenant, merged, keeps_opt_outs=made_by is not None)
    await group_store.move_many(conn, tenant, merged)
    rows = await conversation_store.lock_of_merged(conn, tenant, both)
    ended = to_close(rows, merged)
    if ended:
        await conversation_store.close_merged(conn, tenant, ended, now)
    await conversation_store.move_many(conn, tenant, merged)
    await desk_store.move_participants(conn, tenant, merged)
    undo = {gone: _undo(known[gone], rows, gone, merged[gone], ended) for gone in merged}
    for gone, ids in carried.items():
        undo[gone]["planned"] = [str(each) for each in ids]
    for gone, into in merged.items():
        undo[gone]["into"] = {name: known[into].get(name) for name in (*FILLED, "identities")}
        undo[gone]["said"] = {name: said.get(each, []) for name, each in (("contact", gone), ("into", into))}
        undo[gone]["groups"] = {name: in_groups.get(each, []) for name, each in (("contact", gone), ("into", into))}
    await contact_store.absorb_many(conn, tenant, merged, undo, now, made_by)
    told: list[Event] = [
        ContactMerged(contact_id=into, merged_contact_id=gone, phone_number_id=phone_number_id, at=now)
        for gone, into in merged.items()
    ]
    by_id = {row.id: row for row in rows}
    return told + [
        ConversationMerged(
            mapping_id=each,
            into_mapping_id=stays,
            contact_id=merged.get(by_id[each].contact_id, by_id[each].contact_id),
            phone_number_id=by_id[each].phone_number_id,
            at=now,
        )
        for each, stays in ended.items()
    ]


def to_close(rows: Iterable[MergeRow], merged: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Returns the open conversations that end, each with the one on its number that stays: by the customer's later message."""
    together: dict[tuple[UUID, str], list[MergeRow]] = {}
    for row in rows:
        if row.status in OPEN:
            together.setdefault((merged.get(row.contact_id, row.contact_id), row.phone_number_id), []).append(row)
    ended: dict[UUID, UUID] = {}
    for several in together.values():
        *others, stays = sorted(several, key=lambda row: (row.last_customer_message_at or _NEVER, row.last_activity_at, row.id))
        ended |= dict.fromkeys((row.id for row in others), stays.id)
    return ended


def _undo(
    contact: JsonObject, rows: Collection[MergeRow], gone: UUID, into: UUID, ended: Mapping[UUID, UUID]
) -> dict[str, Any]:
    """The contact as it was, its conversations, and which of both contacts' were closed, with what they were before."""
    concerned = [row for row in rows if row.contact_id in (gone, into)]
    statuses: dict[str, ConversationStatus] = {str(row.id): row.status for row in concerned if row.id in ended}
    own = [str(row.id) for row in rows if row.contact_id == gone]
    others = [str(row.id) for row in rows if row.contact_id == into]
    return {"contact": contact, "conversations": own, "others": others, "closed": statuses, "mark": str(new_id())}
