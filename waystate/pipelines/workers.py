"""The loops that keep work moving: each waits for a hint, sweeps once a second without one, and outlives every outage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from waystate.clock import Clock
from waystate.db.failures import is_outage, is_transient
from waystate.db.pool import Database
from waystate.errors import Retry
from waystate.events import outbox
from waystate.events.outbox import Stamped
from waystate.events.relay import relay
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow, lane_of
from waystate.pipelines.batch import with_retries
from waystate.pipelines.lanes import LEDGER, RELAY, LeaseKeeper
from waystate.pipelines.relay import DeliverySink
from waystate.pipelines.turns import Turns
from waystate.pipelines.webhooks import WebhookPipeline
from waystate.tenants.routing import Directory

log = structlog.get_logger()

SWEEP = 1.0
"""Seconds between looks without a hint: the net under lost hints."""
LATER = 0.2
"""Seconds by which subscribers hear later of what was only recorded over HTTP; nothing is delivered because of it."""
MAX_FAILURES = 5
"""Steps that a single ledger row may fail, in our own code and not for the database, before it is set aside."""


class Hint:
    """Wakes a loop before its next sweep. Hints may be lost or doubled; only the database says what is due."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._tenants: set[TenantId] = set()
        self._later: set[TenantId] = set()
        self._others: list[Hint] = []

    def also(self, other: "Hint") -> None:
        """What this one hears, another loop of the same process is to hear too."""
        self._others.append(other)

    def give(self, *tenants: TenantId) -> None:
        self._tenants.update(tenants)
        self.wake()
        for other in self._others:
            other.give(*tenants)

    def wake(self) -> None:
        """This process's loop alone, for no tenant in particular."""
        self._event.set()

    def give_later(self, tenant: TenantId) -> None:
        """For what nobody waits for: many batches' worth is then found at once, which costs a fraction of one by one."""
        if tenant not in self._later:
            self._later.add(tenant)
            asyncio.get_running_loop().call_later(LATER, self._give_now, tenant)

    def _give_now(self, tenant: TenantId) -> None:
        self._later.discard(tenant)
        self.give(tenant)

    async def wait(self, seconds: float) -> set[TenantId]:
        """The tenants hinted at; none after `seconds` without a hint."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        tenants, self._tenants = self._tenants, set()
        return tenants


class Worker:
    """A loop around `step`, which returns whether more may be waiting."""

    name = "worker"

    def __init__(self) -> None:
        self.hint = Hint()
        self._stopping = False

    def stop(self) -> None:
        """`run` returns once the step under way is done."""
        self._stopping = True
        self.hint.wake()

    async def run(self) -> None:
        more = True
        swept_at = -SWEEP
        while not self._stopping:
            hinted = set() if more else await self.hint.wait(SWEEP)
            # Hints for one tenant must not keep the others from ever being swept.
            sweep = time.monotonic() - swept_at >= SWEEP
            if sweep:
                swept_at = time.monotonic()
            try:
                more = await self.step(hinted, sweep=sweep)
            except Exception as error:
                more = False
                await self._rest(error)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        raise NotImplementedError

    async def _rest(self, error: Exception) -> None:
        if isinstance(error, Retry) or is_outage(error) or is_transient(error):
            log.warning("The database does not answer; work waits for it.", operation=self.name, error=str(error))
        else:
            log.error("A worker step failed; it is tried again.", operation=self.name, exc_info=error)
        await asyncio.sleep(SWEEP)


class LedgerWorker(Worker):
    """Takes ledger rows of its lanes in order and runs them through the pipelines."""

    name = "ledger"

    def __init__(
        self,
        db: Database,
        directory: Directory,
        pipeline: WebhookPipeline,
        leases: LeaseKeeper,
        relay_hint: Hint,
        clock: Clock,
        *,
        batch: int,
    ) -> None:
        super().__init__()
        self._db = db
        self._directory = directory
        self._pipeline = pipeline
        self._leases = leases
        self._relay_hint = relay_hint
        self._clock = clock
        self._batch = batch
        self._one_by_one = False
        self._in_hand: list[LedgerRow] = []
        self._taking: Collection[int] = ()
        self._failures = 0
        self._turns = Turns(batch)
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        epochs = self._leases.epochs(LEDGER)
        # What failed stays in hand: taking it again would count as an attempt, and those tell what kills workers.
        # But what was taken under a lease that is gone may be in somebody else's hands by now.
        self._in_hand = [row for row in self._in_hand if self._leases.holds(LEDGER, row.lane, row.epoch or 0)]
        if epochs and not self._in_hand:
            await self._take(epochs)
        if not self._in_hand:
            return False
        while self._in_hand:
            size = 1 if self._one_by_one else self._batch
            await self._work(self._in_hand[:size])
            self._in_hand = self._in_hand[size:]
        return True

    async def _take(self, epochs: Mapping[int, int]) -> None:
        self._taking = list(epochs)
        try:
            async with self._db.work() as conn:
                for lanes in self._turns.next(epochs):
                    if rows := await ledger_store.take_many(conn, lanes, self._clock(), self._batch):
                        # Whose they are is judged by what is at least as young as they are.
                        await self._directory.refresh(conn)
                        break
            self._turns.note([row.lane for row in rows], of_all=len(lanes) == len(epochs))
            self._in_hand = [replace(row, epoch=epochs[row.lane]) for row in rows]
        finally:
            self._taking = ()
        self._one_by_one = False

    def _busy(self, kind: str) -> set[int]:
        return {*self._taking, *(row.lane for row in self._in_hand)} if kind == LEDGER else set()

    async def _work(self, rows: Sequence[LedgerRow]) -> None:
        try:
            tenants = await self._pipeline.work(rows)
        except Exception as error:
            if isinstance(error, Retry) or is_outage(error):
                raise
            self._one_by_one = True
            self._failures += 1
            if len(rows) > 1 or self._failures < MAX_FAILURES:
                raise
            await self._pipeline.set_aside(rows[0], error)
            tenants = set()
        self._failures = 0
        self._relay_hint.give(*tenants)


class SinkWorker(Worker):
    """Takes new events to a sink: of the tenants whose lanes this process holds, side by side and each in its order.

    `due` is the kind of due work that names the tenants which the sink is behind.
    """

    def __init__(self, db: Database, leases: LeaseKeeper, clock: Clock, *, kind: str, due: str, lanes: int, batch: int) -> None:
        super().__init__()
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
            return {due.tenant for due in await ledger_store.due_work(conn, self._due_kind, self._clock())}


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

    async def read() -> outbox.Window:
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


class RelayWorker(SinkWorker):
    """Makes deliveries of new events."""

    name = "relay"

    def __init__(
        self,
        db: Database,
        directory: Directory,
        leases: LeaseKeeper,
        delivery_hint: Hint,
        clock: Clock,
        *,
        lanes: int,
        batch: int,
    ) -> None:
        super().__init__(db, leases, clock, kind=RELAY, due="relay", lanes=lanes, batch=batch)
        self._directory = directory
        self._delivery_hint = delivery_hint

    async def _relay(self, tenant: TenantId, epoch: int) -> bool:
        if await self._directory.find_tenant(tenant) is None:
            return False  # it is being deleted
        sink = DeliverySink(self._directory, self._lanes)
        window = await with_retries(lambda: relay(self._db, tenant, sink, epoch=epoch, batch=self._batch))
        if sink.made:
            self._delivery_hint.give(tenant)
        return window.is_full
