"""A message that waits: for its time, or for its customer to write."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from waystate.documents import JsonObject


class PlannedState(StrEnum):
    WAITING = "waiting"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """`send_at`: when it was asked for; None: when the customer writes. `due_at`: when it is released; None: not known yet.

    `request` holds `type`, `content` (WhatsApp's object under its type), `text`, `reply_to`, `reacts_to` and `metadata`.
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
