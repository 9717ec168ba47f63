"""Batches that collect without a timer, and come apart around a bad item."""

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.errors import Reason, Rejected, Retry
from waystate.work.batch import Batcher, in_halves, with_retries


class Poison(Exception):
    pass


def refusing(bad: set[int], calls: list[list[int]]) -> Callable[[Sequence[int]], object]:
    async def handle(items: Sequence[int]) -> list[str]:
        calls.append(list(items))
        if bad & set(items):
            raise Poison(sorted(bad & set(items))[0])
        return [f"done {item}" for item in items]

    return handle


@given(st.integers(0, 40), st.sets(st.integers(0, 39), max_size=6))
def test_bad_items_end_up_alone_and_the_order_is_kept(count: int, bad: set[int]) -> None:
    calls: list[list[int]] = []
    items = list(range(count))
    results = asyncio.run(in_halves(items, refusing(bad, calls)))  # type: ignore[arg-type]
    assert [isinstance(each, Poison) for each in results] == [item in bad for item in items]
    assert [str(each) for each in results] == [str(item) if item in bad else f"done {item}" for item in items]
    assert all(call == sorted(call) for call in calls)
    done = [item for call in calls if not bad & set(call) for item in call]
    assert done == [item for item in items if item not in bad], "every good item took effect once, in order"


async def test_one_bad_item_of_a_thousand_costs_few_calls() -> None:
    calls: list[list[int]] = []
    results = await in_halves(list(range(1000)), refusing({617}, calls))  # type: ignore[arg-type]
    assert [index for index, each in enumerate(results) if isinstance(each, Exception)] == [617]
    assert len(calls) <= 2 * 10 + 1


async def test_a_retry_is_nobodys_fault_and_is_passed_on_at_once() -> None:
    calls: list[Sequence[int]] = []

    async def handle(items: Sequence[int]) -> list[None]:
        calls.append(items)
        raise Retry("the database is away", after=1.0)

    with pytest.raises(Retry):
        await in_halves([1, 2, 3, 4], handle)
    assert len(calls) == 1


async def test_an_outage_in_the_second_half_is_passed_on_too() -> None:
    async def handle(items: Sequence[int]) -> list[None]:
        if len(items) == 2:
            raise Poison
        if items[0] == 2:
            raise asyncpg.CannotConnectNowError("starting up")
        return [None]

    with pytest.raises(Retry, match="starting up"):
        await in_halves([1, 2], handle)


async def test_a_lost_lock_is_tried_again() -> None:
    failures: list[Exception] = [asyncpg.DeadlockDetectedError(), asyncpg.LockNotAvailableError()]

    async def work() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await with_retries(work) == "done"


async def test_what_is_wrong_with_the_work_itself_is_not_tried_again() -> None:
    calls = []

    async def work() -> None:
        calls.append(1)
        raise asyncpg.CheckViolationError("no such status")

    with pytest.raises(asyncpg.CheckViolationError):
        await with_retries(work)
    assert calls == [1]


async def test_an_outage_is_a_retry_for_whoever_holds_the_work() -> None:
    async def work() -> None:
        raise ConnectionRefusedError("nobody listens")

    with pytest.raises(Retry) as retry:
        await with_retries(work)
    assert retry.value.after > 0


async def test_a_lock_that_is_never_given_becomes_a_lock_timeout() -> None:
    calls = []

    async def work() -> None:
        calls.append(1)
        raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")

    with pytest.raises(Rejected) as rejected:
        await with_retries(work)
    assert rejected.value.reason is Reason.LOCK_TIMEOUT
    assert len(calls) == 5


class Sink:
    """Takes batches, one at a time a key, when it is let."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.gate = asyncio.Event()
        self.at_once = 0

    async def flush(self, key: str, items: Sequence[int]) -> list[int]:
        self.batches.append((key, list(items)))
        await self.gate.wait()
        if 13 in items:
            raise Poison
        return [item * 2 for item in items]


async def test_an_idle_batcher_writes_at_once_and_a_busy_one_collects() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, limit=100)
    first = batcher.submit("a", 0)
    await asyncio.sleep(0)
    rest = [batcher.submit("a", item) for item in range(1, 10)]
    await asyncio.sleep(0.01)
    assert sink.batches == [("a", [0])], "one batch of a key is under way at a time"
    sink.gate.set()
    assert await asyncio.gather(first, *rest) == [item * 2 for item in range(10)]
    assert sink.batches == [("a", [0]), ("a", list(range(1, 10)))]


async def test_a_batch_has_a_limit() -> None:
    sink = Sink()
    sink.gate.set()
    batcher = Batcher(sink.flush, limit=4)
    assert await asyncio.gather(*(batcher.submit("a", item) for item in range(10))) == [item * 2 for item in range(10)]
    assert [len(items) for _, items in sink.batches] == [4, 4, 2]


async def test_keys_do_not_wait_for_each_other() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, limit=10)
    waiting = [batcher.submit("a", 1), batcher.submit("b", 2)]
    await asyncio.sleep(0.01)
    assert sink.batches == [("a", [1]), ("b", [2])]
    sink.gate.set()
    assert await asyncio.gather(*waiting) == [2, 4]


async def test_only_the_submitter_of_a_bad_item_is_told() -> None:
    sink = Sink()
    sink.gate.set()
    batcher = Batcher(sink.flush, limit=100)
    results = await asyncio.gather(*(batcher.submit("a", item) for item in range(10, 16)), return_exceptions=True)
    assert [type(each) for each in results] == [int, int, int, Poison, int, int]


async def test_a_submitter_that_gave_up_holds_nobody_up() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, limit=100)
    impatient, patient = batcher.submit("a", 1), batcher.submit("a", 2)
    await asyncio.sleep(0)
    impatient.cancel()
    sink.gate.set()
    assert await patient == 4


async def test_closing_waits_for_what_is_being_written() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, limit=100)
    written = batcher.submit("a", 1)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    sink.gate.set()
    await closing
    assert written.result() == 2
