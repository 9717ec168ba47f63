"""What happens because time passes: expiry, unknown sends given up, early statuses paired, partitions made, gauges read."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from waystate.account_events import store as account_event_store
from waystate.audit.verification import log_heads
from waystate.channels.attempts import HELD
from waystate.clock import Clock
from waystate.conversations import store as conversation_store
from waystate.conversations.hand_over import end_leases
from waystate.db import partitions
from waystate.db.pool import Database
from waystate.dead_letters import store as dead_letter_store
from waystate.deliveries.missing import make_missing
from waystate.deliveries.queue import show_queues
from waystate.deliveries.settle import advance_and_settle, give_up_unknown
from waystate.deliveries.withdraw import fail_displaced
from waystate.door import store as idempotency_store
from waystate.door.idempotency import KEPT
from waystate.errors import Reason
from waystate.events import outbox
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.ledger import store as ledger_store
from waystate.media.links import Links
from waystate.media.sweep import MediaSweep
from waystate.messages import store as message_store
from waystate.messages.advance import Advanced
from waystate.messages.receive import expired
from waystate.messages.windows import told_of_ends
from waystate.sends.release import Releases
from waystate.tenants import store as tenant_store
from waystate.tenants.each_tenant import every_tenant
from waystate.tenants.routing import Directory
from waystate.web.metrics import Metrics
from waystate.work import store as work_store
from waystate.work.batch import with_retries
from waystate.work.loops import Hint

log = structlog.get_logger()

TURN = 1.0
"""Seconds between looks at what is due."""
EXPIRY_BATCH = 1000
"""Rows that expire, or windows that are told, in one transaction."""
EARLY_BATCH = 10_000
"""Early statuses that are looked at, or dropped, in one transaction."""
AGES = timedelta(days=36_500)
"""Whatever waits is due by then."""
GAUGES_EVERY = 3
"""Seconds: counting what is open reads an index, and a scrape is seldom more often than that."""


class Timers:
    """Each timer fires once however many processes run it: its row in `timers` decides."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        metrics: Metrics,
        relay_hint: Hint,
        changed: AfterCommit,
        clock: Clock,
        *,
        lanes: int,
        links: Links | None = None,
        sweep: MediaSweep | None = None,
    ) -> None:
        self._db = db
        self._directory = directory
        self._lanes = lanes
        self._links = links
        self._metrics = metrics
        self._relay_hint = relay_hint
        self._changed = changed
        self._clock = clock
        self._releases = Releases(db, directory, relay_hint, changed, clock)
        self._stopping = asyncio.Event()
        self._every: list[tuple[str, timedelta, Callable[[], Awaitable[object]]]] = [
            ("early_statuses", timedelta(seconds=1), self.pair_early),
            ("unknown_sends", timedelta(seconds=5), self.give_up_unknown),
            ("missing_deliveries", timedelta(seconds=30), self.make_missing),
            ("windows", timedelta(seconds=30), self.tell_windows),
            ("planned", timedelta(seconds=1), self.release_planned),
            ("held", timedelta(seconds=30), self.make_held_due),
            ("expiry", timedelta(minutes=5), self.expire),
            ("agent_leases", timedelta(minutes=1), self.end_leases),
            ("partitions", timedelta(hours=1), self.make_partitions),
            ("statistics", timedelta(seconds=5), self.analyze_grown),
            ("suspects", timedelta(hours=1), self.drop_suspects),
            ("audit_heads", timedelta(days=1), lambda: log_heads(db, every_tenant(db))),
            ("idempotency", timedelta(hours=1), self.drop_idempotency_keys),
            ("awaited", timedelta(hours=1), self.drop_awaited),
            ("account_events", timedelta(days=1), self.drop_account_events),
        ]
        if sweep is not None:
            self._every += [("media_of_gone", timedelta(hours=1), sweep.forget_gone), ("media", timedelta(days=1), sweep.sweep)]

    def stop(self) -> None:
        """`run` returns after the timer that is firing."""
        self._stopping.set()

    async def run(self) -> None:
        turn = 0
        while not self._stopping.is_set():
            await self.fire_due()
            if turn % GAUGES_EVERY == 0:
                await self._read_gauges()
            turn += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(TURN):
                    await self._stopping.wait()

    async def fire_due(self) -> list[str]:
        """The names of those that this process fired."""
        fired: list[str] = []
        for name, every, fire in self._every:
            try:
                if await self._is_due(name, every):
                    fired.append(name)
                    await fire()
            except Exception as error:
                log.warning("A timer failed; it runs again at its next turn.", operation=name, error=str(error))
        return fired

    async def expire(self) -> None:
        """Overdue conversations count as expired already; this writes it down."""
        for tenant in await self._due("expiry"):
            while await self._expire_batch(tenant) == EXPIRY_BATCH:
                pass

    async def end_leases(self) -> None:
        """Who did nothing in a conversation for a while, or is nobody here any more, has it no more."""
        async with self._db.work() as conn:
            tenants = await conversation_store.list_tenants_with_agents(conn)
        for tenant in tenants:
            view = await self._directory.find_tenant(tenant)
            if view is None:
                continue
            lease = view.settings.agent_lease
            while await with_retries(partial(self._end_leases_batch, tenant, lease)) == EXPIRY_BATCH:
                pass

    async def tell_windows(self) -> None:
        """A window is closed when its time is over; this tells of it, and an hour before."""
        for tenant in await self._due("window"):
            while await with_retries(partial(self._tell_windows_batch, tenant)) == EXPIRY_BATCH:
                pass

    async def release_planned(self) -> None:
        for tenant in await self._due("planned"):
            try:
                await self._releases.release_due(tenant)
            except Exception as error:
                log.error("A tenant's planned messages could not be released.", operation="planned", exc_info=error)

    async def make_held_due(self) -> None:
        """Of every tenant for which something waits."""
        for tenant in await self._due("planned", self._clock() + AGES):
            await self._releases.make_due(tenant)

    async def give_up_unknown(self) -> None:
        for tenant in await self._due("unsettled"):
            given_up = len((await with_retries(partial(give_up_unknown, tenant, self._db, self._clock))).events)
            if given_up:
                self._metrics.outcome_unknown_total.inc(given_up)
                log.warning("Messages failed as outcome_unknown: no status told whether they were sent.", count=given_up)
            self._relay_hint.give(tenant)

    async def make_missing(self) -> None:
        for tenant in await self._due("check"):
            found = await with_retries(
                partial(make_missing, self._db, self._directory, tenant, lanes=self._lanes, links=self._links)
            )
            self._metrics.missing_deliveries_total.inc(found)

    async def pair_early(self) -> None:
        """A status and the answer with its wamid can cross; whoever committed last did not see the other.

        What waits in vain, since another app sent the message, goes when it is as old as the ledger keeps bodies.
        """
        for tenant in await self._due("early"):
            await with_retries(partial(self._pair, tenant))
        before = self._clock() - timedelta(days=partitions.LEDGER_DAYS)
        for tenant in await self._due("aged", before):
            while await with_retries(partial(self._drop_aged, tenant, before)) == EARLY_BATCH:
                pass

    async def make_partitions(self) -> None:
        async with self._db.owner() as conn:
            made = await partitions.make_ahead(conn, self._clock())
            rows = await partitions.count_in_default(conn)
        self._metrics.default_partition_rows.set(rows)
        if made:
            log.info("Partitions made ahead", partitions=made)
        if rows:
            log.critical("Rows landed in a DEFAULT partition: partitions were not made ahead in time.", rows=rows)

    async def analyze_grown(self) -> None:
        async with self._db.owner() as conn:
            await partitions.analyze_grown(conn)

    async def drop_suspects(self) -> None:
        async with self._db.work() as conn:
            await work_store.drop_suspects(conn, self._clock() - timedelta(days=partitions.LEDGER_DAYS))

    async def drop_idempotency_keys(self) -> None:
        """Those past their time count as gone already; this makes room."""
        async for tenant in every_tenant(self._db):
            while await self._drop_keys(tenant) == EXPIRY_BATCH:
                pass

    async def drop_awaited(self) -> None:
        """Edits, revocations and reactions whose message never came; they wait as long as the ledger keeps bodies."""
        before = self._clock() - timedelta(days=partitions.LEDGER_DAYS)
        async for tenant in every_tenant(self._db):
            while await with_retries(partial(self._drop_awaited_batch, tenant, before)) == EARLY_BATCH:
                pass

    async def drop_account_events(self) -> None:
        """Each tenant says how long its accounts' timelines reach back."""
        async for tenant in every_tenant(self._db):
            view = await self._directory.find_tenant(tenant)
            if view is None:
                continue
            before = self._clock() - view.settings.account_events_ttl
            while await with_retries(partial(self._drop_account_events_batch, tenant, before)) == EXPIRY_BATCH:
                pass

    async def _drop_awaited_batch(self, tenant: TenantId, before: datetime) -> int:
        async with self._db.tenant(tenant) as conn:
            return await message_store.drop_awaited(conn, tenant, before, EARLY_BATCH)

    async def _drop_account_events_batch(self, tenant: TenantId, before: datetime) -> int:
        async with self._db.tenant(tenant) as conn:
            return await account_event_store.drop_old(conn, tenant, before, EXPIRY_BATCH)

    async def _drop_keys(self, tenant: TenantId) -> int:
        async with self._db.tenant(tenant) as conn:
            return await idempotency_store.drop_old(conn, tenant, self._clock() - KEPT, EXPIRY_BATCH)

    async def _expire_batch(self, tenant: TenantId) -> int:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            ended = await conversation_store.expire_due(conn, tenant, now, EXPIRY_BATCH)
            events = expired(ended, now)
            await outbox.append_many(conn, tenant, events)
        self._changed(tenant, events)
        self._relay_hint.give(tenant)
        return len(ended)

    async def _end_leases_batch(self, tenant: TenantId, lease: timedelta) -> int:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            events, ended = await end_leases(conn, tenant, lease, fail_displaced, now, EXPIRY_BATCH)
            await outbox.append_many(conn, tenant, events)
        self._changed(tenant, events)
        self._relay_hint.give(tenant)
        return ended

    async def _tell_windows_batch(self, tenant: TenantId) -> int:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            ending, settled = await conversation_store.tell_windows(conn, tenant, now, EXPIRY_BATCH)
            await outbox.append_many(conn, tenant, told_of_ends(ending, now))
        return settled

    async def _pair(self, tenant: TenantId) -> None:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            reports = await message_store.take_watched(conn, tenant, EARLY_BATCH)
            advanced = await advance_and_settle(conn, tenant, reports, now) if reports else Advanced()
            await outbox.append_many(conn, tenant, advanced.events)
        if reports:
            self._relay_hint.give(tenant)

    async def _drop_aged(self, tenant: TenantId, before: datetime) -> int:
        async with self._db.tenant(tenant) as conn:
            return await message_store.drop_aged_early(conn, tenant, before, EARLY_BATCH)

    async def _is_due(self, name: str, every: timedelta) -> bool:
        async with self._db.work() as conn:
            return await work_store.tick(conn, name, now=self._clock(), every=every)

    async def _due(self, kind: str, moment: datetime | None = None) -> list[TenantId]:
        """At the `moment`, which is now where it is None."""
        async with self._db.work() as conn:
            return [due.tenant for due in await work_store.due_work(conn, kind, moment or self._clock())]

    async def _read_gauges(self) -> None:
        try:
            now = self._clock()
            async with self._db.work() as conn:
                pending = await ledger_store.count_pending(conn, now)
                deliveries = await work_store.due_work(conn, "deliveries", now)
                conversations = await work_store.due_work(conn, "open", now)
                letters = await dead_letter_store.count_by_reason(conn)
                held = await tenant_store.count_held(conn)
            await show_queues(self._db, self._directory, self._metrics, now)
        except Exception as error:
            log.warning("The gauges could not be read.", error=str(error))
            return
        for reason in Reason:
            self._metrics.open_dead_letters.labels(reason).set(letters.get(reason, 0))
        for kind in HELD:
            self._metrics.numbers_held.labels(kind).set(held.get(kind, 0))
        self._metrics.ledger_pending.set(pending)
        self._metrics.open_conversations.set(sum(each.items for each in conversations))
        self._metrics.deliveries_pending.set(sum(due.items for due in deliveries))
        oldest = min((due.oldest for due in deliveries), default=now)
        self._metrics.oldest_undelivered_seconds.set(max(0.0, (now - oldest).total_seconds()))
