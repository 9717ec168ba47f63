"""The breaker around Redis."""

import asyncio

import pytest

from waystate.cache.breaker import STRIKES, Away, Breaker


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Far:
    """The far side."""

    is_away = False
    pings = 0

    async def ping(self) -> None:
        self.pings += 1
        if self.is_away:
            raise ConnectionError


async def hang() -> None:
    await asyncio.sleep(10)


async def refuse() -> None:
    raise ConnectionError


async def answer() -> str:
    return "yes"


async def test_nothing_is_asked_before_the_first_try_succeeded() -> None:
    breaker = Breaker("far", Far().ping)
    with pytest.raises(Away):
        await breaker.call(answer)
    assert await breaker.probe()
    assert await breaker.call(answer) == "yes"


async def test_a_lost_connection_opens_it_at_once_and_calls_then_cost_nothing() -> None:
    failures: list[int] = []
    breaker = Breaker("far", Far().ping, failed=lambda: failures.append(1))
    await breaker.probe()
    with pytest.raises(Away):
        await breaker.call(refuse)
    with pytest.raises(Away):
        await breaker.call(answer)
    assert failures == [1]


async def test_time_outs_open_it_only_when_they_go_on() -> None:
    seconds = Seconds()
    breaker = Breaker("far", Far().ping, timeout=0.001, monotonic=seconds)
    await breaker.probe()
    for strike in range(STRIKES):
        assert breaker.is_closed
        seconds.now = strike * 1.0
        await asyncio.gather(*(breaker.call(hang) for _ in range(5)), return_exceptions=True)
    assert not breaker.is_closed


async def test_an_answer_in_between_forgives_the_time_outs() -> None:
    seconds = Seconds()
    breaker = Breaker("far", Far().ping, timeout=0.01, monotonic=seconds)
    await breaker.probe()
    for strike in range(STRIKES * 2):
        seconds.now = strike * 1.0
        with pytest.raises(Away):
            await breaker.call(hang)
        assert await breaker.call(answer) == "yes"


async def test_it_tries_again_by_itself_and_closes_when_the_far_side_is_back() -> None:
    far = Far()
    far.is_away = True
    breaker = Breaker("far", far.ping, rest=0.01)
    running = asyncio.create_task(breaker.run())
    await asyncio.sleep(0.05)
    assert far.pings > 1
    assert not breaker.is_closed
    far.is_away = False
    await asyncio.sleep(0.05)
    assert breaker.is_closed
    pings = far.pings
    await asyncio.sleep(0.05)
    assert far.pings == pings
    with pytest.raises(Away):
        await breaker.call(refuse)
    await asyncio.sleep(0.05)
    assert await breaker.call(answer) == "yes"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
