"""A message that waits: for its time, or for its customer to write."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from waystate.documents import JsonObject
from waystate.events.model import Event, MessagePlanned, MessageReleased, MessageWithdrawn, PlanFailed


class PlannedState(StrEnum):
    WAITING = "waiting"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """`send_at`: when it was asked for; None: when the customer writes. `due_at`: when it is released; None: not known yet.

    `request` holds `type`, `content` (WhatsApp's object under its type), `text`, `reply_to`, `reacts_to` and `metadata`;
    where there are any `media`, `is_composed` (false: an agent's), `holds`, `speaker`, `asked_by` (our id of the template whose
    answer it waits for) and `resent_as`.
    `message_id`: what it became; while it waits, an agent's message that is `queued` already and waits with it.
    """

    id: UUID
    contact_id: UUID
    phone_number_id: str
    expires_at: datetime
    request: JsonObject
    actor_kind: str
    created_at: datetime
    actor_id: UUID | None = None
    send_at: datetime | None = None
    due_at: datetime | None = None
    message_id: UUID | None = None
    state: PlannedState = PlannedState.WAITING
    error: JsonObject | None = None
    finished_at: datetime | None = None

    @property
    def key(self) -> tuple[str, UUID]:
        """Number and contact: whose conversation it goes to."""
        return self.phone_number_id, self.contact_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFilter:
    """What a page of planned messages is asked for; None: whichever."""

    state: PlannedState | None = None
    contact_id: UUID | None = None
    phone_number_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutcome:
    """What became of a planned message. `message_id`: what it was released as; `error` of a failed one: its code and title."""

    planned: PlannedMessage
    state: PlannedState
    message_id: UUID | None = None
    error: JsonObject | None = None


def withdrawn(planned: PlannedMessage) -> PlanOutcome:
    return PlanOutcome(planned=planned, state=PlannedState.WITHDRAWN)


def told_of_planned(planned: Iterable[PlannedMessage], now: datetime) -> list[Event]:
    return [MessagePlanned(**_named(each, now), send_at=each.send_at, expires_at=each.expires_at) for each in planned]


def told_of_outcomes(outcomes: Iterable[PlanOutcome], now: datetime) -> list[Event]:
    """Returns the event of each that waits no more."""
    return [_told(each, now) for each in outcomes]


def _told(outcome: PlanOutcome, now: datetime) -> Event:
    named = _named(outcome.planned, now)
    match outcome.state:
        case PlannedState.RELEASED:
            return MessageReleased(**{**named, "message_id": outcome.message_id})
        case PlannedState.WITHDRAWN:
            return MessageWithdrawn(**named)
        case PlannedState.FAILED:
            error = outcome.error or {}
            return PlanFailed(**named, code=str(error.get("code")), reason=str(error.get("title")))
    raise ValueError(f"a message that is {outcome.state} has no outcome")


def _named(planned: PlannedMessage, now: datetime) -> dict[str, Any]:
    return {
        "planned_id": planned.id,
        "contact_id": planned.contact_id,
        "phone_number_id": planned.phone_number_id,
        "at": now,
        "message_id": planned.message_id,
        "message_type": str(planned.request.get("type", "text")),
    }
