"""The loop that asks Genesys, a round a minute of all processes together, and every few seconds says that somebody is here."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.reconciliation.model import BEAT
from waystate.reconciliation.reconcile import Reconciliation
from waystate.work import store as work_store

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
"""Between rounds; an OAuth client's limit is one of a minute, too."""


class ReconciliationRounds:
    """Its own loop: Genesys may be slow, and no timer waits for it."""

    def __init__(self, db: Database, reconciliation: Reconciliation, clock: Clock) -> None:
        self._db = db
        self._reconciliation = reconciliation
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` returns at once: a question that is broken off has changed nothing, and is asked again."""
        self._stopping.set()

    async def run(self) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        asking: asyncio.Task[None] | None = None
        while not stopped.done():
            with suppress(Exception):
                # While the database is away there is no sign of anybody: that is what is noticed afterwards.
                await self._reconciliation.beat()
            if asking is None or asking.done():
                asking = asyncio.create_task(self._look())
            await asyncio.wait({stopped}, timeout=BEAT.total_seconds())
        if asking is not None:
            asking.cancel()
            await asyncio.wait({asking})

    async def _look(self) -> None:
        try:
            async with self._db.work() as conn:
                is_ours = await work_store.tick(conn, "reconciliation", now=self._clock(), every=EVERY)
            if is_ours:
                await self._reconciliation.reconcile_all()
        except Exception as error:
            log.warning("Conversations were not compared with Genesys'; it is tried again.", error=str(error))
