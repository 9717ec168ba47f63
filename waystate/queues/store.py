"""Queues, their members, and what waits in them, in PostgreSQL."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record, UniqueViolationError

from waystate.db.pool import Connection, load_queries
from waystate.errors import Conflict, NotFound
from waystate.ids import TenantId
from waystate.queues.model import AgentQueue

_queries = load_queries(__file__)


class WaitingConversation(NamedTuple):
    """What of an open conversation its events say."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None


async def add_one(conn: Connection, tenant: TenantId, queue: AgentQueue) -> None:
    """Raises Conflict where another has the name."""
    try:
        await _queries.add_one(
            conn,
            tenant_id=tenant,
            id=queue.id,
            name=queue.name,
            genesys_queue=queue.genesys_queue,
            schedule_id=queue.schedule_id,
            now=queue.created_at,
        )
    except UniqueViolationError as error:
        raise _name_taken(queue.name) from error
    await _queries.add_members(conn, tenant_id=tenant, queue_id=queue.id, user_ids=list(queue.members))


async def edit_one(conn: Connection, tenant: TenantId, before: AgentQueue, after: AgentQueue, now: datetime) -> None:
    """Under its lock. Raises Conflict where another has the name."""
    try:
        await _queries.edit_one(
            conn,
            tenant_id=tenant,
            id=after.id,
            name=after.name,
            genesys_queue=after.genesys_queue,
            schedule_id=after.schedule_id,
            now=now,
        )
    except UniqueViolationError as error:
        raise _name_taken(after.name) from error
    gone, new = set(before.members) - set(after.members), set(after.members) - set(before.members)
    if gone:
        await _queries.remove_members(conn, tenant_id=tenant, queue_id=after.id, user_ids=sorted(gone))
    if new:
        await _queries.add_members(conn, tenant_id=tenant, queue_id=after.id, user_ids=sorted(new))


async def lock_one(conn: Connection, tenant: TenantId, queue_id: UUID) -> AgentQueue:
    """Raises NotFound."""
    if await _queries.lock_one(conn, tenant_id=tenant, id=queue_id) is None:
        raise unknown_queue(queue_id)
    return await get_one(conn, tenant, queue_id)


async def lock_for_deletion(conn: Connection, tenant: TenantId, queue_id: UUID) -> tuple[AgentQueue, list[WaitingConversation]]:
    """The queue and its open conversations, to which none is added until the transaction ends. Raises NotFound."""
    waiting = await _lock_open(conn, tenant, queue_id)
    if await _queries.lock_for_deletion(conn, tenant_id=tenant, id=queue_id) is None:
        raise unknown_queue(queue_id)
    known = {each.id for each in waiting}
    late = [each for each in await _lock_open(conn, tenant, queue_id) if each.id not in known]
    return await get_one(conn, tenant, queue_id), [*waiting, *late]


async def _lock_open(conn: Connection, tenant: TenantId, queue_id: UUID) -> list[WaitingConversation]:
    rows = await _queries.lock_open(conn, tenant_id=tenant, queue_id=queue_id)
    return [WaitingConversation(**row) for row in rows]


async def get_one(conn: Connection, tenant: TenantId, queue_id: UUID) -> AgentQueue:
    """Raises NotFound."""
    found = await find_many(conn, tenant, [queue_id])
    if queue_id not in found:
        raise unknown_queue(queue_id)
    return found[queue_id]


async def find_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, AgentQueue]:
    """By id, in the order of their names."""
    rows = await _queries.list_many(conn, tenant_id=tenant, ids=list(ids)) if ids else []
    return {row["id"]: _queue(row) for row in rows}


async def list_page(conn: Connection, tenant: TenantId, *, after: str, batch: int) -> list[AgentQueue]:
    """By name, from behind one."""
    rows = await _queries.list_page(conn, tenant_id=tenant, name=after, batch=batch)
    return list((await find_many(conn, tenant, [row["id"] for row in rows])).values())


async def count_open(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, int]:
    """How many open conversations each has."""
    rows = await _queries.count_open(conn, tenant_id=tenant, ids=list(ids)) if ids else []
    return {row["id"]: row["open"] for row in rows}


async def move_many(conn: Connection, tenant: TenantId, conversation_ids: Collection[UUID], queue_id: UUID | None) -> None:
    """Conversations that the caller holds wait there from now on; None: in no queue."""
    await _queries.move_many(conn, tenant_id=tenant, ids=list(conversation_ids), queue_id=queue_id)


async def remove_one(conn: Connection, tenant: TenantId, queue_id: UUID) -> None:
    """Its members and its ready answers go with it; conversations are in no queue then."""
    await _queries.remove_one(conn, tenant_id=tenant, id=queue_id)


async def remove_empty(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> int:
    """Those of them that have no conversation, open or ended; how many."""
    return len(await _queries.remove_empty(conn, tenant_id=tenant, ids=list(ids)))


def unknown_queue(queue_id: UUID) -> NotFound:
    return NotFound("queue_not_found", f"There is no queue {queue_id}. Take the id from GET /v1/queues.")


def _name_taken(name: str) -> Conflict:
    return Conflict("name_taken", f"There is a queue '{name}' already. Change that one, or call this one otherwise.")


def _queue(row: Record) -> AgentQueue:
    return AgentQueue(**{**dict(row), "members": tuple(row["members"])})
