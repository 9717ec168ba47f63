"""Who works which lane: leases shared evenly by all processes of a kind, each with an epoch that fences a stale holder."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.ids import TenantId, new_id
from waystate.work import store
from waystate.work.lanes import lane_of, share_out
from waystate.work.process_lock import ProcessLock

log = structlog.get_logger()

V = TypeVar("V")

LEDGER, DELIVERIES, RELAY, PUBLISH = "ledger", "deliveries", "relay", "publish"
KINDS = (LEDGER, DELIVERIES, RELAY, PUBLISH)

LOOK = 0.5
"""Seconds between looks for processes of this machine that died."""
HAND_OVER = 0.1
"""Seconds between looks while lanes are to be handed over or are still missing."""
MARGIN = 0.8
"""The share of a lease that its holder believes in: the rest is for clocks that differ and for a write that is on its way."""

Takeover = Callable[[str, Sequence[int]], Awaitable[None]]
"""Called with a kind and its lanes after they changed hands to us, before anything of them is worked."""
Busy = Callable[[str], Collection[int]]
"""The lanes of a kind of which a worker has something in hand; asked before they are handed over."""


DealOut = Callable[[Connection, int], Awaitable[int]]
"""Puts what is not done of a kind into one of so many lanes each; how many rows it was."""


async def share_out_anew(db: Database, kind: str, lanes: int, deal_out: DealOut) -> int:
    """Where the number of lanes of the ledger or of deliveries was changed, deal out what is not done; how many rows it was.

    Else what waits in a lane that is no more would wait for ever, and what is replayed would be worked in another lane than
    what came after it.
    """
    async with db.work() as conn:
        if await store.lock_lanes(conn, kind) == lanes:
            return 0
        dealt = await deal_out(conn, lanes)
        await store.note_lanes(conn, kind, lanes)
    return dealt


class LeaseKeeper:
    """Holds its share of the lanes of each of its `kinds`; renews them at a third of `ttl`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        lanes: int,
        ttl: timedelta,
        kinds: Sequence[str] = KINDS,
        processes: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`processes` is the folder in which the processes of this machine see one another's end."""
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self.kinds = kinds
        self._db = db
        self._clock = clock
        self._monotonic = monotonic
        self._ttl = ttl
        self._lanes = lanes
        self._epochs: dict[tuple[str, int], int] = {}
        self._last_held: dict[tuple[str, int], int] = {}
        self._surplus: set[tuple[str, int]] = set()
        self._is_short = False
        self._lapses_at: tuple[datetime, float] = (clock(), monotonic())
        self._taken_over: list[Takeover] = []
        self._busy: list[Busy] = []
        self._lock = _locked(processes, self.holder)

    @property
    def number_of_lanes(self) -> int:
        """Of each kind, whoever holds them."""
        return self._lanes

    def on_takeover(self, takeover: Takeover) -> None:
        self._taken_over.append(takeover)

    def ask_before_release(self, busy: Busy) -> None:
        self._busy.append(busy)

    def lanes(self, kind: str) -> list[int]:
        """Those of which work may be taken now."""
        return list(self.epochs(kind))

    def epochs(self, kind: str) -> dict[int, int]:
        """The same, each with what a fenced write carries."""
        if self.is_lapsed():
            return {}
        return {
            lane: epoch for (each, lane), epoch in self._epochs.items() if each == kind and (kind, lane) not in self._surplus
        }

    def find_epoch(self, kind: str, tenant: TenantId) -> int | None:
        """The epoch under which this process works the tenant; None when another one does."""
        return self.epochs(kind).get(lane_of(tenant, self._lanes))

    def holds(self, kind: str, lane: int, epoch: int) -> bool:
        """Whether what was taken under this epoch is still ours to finish."""
        return self._epochs.get((kind, lane)) == epoch and not self.is_lapsed()

    async def run(self) -> None:
        """Until cancelled. While the database is away the leases lapse, and lanes are held again once it answers."""
        while True:
            try:
                await self.renew()
            except Exception as error:
                log.warning("The leases could not be renewed; nothing is worked once they lapse.", error=str(error))
            in_motion = self._surplus or self._is_short
            await self._rest(HAND_OVER if in_motion else self._ttl.total_seconds() / 3)

    async def renew(self) -> None:
        """Keep what is ours, take what is missing to our share, hand over what is too much."""
        now, started = self._clock(), self._monotonic()
        async with self._db.work() as conn:
            members = await store.meet_members(conn, self.holder, self.kinds, now=now, ttl=self._ttl)
            holders = await store.list_leases(conn, self.kinds, now)
            shares = {kind: share_out(self._lanes, members[kind], self.holder, _of(kind, holders)) for kind in self.kinds}
            wanted = [(kind, lane) for kind, share in shares.items() for lane in [*share.keep, *share.surplus, *share.take]]
            epochs = await store.acquire_leases(conn, self.holder, sorted(wanted), now=now, ttl=self._ttl)
        slept = bool(self._epochs) and self.is_lapsed()
        await self._take_over(epochs)
        self._epochs = epochs
        self._surplus = {(kind, lane) for kind, share in shares.items() for lane in share.surplus} & epochs.keys()
        # Of several that asked for the same lane at once, all but one are short as well.
        self._is_short = len(epochs) < len(wanted) or any(share.is_short for share in shares.values())
        self._lapses_at = now + self._ttl * MARGIN, started + self._ttl.total_seconds() * MARGIN
        if slept:
            log.info("Leases are held again", lanes=len(epochs), holder=self.holder)
        await self._hand_over(idle for idle in self._surplus if not self._is_busy(idle))

    async def release(self) -> None:
        """So that the next holder begins at once; when nothing is in hand any more."""
        held, self._epochs, self._surplus = list(self._epochs), {}, set()
        async with self._db.work() as conn:
            await store.leave_members(conn, self.holder, self.kinds)
            await store.release_leases(conn, self.holder, held, self._clock())
        if self._lock is not None:
            self._lock.leave()

    async def free_the_dead(self) -> bool:
        """Give back what processes of this machine held when they died; whether there were any."""
        if self._lock is None or not (dead := self._lock.find_dead()):
            return False
        async with self._db.work() as conn:
            await store.free_leases(conn, KINDS, dead, self._clock())
        self._lock.forget(dead)
        log.info("Leases of the dead are free", holders=dead)
        return True

    async def _rest(self, seconds: float) -> None:
        """Until the next renewal, which comes early when somebody died."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, LOOK))
            with suppress(Exception):  # the database away: the next look, or the next renewal, says so
                if await self.free_the_dead():
                    return

    async def _take_over(self, epochs: Mapping[tuple[str, int], int]) -> None:
        # An unchanged epoch means that nobody else held the lane meanwhile, whatever became of our renewals.
        fresh = {key: epoch for key, epoch in epochs.items() if self._last_held.get(key) != epoch}
        for kind in self.kinds:
            lanes = list(_of(kind, fresh))
            if lanes:
                log.info("Lanes taken over", kind=kind, lanes=len(lanes), holder=self.holder)
                for takeover in self._taken_over:
                    await takeover(kind, lanes)
        self._last_held |= epochs

    async def _hand_over(self, idle: Iterable[tuple[str, int]]) -> None:
        given = sorted(idle)
        if not given:
            return
        # First here, then there: at no time do two believe that they hold a lane.
        for key in given:
            del self._epochs[key]
            self._surplus.discard(key)
        async with self._db.work() as conn:
            await store.release_leases(conn, self.holder, given, self._clock())
        log.info("Lanes handed over", lanes=len(given), holder=self.holder)

    def _is_busy(self, key: tuple[str, int]) -> bool:
        kind, lane = key
        return any(lane in busy(kind) for busy in self._busy)

    def is_lapsed(self) -> bool:
        """Whether nothing may be taken before the next renewal.

        By both clocks: one stands still while the machine sleeps, the other may be set back.
        """
        moment, reading = self._lapses_at
        return self._clock() >= moment or self._monotonic() >= reading


def _locked(folder: Path | None, holder: str) -> ProcessLock | None:
    if folder is None:
        return None
    try:
        return ProcessLock(folder, holder)
    except OSError as error:
        log.warning("A process that dies here is noticed only when its leases lapse.", folder=str(folder), error=error.strerror)
        return None


def _of(kind: str, keyed: Mapping[tuple[str, int], V]) -> dict[int, V]:
    return {lane: value for (each, lane), value in keyed.items() if each == kind}
