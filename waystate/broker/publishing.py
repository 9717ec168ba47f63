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
from waystate.events.sinks import SinkWorker, pass_on
from waystate.ids import PLATFORM, TenantId, time_of
from waystate.tenants.each_tenant import customers
from waystate.work.leases import PUBLISH, LeaseKeeper
from waystate.work.loops import SWEEP

log = structlog.get_logger()

SINK = "rabbitmq"
"""The cursor's name."""

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Returns when all are confirmed; `Retry` when one is not."""


async def attach(db: Database, *, from_beginning: bool) -> None:
    """Settle, once for an installation, from where events are published: from now on, or all that are still kept.

    The platform's own cursor says that it is settled. It is held until every tenant's is, so that of processes that start at
    once one does this and the others wait; a tenant that is made later begins with its first event.
    """
    async with db.work(tenant_id=PLATFORM) as conn:
        if await outbox.begin(conn, PLATFORM, SINK) and not from_beginning:
            async for tenant in customers(db):
                async with db.tenant(tenant) as its_own:
                    await outbox.begin(its_own, tenant, SINK)


class PublishSink:
    """A death between confirm and cursor publishes the same events again: at least once, each time with the same message id."""

    def __init__(self, db: Database, publish: Publish, exchange: str) -> None:
        self._db = db
        self._publish = publish
        self._exchange = exchange

    async def relay(self, tenant: TenantId, *, epoch: int, batch: int) -> bool:
        """Publish the tenant's next events; whether more are waiting."""

        async def publish(stamped: Sequence[Stamped]) -> None:
            await self._publish([outgoing_of(tenant, each, self._exchange) for each in stamped])

        return await pass_on(self._db, tenant, SINK, publish, epoch=epoch, batch=batch)


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


class PublishWorker(SinkWorker):
    """The broker away stops nothing but this."""

    name = "publish"

    def __init__(self, db: Database, sink: PublishSink, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int) -> None:
        super().__init__(db, leases, clock, kind=PUBLISH, due="publish", lanes=lanes, batch=batch)
        self._sink = sink
        self._is_waiting = False

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        return await self._sink.relay(tenant, epoch=epoch, batch=self._batch)

    async def _judge(self, failed: Sequence[Exception], tried: int) -> None:
        """An outage is waited for, and said once."""
        away = [error for error in failed if isinstance(error, Retry)]
        if away and not self._is_waiting:
            log.warning("Events wait to be published.", operation=self.name, error=str(away[0]))
        if not away and self._is_waiting and tried:
            log.info("Events are published again.", operation=self.name)
        self._is_waiting = bool(away) if tried else self._is_waiting
        await super()._judge([error for error in failed if not isinstance(error, Retry)], tried)
        if away:
            await asyncio.sleep(SWEEP)
