"""Ready answers in PostgreSQL."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from waystate.db.pool import Connection, load_queries
from waystate.errors import Conflict, NotFound
from waystate.ids import TenantId
from waystate.replies.model import ReadyReply

_queries = load_queries(__file__)

_FIRST_ID = UUID(int=0)
_BEYOND = "\U0010ffff"


class ReplyPlace(NamedTuple):
    """Where a page ends."""

    shortcut: str
    reply_id: UUID


class ReplyFilter(NamedTuple):
    """`prefix` is of the folded shortcut. `is_narrowed`: the tenant's own, and those of `queue_id` if there is one."""

    prefix: str = ""
    is_narrowed: bool = False
    queue_id: UUID | None = None


class Talk(NamedTuple):
    """What a text may say of a conversation."""

    subject: str | None
    number: str
    queue_id: UUID | None
    contact_id: UUID


async def add_one(conn: Connection, tenant: TenantId, reply: ReadyReply) -> None:
    """Raises Conflict where the queue, or the tenant, has the shortcut already."""
    try:
        await _queries.add_one(
            conn,
            tenant_id=tenant,
            id=reply.id,
            queue_id=reply.queue_id,
            shortcut=reply.shortcut,
            title=reply.title,
            text=reply.text,
            now=reply.created_at,
        )
    except UniqueViolationError as error:
        raise _shortcut_taken(reply.shortcut) from error


async def edit_one(conn: Connection, tenant: TenantId, reply: ReadyReply, now: datetime) -> None:
    """Under its lock. Raises Conflict where the queue, or the tenant, has the shortcut already."""
    try:
        await _queries.edit_one(
            conn,
            tenant_id=tenant,
            id=reply.id,
            queue_id=reply.queue_id,
            shortcut=reply.shortcut,
            title=reply.title,
            text=reply.text,
            now=now,
        )
    except UniqueViolationError as error:
        raise _shortcut_taken(reply.shortcut) from error


async def lock_one(conn: Connection, tenant: TenantId, reply_id: UUID) -> ReadyReply:
    """Raises NotFound."""
    row = await _queries.lock_one(conn, tenant_id=tenant, id=reply_id)
    if row is None:
        raise _unknown(reply_id)
    return ReadyReply(**row)


async def get_one(conn: Connection, tenant: TenantId, reply_id: UUID) -> ReadyReply:
    """Raises NotFound."""
    row = await _queries.find_one(conn, tenant_id=tenant, id=reply_id)
    if row is None:
        raise _unknown(reply_id)
    return ReadyReply(**row)


async def list_page(
    conn: Connection, tenant: TenantId, wanted: ReplyFilter, *, after: ReplyPlace | None, batch: int
) -> list[ReadyReply]:
    """By shortcut, from behind a place."""
    place = after or ReplyPlace("", _FIRST_ID)
    rows = await _queries.list_page(
        conn,
        tenant_id=tenant,
        since=wanted.prefix,
        until=wanted.prefix + _BEYOND,
        after_shortcut=place.shortcut,
        after_id=place.reply_id,
        is_narrowed=wanted.is_narrowed,
        queue_id=wanted.queue_id,
        batch=batch,
    )
    return [ReadyReply(**row) for row in rows]


async def remove_one(conn: Connection, tenant: TenantId, reply_id: UUID) -> None:
    await _queries.remove_one(conn, tenant_id=tenant, id=reply_id)


async def get_talk(conn: Connection, tenant: TenantId, conversation_id: UUID) -> Talk:
    """Of a conversation that is there."""
    return Talk(**await _queries.find_talk(conn, tenant_id=tenant, id=conversation_id))


def _unknown(reply_id: UUID) -> NotFound:
    return NotFound("reply_not_found", f"There is no ready answer {reply_id}. Take the id from GET /v1/replies.")


def _shortcut_taken(shortcut: str) -> Conflict:
    text = f"There is a ready answer '{shortcut}' there already. Change that one, or take another shortcut."
    return Conflict("shortcut_taken", text)
