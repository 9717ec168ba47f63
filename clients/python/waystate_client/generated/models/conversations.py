"""Of `conversations`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.generated.models.messages import GroupAnswer, MessageAnswer
from waystate_client.records import CamelRecord, Record

__all__ = [
    "AssigneeAnswer",
    "AuthorAnswer",
    "BegunConversation",
    "Controller",
    "ConversationAnswer",
    "ConversationMessages",
    "ConversationPage",
    "ConversationStatus",
    "CountedConversation",
    "CountsAnswer",
    "CustomerAnswer",
    "InboxSort",
    "InvolvedAnswer",
    "LastMessage",
    "ListedConversation",
    "MatchedMessage",
    "Matches",
    "NoteAnswer",
    "NotePage",
    "PartSource",
    "ParticipantsAnswer",
    "QueueOfConversation",
    "ReadSoFarAnswer",
    "TakesPart",
    "WindowAnswer",
]

Controller = Literal["none", "flow", "agent", "external"]

ConversationStatus = Literal["active", "waiting", "closed", "expired", "error"]

InboxSort = Literal["lastActivity", "created", "waiting"]
"""The order of a list: the latest first, or those who wait longest."""
PartSource = Literal["conversation", "group", "assignment", "added"]
"""Why somebody takes part."""
TakesPart = Literal["customer", "agent", "observer"]
"""As what: seed 003's roles."""


class AssigneeAnswer(Record):
    """`name` is null of somebody who has left."""

    id: UUID
    name: str | None


class AuthorAnswer(Record):
    """`name` is null of who is not here any more, and of a key."""

    kind: Literal["user", "key", "trusted", "operator", "system"] | str
    id: UUID | None
    name: str | None


class CustomerAnswer(CamelRecord):
    """`waId` and `userId` are what the customer last wrote from; both null until they have. `marketing`: `opted_out`
    or
    `opted_in`, as they told WhatsApp of this number last; null if they never did, and then they may be sent
    marketing. `group`
    is there where `kind` is `group`; that has no `waId` and no `userId`.
    """

    id: UUID
    kind: Literal["person", "group"] | str
    name: str | None
    wa_id: str | None
    user_id: str | None
    marketing: Literal["opted_out", "opted_in"] | str | None
    group: GroupAnswer | None


class QueueOfConversation(Record):
    """Where it waits, or came from."""

    id: UUID
    name: str


class WindowAnswer(CamelRecord):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they
    never did.
    """

    open: bool
    closes_at: datetime | None


class ConversationAnswer(CamelRecord):
    """`controller` says who speaks: `none`, `flow`, `agent` (a person here) or `external` (Genesys, or a service).
    `controlEpoch` rises with each change, and `controlHolder` names them. `assignee` is that person; of one that has
    ended, the
    last. `waitingSince`: the customer's first message that nobody has answered.
    """

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None


class BegunConversation(CamelRecord):
    """`messageId`: what was said, `queued` for WhatsApp. `isNew` is false where the customer's was open already."""

    conversation: ConversationAnswer
    message_id: UUID
    is_new: bool


class ConversationMessages(Record):
    """Newest first. `before` leads to the next older page and is null where nothing is older; `after` to the next
    newer one,
    which may be empty still and is asked for again.
    """

    items: list[MessageAnswer]
    before: str | None
    after: str | None


class LastMessage(Record):
    """What was said last. `preview` is one line of it, also where it has no text."""

    id: UUID
    preview: str | None
    at: datetime | None
    direction: str


class MatchedMessage(Record):
    """The newest message that holds every word that was asked for. `spans`: from and behind which character of
    `text`.
    """

    id: UUID
    text: str
    spans: list[tuple[int, int]]


class Matches(Record):
    """What fits: a message, the customer's name (`customer`, its spans), or an id or phone of theirs (neither)."""

    message: MatchedMessage | None
    customer: list[tuple[int, int]]


class ListedConversation(CamelRecord):
    """A conversation with what was said last in it. `matches` is null where no words were asked for."""

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    last_message: LastMessage | None
    matches: Matches | None


class ConversationPage(Record):
    """`next` is null on the last page."""

    items: list[ListedConversation]
    next: str | None


class CountsAnswer(Record):
    """How many messages were said, and by which side: a second or two behind."""

    messages: int
    inbound: int
    outbound: int


class CountedConversation(CamelRecord):
    """A conversation, and how much was said in it."""

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    counts: CountsAnswer


class InvolvedAnswer(Record):
    """`source`: why they take part: it is their `conversation`, they are in the `group`, it is assigned to them
    (`assignment`), or they were `added`. `name` is null where nobody knows it.
    """

    id: UUID
    kind: Literal["customer", "user"] | str
    role: TakesPart | str
    source: PartSource | str
    name: str | None
    since: datetime | None


class NoteAnswer(Record):
    id: UUID
    author: AuthorAnswer
    text: str
    at: datetime


class NotePage(Record):
    """Newest first. `next` is null on the last page."""

    items: list[NoteAnswer]
    next: str | None


class ParticipantsAnswer(Record):
    items: list[InvolvedAnswer]


class ReadSoFarAnswer(CamelRecord):
    """`unread`: how many of the customer's messages are left for you, counted up to 100; null of a key.
    `customerTold`: they are being shown it by this call.
    """

    conversation_id: UUID
    up_to: UUID
    unread: int | None
    customer_told: bool
