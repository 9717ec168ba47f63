"""A circuit breaker: what does not answer is left alone for a while, so that it costs nobody time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from waystate.errors import WaystateError

log = structlog.get_logger()

TIMEOUT = 0.05
"""Seconds that somebody waits for an answer of Redis: PostgreSQL, which is asked otherwise, takes a few milliseconds."""
REST = 2.0
"""Seconds between the tries while Redis is away; each is the breaker's own, no request waits for it."""
PATIENCE = 2.0
"""Seconds for what nobody waits for: tries, with their connecting and finding of a Cluster's nodes, and invalidations."""
STRIKES = 3
"""Time-outs in a row that count as away; a lost connection does at once. One alone may be this process's own pause."""
STRIKE_EVERY = 0.1
"""Seconds in which time-outs count as one: a pause ends many calls at once."""
AT_ONCE = 32
"""Calls under way, a process; more wait their turn, which is no failure of Redis."""

T = TypeVar("T")


class Away(WaystateError):
    """Not answered, or not asked because it did not answer lately."""


class Breaker:
    """Calls pass while it is closed, which it is from the first `ping` that `run` or `probe` got through."""

    def __init__(
        self,
        name: str,
        ping: Callable[[], Awaitable[Any]],
        *,
        timeout: float = TIMEOUT,
        rest: float = REST,
        failed: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.is_closed = False
        self._ping = ping
        self._timeout = timeout
        self._rest = rest
        self._count_failure = failed
        self._monotonic = monotonic
        self._opened = asyncio.Event()
        self._strikes = 0
        self._struck_at = -STRIKE_EVERY
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._said_away = False

    async def call(self, work: Callable[[], Awaitable[T]], *, patience: float | None = None) -> T:
        """What `work` gives; `Away` for whatever goes wrong with it. `patience` is in place of the time-out."""
        if not self.is_closed:
            raise Away(f"{self.name} is away")
        async with self._turns:
            try:
                async with asyncio.timeout(patience or self._timeout):
                    result = await work()
            except (Exception, asyncio.CancelledError) as error:
                # One that nobody asked for is the driver's; let through, it would end a batch without an answer.
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                self._failed(error)
                raise Away(f"{self.name} does not answer: {type(error).__name__}") from error
        self._strikes = 0
        return result

    async def probe(self) -> bool:
        """One try now; whether it is closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ping()
        except Exception as error:
            self._open(error)
        else:
            self._close()
        return self.is_closed

    async def run(self) -> None:
        """For ever: tries again while it is open."""
        while True:
            if not await self.probe():
                await asyncio.sleep(self._rest)
                continue
            await self._opened.wait()
            await asyncio.sleep(self._rest)

    def _failed(self, error: BaseException) -> None:
        self._count_failure()
        now = self._monotonic()
        if isinstance(error, TimeoutError):
            if now - self._struck_at < STRIKE_EVERY:
                return
            self._struck_at = now
            self._strikes += 1
            if self._strikes < STRIKES:
                return
        self._open(error)

    def _open(self, error: BaseException) -> None:
        self.is_closed = False
        self._opened.set()
        if not self._said_away:
            self._said_away = True
            log.warning("Redis does not answer; the database is asked instead.", part=self.name, error=type(error).__name__)

    def _close(self) -> None:
        self.is_closed = True
        self._strikes = 0
        self._opened.clear()
        if self._said_away:
            self._said_away = False
            log.info("Redis answers again.", part=self.name)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
