"""The loops that keep work moving: each waits for a hint, sweeps once a second without one, and outlives every outage."""

import asyncio
from collections.abc import Sequence

import structlog

from waystate.clock import Clock
from waystate.db.failures import is_outage, is_transient
from waystate.db.pool import Database
from waystate.errors import Retry
from waystate.events.relay import relay
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.pipelines.batch import with_retries
from waystate.pipelines.lanes import LEDGER, RELAY, LeaseKeeper
from waystate.pipelines.relay import DeliverySink
from waystate.pipelines.webhooks import WebhookPipeline
from waystate.tenants.routing import Directory

log = structlog.get_logger()

SWEEP = 1.0
"""Seconds between looks without a hint: the net under lost hints."""


class Hint:
    """Wakes a loop before its next sweep. Hints may be lost or doubled; only the database says what is due."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._tenants: set[TenantId] = set()

    def give(self, *tenants: TenantId) -> None:
        self._tenants.update(tenants)
        self._event.set()

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

    async def run(self) -> None:
        more = True
        while True:
            hinted = set() if more else await self.hint.wait(SWEEP)
            try:
                more = await self.step(hinted)
            except Exception as error:
                more = False
                await self._rest(error)

    async def step(self, hinted: set[TenantId]) -> bool:
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
        self, db: Database, pipeline: WebhookPipeline, leases: LeaseKeeper, relay_hint: Hint, clock: Clock, *, batch: int
    ) -> None:
        super().__init__()
        self._db = db
        self._pipeline = pipeline
        self._leases = leases
        self._relay_hint = relay_hint
        self._clock = clock
        self._batch = batch
        self._suspects = 0
        leases.on_takeover(self._taken_over)

    async def step(self, hinted: set[TenantId]) -> bool:
        lanes = self._leases.lanes(LEDGER)
        if not lanes:
            return False
        # After a take-over what was under way is worked one row at a time, so that a row that kills its worker is alone.
        batch = 1 if self._suspects else self._batch
        async with self._db.work() as conn:
            rows = await ledger_store.take_many(conn, lanes, self._clock(), batch)
        if not rows:
            self._suspects = 0
            return False
        if self._suspects and rows[0].attempts == 1:
            self._suspects = 0
        tenants = await self._pipeline.work(rows)
        self._relay_hint.give(*tenants)
        return len(rows) == batch

    async def _taken_over(self, kind: str, lanes: Sequence[int]) -> None:
        if kind == LEDGER and lanes:
            self._suspects = 1


class RelayWorker(Worker):
    """Stamps new events and makes deliveries of them, tenant by tenant."""

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
        super().__init__()
        self._db = db
        self._directory = directory
        self._leases = leases
        self._delivery_hint = delivery_hint
        self._clock = clock
        self._lanes = lanes
        self._batch = batch

    async def step(self, hinted: set[TenantId]) -> bool:
        if not self._leases.lanes(RELAY):
            return False
        tenants = hinted or await self._due()
        full = await asyncio.gather(*(self._relay(tenant) for tenant in tenants))
        return any(full)

    async def _relay(self, tenant: TenantId) -> bool:
        view = await self._directory.get_tenant(tenant)
        sink = DeliverySink(view, self._lanes)
        epoch = self._leases.epoch(RELAY)
        stamped = await with_retries(lambda: relay(self._db, tenant, [sink], epoch=epoch, batch=self._batch))
        if stamped:
            self._delivery_hint.give(tenant)
        if len(stamped) == self._batch:
            self.hint.give(tenant)
        return False

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return {due.tenant for due in await ledger_store.due_work(conn, "relay", self._clock())}
