"""Sinks of events: loops that take a tenant's new events on, side by side with other tenants' and each in its order."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import structlog

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import Event
from waystate.events.outbox import EventWindow, Stamped
from waystate.ids import TenantId
from waystate.work import store as work_store
from waystate.work.batch import with_retries
from waystate.work.lanes import lane_of
from waystate.work.leases import RELAY, LeaseKeeper
from waystate.work.loops import Hint, Worker

log = structlog.get_logger()


class Sink(Protocol):
    """What it writes, it writes on this connection: cursor and effect commit together, so none can lag or skip."""

    @property
    def name(self) -> str:
        """Of its cursor."""

    @property
    def types(self) -> Collection[str] | None:
        """Of the events it wants; None for all."""

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> Sequence[Event]:
        """Returns events of its own, to be appended last."""


async def relay(db: Database, tenant: TenantId, sink: Sink, *, epoch: int, batch: int) -> EventWindow:
    """Hand the sink its next events of a tenant, `batch` at most."""
    async with db.tenant(tenant) as conn:
        window = await outbox.read_after(conn, tenant, sink.name, epoch=epoch, batch=batch, types=sink.types)
        if window.position is not None:
            follows = await sink(conn, tenant, window.stamped) if window.stamped else []
            await outbox.move_cursor(conn, tenant, sink.name, window.position, epoch=epoch)
            await outbox.append_many(conn, tenant, follows)
    return window


class SinkWorker(Worker):
    """Takes new events to a sink: of the tenants whose lanes this process holds, side by side and each in its order.

    `due` is the kind of due work that names the tenants which the sink is behind.
    """

    def __init__(
        self,
        db: Database,
        leases: LeaseKeeper,
        clock: Clock,
        *,
        kind: str,
        due: str,
        lanes: int,
        batch: int,
        hint: Hint | None = None,
    ) -> None:
        super().__init__(hint)
        self._db = db
        self._leases = leases
        self._clock = clock
        self._kind = kind
        self._due_kind = due
        self._lanes = lanes
        self._batch = batch
        self._in_hand: set[int] = set()
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._leases.lanes(self._kind):
            return False
        tenants = hinted | (await self._due() if sweep else set())
        # Another process's tenants are left to it: it sweeps, and is hinted at, as this one is.
        ours = {tenant: epoch for tenant in tenants if (epoch := self._leases.find_epoch(self._kind, tenant)) is not None}
        self._in_hand = {lane_of(tenant, self._lanes) for tenant in ours}
        try:
            results = await asyncio.gather(
                *(self._relay(tenant, epoch) for tenant, epoch in ours.items()), return_exceptions=True
            )
        finally:
            self._in_hand = set()
        for tenant, result in zip(ours, results, strict=True):
            if result is True:
                self.hint.give(tenant)
        await self._judge([result for result in results if isinstance(result, Exception)], len(results))
        return False

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        """Take the tenant's next events to the sink; whether more are waiting."""
        raise NotImplementedError

    async def _judge(self, failed: Sequence[Exception], _: int) -> None:
        """The others went on; a tenant whose events failed is found again by the next sweep."""
        for error in failed:
            log.error("A tenant's events could not be passed on.", operation=self.name, exc_info=error)

    def _busy(self, kind: str) -> set[int]:
        return self._in_hand if kind == self._kind else set()

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return {due.tenant for due in await work_store.due_work(conn, self._due_kind, self._clock())}


class IndexWorker(SinkWorker):
    """Keeps an index by a sink: it is filled before the sink begins, and takes in besides what no event tells of."""

    def __init__(self, db: Database, leases: LeaseKeeper, clock: Clock, sink: Sink, *, lanes: int, batch: int) -> None:
        super().__init__(db, leases, clock, kind=RELAY, due=sink.name, lanes=lanes, batch=batch)
        self._sink = sink
        self._begun: set[TenantId] = set()

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        if tenant not in self._begun:
            await self._begin(tenant)
            self._begun.add(tenant)
        window = await with_retries(lambda: relay(self._db, tenant, self._sink, epoch=epoch, batch=self._batch))
        return await with_retries(lambda: self._take_wanted(tenant)) or window.is_full

    async def _begin(self, tenant: TenantId) -> None:
        """Fills the tenant's index, where its sink has not begun."""
        raise NotImplementedError

    async def _take_wanted(self, tenant: TenantId) -> bool:
        """Takes in what was asked for; whether more is."""
        raise NotImplementedError


async def pass_on(
    db: Database,
    tenant: TenantId,
    sink: str,
    act: Callable[[Sequence[Stamped]], Awaitable[None]],
    *,
    epoch: int,
    batch: int,
    types: Collection[str] | None = None,
) -> bool:
    """For a sink outside the database: act on the tenant's next events with no transaction open, then move its cursor.

    Whether more are waiting. A death in between acts on the same events again; an error of `act` leaves the cursor.
    """

    async def read() -> outbox.EventWindow:
        async with db.tenant(tenant) as conn:
            return await outbox.read_after(conn, tenant, sink, epoch=epoch, batch=batch, types=types)

    window = await with_retries(read)
    position = window.position
    if position is None:
        return False
    await act(window.stamped)

    async def move() -> None:
        async with db.tenant(tenant) as conn:
            await outbox.move_cursor(conn, tenant, sink, position, epoch=epoch)

    await with_retries(move)
    return window.is_full
