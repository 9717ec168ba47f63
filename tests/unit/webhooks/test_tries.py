"""How often what is tried again may fail."""

from datetime import UTC, datetime, timedelta

from waystate.webhooks.tries import FORGOTTEN_AFTER, MAX_FAILURES, Tries


class Time:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def failed(tries: Tries, *keys: str, rounds: int) -> None:
    for _ in range(rounds):
        tries.begin_round()
        tries.count(keys)


def test_what_fails_in_every_round_is_spent_after_a_few() -> None:
    tries = Tries(Time())
    failed(tries, "a", rounds=MAX_FAILURES - 1)
    assert not tries.is_spent("a")
    failed(tries, "a", rounds=1)
    assert tries.is_spent("a")
    assert not tries.is_spent("b")


def test_however_often_it_fails_in_a_round_it_is_one_try() -> None:
    tries = Tries(Time())
    tries.begin_round()
    for _ in range(MAX_FAILURES):
        tries.count(["a"])
    assert not tries.is_spent("a")


def test_who_had_not_failed_of_late_is_told() -> None:
    tries = Tries(Time())
    assert tries.count(["a"]) == {"a"}
    assert tries.count(["a", "b"]) == {"b"}
    tries.forget(["a"])
    assert tries.count(["a", "b"]) == {"a"}


def test_what_was_done_is_waited_for_anew() -> None:
    tries = Tries(Time())
    failed(tries, "a", "b", rounds=MAX_FAILURES)
    tries.forget(["a"])
    assert (tries.is_spent("a"), tries.is_spent("b")) == (False, True)


def test_what_did_not_fail_for_long_is_waited_for_anew() -> None:
    time = Time()
    tries = Tries(time)
    failed(tries, "a", rounds=MAX_FAILURES)
    time.now += FORGOTTEN_AFTER
    tries.begin_round()
    assert tries.is_spent("a")
    time.now += timedelta(seconds=1)
    tries.begin_round()
    assert not tries.is_spent("a")
