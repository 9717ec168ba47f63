"""Deeds of a tenant: what each changes and the events that tell of it are committed together, and made known once they are."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import Event
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.work.batch import with_retries
from waystate.work.loops import Hint

T = TypeVar("T")

TenantDeed = Callable[[Connection], Awaitable[tuple[T, Sequence[Event]]]]
"""Returns what it comes to, and its events. It may run more than once: what it reads of itself it reads anew."""


class Commits:
    """`changed` hears of events after their commit, as the relay does by its hint; of a deed without events nobody does."""

    def __init__(self, db: Database, relay_hint: Hint, changed: AfterCommit) -> None:
        self._db = db
        self._relay_hint = relay_hint
        self._changed = changed

    async def do(self, tenant: TenantId, deed: TenantDeed[T]) -> T:
        """In a transaction of its own, again where it lost a lock. The events are appended last, as they have to be."""

        async def run() -> tuple[T, Sequence[Event]]:
            async with self._db.tenant(tenant) as conn:
                done, events = await deed(conn)
                await outbox.append_many(conn, tenant, events)
                return done, events

        done, events = await with_retries(run)
        if events:
            self._changed(tenant, events)
            self._relay_hint.give(tenant)
        return done
