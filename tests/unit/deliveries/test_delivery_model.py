"""What an attempt's result makes of a delivery."""

from datetime import UTC, datetime, timedelta

import pytest

from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.model import Claimed, Finished, State, Target
from waystate.deliveries.retry import GIVE_UP_AFTER, GIVE_UP_ATTEMPTS, back_off, finish
from waystate.ids import new_id

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
UNKNOWN_TTL = timedelta(minutes=10)
GENESYS = [Target.GENESYS, Target.GENESYS_RECEIPT]


def finished(target: Target, result: AttemptResult, *, attempt: int = 1, age: timedelta = timedelta(0)) -> Finished:
    claimed = Claimed(
        event_id=new_id(),
        target=target,
        message_id=new_id(),
        conversation_id=new_id(),
        account="1001",
        lane=0,
        epoch=1,
        attempt=attempt,
        created_at=NOW - age,
        request={},
        phone_number_id="1001",
    )
    return finish(claimed, result, now=NOW, hold=HOLD, unknown_ttl=UNKNOWN_TTL)


@pytest.mark.parametrize("target", Target)
def test_accepted_is_sent_and_refused_is_failed(target: Target) -> None:
    assert finished(target, AttemptResult(outcome=Outcome.SENT)).state is State.SENT
    assert finished(target, AttemptResult(outcome=Outcome.FAILED)).state is State.FAILED


def test_a_lost_answer_of_whatsapp_is_unknown_and_holds_the_queue_for_a_while() -> None:
    each = finished(Target.WHATSAPP, AttemptResult(outcome=Outcome.UNKNOWN))
    assert (each.state, each.hold_until, each.next_attempt_at) == (State.UNKNOWN, NOW + HOLD, NOW + UNKNOWN_TTL)


@pytest.mark.parametrize("target", GENESYS)
def test_a_lost_answer_of_genesys_is_sent_again(target: Target) -> None:
    each = finished(target, AttemptResult(outcome=Outcome.UNKNOWN), attempt=3)
    assert (each.state, each.hold_until, each.next_attempt_at) == (State.PENDING, None, NOW + timedelta(seconds=2))


@pytest.mark.parametrize("target", Target)
def test_what_was_certainly_not_done_is_tried_again_later(target: Target) -> None:
    each = finished(target, AttemptResult(outcome=Outcome.RETRY, retry_after=7.0))
    assert (each.state, each.next_attempt_at) == (State.PENDING, NOW + timedelta(seconds=7))


@pytest.mark.parametrize("target", Target)
def test_after_a_day_of_retries_it_is_failed(target: Target) -> None:
    retry = AttemptResult(outcome=Outcome.RETRY)
    tried = GIVE_UP_ATTEMPTS
    assert finished(target, retry, attempt=tried, age=GIVE_UP_AFTER - timedelta(seconds=1)).state is State.PENDING
    assert finished(target, retry, attempt=tried, age=GIVE_UP_AFTER).state is State.FAILED


@pytest.mark.parametrize("target", Target)
def test_what_waited_for_days_untried_is_not_failed_by_its_first_refusal(target: Target) -> None:
    """A tenant was suspended and is resumed: all that waited leaves at once, and meets the platform's rate limits."""
    retry = AttemptResult(outcome=Outcome.RETRY)
    assert finished(target, retry, attempt=1, age=3 * GIVE_UP_AFTER).state is State.PENDING
    assert finished(target, retry, attempt=GIVE_UP_ATTEMPTS, age=3 * GIVE_UP_AFTER).state is State.FAILED


def test_a_lost_answer_of_whatsapp_stays_unknown_however_old_the_message_is() -> None:
    assert finished(Target.WHATSAPP, AttemptResult(outcome=Outcome.UNKNOWN), age=2 * GIVE_UP_AFTER).state is State.UNKNOWN


@pytest.mark.parametrize("target", Target)
def test_refused_credentials_are_the_accounts_fault_so_the_message_waits(target: Target) -> None:
    each = finished(target, AttemptResult(outcome=Outcome.FAILED, http_status=401, error={"kind": "auth"}))
    assert (each.state, each.next_attempt_at) == (State.PENDING, NOW + timedelta(seconds=30))
    assert each.result.outcome is Outcome.RETRY


def test_waits_double_from_half_a_second_to_a_minute() -> None:
    waits = [back_off(attempt, None).total_seconds() for attempt in range(1, 10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off(10_000, None) == timedelta(minutes=1)


def test_a_longer_wait_is_granted_when_it_is_asked_for_and_a_shorter_one_is_not() -> None:
    assert back_off(1, 90.0) == timedelta(seconds=90)
    assert back_off(6, 1.0) == timedelta(seconds=16)
