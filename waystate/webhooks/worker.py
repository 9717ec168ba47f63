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
from waystate.webhooks.intake import deal_out
from waystate.webhooks.outcomes import Worked
from waystate.webhooks.tries import MAX_FAILURES, Tries
from waystate.webhooks.work import TenantsFailed, WebhookPipeline
from waystate.work.lanes import Fairness
from waystate.work.leases import LEDGER, LeaseKeeper, share_out_anew
from waystate.work.loops import Hint, Worker

log = structlog.get_logger()


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
        self._tries = Tries(clock)
        self._fairness = Fairness(batch)
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        if not self._is_shared_out:
            if looked_at := await share_out_anew(self._db, LEDGER, self._pipeline.lanes, deal_out):
                log.info("Webhooks that are not done are shared out by the number of lanes.", count=looked_at)
            self._is_shared_out = True
        epochs = self._leases.epochs(LEDGER)
        # What failed stays in hand: taking it again would count as an attempt, and those tell what kills workers.
        # But what was taken under a lease that is gone may be in somebody else's hands by now.
        self._in_hand = self._held(self._in_hand)
        self._failed = self._held(self._failed)
        if sweep:
            self._tries.begin_round()
            # Behind what is in hand: an error that keeps being raised there is counted without a break.
            self._in_hand, self._failed = [*self._in_hand, *self._failed], []
            await self._work_in_hand()
        # Nothing overtakes what waits for its tenant; the other lanes go on.
        waiting = {row.lane for row in self._failed}
        free = {lane: epoch for lane, epoch in epochs.items() if lane not in waiting}
        if free and not self._in_hand:
            await self._take(free)
        if not self._in_hand:
            return False
        await self._work_in_hand()
        return True

    async def _work_in_hand(self) -> None:
        """All of it: each row is done, set aside, or waits for its tenant with all that is behind it in its lane."""
        while self._in_hand:
            size = 1 if self._one_by_one else self._batch
            await self._work(self._in_hand[:size])
            waiting = {row.lane for row in self._failed}
            self._failed += [row for row in self._in_hand[size:] if row.lane in waiting]
            self._in_hand = [row for row in self._in_hand[size:] if row.lane not in waiting]
        await self._uncount()

    async def _uncount(self) -> None:
        """No process died on what waits for its tenant, however many end while it does."""
        if counted := [row for row in self._failed if row.is_counted]:
            async with self._db.work() as conn:
                await ledger_store.uncount_many(conn, counted)
            self._failed = [replace(row, is_counted=False) for row in self._failed]

    def _held(self, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
        return [row for row in rows if self._leases.holds(LEDGER, row.lane, row.epoch or 0)]

    async def _wait_or_set_aside(self, failed: TenantsFailed) -> list[LedgerRow]:
        """The rows that are tried again.

        A tenant that fails for `MAX_FAILURES` rounds is not waited for: its rows are set aside, with the reason. So is a row
        that fails for so many, whatever else of its tenant is worked.
        """
        news = self._tries.count(failed.broken | {worked.row.id for worked in failed.waiting})
        errors = {tenant: error for worked in failed.waiting for tenant, error in worked.failures.items()}
        for tenant in errors.keys() & news:
            what = "A tenant's webhooks failed; they are tried again."
            log.error(what, operation=self.name, tenant=tenant, exc_info=errors[tenant])
        spent = [worked for worked in failed.waiting if self._is_spent(worked)]
        left = await self._pipeline.set_aside_waiting(spent, failed.revision) if spent else []
        if spent:
            log.error("Webhooks whose tenant keeps failing are set aside.", operation=self.name, count=len(spent) - len(left))
        gone = {worked.row.id for worked in spent} - {worked.row.id for worked in left}
        return [worked.row for worked in failed.waiting if worked.row.id not in gone]

    def _is_spent(self, worked: Worked) -> bool:
        return self._tries.is_spent(worked.row.id) or all(map(self._tries.is_spent, worked.failures))

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
            self._failed += await self._wait_or_set_aside(failed)
            tenants = failed.tenants
            self._tries.forget(tenants - failed.broken)
        except Exception as error:
            if isinstance(error, Retry) or is_outage(error):
                raise
            self._one_by_one = True
            self._failures += 1
            if len(rows) > 1 or self._failures < MAX_FAILURES:
                raise
            await self._pipeline.set_aside(rows[0], error)
            tenants = set()
        else:
            self._tries.forget(tenants)
        self._failures = 0
        self._relay_hint.give(*tenants)
