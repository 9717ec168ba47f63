"""What people and services do to a conversation, each deed in a transaction of its own, with its event."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.conversations import store
from waystate.conversations.assign import Deed, Destination, Doer, Done, assign, release, take, transfer
from waystate.conversations.bodies import ConversationAnswer
from waystate.conversations.control import key_of, with_keys
from waystate.conversations.edit import edit
from waystate.conversations.hand_over import Silence, hand_over
from waystate.conversations.model import Conversation, conversation_not_found
from waystate.conversations.read import etag_of, get_shown, render_shown
from waystate.conversations.reopen import close, reopen
from waystate.conversations.sight import Sights
from waystate.db.pool import Connection
from waystate.errors import Conflict
from waystate.events.commits import Commits
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.tenants.routing import Directory
from waystate.tenants.store import unknown_tenant

Did = tuple[Sequence[Event], Sequence[Entry]]
Act = Callable[[Deed], Awaitable[Did]]


@dataclass(frozen=True, slots=True)
class Answered:
    """A conversation as it is after the deed, and the tag of what may be edited of it."""

    conversation: ConversationAnswer
    etag: str


class ConversationDeeds:
    """Conversations are named by Waystate's id or Genesys'. `silence`: see `hand_over`."""

    def __init__(self, commits: Commits, directory: Directory, silence: Silence, clock: Clock) -> None:
        self._commits = commits
        self._directory = directory
        self._sights = Sights(directory)
        self._silence = silence
        self._clock = clock

    async def assign(
        self, tenant: TenantId, name: str, doer: Doer, user_id: UUID | None, *, epoch: int | None = None
    ) -> Answered:
        """`epoch`: that of the conversation as the caller has seen it; None: whatever it is."""
        return await self._do(tenant, name, doer, self._handing(lambda deed: assign(deed, user_id)), epoch=epoch)

    async def take(self, tenant: TenantId, name: str, doer: Doer, *, epoch: int | None = None) -> Answered:
        return await self._do(tenant, name, doer, self._handing(take), epoch=epoch)

    async def release(self, tenant: TenantId, name: str, doer: Doer) -> Answered:
        return await self._do(tenant, name, doer, self._handing(release))

    async def transfer(
        self, tenant: TenantId, name: str, doer: Doer, to: Destination, note: str | None, *, epoch: int | None = None
    ) -> Answered:
        return await self._do(tenant, name, doer, self._handing(lambda deed: transfer(deed, to, note)), epoch=epoch)

    async def close(self, tenant: TenantId, name: str, doer: Doer, reason: str) -> Answered:
        async def act(deed: Deed) -> Did:
            _check_open(deed)
            entries = deed.note("conversation.closed") if deed.is_anothers else []
            return await close(deed, reason), entries

        return await self._do(tenant, name, doer, act)

    async def reopen(self, tenant: TenantId, name: str, doer: Doer) -> Answered:
        async def act(deed: Deed) -> Did:
            return await reopen(deed), []

        try:
            return await self._do(tenant, name, doer, act, with_others=True)
        except asyncpg.UniqueViolationError:
            # One opened at the same moment: it is there now, and can be named.
            return await self._do(tenant, name, doer, act, with_others=True)

    async def edit(
        self, tenant: TenantId, name: str, doer: Doer, fields: Mapping[str, Any], *, expected: Collection[str] | None
    ) -> Answered:
        """`expected`: the tags of what the caller has seen; None: whatever it is."""

        async def act(deed: Deed) -> Did:
            seen = await get_shown(deed.conn, tenant, str(deed.conversation.id))
            return await edit(deed, seen, fields, expected), []

        return await self._do(tenant, name, doer, act)

    def _handing(self, decide: Callable[[Deed], Awaitable[Done]]) -> Act:
        async def act(deed: Deed) -> Did:
            _check_open(deed)
            handed, entries = await decide(deed)
            if handed is None:
                return [], []
            return await hand_over(deed.conn, deed.tenant, [handed], self._silence, deed.now), entries

        return act

    async def _do(
        self,
        tenant: TenantId,
        name: str,
        doer: Doer,
        act: Act,
        *,
        epoch: int | None = None,
        with_others: bool = False,
    ) -> Answered:
        async def do(conn: Connection) -> tuple[Answered, Sequence[Event]]:
            now = self._clock()
            deed = await self._begin(conn, tenant, name, doer, now, epoch, with_others)
            events, entries = await act(deed)
            shown = await get_shown(conn, tenant, str(deed.conversation.id))
            answered = Answered(await render_shown(conn, tenant, shown, now), etag_of(shown, now))
            await audit_store.append_many(conn, tenant, entries)
            return answered, events

        return await self._commits.do(tenant, do)

    async def _begin(
        self, conn: Connection, tenant: TenantId, name: str, doer: Doer, now: datetime, epoch: int | None, with_others: bool
    ) -> Deed:
        view = await self._directory.find_tenant_in(conn, tenant)
        if view is None:
            raise unknown_tenant(tenant)
        found = await get_shown(conn, tenant, name, await self._sights.find(conn, doer.viewer))
        if with_others:
            await store.lock_of_merged(conn, tenant, [found.contact_id])
        locked = (await store.lock_many(conn, tenant, [found.id])).get(found.id)
        if locked is None:
            raise conversation_not_found(name)
        return Deed(
            conn=conn,
            tenant=tenant,
            view=view,
            conversation=locked,
            doer=await _with_former_keys(conn, tenant, doer, locked),
            now=now,
            # Whoever waited for the lock finds what was done under it.
            is_between=locked.control_epoch != (found.control_epoch if epoch is None else epoch),
        )


def _check_open(deed: Deed) -> None:
    at = deed.conversation
    if at.is_open(deed.now):
        return
    text = f"The conversation is {at.effective_status(deed.now)}"
    remedy = "reopen it first" if at.closed_by is not None else "what the customer writes begins a new one"
    raise Conflict("conversation_ended", f"{text}: {remedy}.", closeReason=at.close_reason)


async def _with_former_keys(conn: Connection, tenant: TenantId, doer: Doer, conversation: Conversation) -> Doer:
    """A key that replaces another one is the same service."""
    mine, holder = doer.speaker.id, key_of(conversation)
    if holder is None or mine is None or holder == mine:
        return doer
    related = await key_store.find_replaced(conn, tenant, {mine, holder})
    return replace(doer, speaker=with_keys(doer.speaker, related))
