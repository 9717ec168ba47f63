"""What one attempt to reach a platform can end in, and the states of a delivery."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from waystate.channels.model import AttemptResult, Outcome
from waystate.clock import iso
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.documents import JsonObject
from waystate.errors import Reason

ACCOUNT_MISSING = "account_missing"
"""The `code` of what cannot leave because the tenant has no such number or integration any more."""
SENDER_EXTERNAL = "sender_external"
"""The `code` of what is not sent because somebody else sends for its number or integration by now; both would be a double."""
NOT_TRIED = frozenset({ACCOUNT_MISSING, SENDER_EXTERNAL})
"""Codes of refusals of our own: no platform was asked."""


class Target(StrEnum):
    WHATSAPP = "whatsapp"
    GENESYS = "genesys"
    GENESYS_RECEIPT = "genesys_receipt"


class State(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What must reach a platform. `account` is the phone_number_id (WhatsApp) or the integration id (Genesys) it goes through.

    Deliveries of one `order_key` leave one after the other, by `position`; `request` is the rendered body, sent again as it is.
    """

    event_id: UUID
    target: Target
    message_id: UUID
    conversation_id: UUID
    account: str
    lane: int
    order_key: str
    position: int
    created_at: datetime
    request: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery whose attempt is committed as begun: from here on only its answer may settle it, or who takes its lane over.

    `epoch` is that of its lane's lease: it is sent only while that one lasts. `is_astray`: the phone it is for is another
    contact's by now.
    """

    event_id: UUID
    target: Target
    message_id: UUID
    conversation_id: UUID
    account: str
    lane: int
    epoch: int
    attempt: int
    created_at: datetime
    request: JsonObject
    is_astray: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A claimed delivery after its attempt. `next_attempt_at`: when it is due again (pending), or given up (unknown)."""

    claimed: Claimed
    result: AttemptResult
    state: State
    ended_at: datetime
    next_attempt_at: datetime
    hold_until: datetime | None = None


AUTH_PAUSE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=60)
GIVE_UP_AFTER = timedelta(hours=24)
"""A reply that could not leave for a day is outside the customer window anyway; the dead letter or failed status says so."""
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
    if outcome is Outcome.FAILED and (result.error or {}).get("kind") == "auth":
        # A wrong or expired token is the account's fault: its queue is held until somebody mends it, no message pays for it.
        result = replace(result, outcome=Outcome.RETRY, retry_after=AUTH_PAUSE.total_seconds())
        outcome = Outcome.RETRY
    if outcome is Outcome.UNKNOWN and claimed.target is not Target.WHATSAPP:
        outcome = Outcome.RETRY
    if outcome is Outcome.RETRY and now - claimed.created_at >= GIVE_UP_AFTER and claimed.attempt >= GIVE_UP_ATTEMPTS:
        outcome = Outcome.FAILED
    match outcome:
        case Outcome.SENT:
            return Finished(claimed=claimed, result=result, state=State.SENT, ended_at=now, next_attempt_at=now)
        case Outcome.FAILED:
            return Finished(claimed=claimed, result=result, state=State.FAILED, ended_at=now, next_attempt_at=now)
        case Outcome.RETRY:
            due = now + back_off(claimed.attempt, result.retry_after)
            return Finished(claimed=claimed, result=result, state=State.PENDING, ended_at=now, next_attempt_at=due)
    return Finished(
        claimed=claimed,
        result=result,
        state=State.UNKNOWN,
        ended_at=now,
        next_attempt_at=now + unknown_ttl,
        hold_until=now + hold,
    )


class RefusedDelivery(BaseModel):
    """What is kept of a delivery that a platform refused; of it, only the request may be mended."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    message_id: UUID
    target: Target
    request: JsonObject


def letter_of_refused(
    *, event_id: UUID, target: Target, message_id: UUID, request: JsonObject, error: JsonObject, at: datetime, text: str
) -> DeadLetter:
    """A message that did not reach its platform must not vanish from that side unseen."""
    return DeadLetter(
        pipeline=Pipeline.DELIVERIES,
        reason=Reason.DELIVERY_FAILED,
        error_message=text,
        original_payload={
            "event_id": str(event_id),
            "target": target,
            "message_id": str(message_id),
            "request": request,
            "error": error,
            "at": iso(at),
        },
        # By the message, not the attempt: what is sent again and refused again is the same dead letter.
        origin=f"delivery:{message_id}:{target}",
    )
