"""Every event, as a closed typed model: `type` names it, the fields are what subscribers get (snake_case, seed 000's payloads).

`mapping_id` is our conversation id, `conversation_id` what the tenant's `settings.correlation` makes public.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import SkipJsonSchema

from waystate.events.of_conversations import BaseEvent as BaseEvent
from waystate.events.of_conversations import ContactEvent as ContactEvent
from waystate.events.of_conversations import ControlChanged as ControlChanged
from waystate.events.of_conversations import ConversationAssigned as ConversationAssigned
from waystate.events.of_conversations import ConversationChanged as ConversationChanged
from waystate.events.of_conversations import ConversationClosed as ConversationClosed
from waystate.events.of_conversations import ConversationCorrelated as ConversationCorrelated
from waystate.events.of_conversations import ConversationExpired as ConversationExpired
from waystate.events.of_conversations import ConversationMerged as ConversationMerged
from waystate.events.of_conversations import ConversationNoted as ConversationNoted
from waystate.events.of_conversations import ConversationOpened as ConversationOpened
from waystate.events.of_conversations import ConversationRead as ConversationRead
from waystate.events.of_conversations import ConversationReleased as ConversationReleased
from waystate.events.of_conversations import ConversationReopened as ConversationReopened
from waystate.events.of_conversations import ConversationRequeued as ConversationRequeued
from waystate.events.of_conversations import ConversationTransferred as ConversationTransferred
from waystate.events.of_conversations import HandedOver as HandedOver
from waystate.events.of_conversations import ParticipantsChanged as ParticipantsChanged
from waystate.events.of_conversations import WindowClosed as WindowClosed
from waystate.events.of_conversations import WindowExpiring as WindowExpiring
from waystate.events.of_conversations import WindowOpened as WindowOpened
from waystate.events.tenant_wide import SCHEMA_VERSION as SCHEMA_VERSION
from waystate.events.tenant_wide import AccountChanged as AccountChanged
from waystate.events.tenant_wide import NumberHeld as NumberHeld
from waystate.events.tenant_wide import NumberReleased as NumberReleased
from waystate.events.tenant_wide import QueueChanged, ReplyChanged, ScheduleChanged
from waystate.events.tenant_wide import TemplateChanged as TemplateChanged


class GroupSender(BaseModel):
    """Who of a WhatsApp group wrote. Nobody is answered by these ids: what answers a group goes to the group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact_id: UUID
    name: str | None = None
    wa_id: str | None = None
    user_id: str | None = None


class InboundEnriched(BaseEvent):
    """A customer's message was tracked (EnrichedInboundMessage of seed 000).

    Of one that was written in a WhatsApp group, `contact_id` and `contact_name` are the group's, `sender` is who wrote, and
    `wa_id` and `user_id` are null. `controller` and `control_epoch`: who had the conversation when it came; `to_genesys`:
    whether it goes to Genesys, and not to a person here or a queue of people here.
    """

    type: Literal["inbound.enriched"] = "inbound.enriched"
    wamid: str
    user_id: str | None = None
    contact_name: str | None = None
    display_phone_number: str | None = None
    timestamp: datetime
    message_type: str
    message_text: str | None = None
    media: dict[str, Any] | None = None
    content: dict[str, Any] = {}
    conversation_id: str | None
    is_new_conversation: bool
    group_id: str | None = None
    sender: GroupSender | None = None
    controller: str = "none"
    control_epoch: int = 0
    to_genesys: bool = True
    former_contact_id: SkipJsonSchema[UUID | None] = Field(default=None, exclude=True)
    """Whose the phone was until this message: what the process remembers of them is void too. Not published."""


class OutboundProcessed(BaseEvent):
    """A message to a customer was tracked as `queued` (EnrichedOutboundMessage of seed 000).

    An agent's has a `genesys_message_id`. `composed`: the `content` is WhatsApp's own object of the type, sent as it is.
    Of one to a WhatsApp group `group_id` is where it goes, and `wa_id` and `user_id` are null.
    """

    type: Literal["outbound.processed"] = "outbound.processed"
    genesys_message_id: str | None = None
    user_id: str | None = None
    conversation_id: str | None
    message_type: str
    message_text: str | None = None
    media: dict[str, Any] | None = None
    content: dict[str, Any] = {}
    reply_to: str | None = None
    """The wamid that it quotes."""
    composed: bool = False
    group_id: str | None = None


class OutboundRefused(BaseEvent):
    """An agent's message cannot go out; it is kept as `failed` and Genesys is told."""

    type: Literal["outbound.refused"] = "outbound.refused"
    genesys_message_id: str
    conversation_id: str | None
    code: str
    reason: str


class MessageTracked(BaseEvent):
    """A message that somebody else carries was recorded over HTTP (seed 001)."""

    type: Literal["message.tracked"] = "message.tracked"
    direction: Literal["inbound", "outbound"]
    status: str
    wamid: str | None = None
    genesys_message_id: str | None = None
    message_type: str


class MessageEchoed(BaseEvent):
    """The business wrote to a customer in WhatsApp's app on a phone: kept as `sent`, and sent by nobody else.

    Of an `edit` or a `revoke`, `content` names the message as `original_message_id`.
    """

    type: Literal["message.echoed"] = "message.echoed"
    wamid: str
    user_id: str | None = None
    timestamp: datetime
    message_type: str
    message_text: str | None = None
    media: dict[str, Any] | None = None
    content: dict[str, Any] = {}
    conversation_id: str | None
    is_new_conversation: bool


class WholeMessage(BaseModel):
    """An agent's message of which one part moved: how far all of it is, and was before.

    It is `failed` as soon as one part is, else as far as the part furthest behind. `message_id` is its last part, which has
    Genesys' id of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: UUID
    status: str
    previous: str


class MessageStatus(BaseEvent):
    """A message's status moved forward. `whole`: of a long text of an agent's, which goes out in parts, each a message."""

    type: Literal["message.status"] = "message.status"
    direction: Literal["inbound", "outbound"]
    status: str
    previous: str
    timestamp: datetime
    wamid: str | None = None
    genesys_message_id: str | None = None
    whole: WholeMessage | None = None
    error: dict[str, Any] | None = None


class MessagePayment(BaseEvent):
    """A payment that the message asked for came to a `status` of its own, such as `pending`, `captured` or `failed`.

    `payment` is WhatsApp's object: `reference_id`, `amount` (`value` by `offset`), `currency`, `transaction`.
    """

    type: Literal["message.payment"] = "message.payment"
    wamid: str | None = None
    status: str
    timestamp: datetime
    payment: dict[str, Any] = {}
    error: dict[str, Any] | None = None


class MessageReacted(BaseEvent):
    """A customer reacted to the message `wamid` (`emoji`; null: not any more). `changed_by` is the wamid of the reaction.

    `message_id` is null, and `mapping_id` the conversation that the reaction stands in, where that message is not known here.
    In a WhatsApp group `contact_id` is the group's, and `sender` is who reacted.
    """

    type: Literal["message.reacted"] = "message.reacted"
    wamid: str
    emoji: str | None
    timestamp: datetime
    changed_by: str
    sender: GroupSender | None = None


class MessageEdited(BaseEvent):
    """A customer changed their message: it reads so from then on. `changed_by` is the wamid of the edit."""

    type: Literal["message.edited"] = "message.edited"
    wamid: str
    timestamp: datetime
    changed_by: str
    message_type: str
    message_text: str | None = None
    media: dict[str, Any] | None = None
    content: dict[str, Any] = {}


class MessageRevoked(BaseEvent):
    """A customer took their message back: what it said is not shown any more. `changed_by` is the wamid of the revocation."""

    type: Literal["message.revoked"] = "message.revoked"
    wamid: str
    timestamp: datetime
    changed_by: str


class MessageMarkedRead(BaseEvent):
    """A customer is to see that their message was read; `typing`: and that an answer is being written."""

    type: Literal["message.marked_read"] = "message.marked_read"
    wamid: str
    typing: bool = False


class MessageMissed(BaseEvent):
    """An agent's message that Genesys gave up handing over, found afterwards. Its dead letter, replayed, sends it.

    `timestamp`: when the agent wrote it.
    """

    type: Literal["message.missed"] = "message.missed"
    genesys_message_id: str
    genesys_conversation_id: str
    timestamp: datetime
    message_text: str | None = None


class PlannedEvent(ContactEvent):
    """Of a message that waits: for its time, or for its customer to write. `planned_id` is its id while it does."""

    planned_id: UUID
    message_type: str


class MessagePlanned(PlannedEvent):
    """A message waits until `send_at`, or, where that is null, until its customer writes; at most until `expires_at`.

    `message_id`: an agent's message that is `queued` meanwhile.
    """

    type: Literal["message.planned"] = "message.planned"
    send_at: datetime | None = None
    expires_at: datetime


class MessageReleased(PlannedEvent):
    """It waits no more: it became the message `message_id`, which is queued for WhatsApp."""

    type: Literal["message.released"] = "message.released"


class MessageWithdrawn(PlannedEvent):
    """Whoever may send took it back while it waited."""

    type: Literal["message.withdrawn"] = "message.withdrawn"


class PlanFailed(PlannedEvent):
    """It cannot be sent any more: its time is over, or it came and WhatsApp would refuse it."""

    type: Literal["message.plan_failed"] = "message.plan_failed"
    code: str
    reason: str


class FileEvent(BaseEvent):
    """Of the file of a customer's message, which `GET /v1/media/{file_id}` shows."""

    file_id: UUID
    wamid: str


class MediaStored(FileEvent):
    """The file of a customer's message can be had. `size` is in bytes, `sha256` is hexadecimal."""

    type: Literal["media.stored"] = "media.stored"
    message_type: str
    mime_type: str | None = None
    filename: str | None = None
    size: int
    sha256: str


class MediaHeld(FileEvent):
    """The scanner refused the file: it is not handed out."""

    type: Literal["media.held"] = "media.held"
    reason: str


class MediaFailed(FileEvent):
    """The file cannot be had any more: nobody tries again. The message stands as it is."""

    type: Literal["media.failed"] = "media.failed"
    code: str
    reason: str


class ContactUpdated(ContactEvent):
    """WhatsApp told that a customer's phone or business-scoped user id changed: `wa_id` and `user_id` are the new ones."""

    type: Literal["contact.updated"] = "contact.updated"
    user_id: str | None = None


class PreferencesChanged(ContactEvent):
    """A customer wants no more marketing messages of the number, or wants them again; `detail` is WhatsApp's sentence."""

    type: Literal["customer.preferences_changed"] = "customer.preferences_changed"
    marketing: Literal["opted_out", "opted_in"]
    user_id: str | None = None
    detail: str | None = None
    timestamp: datetime


class CallReported(ContactEvent):
    """WhatsApp told of a voice call between the number and a customer: `connect`, `ringing`, `accepted`, `terminate`, …

    `direction` is `inbound` of a customer's call; `mapping_id` is the conversation, where they have one; `duration` in seconds.
    """

    type: Literal["call.reported"] = "call.reported"
    mapping_id: UUID | None = None
    user_id: str | None = None
    call_id: str
    event: str
    direction: Literal["inbound", "outbound"]
    status: str | None = None
    duration: int | None = None
    timestamp: datetime


class CustomerChanged(ContactEvent):
    """Somebody edited what is known of a customer, or (`is_new`) added them; `fields` are those that are otherwise now."""

    type: Literal["customer.changed"] = "customer.changed"
    phone_number_id: str = ""
    fields: list[str]
    is_new: bool = False


class ContactNamed(ContactEvent):
    """A customer without a name has one from the address book of the business's phone, until they give their own."""

    type: Literal["contact.named"] = "contact.named"
    contact_name: str


class GroupChanged(ContactEvent):
    """WhatsApp told something of a group: its subject, its state (`active`, `suspended`, `deleted`), or who `joined` or `left`.

    `contact_id` is the group's; who joined and left are contacts too. Subject and state are as they are from then on.
    """

    type: Literal["group.changed"] = "group.changed"
    group_id: str
    subject: str | None = None
    state: Literal["active", "suspended", "deleted"]
    joined: list[UUID] = []
    left: list[UUID] = []


class ContactMerged(ContactEvent):
    """Two contacts turned out to be one: what was `merged_contact_id`'s is `contact_id`'s, and that id still leads there."""

    type: Literal["contact.merged"] = "contact.merged"
    phone_number_id: str = ""
    merged_contact_id: UUID


class ContactUnmerged(ContactEvent):
    """A merge was undone: `merged_contact_id` is a contact of its own again, with these of the conversations of `contact_id`.

    `moved` messages that came from its ids since the merge are in its conversations now.
    """

    type: Literal["contact.unmerged"] = "contact.unmerged"
    phone_number_id: str = ""
    merged_contact_id: UUID
    conversations: list[UUID]
    reopened: list[UUID]
    moved: int


Event = (
    InboundEnriched
    | OutboundProcessed
    | OutboundRefused
    | MessageTracked
    | MessageEchoed
    | MessageStatus
    | MessagePayment
    | MessageReacted
    | MessageEdited
    | MessageRevoked
    | ConversationOpened
    | ConversationCorrelated
    | MessageMarkedRead
    | ControlChanged
    | ConversationExpired
    | ConversationClosed
    | ConversationAssigned
    | ConversationTransferred
    | ConversationReleased
    | ConversationReopened
    | ConversationChanged
    | MessageMissed
    | ConversationMerged
    | WindowOpened
    | WindowExpiring
    | WindowClosed
    | MessagePlanned
    | MessageReleased
    | MessageWithdrawn
    | PlanFailed
    | MediaStored
    | MediaHeld
    | MediaFailed
    | ContactUpdated
    | PreferencesChanged
    | CallReported
    | CustomerChanged
    | ContactNamed
    | GroupChanged
    | ContactMerged
    | ContactUnmerged
    | TemplateChanged
    | AccountChanged
    | NumberHeld
    | NumberReleased
    | QueueChanged
    | ScheduleChanged
    | ReplyChanged
    | ConversationRequeued
    | ConversationNoted
    | ParticipantsChanged
    | ConversationRead
)

AnyEvent: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])

LOGGED: frozenset[str] = frozenset(
    each.model_fields["type"].default
    for each in (
        ConversationOpened,
        ConversationCorrelated,
        ControlChanged,
        ConversationExpired,
        ConversationClosed,
        ConversationAssigned,
        ConversationTransferred,
        ConversationReleased,
        ConversationReopened,
        ConversationChanged,
        ConversationMerged,
        ConversationRequeued,
        ConversationNoted,
        ParticipantsChanged,
    )
)
"""Types of the events that are kept as long as their conversation, as what happened to it (`conversation_log`)."""
