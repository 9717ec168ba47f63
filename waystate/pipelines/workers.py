"""The loops that keep work moving: each waits for a hint, sweeps once a second without one, and outlives every outage."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from waystate.clock import Clock
from waystate.db.failures import is_outage, is_transient
from waystate.db.pool import Database
from waystate.errors import Retry
from waystate.events.relay import relay
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow
from waystate.pipelines.batch import with_retries
from waystate.pipelines.lanes import LEDGER, RELAY, LeaseKeeper
from waystate.pipelines.relay import DeliverySink
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

    def give(self, *tenants: TenantId) -> None:
        self._tenants.update(tenants)
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

    async def run(self) -> None:
        more = True
        swept_at = -SWEEP
        while True:
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
        self, db: Database, pipeline: WebhookPipeline, leases: LeaseKeeper, relay_hint: Hint, clock: Clock, *, batch: int
    ) -> None:
        super().__init__()
        self._db = db
        self._pipeline = pipeline
        self._leases = leases
        self._relay_hint = relay_hint
        self._clock = clock
        self._batch = batch
        self._one_by_one = False
        self._in_hand: list[LedgerRow] = []
        self._failures = 0
        leases.on_takeover(self._taken_over)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        lanes = self._leases.lanes(LEDGER)
        if not lanes:
            return False
        if not self._in_hand:
            await self._take(lanes)
        # What failed stays in hand: taking it again would count as an attempt, and those tell what kills workers.
        while self._in_hand:
            size = 1 if self._one_by_one else self._batch
            batch, rest = self._in_hand[:size], self._in_hand[size:]
            await self._work(batch)
            self._in_hand = rest
            if not rest:
                return True
        return False

    async def _take(self, lanes: Sequence[int]) -> None:
        async with self._db.work() as conn:
            self._in_hand = await ledger_store.take_many(conn, lanes, self._clock(), self._batch)
        self._one_by_one = False

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

    async def _taken_over(self, kind: str, lanes: Sequence[int]) -> None:
        """The rows in hand may be somebody else's by now: they are taken anew."""
        if kind == LEDGER:
            self._in_hand = []


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

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._leases.lanes(RELAY):
            return False
        tenants = hinted | (await self._due() if sweep else set())
        results = await asyncio.gather(*(self._relay(tenant) for tenant in tenants), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                # The others went on; this tenant's events are found again by the next sweep.
                log.error("A tenant's events could not be relayed.", operation=self.name, exc_info=result)
        return False

    async def _relay(self, tenant: TenantId) -> None:
        view = await self._directory.get_tenant(tenant)
        sink = DeliverySink(view, self._lanes)
        epoch = self._leases.epoch(RELAY)
        stamped = await with_retries(lambda: relay(self._db, tenant, [sink], epoch=epoch, batch=self._batch))
        if sink.made:
            self._delivery_hint.give(tenant)
        if len(stamped) == self._batch:
            self.hint.give(tenant)

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return {due.tenant for due in await ledger_store.due_work(conn, "relay", self._clock())}
