"""Batches: collected without a timer, and taken apart when one item of them is bad."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from waystate.db.failures import is_outage, is_transient
from waystate.errors import Reason, Rejected, Retry

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")

LOCK_RETRIES = (0.02, 0.1, 0.5, 2.0)
"""Seconds before each new try after a deadlock or lock time-out: together longer than any batch of ours holds a lock."""


async def with_retries(work: Callable[[], Awaitable[R]]) -> R:
    """Run a transaction again when it lost a lock; `Rejected(lock_timeout)` when it keeps losing, `Retry` in an outage."""
    for pause in (*LOCK_RETRIES, None):
        try:
            return await work()
        except Exception as error:
            if is_outage(error):
                raise Retry(f"the database does not answer: {error}", after=1.0) from error
            if not is_transient(error):
                raise
            if pause is None:
                raise Rejected(Reason.LOCK_TIMEOUT, f"The rows stayed locked through {len(LOCK_RETRIES)} retries.") from error
            await asyncio.sleep(pause)
    raise AssertionError("unreachable")


async def in_halves(items: Sequence[T], handle: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> list[R | Exception]:
    """A result or an exception for each item: a batch that fails is tried again as halves, so that a bad item ends up alone.

    `Retry` is not the items' fault and is passed on.
    """
    if not items:
        return []
    try:
        return list(await with_retries(lambda: handle(items)))
    except Retry:
        raise
    except Exception as error:
        if len(items) == 1:
            return [error]
    middle = len(items) // 2
    return [*await in_halves(items[:middle], handle), *await in_halves(items[middle:], handle)]


class Batcher(Generic[K, T, R]):
    """Natural batching: while one batch of a key is being written, items collect; the next batch takes them all.

    An idle system adds no delay. `flush` gets a key and at most `limit` items and answers one result each, in order.
    """

    def __init__(self, flush: Callable[[K, Sequence[T]], Awaitable[Sequence[R]]], *, limit: int) -> None:
        self._flush = flush
        self._limit = limit
        self._waiting: dict[K, list[tuple[T, asyncio.Future[R]]]] = {}
        self._running: dict[K, asyncio.Task[None]] = {}

    def submit(self, key: K, item: T) -> asyncio.Future[R]:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((item, future))
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._drain(key))
        return future

    async def close(self) -> None:
        """Wait for what is being written."""
        while self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _drain(self, key: K) -> None:
        try:
            while waiting := self._waiting.pop(key, None):
                for start in range(0, len(waiting), self._limit):
                    await self._write(key, waiting[start : start + self._limit])
        finally:
            del self._running[key]

    async def _write(self, key: K, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await in_halves([item for item, _ in batch], lambda items: self._flush(key, items))
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
