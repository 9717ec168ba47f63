"""Who works which lane: leases taken and renewed, each with an epoch that fences a stale holder."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.ledger import store as ledger_store

log = structlog.get_logger()

LEDGER, DELIVERIES, RELAY = "ledger", "deliveries", "relay"
KINDS = (LEDGER, DELIVERIES, RELAY)

Takeover = Callable[[str, Sequence[int]], Awaitable[None]]
"""Called with a kind and its lanes after they changed hands to us, before anything of them is worked."""


class LeaseKeeper:
    """Holds as many lanes as it can get; renews them at a third of `ttl`."""

    def __init__(self, db: Database, clock: Clock, *, lanes: int, ttl: timedelta) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self._db = db
        self._clock = clock
        self._ttl = ttl
        self._wanted = [(kind, lane) for kind in KINDS for lane in range(lanes)]
        self._epochs: dict[tuple[str, int], int] = {}
        self._last_held: dict[tuple[str, int], int] = {}
        self._taken_over: list[Takeover] = []

    def on_takeover(self, takeover: Takeover) -> None:
        self._taken_over.append(takeover)

    def lanes(self, kind: str) -> list[int]:
        return [lane for each, lane in self._epochs if each == kind]

    def epoch(self, kind: str) -> int:
        """The newest epoch among our lanes of this kind: what a fenced write carries."""
        return max((epoch for (each, _), epoch in self._epochs.items() if each == kind), default=0)

    async def run(self) -> None:
        """Until cancelled. While the database is away the leases lapse, and lanes are held again once it answers."""
        while True:
            try:
                await self.renew()
            except Exception as error:
                self._epochs = {}
                log.warning("The leases could not be renewed; nothing is worked until they are.", error=str(error))
            await asyncio.sleep(self._ttl.total_seconds() / 3)

    async def renew(self) -> None:
        now = self._clock()
        async with self._db.work() as conn:
            epochs = await ledger_store.acquire_leases(conn, self.holder, self._wanted, now=now, ttl=self._ttl)
        # An unchanged epoch means that nobody else held the lane meanwhile, whatever became of our renewals.
        fresh = {key: epoch for key, epoch in epochs.items() if self._last_held.get(key) != epoch}
        for kind in KINDS:
            lanes = [lane for each, lane in fresh if each == kind]
            if lanes:
                log.info("Lanes taken over", kind=kind, lanes=len(lanes), holder=self.holder)
                for takeover in self._taken_over:
                    await takeover(kind, lanes)
        self._last_held |= epochs
        self._epochs = epochs

    async def release(self) -> None:
        """So that the next holder begins at once."""
        self._epochs = {}
        async with self._db.work() as conn:
            await ledger_store.release_leases(conn, self.holder, self._clock())
