"""What people change of queues. Each deed is one transaction, with its event and its entry in the audit log."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.errors import Conflict, PreconditionFailed, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import ConversationRequeued, Event
from waystate.events.tenant_wide import QueueChanged
from waystate.ids import TenantId, new_id
from waystate.people import store as people_store
from waystate.principal import Actor
from waystate.queues import store
from waystate.queues.model import EDITABLE, AgentQueue, changed_fields, edited, etag_of
from waystate.queues.store import WaitingConversation
from waystate.schedules import store as schedule_store

_SHOWN = {"genesys_queue": "genesysQueue", "schedule_id": "schedule"}


class MoveTo(NamedTuple):
    """Where what waits in a deleted queue waits from then on; without a queue, in none."""

    queue_id: UUID | None


class QueueEdits:
    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def add(self, tenant: TenantId, actor: Actor, fields: Mapping[str, Any]) -> AgentQueue:
        """Raises Conflict for a name twice, Unprocessable for who does not work here and for a schedule that is none."""
        now = self._clock()
        queue = AgentQueue(**{"id": new_id(), "created_at": now, "edited_at": now, **fields})

        async def add(conn: Connection) -> tuple[AgentQueue, list[Event]]:
            await _check(conn, tenant, queue, new=queue.members)
            await store.add_one(conn, tenant, queue)
            return queue, await _tell(conn, tenant, actor, "added", queue, now, EDITABLE)

        return await self._commits.do(tenant, add)

    async def edit(
        self,
        tenant: TenantId,
        actor: Actor,
        queue_id: UUID,
        fields: Mapping[str, Any],
        expected: Collection[str] | None = None,
    ) -> AgentQueue:
        """What is not named in `fields` stays. `expected`: the tags of what the caller has seen."""

        async def edit(conn: Connection) -> tuple[AgentQueue, list[Event]]:
            now = self._clock()
            before = await store.lock_one(conn, tenant, queue_id)
            if expected is not None and etag_of(before) not in expected:
                raise _changed_meanwhile(before)
            after = edited(before, fields)
            changed = changed_fields(before, after)
            if not changed:
                return before, []
            await _check(conn, tenant, after, new=set(after.members) - set(before.members))
            await store.edit_one(conn, tenant, before, after, now)
            return replace(after, edited_at=now), await _tell(conn, tenant, actor, "edited", after, now, changed)

        return await self._commits.do(tenant, edit)

    async def delete(self, tenant: TenantId, actor: Actor, queue_id: UUID, move_to: MoveTo | None) -> None:
        """Without `move_to` only while nothing open waits in it: else Conflict, which says how many do."""

        async def delete(conn: Connection) -> tuple[None, list[Event]]:
            now = self._clock()
            queue, waiting = await store.lock_for_deletion(conn, tenant, queue_id)
            if waiting and move_to is None:
                raise _in_use(len(waiting))
            target = None if move_to is None else move_to.queue_id
            await _check_target(conn, tenant, queue_id, target)
            if waiting:
                await store.move_many(conn, tenant, [each.id for each in waiting], target)
            await store.remove_one(conn, tenant, queue_id)
            moved = [_moved(each, queue_id, target, now) for each in waiting]
            details: JsonObject = {"moved_to": target, **named(each.id for each in waiting)} if waiting else {}
            return None, await _tell(conn, tenant, actor, "deleted", queue, now, (), details, moved)

        await self._commits.do(tenant, delete)


async def _check(conn: Connection, tenant: TenantId, queue: AgentQueue, *, new: Collection[UUID]) -> None:
    """Who is a member already may have been disabled since; only who is new must work here."""
    known = await people_store.find_colleagues(conn, new)
    missing = sorted(str(each) for each in new if each not in known)
    if missing:
        text = (
            f"Nobody who works here has the id {missing[0]}. Take members from GET /v1/users; an invitation is accepted first."
        )
        raise Unprocessable("not_a_colleague", text, members=missing[:20])
    if queue.schedule_id is not None and not await schedule_store.find_many(conn, tenant, [queue.schedule_id]):
        text = f"There is no schedule {queue.schedule_id}. Take one from GET /v1/schedules, or null for always open."
        raise Unprocessable("unknown_schedule", text)


async def _check_target(conn: Connection, tenant: TenantId, queue_id: UUID, target: UUID | None) -> None:
    if target is not None and (target == queue_id or not await store.find_many(conn, tenant, [target])):
        raise Unprocessable("unknown_queue", "`moveTo` names no other queue. Take one from GET /v1/queues, or say `none`.")


async def _tell(
    conn: Connection,
    tenant: TenantId,
    actor: Actor,
    change: Literal["added", "edited", "deleted"],
    queue: AgentQueue,
    now: datetime,
    fields: Collection[str],
    details: JsonObject | None = None,
    moved: Collection[Event] = (),
) -> list[Event]:
    told = {"name": queue.name, "fields": [_SHOWN.get(each, each) for each in fields], **(details or {})}
    entry = Entry(actor=actor, action=f"queue.{change}", subject=f"queue:{queue.id}", at=now, details=told)
    await audit_store.append_many(conn, tenant, [entry])
    return [*moved, QueueChanged(queue_id=queue.id, name=queue.name, change=change, fields=list(fields), at=now)]


def _moved(waiting: WaitingConversation, queue_id: UUID, target: UUID | None, now: datetime) -> ConversationRequeued:
    return ConversationRequeued(
        mapping_id=waiting.id,
        contact_id=waiting.contact_id,
        phone_number_id=waiting.phone_number_id,
        wa_id=waiting.wa_id,
        at=now,
        queue_id=target,
        former_queue_id=queue_id,
    )


def _in_use(count: int) -> Conflict:
    where = "Say where they go: `moveTo` another queue's id, or `moveTo=none` to leave them in no queue."
    text = f"{count} open conversation{' waits' if count == 1 else 's wait'} in this queue. {where}"
    return Conflict("queue_in_use", text, conversations=count)


def _changed_meanwhile(queue: AgentQueue) -> PreconditionFailed:
    text = "The queue was changed since you read it. Read it again, and send your change with the new ETag."
    return PreconditionFailed("changed_meanwhile", text, etag=etag_of(queue))
