"""What people change of ready answers. Each deed is one transaction, with its event and its entry in the audit log."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Connection
from waystate.errors import PreconditionFailed, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import Event
from waystate.events.tenant_wide import ReplyChanged
from waystate.ids import TenantId, new_id
from waystate.principal import Actor
from waystate.queues import store as queue_store
from waystate.replies import store
from waystate.replies.filling import find_problems, unusable
from waystate.replies.model import EDITABLE, ReadyReply, changed_fields, etag_of

_SHOWN = {"queue_id": "queue"}


class ReplyEdits:
    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def add(self, tenant: TenantId, actor: Actor, fields: Mapping[str, Any]) -> ReadyReply:
        """Raises Conflict for a shortcut twice, Unprocessable for a text that cannot be filled in or a queue that is none."""
        now = self._clock()
        empty = ReadyReply(id=new_id(), shortcut="", title=None, text="", queue_id=None, created_at=now, edited_at=now)
        reply = replace(empty, **fields)
        _check_text(reply.text)

        async def add(conn: Connection) -> tuple[ReadyReply, list[Event]]:
            await _check_queue(conn, tenant, reply.queue_id)
            await store.add_one(conn, tenant, reply)
            return reply, await _tell(conn, tenant, actor, "added", reply, now, EDITABLE)

        return await self._commits.do(tenant, add)

    async def edit(
        self,
        tenant: TenantId,
        actor: Actor,
        reply_id: UUID,
        fields: Mapping[str, Any],
        expected: Collection[str] | None = None,
    ) -> ReadyReply:
        """What is not named in `fields` stays. `expected`: the tags of what the caller has seen."""
        if "text" in fields:
            _check_text(fields["text"])

        async def edit(conn: Connection) -> tuple[ReadyReply, list[Event]]:
            now = self._clock()
            before = await store.lock_one(conn, tenant, reply_id)
            if expected is not None and etag_of(before) not in expected:
                raise _changed_meanwhile(before)
            after = replace(before, **fields)
            changed = changed_fields(before, after)
            if not changed:
                return before, []
            await _check_queue(conn, tenant, after.queue_id)
            await store.edit_one(conn, tenant, after, now)
            return replace(after, edited_at=now), await _tell(conn, tenant, actor, "edited", after, now, changed)

        return await self._commits.do(tenant, edit)

    async def delete(self, tenant: TenantId, actor: Actor, reply_id: UUID) -> None:
        async def delete(conn: Connection) -> tuple[None, list[Event]]:
            reply = await store.lock_one(conn, tenant, reply_id)
            await store.remove_one(conn, tenant, reply_id)
            return None, await _tell(conn, tenant, actor, "deleted", reply, self._clock(), ())

        await self._commits.do(tenant, delete)


def _check_text(text: str) -> None:
    if problems := find_problems(text):
        raise unusable(problems)


async def _check_queue(conn: Connection, tenant: TenantId, queue_id: UUID | None) -> None:
    if queue_id is not None and not await queue_store.find_many(conn, tenant, [queue_id]):
        raise Unprocessable("unknown_queue", f"There is no queue {queue_id}. Take one from GET /v1/queues, or null for all.")


async def _tell(
    conn: Connection,
    tenant: TenantId,
    actor: Actor,
    change: Literal["added", "edited", "deleted"],
    reply: ReadyReply,
    now: datetime,
    fields: Collection[str],
) -> list[Event]:
    told = {"shortcut": reply.shortcut, "queue": reply.queue_id, "fields": [_SHOWN.get(each, each) for each in fields]}
    entry = Entry(actor=actor, action=f"reply.{change}", subject=f"reply:{reply.id}", at=now, details=told)
    await audit_store.append_many(conn, tenant, [entry])
    event = ReplyChanged(
        reply_id=reply.id, queue_id=reply.queue_id, shortcut=reply.shortcut, change=change, fields=list(fields), at=now
    )
    return [event]


def _changed_meanwhile(reply: ReadyReply) -> PreconditionFailed:
    text = "The ready answer was changed since you read it. Read it again, and send your change with the new ETag."
    return PreconditionFailed("changed_meanwhile", text, etag=etag_of(reply))
