"""Token buckets of one process; those in Redis are tested with one."""

from hypothesis import given
from hypothesis import strategies as st

from waystate.cache.limits import SIZE, Limits


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_burst_passes_and_the_next_one_is_told_when_to_come() -> None:
    seconds = Seconds()
    limits = Limits(monotonic=seconds)
    assert [await limits.take("a", 10, 3) for _ in range(3)] == [None, None, None]
    wait = await limits.take("a", 10, 3)
    assert wait is not None
    assert 0.099 < wait <= 0.1
    seconds.now += wait
    assert await limits.take("a", 10, 3) is None
    assert await limits.take("a", 10, 3) is not None


async def test_keys_do_not_share_a_bucket() -> None:
    limits = Limits(monotonic=Seconds())
    assert await limits.take("a", 1, 1) is None
    assert await limits.take("a", 1, 1) is not None
    assert await limits.take("b", 1, 1) is None


async def test_no_more_buckets_are_kept_than_there_is_room_for() -> None:
    limits = Limits(monotonic=Seconds())
    assert await limits.take("kept", 0.001, 1) is None
    for number in range(SIZE + 100):
        await limits.take(f"{number}", 1000, 10)
    assert len(limits._full_at) <= SIZE
    assert await limits.take("kept", 0.001, 1) is not None


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200), st.floats(1, 50), st.floats(1, 20))
def test_in_no_time_more_pass_than_the_limit_and_its_burst(pauses: list[float], limit: float, burst: float) -> None:
    seconds = Seconds()
    limits = Limits(monotonic=seconds)
    passed: list[float] = []
    for pause in pauses:
        seconds.now += pause
        if limits.take_here("key", limit, burst) is None:
            passed.append(seconds.now)
    for first, began in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + limit * (passed[last] - began) + 1e-6


async def test_what_is_given_back_was_not_taken() -> None:
    limits = Limits(monotonic=Seconds())
    for _ in range(20):
        assert await limits.take("a", 1, 2) is None
        await limits.give_back("a", 1)
    await limits.give_back("never taken", 1)
    assert [await limits.take("a", 1, 2) is None for _ in range(3)] == [True, True, False]
