"""Couriers: one a tenant carries what is due to the platforms, in order per customer."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import Reach
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.deliveries import addresses
from waystate.deliveries.clients import ClientPaces
from waystate.deliveries.files import SortedOut, sort_out
from waystate.deliveries.held_numbers import is_sent_message, release_numbers
from waystate.deliveries.lanes import deal_out_all
from waystate.deliveries.model import TO_WHATSAPP, Claimed, Target
from waystate.deliveries.rate import LONGEST_REST, Pace, TokenBucket
from waystate.deliveries.retry import HELD_PAUSE, is_held, is_throttled, limit_of
from waystate.deliveries.send import Platforms, send
from waystate.deliveries.settle import Result, Settlement, recover, settle_many
from waystate.deliveries.uploads import Uploads
from waystate.events import outbox
from waystate.events.outbox import AfterCommit
from waystate.ids import TenantId
from waystate.media.objects import ObjectStore
from waystate.messages import advance
from waystate.messages import store as message_store
from waystate.tenants import store as tenant_store
from waystate.tenants.model import TenantStatus, WhatsAppAccount
from waystate.tenants.routing import Directory, TenantView
from waystate.web.metrics import Metrics
from waystate.work import store as work_store
from waystate.work.batch import with_retries
from waystate.work.leases import DELIVERIES, LeaseKeeper, share_out_anew
from waystate.work.loops import SWEEP, Hint, Worker

log = structlog.get_logger()

LEAST_WAIT = 0.05
"""Seconds: what a rate lets through meanwhile is claimed at once."""
LOOKS = 8
"""Claims in a row that find nothing but messages whose files are on their way."""
ORPHANS_EVERY = timedelta(seconds=5)
"""How long an attempt that nobody has in hand may hold up its customer's queue."""
HELD: dict[str, str] = {
    FailureKind.AUTH: "its credentials are refused, or its host is not allowed: `waystate tenant check` says which",
    FailureKind.ACCOUNT: "its number is unknown, not registered, not approved or blocked: see WhatsApp Manager",
    FailureKind.BILLING: "the platform wants a payment, or its terms of payment accepted: see Meta's Business Manager",
}
"""Why an account's queue is held, and what to do, by the kind of the refusal."""
LEASE_LOST = {"code": "lease_lost", "title": "Not sent: the process slept through its lease."}
_HOPS = {Target.GENESYS: "tracked_to_genesys", Target.WHATSAPP: "queued_to_sent"}


class DeliveryWorker(Worker):
    """One courier a tenant that has something due; couriers of different tenants run side by side."""

    name = "deliveries"

    def __init__(
        self,
        db: Database,
        directory: Directory,
        platforms: Platforms,
        leases: LeaseKeeper,
        metrics: Metrics,
        changed: AfterCommit,
        clock: Clock,
        *,
        objects: ObjectStore,
        concurrency: int,
        hold: timedelta,
        outage_after: int = 3,
        hint: Hint | None = None,
        relay_hint: Hint | None = None,
    ) -> None:
        super().__init__(hint)
        self.db = db
        self.directory = directory
        self.platforms = platforms
        self.leases = leases
        self.relay_hint = relay_hint or Hint()
        self.metrics = metrics
        self.changed = changed
        self.clock = clock
        self.objects = objects
        self.concurrency = concurrency
        self.hold = hold
        self.outage_after = outage_after
        self._is_shared_out = False
        self._couriers: dict[TenantId, Courier] = {}
        self.clients = ClientPaces()
        self._orphans_at = clock() + ORPHANS_EVERY
        leases.on_takeover(self._taken_over)
        leases.ask_before_release(self._busy)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        lanes = self.leases.lanes(DELIVERIES)
        if not lanes:
            return False
        if not self._is_shared_out:
            deal_out = partial(deal_out_all, self.directory)
            if moved := await share_out_anew(self.db, DELIVERIES, self.leases.number_of_lanes, deal_out):
                log.info("Deliveries that are not done are shared out by the number of lanes.", count=moved)
            self._is_shared_out = True
        if self.clock() >= self._orphans_at:
            self._orphans_at = self.clock() + ORPHANS_EVERY
            await self._recover(lanes, begun_by=self.clock() - ORPHANS_EVERY)
        for tenant in hinted | (await self._due("deliveries") if sweep else set()):
            courier = self._couriers.get(tenant)
            if courier is None:
                view = await self.directory.find_tenant(tenant)
                if view is None:
                    continue  # it is being deleted
                courier = self._couriers[tenant] = Courier(self, tenant, view)
            courier.go()
        return False

    def count_under_way(self, pace: Pace) -> int:
        """Calls by all couriers through an OAuth client, which several tenants may use."""
        return sum(courier.count_under_way(pace) for courier in self._couriers.values())

    async def close(self) -> None:
        """Let calls that are under way finish; nothing new is begun once the leases are released."""
        await asyncio.gather(*(courier.stop() for courier in self._couriers.values()), return_exceptions=True)

    async def _due(self, kind: str) -> set[TenantId]:
        async with self.db.work() as conn:
            return {due.tenant for due in await work_store.due_work(conn, kind, self.clock())}

    async def _taken_over(self, kind: str, lanes: Sequence[int]) -> None:
        if kind == DELIVERIES:
            await self._recover(lanes, begun_by=self.clock())

    def _busy(self, kind: str) -> set[int]:
        if kind != DELIVERIES:
            return set()
        return {lane for courier in self._couriers.values() for lane in courier.lanes_in_hand()}

    async def _recover(self, lanes: Sequence[int], *, begun_by: datetime) -> None:
        """Attempts on our lanes that nobody has in hand: their process ended, was overtaken, or never heard of its COMMIT."""
        for tenant in await self._due("unsettled"):
            view = await self.directory.find_tenant(tenant)
            courier = self._couriers.get(tenant)
            if view is None or (courier is not None and courier.is_claiming):
                continue  # what it is about to have in hand is not known yet; the next look finds the rest
            unknown = await recover(
                tenant,
                view.settings,
                lanes,
                self.db,
                self.clock,
                hold=self.hold,
                in_hand=[] if courier is None else courier.events_in_hand(),
                begun_by=begun_by,
            )
            if unknown:
                log.warning("Sends under way when their process ended are unknown until a status tells.", count=unknown)


class Courier:
    """Sends one tenant's deliveries: claims what is due, keeps a bounded number under way, writes answers down in batches.

    It remembers of each account how much may leave, and what its platform answered (`Pace`).
    """

    def __init__(self, worker: DeliveryWorker, tenant: TenantId, view: TenantView) -> None:
        self._worker = worker
        self._tenant = tenant
        self._view = view
        self._paces: dict[str, Pace] = {}
        self._payers: dict[str, str] = {}
        """Integration → the OAuth client whose budget its requests are of; a number is its own."""
        self._short: list[Pace] = []
        """OAuth clients of which the last claim had no room: another courier may have reserved it only to look."""
        self._widen_at = worker.clock()
        self._wake = asyncio.Event()
        self._stopping = False
        self._claiming: Collection[int] = ()
        self._in_hand: dict[tuple[UUID, Target], tuple[Claimed, datetime]] = {}
        """With the time of its claim."""
        self._run: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._probes: dict[UUID, str] = {}
        """Messages that were accepted while a status was to show that their number is not held any more, with the number."""
        self.uploads = Uploads(
            worker.db,
            tenant,
            worker.platforms.graph,
            worker.objects,
            worker.clock,
            told=self._heard_of_upload,
            wake=self.go,
        )

    @property
    def is_claiming(self) -> bool:
        return bool(self._claiming)

    def lanes_in_hand(self) -> set[int]:
        return {*self._claiming, *(claimed.lane for claimed, _ in self._in_hand.values())}

    def count_under_way(self, pace: Pace) -> int:
        return sum(self._paces.get(claimed.account) is pace for claimed, _ in self._in_hand.values())

    def events_in_hand(self) -> list[UUID]:
        return [event_id for event_id, _ in self._in_hand]

    def go(self) -> None:
        """There may be something due."""
        self._wake.set()
        if self._stopping:
            return
        if self._run is None or self._run.done():
            self._run = asyncio.create_task(self._carry())

    async def stop(self) -> None:
        """Wait for the calls under way; begin no more."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake.set()
        if self._run is not None:
            await self._run
        await self.uploads.close()

    async def _carry(self) -> None:
        """Until nothing is due. Whatever fails in between, what is under way is waited for and written down."""
        under_way: set[asyncio.Task[Result]] = set()
        while True:
            self._wake.clear()
            if not self._stopping:
                begun = self._worker.clock()
                for claimed in await self.claim(len(under_way)):
                    self._in_hand[claimed.event_id, claimed.target] = claimed, begun
                    under_way.add(asyncio.create_task(self.attempt(claimed, self._view)))
            if not under_way:
                if self._wake.is_set() and not self._stopping:
                    continue
                return
            woken = asyncio.create_task(self._wake.wait())
            await asyncio.wait({*under_way, woken}, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            finished = [task for task in under_way if task.done()]
            under_way.difference_update(finished)
            if finished:
                await self._settle([task.result() for task in finished])

    async def claim(self, under_way: int) -> list[Claimed]:
        """By the accounts and tokens of the same moment: what is remembered might lack the account."""
        epochs = self._worker.leases.epochs(DELIVERIES)
        free = self._worker.concurrency - under_way
        if free <= 0 or not epochs:
            return []
        now = self._worker.clock()
        is_due = now >= self._widen_at
        if is_due:
            self._widen_at = now + timedelta(seconds=SWEEP)

        async def claim() -> SortedOut:
            async with self._worker.db.tenant(self._tenant) as conn:
                view = await self._worker.directory.find_tenant_in(conn, self._tenant)
                # A suspended tenant's wait, in their order; the sweep asks again every second.
                if view is None or view.tenant.status is not TenantStatus.ACTIVE:
                    return SortedOut()
                self._view = view
                self._look_at_accounts(view, now)
                paused = [account for account, pace in self._paces.items() if pace.rests(now)]
                rooms, reserved = self._rooms(now), self._reserve(now)
                claim = partial(
                    addresses.claim,
                    conn,
                    self._tenant,
                    epochs=epochs,
                    paused_accounts=paused,
                    holder=self._worker.leases.holder,
                    now=now,
                    batch=free,
                    rooms=rooms | {payer: room for payer, (_, room) in reserved.items()},
                    payers=self._payers,
                    passed=self._passed(now),
                    widen=is_due,
                    is_idle=under_way == 0,
                )
                found = SortedOut()
                try:
                    found = await self._without_waiting(conn, claim, now)
                finally:
                    self._give_back(reserved, found.ready)
                return found

        self._claiming = list(epochs)
        try:
            if is_due:
                await with_retries(lambda: self._look_at_holds(now))
            found = await with_retries(claim)
            self.uploads.begin(found.uploads, self._view.accounts)
            return found.ready
        except Exception as error:
            log.warning("Nothing could be claimed; the next sweep tries again.", operation="deliveries", error=str(error))
            return []
        finally:
            self._claiming = ()
            self._come_back(now)

    async def _without_waiting(
        self, conn: Connection, claim: Callable[[], Awaitable[list[Claimed]]], now: datetime
    ) -> SortedOut:
        """What may leave: behind messages whose files are on their way others are looked for, a few times."""
        numbers = {key for key, each in self._view.accounts.items() if each.is_active and each.sender == "waystate"}
        found = SortedOut()
        for _ in range(LOOKS):
            claimed, refused = await claim(), self.uploads.refused()
            looked = await sort_out(conn, self._tenant, claimed, now, numbers=numbers, refused=refused)
            found.ready += looked.ready
            found.uploads |= looked.uploads
            if found.ready or not looked.waiting:
                break
        return found

    async def _look_at_holds(self, now: datetime) -> None:
        """What is written down of the tenant's numbers, by whomever; and which of them a status shows to be taken again."""
        self._look_at_accounts(self._view, now)
        async with self._worker.db.tenant(self._tenant) as conn:
            held = {each.phone_number_id: each.told_by for each in await tenant_store.list_holds(conn, self._tenant)}
            sent = await message_store.list_sent(conn, self._tenant, list(self._probes)) if self._probes else set()
            proven = {self._probes[each] for each in sent}
            events = await release_numbers(conn, self._tenant, sorted(proven), ["answer", "status"], now)
            await outbox.append_many(conn, self._tenant, events)
        self._probes = {key: number for key, number in self._probes.items() if number in held and number not in proven}
        for number, pace in self._paces.items():
            if number in held and number not in proven:
                pace.hold(now, needs_status=held[number] == "status")
            elif number in proven or pace.needs_status:
                pace.release()

    async def attempt(self, claimed: Claimed, view: TenantView) -> Result:
        if not self._worker.leases.holds(DELIVERIES, claimed.lane, claimed.epoch):
            # This process slept through its lease. Certainly not sent, whatever the lane's next holder had to suppose.
            return claimed, AttemptResult(outcome=Outcome.RETRY, error=LEASE_LOST), self._worker.clock()
        pace = self._paces.get(claimed.account)
        if pace is not None and claimed.target in TO_WHATSAPP:
            pace.bucket.take(self._worker.clock())
            if claimed.target is Target.WHATSAPP:
                pace.pairs.take(claimed.order_key, self._worker.clock())
        try:
            result = await send(claimed, view, self._worker.platforms, self._worker.clock())
        except Exception as error:
            log.error("A delivery attempt failed in our own code.", operation="deliveries", exc_info=error)
            result = AttemptResult(outcome=Outcome.UNKNOWN, error={"code": "internal_error", "title": type(error).__name__})
        if pace is not None and claimed.target not in TO_WHATSAPP:
            # One was taken as it was claimed.
            pace.bucket.take(self._worker.clock(), result.requests - 1)
        return claimed, result, self._worker.clock()

    async def _settle(self, results: Sequence[Result]) -> None:
        held = [account for account, pace in self._paces.items() if pace.is_held and not pace.needs_status]
        settled = await self._written(results, held)
        for claimed, result, ended_at in results:
            _, begun = self._in_hand.pop((claimed.event_id, claimed.target))
            if (pace := self._paces.get(claimed.account)) is not None:
                was = pace.is_held, pace.is_braked
                if pace.needs_status and is_sent_message(claimed, result):
                    self._probes[claimed.message_id] = claimed.account
                is_mark = claimed.target is Target.WHATSAPP_MARK and result.outcome is Outcome.SENT
                if not (is_mark and pace.is_held):
                    pace.heard(result, ended_at, self._worker.clock() - begun)
                log_change(claimed.account, was, pace, result)
            self._share(claimed, result, ended_at)
        log_lost(results)
        count(self._worker.metrics, results)
        advance.count(self._worker.metrics, settled.advanced, self._worker.clock())
        dead_letter_store.count(self._worker.metrics, settled.dead_letters)
        self._worker.changed(self._tenant, settled.correlated)
        self._worker.relay_hint.give(self._tenant)

    def _heard_of_upload(self, number: str, result: AttemptResult) -> None:
        """A refused token, or a limit of the number, is no message's fault and no file's: all that it sends waits."""
        pace = self._paces.get(number)
        if pace is None or not (is_held(result) or limit_of(Target.WHATSAPP, result)):
            return
        was = pace.is_held, pace.is_braked
        pace.heard(result, self._worker.clock())
        log_change(number, was, pace, result)

    def _share(self, claimed: Claimed, result: AttemptResult, at: datetime) -> None:
        """A limit is that of whomever it reaches: of this customer, or of all numbers of the business account or the app."""
        limit = limit_of(claimed.target, result)
        if limit is None:
            return
        if limit.reach is Reach.PAIR and (pace := self._paces.get(claimed.account)) is not None:
            pace.pairs.met(claimed.order_key, at, max(limit.rest(claimed.attempt - 1), result.retry_after or 0.0))
        for number in sharing(self._view.accounts, claimed.account, limit.reach):
            if (pace := self._paces.get(number)) is not None:
                pace.limit(limit, at, result.retry_after)

    async def _written(self, results: Sequence[Result], held: Collection[str]) -> Settlement:
        """What a platform answered must not be forgotten: it is written down whenever the database takes it."""
        integrations = self._view.integrations.values()
        without_prefetch = {each.integration_id for each in integrations if not each.prefetch_conversation_id}
        while True:
            try:
                return await with_retries(
                    lambda: settle_many(
                        self._tenant,
                        self._view.settings,
                        results,
                        self._worker.db,
                        hold=self._worker.hold,
                        refused_numbers=held,
                        without_prefetch=without_prefetch,
                    )
                )
            except Exception as error:
                log.error(
                    "Answers could not be written down; they are kept and tried again.", operation="deliveries", exc_info=error
                )
                await asyncio.sleep(SWEEP)

    def _look_at_accounts(self, view: TenantView, now: datetime) -> None:
        """By their limits of today."""
        for account in view.accounts.values():
            limits = account.limits
            pace = self._look_at(account.phone_number_id, limits.messages_per_second, now)
            pace.pairs.change(limits.pair_interval, limits.pair_burst)
        clients = self._worker.clients.look_at(self._tenant, view.integrations.values(), now)
        for integration, (client, pace) in clients.items():
            self._paces[integration], self._payers[integration] = pace, " ".join(client)

    def _look_at(self, account: str, per_second: float, now: datetime) -> Pace:
        pace = self._paces.get(account)
        if pace is None:
            pace = self._paces[account] = Pace(Target.WHATSAPP, per_second, now, outage_after=self._worker.outage_after)
        elif pace.bucket.per_second != per_second:
            pace.bucket = TokenBucket(per_second, now)
        return pace

    def _passed(self, now: datetime) -> list[str]:
        """Customers who rest, and those to whom something is under way: what waits for them is not to fill a claim's window."""
        resting = [key for pace in self._paces.values() for key in pace.pairs.list_resting(now)]
        return [*resting, *(claimed.order_key for claimed, _ in self._in_hand.values())]

    def _come_back(self, now: datetime) -> None:
        """Before the next sweep, if a rate or a customer has rested before: to wait for it would cost some of the rate."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waits = [wait for pace in self._paces.values() if (wait := pace.find_wait(now)) is not None]
        waits += [LEAST_WAIT for pace in self._short if not pace.rests(now)]
        wait = min(waits, default=SWEEP)
        if wait < SWEEP and not self._stopping:
            self._timer = asyncio.get_running_loop().call_later(max(wait, LEAST_WAIT), self.go)

    def _rooms(self, now: datetime) -> dict[str, int]:
        """How many more may leave by each number."""
        under_way = Counter(claimed.account for claimed, _ in self._in_hand.values())
        numbers = {account: pace for account, pace in self._paces.items() if account not in self._payers}
        return {account: pace.room(under_way[account], now) for account, pace in numbers.items()}

    def _reserve(self, now: datetime) -> dict[str, tuple[Pace, int]]:
        """By payer: what its client's budget has now is nobody else's until it is given back."""
        reserved: dict[str, tuple[Pace, int]] = {}
        for integration, payer in self._payers.items():
            if payer not in reserved:
                pace = self._paces[integration]
                room = pace.room(self._worker.count_under_way(pace), now)
                room = self._worker.clients.share(payer, self._tenant, room, now)
                pace.bucket.take(now, room)
                reserved[payer] = pace, room
        self._short = [pace for pace, room in reserved.values() if room == 0 and not pace.is_held]
        return reserved

    def _give_back(self, reserved: Mapping[str, tuple[Pace, int]], claimed: Collection[Claimed]) -> None:
        used = Counter(self._payers.get(each.account) for each in claimed)
        for payer, (pace, room) in reserved.items():
            pace.bucket.give_back(room - used[payer])


def sharing(accounts: Mapping[str, WhatsAppAccount], number: str, reach: Reach) -> list[str]:
    """Returns the other numbers that a limit which this one met reaches."""
    met = accounts.get(number)
    if met is None or reach in (Reach.PAIR, Reach.NUMBER):
        return []
    others = [each for key, each in accounts.items() if key != number]
    if reach is Reach.WABA:
        return [each.phone_number_id for each in others if each.business_account_id == met.business_account_id]
    return [each.phone_number_id for each in others if each.meta_app_id == met.meta_app_id]


def log_change(account: str, was: tuple[bool, bool], pace: Pace, result: AttemptResult) -> None:
    """Say once that an account's queue is held, or rests, however many messages and attempts find out; `was`: before this."""
    was_held, was_braked = was
    if pace.is_held and not was_held:
        why = HELD[(result.error or {})["kind"]]
        log.error(
            f"The account's queue is held: {why}. Its messages wait; one is tried every {HELD_PAUSE.total_seconds():g} s.",
            account=account,
            error=result.error,
        )
    if pace.is_braked and not was_braked:
        log.error(
            "The account rests: its platform answers nothing of use. Its messages wait; one at a time is tried, after "
            f"pauses of up to {LONGEST_REST.total_seconds():g} s.",
            account=account,
            error=result.error,
        )
    if any(was) and not (pace.is_held or pace.is_braked):
        log.info("The account's queue goes on.", account=account)


def log_lost(results: Sequence[Result]) -> None:
    """Say how many sends to WhatsApp nobody can tell of yet: a disturbance there shows here first."""
    lost = [each for claimed, each, _ in results if claimed.target is Target.WHATSAPP and each.outcome is Outcome.UNKNOWN]
    if lost:
        log.warning("Sends are unknown until a status tells; none is sent again.", count=len(lost), error=lost[-1].error)


def count(metrics: Metrics, results: Sequence[Result]) -> None:
    for claimed, result, ended_at in results:
        metrics.deliveries_total.labels(claimed.target, result.outcome).inc()
        if is_throttled(claimed.target, result):
            metrics.genesys_throttled_total.inc()
        if result.outcome is Outcome.SENT and (hop := _HOPS.get(claimed.target)) is not None:
            metrics.hop(hop, claimed.created_at, ended_at)
