"""Merges of customers in PostgreSQL: their records, and what undoing one changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.conversations.model import ConversationStatus
from waystate.customers.merges.model import HeldConversation, LaterMessage, MergeRecord
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.ids import TenantId

_queries = load_queries(__file__)


async def find_one(conn: Connection, tenant: TenantId, merge_id: UUID) -> MergeRecord | None:
    row = await _queries.find_record(conn, tenant_id=tenant, id=merge_id)
    return None if row is None else _record(row)


async def find_of_merged(conn: Connection, tenant: TenantId, merged_id: UUID) -> MergeRecord | None:
    """The merge by which this id is an alias."""
    row = await _queries.find_of_merged(conn, tenant_id=tenant, merged_id=merged_id)
    return None if row is None else _record(row)


async def list_of_contact(
    conn: Connection, tenant: TenantId, contact_id: UUID, *, before: datetime, before_id: UUID, batch: int
) -> list[MergeRecord]:
    """Who turned out to be this contact, the latest first, from before a place."""
    rows = await _queries.list_of_contact(
        conn, tenant_id=tenant, contact_id=contact_id, before=before, before_id=before_id, batch=batch
    )
    return [_record(row) for row in rows]


async def find_holder(conn: Connection, tenant: TenantId, merge_id: UUID) -> UUID | None:
    """Whom the merged contact leads to, for this transaction alone; None: the merge was undone."""
    row = await _queries.lock_record(conn, tenant_id=tenant, id=merge_id)
    return None if row is None else row["contact_id"]


async def lock_identities(conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]) -> dict[UUID, set[str]]:
    """Contact → the ids that lead to it, which are nobody else's until the transaction ends."""
    held: dict[UUID, set[str]] = {each: set() for each in contact_ids}
    for row in await _queries.lock_identities(conn, tenant_id=tenant, contact_ids=list(held)):
        held[row["contact_id"]].add(row["external_id"])
    return held


async def list_chain(conn: Connection, tenant: TenantId, contact_id: UUID) -> list[tuple[UUID, UUID]]:
    """Who leads to the contact, each with whom it was merged into."""
    rows = await _queries.list_chain(conn, tenant_id=tenant, contact_id=contact_id)
    return [(row["merged_id"], row["into_id"]) for row in rows]


async def move_phone_replies(conn: Connection, tenant: TenantId, merged_id: UUID, contact_id: UUID) -> None:
    await _queries.move_phone_replies(conn, tenant_id=tenant, merged_id=merged_id, contact_id=contact_id)


async def restore_contact(conn: Connection, tenant: TenantId, record: MergeRecord, now: datetime) -> None:
    """As it was, without anything that leads to it yet."""
    await _queries.restore_contact(conn, tenant_id=tenant, id=record.merged_id, fields=dump(record.contact), now=now)


async def restore_identities(
    conn: Connection, tenant: TenantId, record: MergeRecord, rows: Iterable[tuple[str, str, datetime]]
) -> set[str]:
    """`rows`: kind, id, and since when it is theirs. Returns those that are the restored contact's now."""
    wanted = list(rows)
    restored = await _queries.restore_identities(
        conn,
        tenant_id=tenant,
        contact_id=record.merged_id,
        holder_id=record.contact_id,
        kinds=[kind for kind, _, _ in wanted],
        external_ids=[external_id for _, external_id, _ in wanted],
        valid_from=[since for _, _, since in wanted],
    )
    return {row["external_id"] for row in restored}


async def list_gained(conn: Connection, tenant: TenantId, record: MergeRecord) -> list[tuple[str, str, datetime]]:
    """Ids that were learned since, by messages from the ids that were the merged contact's."""
    before = record.undo.get("into", {}).get("identities", ())
    rows = await _queries.list_gained(
        conn,
        tenant_id=tenant,
        holder_id=record.contact_id,
        since=record.merged_at,
        known=[each["external_id"] for each in before],
        senders=sorted(record.external_ids),
    )
    return [(row["kind"], row["external_id"], row["valid_from"]) for row in rows]


async def restore_aliases(conn: Connection, tenant: TenantId, contact_id: UUID, merged_ids: Collection[UUID]) -> None:
    await _queries.restore_aliases(conn, tenant_id=tenant, contact_id=contact_id, merged_ids=list(merged_ids))


async def rewrite_undo(conn: Connection, tenant: TenantId, undo: Mapping[UUID, JsonObject]) -> None:
    """Merge → what it takes to be undone, from now on."""
    await _queries.rewrite_undo(conn, tenant_id=tenant, ids=list(undo), undo=[dump(each) for each in undo.values()])


async def drop_one(conn: Connection, tenant: TenantId, merge_id: UUID) -> None:
    """The merged id is an alias no more."""
    await _queries.drop_record(conn, tenant_id=tenant, id=merge_id)


async def restore_planned(conn: Connection, tenant: TenantId, record: MergeRecord) -> None:
    ids = [UUID(each) for each in record.undo.get("planned", ())]
    if ids:
        await _queries.restore_planned(
            conn, tenant_id=tenant, contact_id=record.merged_id, holder_id=record.contact_id, ids=ids
        )


async def list_conversations(conn: Connection, tenant: TenantId, contact_id: UUID) -> list[HeldConversation]:
    rows = await _queries.list_conversations(conn, tenant_id=tenant, contact_id=contact_id)
    return [HeldConversation(**dict(row)) for row in rows]


async def list_later(conn: Connection, tenant: TenantId, conversations: Collection[UUID], since: UUID) -> list[LaterMessage]:
    """What was received or written since an id was made, in the order of that, locked."""
    rows = await _queries.list_later(conn, tenant_id=tenant, ids=list(conversations), since=since)
    return [LaterMessage(**dict(row)) for row in rows]


async def give_conversations(conn: Connection, tenant: TenantId, ids: Sequence[UUID], contact_id: UUID) -> None:
    await _queries.give_conversations(conn, tenant_id=tenant, ids=list(ids), contact_id=contact_id)


async def reopen(conn: Connection, tenant: TenantId, statuses: Mapping[UUID, ConversationStatus]) -> None:
    await _queries.reopen(conn, tenant_id=tenant, ids=list(statuses), statuses=list(statuses.values()))


async def move_messages(conn: Connection, tenant: TenantId, homes: Mapping[UUID, UUID]) -> None:
    """Message → its conversation from now on."""
    await _queries.move_messages(conn, tenant_id=tenant, ids=list(homes), conversation_ids=list(homes.values()))


async def retell(
    conn: Connection, tenant: TenantId, taken: Mapping[UUID, datetime], left: Collection[str], now: datetime
) -> None:
    """Of conversations that messages were taken from, each with the latest of these; `left`: ids not answered there."""
    await _queries.retell(conn, tenant_id=tenant, ids=list(taken), taken_at=list(taken.values()), left=list(left), now=now)


def identities_of(contact: JsonObject) -> list[tuple[str, str, datetime]]:
    """Of a contact as a record keeps it."""
    found = contact.get("identities", ())
    return [(each["kind"], each["external_id"], datetime.fromisoformat(each["valid_from"])) for each in found]


def _record(row: Any) -> MergeRecord:
    return MergeRecord(**dict(row))
