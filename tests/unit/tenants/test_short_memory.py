"""The memory between the database and everybody who asks it the same thing."""

import asyncio
from collections.abc import Sequence

import pytest

from waystate.tenants.routing import ShortMemory


class Shelf:
    """The far side: answers from `rows`, counts what it is asked, and can be held."""

    def __init__(self, **rows: int) -> None:
        self.rows = rows
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 0.0

    async def load(self, keys: Sequence[str]) -> dict[str, int]:
        self.asked.append(list(keys))
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await self.gate.wait()
        return found

    def memory(self, **options: float) -> ShortMemory[str, int]:
        return ShortMemory(self.load, ttl=5, absent_ttl=1, size=int(options.get("size", 100)), monotonic=lambda: self.now)


async def test_a_second_question_is_answered_from_memory_until_it_is_old() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    assert memory.find_cached("a") is None
    assert await memory.find("a") == 1
    shelf.now = 4.9
    assert (await memory.find("a"), memory.find_cached("a")) == (1, 1)
    assert shelf.asked == [["a"]]
    shelf.now = 5.0
    assert memory.find_cached("a") is None
    assert await memory.find("a") == 1
    assert shelf.asked == [["a"], ["a"]]


async def test_an_absence_is_remembered_for_a_shorter_time() -> None:
    shelf = Shelf()
    memory = shelf.memory()
    assert await memory.find("a") is None
    shelf.rows["a"] = 1
    shelf.now = 0.9
    assert await memory.find("a") is None
    shelf.now = 1.0
    assert await memory.find("a") == 1


async def test_a_thousand_callers_that_miss_at_once_share_one_load() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    assert await asyncio.gather(*(memory.find("a") for _ in range(1000))) == [1] * 1000
    assert shelf.asked == [["a"]]


async def test_a_batch_asks_once_and_only_for_what_is_not_known() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    memory = shelf.memory()
    await memory.find("a")
    assert await memory.find_many(["a", "b", "x", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    assert shelf.asked == [["a"], ["b", "x", "c"]]


async def test_a_batch_waits_for_what_others_are_loading_already() -> None:
    shelf = Shelf(a=1, b=2)
    memory = shelf.memory()
    shelf.gate.clear()
    first = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0)
    second = asyncio.create_task(memory.find_many(["a", "b"]))
    await asyncio.sleep(0.01)
    shelf.gate.set()
    assert (await first, await second) == (1, {"a": 1, "b": 2})
    assert shelf.asked == [["a"], ["b"]]


async def test_a_caller_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    shelf.gate.clear()
    impatient = asyncio.create_task(memory.find("a"))
    patient = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0)
    shelf.gate.set()
    assert await patient == 1
    assert impatient.cancelled()
    assert shelf.asked == [["a"]]


async def test_an_answer_that_was_forgotten_while_it_was_read_is_not_kept() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    shelf.gate.clear()
    early = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0.01)
    shelf.rows["a"] = 2
    memory.forget("a")
    late = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0.01)
    shelf.gate.set()
    assert (await early, await late) == (1, 2)
    assert memory.find_cached("a") == 2


async def test_age_counts_from_before_the_read() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    shelf.gate.clear()
    slow = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0.01)
    shelf.now = 4.0
    shelf.gate.set()
    await slow
    shelf.now = 5.0
    assert memory.find_cached("a") is None


async def test_a_failed_load_is_told_to_all_who_waited_and_tried_again_by_the_next() -> None:
    shelf = Shelf(a=1)
    answers = [ConnectionError("away"), None]

    async def load(keys: Sequence[str]) -> dict[str, int]:
        if (failure := answers.pop(0)) is not None:
            raise failure
        return await shelf.load(keys)

    memory: ShortMemory[str, int] = ShortMemory(load)
    failed = await asyncio.gather(memory.find("a"), memory.find("a"), return_exceptions=True)
    assert [type(each) for each in failed] == [ConnectionError, ConnectionError]
    assert await memory.find("a") == 1


async def test_the_memory_stays_within_its_size_and_drops_the_oldest() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    memory = shelf.memory(size=2)
    for key in "abc":
        await memory.find(key)
    assert [memory.find_cached(key) for key in "abc"] == [None, 2, 3]


async def test_clearing_forgets_everything() -> None:
    shelf = Shelf(a=1)
    memory = shelf.memory()
    await memory.find("a")
    memory.clear()
    assert memory.find_cached("a") is None


async def test_a_load_that_nobody_waits_for_any_more_may_fail_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    async def load(keys: Sequence[str]) -> dict[str, int]:
        await asyncio.sleep(0.01)
        raise ConnectionError("away")

    memory: ShortMemory[str, int] = ShortMemory(load)
    caller = asyncio.create_task(memory.find("a"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0.03)
    assert caller.cancelled()
    assert caplog.records == []
