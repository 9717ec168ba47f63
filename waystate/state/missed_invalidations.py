"""The net under invalidations: what a process that died right after its commit could not tell Redis, its events still tell."""

from collections.abc import Iterable, Sequence
from typing import get_args

import structlog

from waystate import documents
from waystate.cache.breaker import Away
from waystate.cache.second_level import SecondLevel
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.events.model import Event, MessageStatus
from waystate.events.outbox import Stamped
from waystate.events.sinks import SinkWorker, pass_on
from waystate.ids import TenantId
from waystate.work.leases import RELAY, LeaseKeeper

log = structlog.get_logger()

SINK = "redis"
"""The cursor's name."""
TYPES = tuple(event.model_fields["type"].default for event in get_args(Event) if event is not MessageStatus)
"""A message's status is no part of what look-ups show."""


class InvalidationSink:
    """Behind a tenant's cursor everything is known to Redis; the cursor waits while Redis is away."""

    def __init__(self, db: Database, second: SecondLevel) -> None:
        self._db = db
        self._second = second
        self._behind: set[TenantId] = set()

    async def relay(self, tenant: TenantId, *, epoch: int, batch: int) -> bool:
        """Drop what the tenant's next events changed; whether more are waiting. `Away` leaves the cursor where it is."""

        async def forget(stamped: Sequence[Stamped]) -> None:
            await self._forget(tenant, stamped)

        return await pass_on(self._db, tenant, SINK, forget, epoch=epoch, batch=batch, types=TYPES)

    async def _forget(self, tenant: TenantId, stamped: Sequence[Stamped]) -> None:
        """After an outage all of the tenant's is void at once: its events may take a while to be gone through."""
        try:
            if tenant in self._behind:
                await self._second.clear(tenant)
            else:
                await self._second.forget_many(tenant, contacts_of(stamped))
        except Away:
            self._behind.add(tenant)
            raise
        self._behind.discard(tenant)


def contacts_of(stamped: Iterable[Stamped]) -> set[str]:
    told = [documents.parse(each.data.encode()) for each in stamped]
    return {str(each[name]) for each in told for name in ("contact_id", "merged_contact_id") if name in each}


class InvalidationWorker(SinkWorker):
    """Of the tenants whose relay lanes this process holds."""

    name = "invalidations"

    def __init__(
        self, db: Database, sink: InvalidationSink, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int
    ) -> None:
        super().__init__(db, leases, clock, kind=RELAY, due="cache", lanes=lanes, batch=batch)
        self._sink = sink

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        return await self._sink.relay(tenant, epoch=epoch, batch=self._batch)

    async def _judge(self, failed: Sequence[Exception], tried: int) -> None:
        """Redis away is the breaker's to say."""
        await super()._judge([error for error in failed if not isinstance(error, Away)], tried)
