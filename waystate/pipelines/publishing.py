"""Events out: everything behind a tenant's cursor is published, and the cursor moves once the broker has confirmed it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from waystate.broker.publisher import Outgoing
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import Retry
from waystate.events import outbox
from waystate.events.model import SCHEMA_VERSION
from waystate.events.outbox import Stamped
from waystate.ids import TenantId, time_of
from waystate.ledger import store as ledger_store
from waystate.ledger.model import lane_of
from waystate.pipelines.batch import with_retries
from waystate.pipelines.lanes import PUBLISH, LeaseKeeper
from waystate.pipelines.workers import SWEEP, Worker

log = structlog.get_logger()

SINK = "rabbitmq"
"""The cursor's name."""

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Returns when all are confirmed; `Retry` when one is not."""


class PublishSink:
    """A death between confirm and cursor publishes the same events again: at least once, each time with the same message id."""

    def __init__(self, db: Database, publish: Publish, exchange: str) -> None:
        self._db = db
        self._publish = publish
        self._exchange = exchange

    async def relay(self, tenant: TenantId, *, epoch: int, batch: int) -> bool:
        """Publish the tenant's next events; whether more are waiting. No transaction is open meanwhile."""

        async def read() -> outbox.Window:
            async with self._db.tenant(tenant) as conn:
                return await outbox.read_after(conn, tenant, SINK, epoch=epoch, batch=batch)

        window = await with_retries(read)
        position = window.position
        if position is None:
            return False
        await self._publish([outgoing_of(tenant, each, self._exchange) for each in window.stamped])

        async def move() -> None:
            async with self._db.tenant(tenant) as conn:
                await outbox.move_cursor(conn, tenant, SINK, position, epoch=epoch)

        await with_retries(move)
        return window.is_full


def outgoing_of(tenant: TenantId, stamped: Stamped, exchange: str) -> Outgoing:
    """The event as it is stored; `x-position` counts the tenant's events without gaps, so that one missed is noticed."""
    return Outgoing(
        exchange=exchange,
        routing_key=f"{tenant}.{stamped.type}",
        message_id=str(stamped.id),
        type=stamped.type,
        body=stamped.data.encode(),
        at=time_of(stamped.id),
        headers={
            "x-tenant-id": tenant,
            "x-schema-version": SCHEMA_VERSION,
            "x-position": stamped.position,
        },
    )


class PublishWorker(Worker):
    """Tenants side by side, each in its order. The broker away stops nothing but this."""

    name = "publish"

    def __init__(self, db: Database, sink: PublishSink, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int) -> None:
        super().__init__()
        self._db = db
        self._sink = sink
        self._leases = leases
        self._clock = clock
        self._lanes = lanes
        self._batch = batch
        self._in_hand: set[int] = set()
        self._is_waiting = False
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._leases.lanes(PUBLISH):
            return False
        tenants = hinted | (await self._due() if sweep else set())
        ours = {tenant: epoch for tenant in tenants if (epoch := self._leases.find_epoch(PUBLISH, tenant)) is not None}
        self._in_hand = {lane_of(tenant, self._lanes) for tenant in ours}
        try:
            work = (self._relay(tenant, epoch) for tenant, epoch in ours.items())
            results = await asyncio.gather(*work, return_exceptions=True)
        finally:
            self._in_hand = set()
        await self._judge(results)
        return False

    async def _judge(self, results: Sequence[BaseException | None]) -> None:
        """An outage is waited for; anything else is one tenant's, and the next sweep finds it again."""
        failed = [result for result in results if isinstance(result, Exception)]
        away = [error for error in failed if isinstance(error, Retry)]
        if away and not self._is_waiting:
            log.warning("Events wait to be published.", operation=self.name, error=str(away[0]))
        if not away and self._is_waiting and results:
            log.info("Events are published again.", operation=self.name)
        self._is_waiting = bool(away) if results else self._is_waiting
        for error in failed:
            if not isinstance(error, Retry):
                log.error("A tenant's events could not be published.", operation=self.name, exc_info=error)
        if away:
            await asyncio.sleep(SWEEP)

    async def _relay(self, tenant: TenantId, epoch: int) -> None:
        if await self._sink.relay(tenant, epoch=epoch, batch=self._batch):
            self.hint.give(tenant)

    def _busy(self, kind: str) -> set[int]:
        return self._in_hand if kind == PUBLISH else set()

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return {due.tenant for due in await ledger_store.due_work(conn, PUBLISH, self._clock())}
