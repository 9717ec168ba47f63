"""The loops over the ledger, and from events to deliveries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from waystate.clock import Clock
from waystate.db.failures import is_outage
from waystate.db.pool import Database
from waystate.errors import Retry
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow
from waystate.tenants.routing import Directory
from waystate.webhooks.intake import share_out_anew
from waystate.webhooks.work import TenantsFailed, WebhookPipeline
from waystate.work.lanes import Fairness
from waystate.work.leases import LEDGER, LeaseKeeper
from waystate.work.loops import Hint, Worker

log = structlog.get_logger()

MAX_FAILURES = 5
"""Tries that a ledger row or a tenant may fail, in our own code and not for the database, before its rows are set aside."""


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
        hint: Hint | None = None,
    ) -> None:
        super().__init__(hint)
        self._db = db
        self._directory = directory
        self._pipeline = pipeline
        self._leases = leases
        self._relay_hint = relay_hint
        self._clock = clock
        self._batch = batch
        self._is_shared_out = False
        self._one_by_one = False
        self._in_hand: list[LedgerRow] = []
        self._taking: Collection[int] = ()
        self._failed: list[LedgerRow] = []
        self._failures = 0
        self._tenant_failures = 0
        self._fairness = Fairness(batch)
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._is_shared_out:
            if looked_at := await share_out_anew(self._db, self._pipeline.lanes):
                log.info("Webhooks that are not done are shared out by the number of lanes.", count=looked_at)
            self._is_shared_out = True
        epochs = self._leases.epochs(LEDGER)
        # What failed stays in hand: taking it again would count as an attempt, and those tell what kills workers.
        # But what was taken under a lease that is gone may be in somebody else's hands by now.
        self._in_hand = self._held(self._in_hand)
        self._failed = self._held(self._failed)
        if sweep:
            await self._retry()
        # Nothing overtakes what waits for its tenant; the other lanes go on.
        waiting = {row.lane for row in self._failed}
        free = {lane: epoch for lane, epoch in epochs.items() if lane not in waiting}
        if free and not self._in_hand:
            await self._take(free)
        if not self._in_hand:
            return False
        while self._in_hand:
            size = 1 if self._one_by_one else self._batch
            await self._work(self._in_hand[:size])
            waiting = {row.lane for row in self._failed}
            self._failed += [row for row in self._in_hand[size:] if row.lane in waiting]
            self._in_hand = [row for row in self._in_hand[size:] if row.lane not in waiting]
        return True

    def _held(self, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
        return [row for row in rows if self._leases.holds(LEDGER, row.lane, row.epoch or 0)]

    async def _retry(self) -> None:
        """Rows whose tenant could not be worked, one after the other, until one fails again or none is left.

        A tenant that fails for `MAX_FAILURES` tries is not waited for: its rows are set aside, with the reason.
        """
        while self._failed:
            row = self._failed[0]
            try:
                tenants = await self._pipeline.work([row])
            except TenantsFailed as failed:
                self._tenant_failures += 1
                if self._tenant_failures < MAX_FAILURES:
                    return
                await self._pipeline.set_aside(row, failed.errors[0])
                tenants = failed.tenants
            else:
                self._tenant_failures = 0
            self._failed = self._failed[1:]
            self._relay_hint.give(*tenants)

    async def _take(self, epochs: Mapping[int, int]) -> None:
        self._taking = list(epochs)
        try:
            async with self._db.work() as conn:
                for lanes in self._fairness.next(epochs):
                    if rows := await ledger_store.take_many(conn, lanes, self._clock(), self._batch):
                        # Whose they are is judged by what is at least as young as they are.
                        await self._directory.refresh(conn)
                        break
            self._fairness.note([row.lane for row in rows], of_all=len(lanes) == len(epochs))
            self._in_hand = [replace(row, epoch=epochs[row.lane]) for row in rows]
        finally:
            self._taking = ()
        self._one_by_one = False

    def _busy(self, kind: str) -> set[int]:
        in_hand = (row.lane for row in (*self._in_hand, *self._failed))
        return {*self._taking, *in_hand} if kind == LEDGER else set()

    async def _work(self, rows: Sequence[LedgerRow]) -> None:
        try:
            tenants = await self._pipeline.work(rows)
        except TenantsFailed as failed:
            self._failed += failed.rows
            tenants = failed.tenants
            for error in dict.fromkeys(failed.errors):
                log.error("A tenant's webhooks failed; they are tried again.", operation=self.name, exc_info=error)
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
