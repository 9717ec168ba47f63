"""Events of what becomes of a conversation, and what every event of a contact or a conversation has."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from waystate.events.tenant_wide import SCHEMA_VERSION


class ContactEvent(BaseModel):
    """Of a contact; `phone_number_id` is the number by which it was learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: ClassVar[int] = SCHEMA_VERSION

    contact_id: UUID
    phone_number_id: str
    at: datetime
    wa_id: str | None = None
    message_id: UUID | None = None


class BaseEvent(ContactEvent):
    """Of a conversation of a contact."""

    mapping_id: UUID


class ConversationOpened(BaseEvent):
    """A conversation was opened before any message: by a look-up (`GET /state/mapping`), by the business, or for messages that
    left another one when a merge was undone."""

    type: Literal["conversation.opened"] = "conversation.opened"


class ConversationCorrelated(BaseEvent):
    """Genesys' ids were attached."""

    type: Literal["conversation.correlated"] = "conversation.correlated"
    genesys_conversation_id: str
    communication_id: str | None = None


class ControlChanged(BaseEvent):
    """Somebody took the conversation over by speaking in it: `agent` is the person here that `holder` names (`person:` and an
    id), `external` is Genesys or the key that it names. Other changes are said by what made them: `conversation.assigned`,
    `conversation.transferred`, `conversation.released`, `conversation.reopened`."""

    type: Literal["control.changed"] = "control.changed"
    controller: str
    holder: str | None = None
    former_holder: str | None = None
    control_epoch: int


class ConversationExpired(BaseEvent):
    """No activity for `settings.mapping_ttl`."""

    type: Literal["conversation.expired"] = "conversation.expired"


class ConversationClosed(BaseEvent):
    """Genesys ended the conversation (`genesys_ended`), or knows it no more (`genesys_unknown`): `ended_at` there. Or somebody
    closed it here, which is `by`, and gave the `reason`; then `ended_at` is null.

    `disconnect_type` is Genesys' own word for how it ended. What the customer writes next opens a new one.
    """

    type: Literal["conversation.closed"] = "conversation.closed"
    reason: str
    by: str = "genesys"
    genesys_conversation_id: str | None = None
    ended_at: datetime | None = None
    disconnect_type: str | None = None


class HandedOver(BaseEvent):
    """A conversation is in other hands. `by`: whose deed that is: `person:` or `key:` and an id, or `system`.

    `controller`, `holder` and `control_epoch` say who speaks from now on, `assignee_id` and `queue_id` whose it is and where it
    waits; `former_holder` is who had it. `genesys_gets_since`: what the customer wrote since then goes to Genesys now.
    """

    by: str
    controller: str
    holder: str | None = None
    former_holder: str | None = None
    control_epoch: int
    assignee_id: UUID | None = None
    queue_id: UUID | None = None
    genesys_gets_since: datetime | None = None


class ConversationAssigned(HandedOver):
    """A person has the conversation: somebody assigned it to them, or they took it, and then it is `by` them."""

    type: Literal["conversation.assigned"] = "conversation.assigned"


class ConversationTransferred(HandedOver):
    """Whoever had the conversation passed it on, to a person (`user`), to a queue or to Genesys, with a `note` maybe."""

    type: Literal["conversation.transferred"] = "conversation.transferred"
    to: Literal["user", "queue", "genesys"]
    note: str | None = None


class ConversationReleased(HandedOver):
    """Nobody has the conversation: it was given back, its agent acted no more (`lease_ended`), or is no agent here (`left`)."""

    type: Literal["conversation.released"] = "conversation.released"
    reason: Literal["given_back", "lease_ended", "left"]


class ConversationReopened(BaseEvent):
    """A conversation that somebody had closed goes on. Genesys' conversation, `genesys_conversation_id`, stays ended. Also of
    one that a merge had closed, when that is undone: it is in the hands in which it was."""

    type: Literal["conversation.reopened"] = "conversation.reopened"
    by: str
    control_epoch: int
    genesys_conversation_id: str | None = None


class ConversationChanged(BaseEvent):
    """Somebody edited a conversation: `fields` of `subject`, `tags`, `metadata` and `status` are otherwise now."""

    type: Literal["conversation.changed"] = "conversation.changed"
    by: str
    fields: list[str]
    tags_added: list[str] = []
    tags_removed: list[str] = []
    status: str | None = None


class ConversationMerged(BaseEvent):
    """Two contacts turned out to be one, and had a conversation each on the number: this one is closed, the other goes on."""

    type: Literal["conversation.merged"] = "conversation.merged"
    into_mapping_id: UUID


class WindowOpened(BaseEvent):
    """The customer wrote, or called: until `closes_at` free text may be sent to them.

    Also told of a conversation that follows another one while the customer's window on the number is open.
    """

    type: Literal["window.opened"] = "window.opened"
    closes_at: datetime


class WindowExpiring(BaseEvent):
    """The customer window closes within the hour, unless the customer writes."""

    type: Literal["window.expiring"] = "window.expiring"
    closes_at: datetime


class WindowClosed(BaseEvent):
    """24 hours after the customer's last message or call: only a template may be sent until they write again."""

    type: Literal["window.closed"] = "window.closed"
    closes_at: datetime


class ConversationRequeued(BaseEvent):
    """The queue in which the conversation waited was deleted; it waits in `queue_id` now, or in none."""

    type: Literal["conversation.queue_changed"] = "conversation.queue_changed"
    queue_id: UUID | None = None
    former_queue_id: UUID


class ConversationNoted(BaseEvent):
    """Somebody wrote a note that the customer never sees. What it says is read where it stands, and goes when that goes."""

    type: Literal["conversation.noted"] = "conversation.noted"
    note_id: UUID
    author_kind: str
    author_id: UUID | None = None


class ParticipantsChanged(BaseEvent):
    """People take part in a conversation beside its own customer and agent, as contacts or users; these came, changed, left."""

    type: Literal["conversation.participants_changed"] = "conversation.participants_changed"
    put: list[UUID] = []
    removed: list[UUID] = []


class ConversationRead(BaseEvent):
    """A person of the tenant has read up to the message. What the customer is shown is `message.marked_read`."""

    type: Literal["conversation.read"] = "conversation.read"
    user_id: UUID
