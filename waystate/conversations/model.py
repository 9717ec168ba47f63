"""A conversation: one business number, one contact, and what both platforms call it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from waystate.documents import JsonObject
from waystate.errors import NotFound
from waystate.principal import Principal, Role

CUSTOMER_WINDOW = timedelta(hours=24)
"""WhatsApp lets a business write free text this long after the customer's last message or call; later only templates pass."""

PREVIEW_LENGTH = 1000


class ConversationStatus(StrEnum):
    ACTIVE = "active"
    WAITING = "waiting"
    CLOSED = "closed"
    EXPIRED = "expired"
    ERROR = "error"


AgentScope = Literal["all", "assigned"]
_LIMITED = frozenset({Role.AGENT, Role.VIEWER})

OPEN = frozenset({ConversationStatus.ACTIVE, ConversationStatus.WAITING, ConversationStatus.ERROR})

MERGED = "merged"
"""The reason of a close: two contacts turned out to be one, and the other's conversation went on."""
GENESYS_ENDED = "genesys_ended"
"""The reason of a close: Genesys' conversation ended."""
GENESYS_UNKNOWN = "genesys_unknown"
"""The reason of a close: Genesys has no such conversation any more."""
OWN_REASONS = frozenset({MERGED, GENESYS_ENDED, GENESYS_UNKNOWN, "expired", "history"})
"""Reasons that say who ended a conversation: nobody who closes one may give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What people see of a conversation beside how it stands, with the names that belong to its ids."""

    subject: str | None = None
    tags: tuple[str, ...] = ()
    metadata: JsonObject = field(default_factory=dict)
    assignee_name: str | None = None
    """None also of somebody who has left."""
    queue_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """`wa_id` and `user_id` are what the customer last wrote from: a phone, a business-scoped user id, or both.

    `is_merged`: it was closed because its customer had another one on the number; only look-ups by an id tell.
    `window_from`: the newest sign of the customer, from which WhatsApp's window counts. The controller and its holder say who
    speaks (`control.py`), and `assigned_user_id` is the person who does, or did last, where it is an `agent`. Of these, and of
    the queue and the close, only who holds the lock is told, and who asks for what is `Described`.
    """

    id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    genesys_conversation_id: str | None
    communication_id: str | None
    status: ConversationStatus
    expires_at: datetime
    last_activity_at: datetime
    last_customer_message_at: datetime | None
    version: int
    contact_name: str | None = None
    user_id: str | None = None
    is_merged: bool = False
    window_from: datetime | None = None
    controller: str = "none"
    control_holder: str | None = None
    control_epoch: int = 0
    assigned_user_id: UUID | None = None
    queue_id: UUID | None = None
    is_queued_here: bool = False
    """Its queue is one of people here: no queue of Genesys stands for it."""
    closed_at: datetime | None = None
    close_reason: str | None = None
    waiting_since: datetime | None = None
    closed_by: str | None = None
    """Who of those who may close it did; None: nobody, it ended."""
    shown: "Described | None" = None

    def is_open(self, now: datetime) -> bool:
        """Overdue counts as expired at once; the job that tidies only writes it down."""
        return self.status in OPEN and self.expires_at > now

    def takes_free_text(self, now: datetime) -> bool:
        return is_window_open(self.window_from, now)

    def effective_status(self, now: datetime) -> ConversationStatus:
        if self.status in OPEN and self.expires_at <= now:
            return ConversationStatus.EXPIRED
        return self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class PastConversation:
    """A conversation as a whole row, for one that was not led here."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    genesys_conversation_id: str | None
    communication_id: str | None
    last_message_id: str | None
    status: ConversationStatus
    controller: str
    expires_at: datetime
    last_activity_at: datetime
    last_customer_message_at: datetime | None
    last_message_at: datetime | None
    last_message: str | None
    closed_at: datetime | None
    close_reason: str | None
    version: int
    metadata: JsonObject
    created_at: datetime
    user_id: str | None = None
    control_holder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPast:
    """What a closed conversation of past messages is to say of the newest of them."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    user_id: str | None
    message_at: datetime
    message_id: str
    preview: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """In whose hands a conversation is from now on, by how many changes, and where it waits."""

    id: UUID
    controller: str
    holder: str | None
    epoch: int
    assignee_id: UUID | None
    queue_id: UUID | None
    status: ConversationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """`is_here`: no queue of Genesys stands for it. `has_member`: the person who was asked about is one of its people."""

    id: UUID
    name: str
    is_here: bool
    has_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEnd:
    """Genesys says that its conversation ended, at `ended_at`; `disconnect_type` is its own word for how."""

    conversation_id: str
    ended_at: datetime
    event: str = ""
    disconnect_type: str | None = None
    reason: str = GENESYS_ENDED
    origin: str = ""


@dataclass(slots=True, kw_only=True)
class Activity:
    """What a batch of messages does to the conversation of one contact on one number."""

    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    at: datetime
    user_id: str | None = None
    customer_message_at: datetime | None = None
    message_at: datetime | None = None
    message_id: str | None = None
    preview: str | None = None
    controller: str | None = None
    control_holder: str | None = None
    control_epoch: int | None = None
    """Who speaks from now on, by how many changes; None: as before."""
    acted_at: datetime | None = None
    """When the person who has the conversation did something of it; None: they did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedConversation:
    """The one open conversation after `open_many`; `is_new` for the caller whose row it is.

    `opened_from`: when the customer gave the sign that opened their window just now; None where it was open, or is closed. The
    rest is what `Conversation` calls so.
    """

    id: UUID
    genesys_conversation_id: str | None
    is_new: bool
    opened_from: datetime | None = None
    controller: str = "none"
    control_epoch: int = 0
    is_queued_here: bool = False


def window_closes_at(window_from: datetime | None) -> datetime | None:
    """Returns when the customer window closes that began with this sign of the customer; None where they gave none.

    https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows
    """
    return None if window_from is None else window_from + CUSTOMER_WINDOW


def is_window_open(window_from: datetime | None, now: datetime) -> bool:
    return window_from is not None and now < window_from + CUSTOMER_WINDOW


def preview_of(text: str | None) -> str | None:
    return text[:PREVIEW_LENGTH] if text else None


def public_conversation_id(correlation: str, conversation_id: UUID, genesys_conversation_id: str | None) -> str | None:
    """What answers and payloads call `conversationId`: ours for good (`local`, seed 001) or Genesys' (`genesys`, seed 000)."""
    return str(conversation_id) if correlation == "local" else genesys_conversation_id


def conversation_not_found(name: object) -> NotFound:
    """Of what is missing, another tenant's and out of sight alike."""
    text = f"There is no conversation {name}. Take Waystate's id or Genesys' from one of its messages or events."
    return NotFound("conversation_not_found", text)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller sees: everything where there is no `viewer`; else what `is_in_sight` of the database says of these two."""

    viewer: UUID | None = None
    queues: tuple[UUID, ...] = ()

    def shows(self, assigned: UUID | None, queue: UUID | None, holder: str | None) -> bool:
        """Whether a conversation is seen: theirs, or nobody's, which they speak in or whose queue they are in."""
        if self.viewer is None or assigned is not None:
            return self.viewer is None or assigned == self.viewer
        return holder == f"person:{self.viewer}" or queue in self.queues

    @property
    def asked(self) -> dict[str, Any]:
        """What a statement passes to `is_in_sight`."""
        return {"viewer": self.viewer, "queues": list(self.queues)}

    def shows_one(self, conversation: Conversation) -> bool:
        return self.shows(conversation.assigned_user_id, conversation.queue_id, conversation.control_holder)


EVERYTHING = Sight()
"""Everybody sees all but those whom `settings.agent_scope` limits."""


def is_limited(principal: Principal | None, scope: AgentScope) -> bool:
    """Returns whether this caller sees only what is theirs under the tenant's `agent_scope`: of people, viewers and agents."""
    return principal is not None and scope == "assigned" and is_agent(principal)


def is_agent(principal: Principal) -> bool:
    return principal.kind == "session" and principal.role in _LIMITED
