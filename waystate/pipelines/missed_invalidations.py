"""The net under invalidations: what a process that died right after its commit could not tell Redis, its events still tell."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import get_args

import structlog

from waystate import json
from waystate.cache.breaker import Away
from waystate.cache.second_level import SecondLevel
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.events import outbox
from waystate.events.model import Event, MessageStatus
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import lane_of
from waystate.pipelines.batch import with_retries
from waystate.pipelines.lanes import RELAY, LeaseKeeper
from waystate.pipelines.workers import Worker

log = structlog.get_logger()

SINK = "redis"
"""The cursor's name."""
DUE = "cache"
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

        async def read() -> outbox.Window:
            async with self._db.tenant(tenant) as conn:
                return await outbox.read_after(conn, tenant, SINK, epoch=epoch, batch=batch, types=TYPES)

        window = await with_retries(read)
        position = window.position
        if position is None:
            return False
        await self._forget(tenant, window.stamped)

        async def move() -> None:
            async with self._db.tenant(tenant) as conn:
                await outbox.move_cursor(conn, tenant, SINK, position, epoch=epoch)

        await with_retries(move)
        return window.is_full

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
    return {str(json.parse(each.data.encode())["contact_id"]) for each in stamped}


class InvalidationWorker(Worker):
    """Of the tenants whose relay lanes this process holds."""

    name = "invalidations"

    def __init__(
        self, db: Database, sink: InvalidationSink, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int
    ) -> None:
        super().__init__()
        self._db = db
        self._sink = sink
        self._leases = leases
        self._clock = clock
        self._lanes = lanes
        self._batch = batch
        self._in_hand: set[int] = set()
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._leases.lanes(RELAY):
            return False
        tenants = hinted | (await self._due() if sweep else set())
        ours = {tenant: epoch for tenant in tenants if (epoch := self._leases.find_epoch(RELAY, tenant)) is not None}
        self._in_hand = {lane_of(tenant, self._lanes) for tenant in ours}
        try:
            work = (self._relay(tenant, epoch) for tenant, epoch in ours.items())
            results = await asyncio.gather(*work, return_exceptions=True)
        finally:
            self._in_hand = set()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, Away):
                log.error("A tenant's invalidations could not be gone through.", operation=self.name, exc_info=result)
        return False

    def _busy(self, kind: str) -> set[int]:
        return self._in_hand if kind == RELAY else set()

    async def _relay(self, tenant: TenantId, epoch: int) -> None:
        if await self._sink.relay(tenant, epoch=epoch, batch=self._batch):
            self.hint.give(tenant)

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return {due.tenant for due in await ledger_store.due_work(conn, DUE, self._clock())}
