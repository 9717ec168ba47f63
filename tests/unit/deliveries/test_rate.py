"""The token bucket by a clock of the test's own."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from waystate.deliveries.rate import TokenBucket

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_second_worth_may_leave_at_once_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(5, NOW)
    taken = 0
    while bucket.has_any(NOW):
        bucket.take(NOW)
        taken += 1
    assert taken == 5
    assert not bucket.has_any(after(0.19))
    assert bucket.has_any(after(0.21))


def test_rest_saves_up_no_more_than_a_second_worth() -> None:
    bucket = TokenBucket(5, NOW)
    taken = 0
    while bucket.has_any(after(3600)):
        bucket.take(after(3600))
        taken += 1
    assert taken == 5


def test_a_slow_account_still_gets_its_one() -> None:
    bucket = TokenBucket(0.5, NOW)
    assert bucket.has_any(NOW)
    bucket.take(NOW)
    assert not bucket.has_any(after(1.9))
    assert bucket.has_any(after(2.0))


def test_an_overdrawn_bucket_waits_for_its_debt() -> None:
    bucket = TokenBucket(10, NOW)
    for _ in range(30):
        bucket.take(NOW)
    assert not bucket.has_any(after(2.0))
    assert bucket.has_any(after(2.1))


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(1, NOW)
    bucket.take(NOW)
    assert not bucket.has_any(after(-3600))
    assert bucket.has_any(after(-3599))


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200), st.sampled_from([0.5, 3.0, 80.0]))
def test_in_the_long_run_no_more_leaves_than_the_rate(pauses: list[float], per_second: float) -> None:
    bucket = TokenBucket(per_second, NOW)
    now, taken = NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        while bucket.has_any(now):
            bucket.take(now)
            taken += 1
    burst = max(1.0, per_second)
    assert taken <= burst + (now - NOW).total_seconds() * per_second + 1e-6
