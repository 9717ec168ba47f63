"""Notes, participants and reads of conversations in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.conversations.desk.model import MOST_UNREAD, AddedParty, Note, ReadingReach, TakesPart
from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId

_queries = load_queries(__file__)

_BEYOND = UUID(int=2**128 - 1)


class DeskState(NamedTuple):
    """Whose the conversation is, and up to which message the customer was shown that it was read."""

    assigned_user_id: UUID | None
    shown_read: UUID | None


class ArrangedConversation(NamedTuple):
    """What people made of a conversation that comes in whole."""

    id: UUID
    queue_id: UUID | None
    assigned_user_id: UUID | None
    subject: str | None
    waiting_since: datetime | None
    tags: tuple[str, ...] = ()


class WrittenMessage(NamedTuple):
    id: UUID
    wamid: str


async def add_notes(conn: Connection, tenant: TenantId, notes: Sequence[Note]) -> None:
    """The conversations are locked, or new."""
    await _queries.add_notes(
        conn,
        tenant_id=tenant,
        conversation_ids=[each.conversation_id for each in notes],
        ids=[each.id for each in notes],
        author_kinds=[each.author_kind for each in notes],
        author_ids=[each.author_id for each in notes],
        texts=[each.text for each in notes],
        at=[each.at for each in notes],
    )


async def arrange_many(conn: Connection, tenant: TenantId, rows: Sequence[ArrangedConversation]) -> None:
    """Of conversations that were added by this transaction."""
    await _queries.arrange_many(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in rows],
        queue_ids=[each.queue_id for each in rows],
        user_ids=[each.assigned_user_id for each in rows],
        subjects=[each.subject for each in rows],
        waiting_since=[each.waiting_since for each in rows],
    )
    tagged = [(each.id, tag) for each in rows for tag in each.tags]
    await _queries.tag_many(conn, tenant_id=tenant, ids=[key for key, _ in tagged], tags=[tag for _, tag in tagged])


async def list_notes(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, before: UUID | None = None, batch: int
) -> list[Note]:
    """Newest first, from before one."""
    rows = await _queries.list_notes(
        conn, tenant_id=tenant, conversation_id=conversation_id, before=before or _BEYOND, batch=batch
    )
    return [Note(**row) for row in rows]


async def list_participants(conn: Connection, tenant: TenantId, conversation_id: UUID) -> list[AddedParty]:
    """Those that were added."""
    rows = await _queries.list_participants(conn, tenant_id=tenant, conversation_id=conversation_id)
    return [AddedParty(row["id"], row["is_contact"], TakesPart(row["role"]), row["added_at"]) for row in rows]


async def put_participants(
    conn: Connection, tenant: TenantId, conversation_id: UUID, parties: Sequence[AddedParty], now: datetime
) -> None:
    """Who takes part already does so in this role from now on."""
    await _queries.put_participants(
        conn,
        tenant_id=tenant,
        conversation_id=conversation_id,
        contact_ids=[each.id if each.is_contact else None for each in parties],
        user_ids=[None if each.is_contact else each.id for each in parties],
        roles=[each.role for each in parties],
        now=now,
    )


async def remove_participants(conn: Connection, tenant: TenantId, conversation_id: UUID, ids: Collection[UUID]) -> None:
    await _queries.remove_participants(conn, tenant_id=tenant, conversation_id=conversation_id, party_ids=list(ids))


async def move_participants(conn: Connection, tenant: TenantId, merged: Mapping[UUID, UUID]) -> None:
    """Before the merged contacts go: they take part as the contacts that they turned out to be."""
    await _queries.move_participants(conn, tenant_id=tenant, merged_ids=list(merged), contact_ids=list(merged.values()))


async def get_held(conn: Connection, tenant: TenantId, conversation_id: UUID) -> DeskState:
    """Of a conversation that is there."""
    row = await _queries.find_assignee(conn, tenant_id=tenant, id=conversation_id)
    return DeskState(row["assigned_user_id"], row["shown_read"])


async def name_contacts(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, str | None]:
    """What contacts are called, of those that there are."""
    rows = await _queries.name_contacts(conn, tenant_id=tenant, ids=list(ids)) if ids else []
    return {row["id"]: row["name"] for row in rows}


async def find_reach(conn: Connection, tenant: TenantId, conversation_id: UUID, message_id: UUID) -> ReadingReach | None:
    """Of who has this message of the conversation before them, and what stands before it; None: it has no such message."""
    message = await _queries.find_message(conn, tenant_id=tenant, conversation_id=conversation_id, id=message_id)
    if message is None:
        return None
    at: datetime = message["sent_at"]
    newest = await _queries.find_reach(conn, tenant_id=tenant, conversation_id=conversation_id, id=message_id, sent_at=at)
    return ReadingReach(newest["id"], at)


async def find_last_inbound(
    conn: Connection, tenant: TenantId, conversation_id: UUID, message_id: UUID, sent_at: datetime
) -> WrittenMessage | None:
    """The customer's last message up to that one, which was sent then."""
    row = await _queries.find_last_inbound(
        conn, tenant_id=tenant, conversation_id=conversation_id, id=message_id, sent_at=sent_at
    )
    return None if row is None else WrittenMessage(**row)


async def move_read(
    conn: Connection, tenant: TenantId, conversation_id: UUID, user_id: UUID, reach: ReadingReach, now: datetime
) -> bool:
    """Whether the person has read further than before."""
    row = await _queries.move_read(
        conn,
        tenant_id=tenant,
        conversation_id=conversation_id,
        user_id=user_id,
        message_id=reach.message_id,
        sent_at=reach.sent_at,
        now=now,
    )
    return row is not None


async def note_shown(conn: Connection, tenant: TenantId, conversation_id: UUID, message_id: UUID) -> None:
    await _queries.note_shown(conn, tenant_id=tenant, id=conversation_id, message_id=message_id)


async def count_unread(conn: Connection, tenant: TenantId, user_id: UUID, ids: Collection[UUID]) -> dict[UUID, int]:
    """Conversation → how many of the customer's messages the person has not read, counted up to `MOST_UNREAD`."""
    if not ids:
        return {}
    rows = await _queries.count_unread(conn, tenant_id=tenant, user_id=user_id, ids=list(ids), most=MOST_UNREAD)
    return {row["id"]: row["unread"] for row in rows}
