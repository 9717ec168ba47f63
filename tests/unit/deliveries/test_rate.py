"""The token bucket, and the pace of an account, by a clock of the test's own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.model import Target
from waystate.deliveries.rate import IDLE, LEAST_UNDER_WAY, Pace, Pairs, TokenBucket

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


LOST = AttemptResult(outcome=Outcome.UNKNOWN, http_status=503, error={"kind": "transient"})
CUT_OFF = AttemptResult(outcome=Outcome.UNKNOWN, error={"kind": "transport"})
NOT_CONNECTED = AttemptResult(outcome=Outcome.RETRY, error={"kind": "transport"})
NOT_ASKED = AttemptResult(outcome=Outcome.FAILED, error={"code": "account_missing"})
SENT = AttemptResult(outcome=Outcome.SENT, http_status=200)
NO = AttemptResult(outcome=Outcome.FAILED, http_status=400, error={"kind": "recipient"})
LIMITED = AttemptResult(outcome=Outcome.RETRY, http_status=429, error={"kind": "throttle"})


OUTAGE_AFTER = 3


def pace_of(target: Target = Target.WHATSAPP, per_second: float = 80.0) -> Pace:
    return Pace(target, per_second, NOW)


def braked(pace: Pace, at: datetime = NOW) -> Pace:
    for _ in range(OUTAGE_AFTER):
        pace.heard(LOST, at)
    return pace


@pytest.mark.parametrize("result", [LOST, CUT_OFF, NOT_CONNECTED])
def test_an_account_rests_after_so_many_lost_answers_in_a_row_and_not_before(result: AttemptResult) -> None:
    pace = pace_of()
    for lost in range(1, OUTAGE_AFTER):
        pace.heard(result, NOW)
        assert pace.room(0, NOW) == OUTAGE_AFTER - lost, "no more at once than may be lost before it rests"
    pace.heard(result, NOW)
    assert pace.room(0, NOW) == 0
    assert pace.room(0, after(9.9)) == 0
    assert (pace.room(0, after(10)), pace.room(1, after(10))) == (1, 0)


def test_each_probe_that_is_lost_doubles_the_rest_up_to_a_minute() -> None:
    pace, at, waits = braked(pace_of()), NOW, []
    for _ in range(6):
        wait = next(wait for wait in range(1, 100) if pace.room(0, at + timedelta(seconds=wait)))
        at += timedelta(seconds=wait)
        waits.append(wait)
        pace.heard(LOST, at)
    assert waits == [10, 20, 40, 60, 60, 60]


def test_sends_lost_together_count_as_one_sign() -> None:
    pace = pace_of()
    for _ in range(50):
        pace.heard(LOST, NOW)
    assert pace.room(0, after(10)) == 1


@pytest.mark.parametrize("result", [SENT, NO, LIMITED])
def test_any_answer_of_the_platform_ends_the_brake(result: AttemptResult) -> None:
    pace = braked(pace_of())
    pace.heard(result, after(10))
    assert pace.room(0, after(10)) == LEAST_UNDER_WAY
    assert not pace.is_braked
    braked(pace, after(20))
    assert pace.room(0, after(30)) == 1, "and the next outage begins with the first rest"


def test_what_was_not_asked_of_the_platform_ends_no_brake() -> None:
    pace = braked(pace_of())
    pace.heard(NOT_ASKED, after(10))
    assert pace.is_braked


def test_a_rest_that_was_asked_for_holds_the_account_however_short_the_brake_is() -> None:
    pace = pace_of()
    pace.heard(AttemptResult(outcome=Outcome.RETRY, http_status=429, retry_after=7.0, error={"kind": "throttle"}), NOW)
    assert pace.room(0, after(6.9)) == 0
    pace.heard(AttemptResult(outcome=Outcome.RETRY, http_status=429, retry_after=1.0, error={"kind": "throttle"}), NOW)
    assert pace.room(0, after(6.9)) == 0, "the longest of them"
    assert pace.room(0, after(7)) == LEAST_UNDER_WAY


@pytest.mark.parametrize("kind", ["auth", "account", "billing"])
@pytest.mark.parametrize("target", [Target.WHATSAPP, Target.GENESYS])
def test_a_held_account_tries_one_message_every_half_minute(target: Target, kind: str) -> None:
    pace = pace_of(target)
    held = AttemptResult(outcome=Outcome.FAILED, http_status=401, error={"kind": kind})
    pace.heard(held, NOW)
    assert pace.room(0, after(29.9)) == 0
    assert (pace.room(0, after(30)), pace.room(1, after(30))) == (1, 0)
    pace.heard(held, after(30))
    assert pace.room(0, after(59.9)) == 0
    pace.heard(SENT, after(60))
    assert pace.room(0, after(60)) != 1


def limited(code: int, retry_after: float | None = None) -> AttemptResult:
    error = {"kind": "throttle", "code": code}
    return AttemptResult(outcome=Outcome.RETRY, http_status=400, error=error, retry_after=retry_after)


def test_a_number_that_met_its_limit_rests_four_times_as_long_each_time_and_then_tries_one() -> None:
    pace, at, waits = pace_of(), NOW, []
    for _ in range(6):
        pace.heard(limited(130429), at)
        wait = next(wait for wait in range(1, 300) if pace.room(0, at + timedelta(seconds=wait)))
        at += timedelta(seconds=wait)
        assert (pace.room(0, at), pace.room(1, at)) == (1, 0)
        waits.append(wait)
    assert waits == [1, 4, 16, 64, 256, 256]
    pace.heard(SENT, at)
    assert pace.room(0, at) == LEAST_UNDER_WAY
    pace.heard(limited(130429), at)
    assert pace.room(0, at + timedelta(seconds=1)) == 1, "and the next limit begins with the first rest"


def test_sends_that_met_a_limit_together_are_one_sign_of_it() -> None:
    pace = pace_of()
    for _ in range(50):
        pace.heard(limited(130429), NOW)
    assert pace.room(0, after(1)) == 1


def test_a_limit_of_the_pair_lets_the_number_go_on_whatever_rest_it_asks_for() -> None:
    pace = pace_of()
    pace.heard(limited(131056, retry_after=60.0), NOW)
    assert pace.room(0, NOW) == LEAST_UNDER_WAY
    assert not pace.is_limited


def test_a_limit_is_kept_for_as_long_as_it_asks() -> None:
    pace = pace_of()
    pace.heard(limited(130429, retry_after=60.0), NOW)
    assert pace.room(0, after(59)) == 0
    assert pace.room(0, after(60)) == 1


def test_a_lost_answer_of_genesys_is_no_brake_since_it_is_sent_again() -> None:
    pace = braked(pace_of(Target.GENESYS))
    assert pace.room(40, NOW) == 80


def test_more_may_be_under_way_as_answers_come_and_no_more_than_the_rate_takes() -> None:
    pace = pace_of()
    assert pace.room(0, NOW) == LEAST_UNDER_WAY
    assert pace.room(LEAST_UNDER_WAY, NOW) == 0
    rooms = []
    for _ in range(100):
        pace.heard(SENT, NOW, timedelta(seconds=0.2))
        rooms.append(pace.room(0, NOW))
    assert rooms == sorted(rooms)
    assert rooms[-1] == 24, "80 a second that take 0.2 s each, and half as many again"
    assert pace.room(0, after(IDLE.total_seconds() + 1)) == LEAST_UNDER_WAY, "it was long ago"


def test_no_more_may_leave_than_the_rate_has_left() -> None:
    pace = pace_of(per_second=2.0)
    assert pace.room(0, NOW) == 2
    pace.bucket.take(NOW)
    assert pace.room(0, NOW) == 1
    pace.bucket.take(NOW)
    assert pace.room(0, NOW) == 0
    assert pace.room(0, after(0.5)) == 1


def pairs_of(interval: float = 6.0, burst: int = 45) -> Pairs:
    pairs = Pairs()
    pairs.change(interval, burst)
    return pairs


def leave(pairs: Pairs, key: str, now: datetime) -> int:
    """How many leave for the customer as long as they may."""
    left = 0
    while key not in pairs.list_resting(now) and left < 1000:
        pairs.take(key, now)
        left += 1
    return left


def test_a_customer_gets_a_burst_and_then_one_an_interval() -> None:
    pairs = pairs_of()
    assert leave(pairs, "a", NOW) == 45
    assert leave(pairs, "b", NOW) == 45, "each their own"
    assert leave(pairs, "a", after(5.9)) == 0
    assert leave(pairs, "a", after(6)) == 1
    assert leave(pairs, "a", after(18)) == 2
    assert leave(pairs, "a", after(18 + 45 * 6)) == 45, "the debt is paid"


@given(st.lists(st.floats(0, 60), min_size=1, max_size=60), st.sampled_from([1, 3, 45]), st.sampled_from([0.5, 6.0]))
def test_no_more_leave_than_the_burst_and_one_an_interval(pauses: list[float], burst: int, interval: float) -> None:
    pairs, now, left = pairs_of(interval, burst), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        left += leave(pairs, "a", now)
    assert left <= burst + (now - NOW).total_seconds() / interval + 1e-6


def test_nobody_is_remembered_who_has_no_debt() -> None:
    pairs, now = pairs_of(), NOW
    for number in range(20_000):
        now += timedelta(seconds=0.01)
        pairs.take(str(number), now)
    assert len(pairs) <= 2000, "those of the last 6 s are 600"


def test_an_interval_of_zero_limits_and_remembers_nothing() -> None:
    pairs = pairs_of(0.0)
    assert leave(pairs, "a", NOW) == 1000
    assert len(pairs) == 0
    pairs = pairs_of()
    leave(pairs, "a", NOW)
    pairs.change(0.0, 45)
    assert leave(pairs, "a", NOW) == 1000


def test_a_new_limit_holds_for_those_who_rest_already() -> None:
    pairs = pairs_of()
    leave(pairs, "a", NOW)
    pairs.change(6.0, 50)
    assert leave(pairs, "a", NOW) == 5


@pytest.mark.parametrize(("interval", "burst"), [(1e300, 45), (6.0, 10**30), (float("inf"), 10**30)])
def test_any_limit_that_can_be_stored_can_be_kept(interval: float, burst: int) -> None:
    pairs = pairs_of(interval, burst)
    pairs.take("a", NOW)
    pairs.met("a", NOW, 4.0)
    assert pairs.list_resting(after(1)) == ["a"]


def test_who_met_the_platforms_limit_rests_and_has_no_burst_after_it() -> None:
    pairs = pairs_of()
    pairs.take("a", NOW)
    pairs.met("a", NOW, 4.0)
    assert pairs.list_resting(after(3.9)) == ["a"]
    assert leave(pairs, "a", after(4)) == 1
    assert leave(pairs, "a", after(9.9)) == 0
    assert leave(pairs, "a", after(10)) == 1


def test_the_pace_says_when_the_next_may_leave() -> None:
    pace = pace_of(per_second=10.0)
    pace.pairs.change(6.0, 1)
    assert pace.find_wait(NOW) is None
    pace.pairs.take("a", NOW)
    assert pace.find_wait(after(2)) == 4
    assert pace.find_wait(after(6)) is None
    for _ in range(12):
        pace.bucket.take(after(6))
    assert pace.find_wait(after(6)) == pytest.approx(0.3)
