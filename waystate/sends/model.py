"""What a business wants to say to a customer, and what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from waystate.conversations.control import Speaker
from waystate.documents import JsonObject
from waystate.principal import Actor


class Mode(StrEnum):
    """Of many at once: all are taken or none (seed 004), or each for itself."""

    ALL_OR_NOTHING = "allOrNothing"
    EACH = "each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is asked for, before anything of it was looked up.

    To whom: one of `to` (a phone as people write it, or a business-scoped user id), `contact_id` and `conversation_id` (ours
    or Genesys'). `content` is WhatsApp's own object under its type. `reply_to`, and `reacts_to` of a reaction, name a message
    by our id or its wamid. `send_at`: not before then; `holds`: when the customer has written, should the window be closed.
    Not `may_wait`: what would have to wait is refused, whatever the tenant's settings say.
    """

    type: str
    content: JsonObject
    text: str
    speaker: Speaker
    actor: Actor
    to: str | None = None
    contact_id: UUID | None = None
    conversation_id: str | None = None
    phone_number_id: str | None = None
    reply_to: str | None = None
    reacts_to: str | None = None
    send_at: datetime | None = None
    holds: bool = False
    may_wait: bool = True
    is_composed: bool = True
    """False: `content` and `media` are an agent's, in Genesys' words."""
    has_waited: bool = False
    """It was planned, and its turn has come: nothing stands before it any more."""
    said_in_epoch: int | None = None
    """Of what stood behind others: the conversation's `control_epoch` when it was said."""
    media: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message that is `queued` now, in a conversation that may be new."""

    message_id: UUID
    conversation_id: UUID
    contact_id: UUID
    phone_number_id: str
    is_new_conversation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that waits: until `send_at`, or for its customer to write."""

    planned_id: UUID
    contact_id: UUID
    phone_number_id: str
    send_at: datetime | None
    expires_at: datetime


SendOutcome = Posted | Waiting


def said_in(request: JsonObject) -> dict[str, Any]:
    """The fields of a draft that say what is said, of what a planned message was asked for."""
    return {
        "type": str(request["type"]),
        "content": request.get("content") or {},
        "text": request.get("text") or "",
        "media": request.get("media"),
        "is_composed": request.get("is_composed", True),
        "reply_to": request.get("reply_to"),
        "reacts_to": request.get("reacts_to"),
    }
