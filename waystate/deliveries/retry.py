"""When a delivery is tried again, when it is given up, and how long its account rests. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from http.client import NOT_FOUND

from waystate.channels.attempts import HELD, FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import Limit, Reach, find_limit
from waystate.deliveries.model import TO_WHATSAPP, Claimed, Finished, State, Target

HELD_PAUSE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=60)
GIVE_UP_AFTER = timedelta(hours=24)
"""A reply that could not leave for a day is outside the customer window anyway; the dead letter or failed status says so."""
THROTTLED_PAUSE = timedelta(seconds=10)
"""Of an OAuth client that Genesys refuses for its rate without saying until when."""
LOOKUP_ATTEMPTS = 10
"""Some three minutes: a conversation of which Genesys knows nothing by then is correlated by the agent's first message."""
GIVE_UP_ATTEMPTS = 10
"""What a suspended tenant kept waiting for longer has its chance when the tenant is resumed, whatever rate limits it meets."""


def back_off(attempt: int, retry_after: float | None) -> timedelta:
    """0.5 s doubling to a minute; the platform's own Retry-After when it asks for longer."""
    wait = min(FIRST_RETRY * (1 << min(attempt - 1, 10)), LONGEST_RETRY)
    return wait if retry_after is None else max(wait, timedelta(seconds=retry_after))


def finish(claimed: Claimed, result: AttemptResult, *, now: datetime, hold: timedelta, unknown_ttl: timedelta) -> Finished:
    """What an attempt's result makes of the delivery.

    WhatsApp has no idempotency key, so a lost answer is `unknown` and never sent again; Genesys recognises (messageId, time),
    so there it is sent again.
    """
    outcome = result.outcome
    if outcome is Outcome.FAILED and is_held(result):
        # A refused token, a blocked number, an unpaid bill: the account's queue is held until it is mended, no message pays.
        result = replace(result, outcome=Outcome.RETRY, retry_after=HELD_PAUSE.total_seconds())
        outcome = Outcome.RETRY
    if outcome is Outcome.UNKNOWN and claimed.target is not Target.WHATSAPP:
        outcome = Outcome.RETRY
    if outcome is Outcome.RETRY and now - claimed.created_at >= GIVE_UP_AFTER and claimed.attempt >= GIVE_UP_ATTEMPTS:
        outcome = Outcome.FAILED
    is_not_found = claimed.target is Target.GENESYS_LOOKUP and result.http_status == NOT_FOUND
    if outcome is Outcome.RETRY and is_not_found and claimed.attempt >= LOOKUP_ATTEMPTS:
        outcome = Outcome.FAILED
    limit = limit_of(claimed.target, result)
    match outcome:
        case Outcome.SENT:
            return Finished(claimed=claimed, result=result, state=State.SENT, ended_at=now, next_attempt_at=now)
        case Outcome.FAILED:
            return Finished(claimed=claimed, result=result, state=State.FAILED, ended_at=now, next_attempt_at=now)
        case Outcome.RETRY:
            due = now + max(back_off(claimed.attempt, result.retry_after), rest_of(limit, claimed.attempt))
            return Finished(claimed=claimed, result=result, state=State.PENDING, ended_at=now, next_attempt_at=due)
    return Finished(
        claimed=claimed,
        result=result,
        state=State.UNKNOWN,
        ended_at=now,
        next_attempt_at=now + unknown_ttl,
        hold_until=now + hold,
    )


def limit_of(target: Target, result: AttemptResult) -> Limit | None:
    """Returns the limit of WhatsApp's that an attempt met."""
    return find_limit(result.error) if target in TO_WHATSAPP and result.outcome is Outcome.RETRY else None


def rest_of(limit: Limit | None, attempt: int) -> timedelta:
    """Returns how long the message itself waits; where more than its customer rests, the pace says when to go on."""
    if limit is None:
        return timedelta(0)
    return timedelta(seconds=limit.rest(attempt - 1 if limit.reach is Reach.PAIR else 0))


def is_held(result: AttemptResult) -> bool:
    """Whether it is the account that was refused, not the message."""
    return (result.error or {}).get("kind") in HELD


def pause_of(target: Target, result: AttemptResult) -> timedelta | None:
    """How long the whole account rests: as long as it asked for, or until somebody may have mended it."""
    if is_held(result):
        return HELD_PAUSE
    limit = find_limit(result.error)
    if result.retry_after is not None and (limit is None or limit.reach is not Reach.PAIR):
        return timedelta(seconds=result.retry_after)
    return THROTTLED_PAUSE if is_throttled(target, result) else None


def is_throttled(target: Target, result: AttemptResult) -> bool:
    """Whether Genesys says that the OAuth client asked too often."""
    return target not in TO_WHATSAPP and (result.error or {}).get("kind") == FailureKind.THROTTLE
