"""What connects a process with the others of its installation: the feed, Redis if there is one, and all that rests on them."""

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from waystate.cache.breaker import PATIENCE, Breaker
from waystate.cache.connection import Redis, open_redis
from waystate.cache.feed import Feed, Wire
from waystate.cache.limits import Limits
from waystate.cache.process import ProcessCache
from waystate.cache.second_level import SecondLevel
from waystate.cache.wires import PostgresWire, RedisWire
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.door.limits import Rates, RequestLimits
from waystate.state.invalidations import Invalidations
from waystate.state.shared import SharedMappings
from waystate.tenants.routing import Directory, Monotonic
from waystate.tenants.store import CHANGES
from waystate.web.metrics import Metrics
from waystate.work.loops import SharedHint

CLOSE_TIMEOUT = 1.0
"""Seconds for the last messages to the others; what is lost then, their time to live makes good."""


class Sharing:
    """`installation` is the same in all processes and in no other installation: it is what tells them apart in a shared Redis.

    Build it first, hand out its parts, then `start`; `close` it after the work has ended and before the database.
    """

    def __init__(
        self,
        db: Database,
        metrics: Metrics,
        clock: Clock,
        *,
        redis_url: str | None,
        installation: str,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._client: Redis | None = None
        self._breaker: Breaker | None = None
        self.second: SecondLevel | None = None
        self.mappings: SharedMappings | None = None
        wires: list[Wire] = [PostgresWire(db)]
        if redis_url is not None:
            self._client = client = open_redis(redis_url, timeout=PATIENCE)
            self._breaker = Breaker("redis", client.ping, failed=metrics.redis_failures_total.inc)
            self.second = SecondLevel(client, self._breaker, installation=installation, clock=clock, counted=self._count)
            self.mappings = SharedMappings(self.second, clock)
            wires.insert(0, RedisWire(client, installation))
            metrics.redis_up.set_function(self._is_up)
        self.feed = Feed(wires)
        metrics.feed_peers.set_function(lambda: self.feed.peers)
        self._tasks: list[asyncio.Task[None]] = []

    def hint(self, kind: str) -> SharedHint:
        return SharedHint(self.feed, kind)

    def invalidations(self, cache: ProcessCache[bytes] | None = None) -> Invalidations:
        """Once a process; with its cache where it answers look-ups."""
        return Invalidations(self.feed, cache=cache, second=self.second)

    def tell_changes(self, directory: Directory) -> None:
        """It forgets what any process or command has changed, and everything after a gap in which it may not have heard."""
        self.feed.subscribe(CHANGES, lambda _: directory.clear())
        self.feed.on_reconnect(directory.clear)

    def limits(self) -> Limits:
        return Limits(self._client, self._breaker, monotonic=self._monotonic)

    def request_limits(self, rates: Rates, directory: Directory | None = None) -> RequestLimits:
        """With a directory, tenants' own quotas count too."""
        return RequestLimits(rates, self.limits(), directory)

    def checks(self) -> dict[str, Any]:
        """For the health page; nothing where there is no Redis."""
        return {"redis": self._check_redis} if self._client is not None else {}

    def start(self) -> None:
        loops = [self.feed.run()] + ([self.second.run()] if self.second is not None else [])
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if self.second is not None:
                    await self.second.flush()
                await self.feed.close()
        await self._end(self._tasks)
        if self.second is not None:
            await self._end(self.second.fills)
        if self._client is not None:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._client.aclose()

    @staticmethod
    async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
        """More than once, where need be: a cancellation that meets a driver's own time-out can be lost."""
        for _ in range(3):
            if pending := [task for task in tasks if not task.done()]:
                for task in pending:
                    task.cancel()
                await asyncio.wait(pending, timeout=CLOSE_TIMEOUT)

    async def _check_redis(self) -> Mapping[str, Any]:
        """An open breaker is an error too: a Redis that answers pings and nothing else is no help."""
        assert self._client is not None
        assert self._breaker is not None
        await self._client.ping()
        if not self._breaker.is_closed:
            raise ConnectionError("Redis answers again and is asked again in a moment")
        return {}

    def _is_up(self) -> float:
        return float(self._breaker is not None and self._breaker.is_closed)

    def _count(self, hits: int, misses: int) -> None:
        self._metrics.redis_hits_total.inc(hits)
        self._metrics.redis_misses_total.inc(misses)
