"""Of `customers`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.generated.models.conversations import ConversationAnswer
from waystate_client.generated.models.messages import MessageAnswer
from waystate_client.records import CamelRecord, Record

__all__ = [
    "CustomerContext",
    "CustomerConversations",
    "CustomerIntegrations",
    "CustomerMessages",
    "CustomerPage",
    "CustomerProfile",
    "CustomerTimeline",
    "Direction",
    "DuplicateGroup",
    "DuplicatePage",
    "FoundCustomer",
    "ImportAnswer",
    "IntegrationFailure",
    "Likeness",
    "MergeAnswer",
    "MergePage",
    "MergedAnswer",
    "RefusedRow",
    "SameReason",
    "Sort",
    "TagsAnswer",
    "TimelineLog",
    "TimelineMessage",
    "TimelineStatus",
    "UnmergedAnswer",
]

Direction = Literal["inbound", "outbound"]

Likeness = Literal["phone", "email", "username", "name"]
"""What customers have in common, the surest first."""
Sort = Literal["lastActivity", "name", "created", "messageCount"]
"""The order of a list: the newest or most first, names from A to Z."""


class CustomerProfile(CamelRecord):
    """A customer. `waIds` and `userIds` lead to them now, the newest last. `phoneNumber` is E.164, or as somebody
    edited it.

    `kind` is `group` of a WhatsApp group, which has neither of them, but a `groupId`. `messageCount` and the last
    times are a
    second or two behind.
    """

    id: UUID
    kind: Literal["person", "group"] | str
    group_id: str | None
    name: str | None
    email: str | None
    phone_number: str | None
    username: str | None
    language: str | None
    profile_picture_url: str | None
    tags: list[str]
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    wa_ids: list[str]
    user_ids: list[str]
    message_count: int
    last_message_at: datetime | None
    last_activity_at: datetime
    created_at: datetime
    edited_at: datetime


class CustomerContext(Record):
    """What a service or an agent needs to know of a customer at once.

    `conversation` is the open one, or else the last; `messages` are the last ones, newest first.
    """

    customer: CustomerProfile
    conversation: ConversationAnswer | None
    messages: list[MessageAnswer]


class CustomerConversations(Record):
    """Newest first. `next` is null on the last page."""

    items: list[ConversationAnswer]
    next: str | None


class IntegrationFailure(CamelRecord):
    """Something did not arrive: at WhatsApp, or at Genesys, as `target` says. `error` is why."""

    kind: Literal["failure"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    message_id: UUID
    target: str
    attempts: int
    error: dict[str, Any] | None


class TimelineLog(CamelRecord):
    """Something happened to a conversation: `type` and `data` are those of its event."""

    kind: Literal["log"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    type: str
    data: dict[str, Any]


class CustomerIntegrations(Record):
    """Newest first. `next` is null on the last page."""

    items: list[TimelineLog | IntegrationFailure | dict[str, Any]]
    next: str | None


class CustomerMessages(Record):
    """Newest first. `next` leads to what is older, and is null on the last page; `previous` to what is newer, and
    later on
    to what was said since; it is null where nothing was.
    """

    items: list[MessageAnswer]
    next: str | None
    previous: str | None


class FoundCustomer(CamelRecord):
    """`matches`: by field, where it holds what was asked for, as pairs: from and behind which character."""

    id: UUID
    kind: Literal["person", "group"] | str
    group_id: str | None
    name: str | None
    email: str | None
    phone_number: str | None
    username: str | None
    language: str | None
    profile_picture_url: str | None
    tags: list[str]
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    wa_ids: list[str]
    user_ids: list[str]
    message_count: int
    last_message_at: datetime | None
    last_activity_at: datetime
    created_at: datetime
    edited_at: datetime
    matches: dict[str, list[tuple[int, int]]]


class CustomerPage(Record):
    """`next` is null on the last page alone. Where very many customers fit each filter, and few fit all of them, a
    page may
    hold fewer than `limit`, even none: the next one goes on.
    """

    items: list[FoundCustomer]
    next: str | None


class TimelineMessage(CamelRecord):
    """A message was said."""

    kind: Literal["message"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID | None
    message: MessageAnswer


class TimelineStatus(CamelRecord):
    """A message came to a status. `source` said so."""

    kind: Literal["status"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    message_id: UUID
    status: str
    source: str
    error: dict[str, Any] | None


class CustomerTimeline(Record):
    """Newest first. `next` is null on the last page."""

    items: list[TimelineMessage | TimelineStatus | TimelineLog | dict[str, Any]]
    next: str | None


class SameReason(Record):
    """What customers have in common, as it was compared: folded, a phone in its longer spelling, a name's words in
    order.
    """

    by: Likeness | str
    value: str


class DuplicateGroup(Record):
    """Customers that may be one, who was active last first. `reasons` is what all have in common, the surest first;
    `more`: so
    have others, who are not shown.
    """

    reasons: list[SameReason]
    customers: list[CustomerProfile]
    more: bool


class DuplicatePage(Record):
    """`next` is null on the last page."""

    items: list[DuplicateGroup]
    next: str | None


class RefusedRow(Record):
    """`line` is where the row begins in the file, the first one being 1; `code` is for programs."""

    line: int
    code: str
    detail: str


class ImportAnswer(Record):
    """Rows, and what became of them. `errors` are the first 1,000 of those `refused`, which changed nothing."""

    rows: int
    added: int
    changed: int
    unchanged: int
    refused: int
    errors: list[RefusedRow]


class MergeAnswer(CamelRecord):
    """A record that went into another. `mergedName` and `mergedIds` are what it was known by.

    `madeBy`: who said so; `proof`: a message of the customer's showed it. `conversations` moved with it;
    `closedConversations` ended, because each customer had one on the number.
    """

    id: UUID
    customer_id: UUID
    merged_customer_id: UUID
    merged_name: str | None
    merged_ids: list[str]
    merged_at: datetime
    made_by: Literal["proof", "user", "key", "trusted", "operator", "system"] | str
    made_by_id: UUID | None
    conversations: int
    closed_conversations: list[UUID]


class MergePage(Record):
    """The latest first. `next` is null on the last page."""

    items: list[MergeAnswer]
    next: str | None


class MergedAnswer(Record):
    """The merge, by whose `id` it can be undone, and the customer as they are now."""

    merge: MergeAnswer
    customer: CustomerProfile


class TagsAnswer(Record):
    """`changed`: how many customers are tagged otherwise now. `missing`: those of the ids that no customer has."""

    changed: int
    missing: list[UUID]


class UnmergedAnswer(CamelRecord):
    """Both customers as they are now. `conversations` went back to the `restored` one; `reopened` ones had ended by
    the merge
    alone; `movedMessages` came from, or went to, an id of the one while they stood with the other.
    """

    restored: CustomerProfile
    customer: CustomerProfile
    conversations: list[UUID]
    reopened: list[UUID]
    moved_messages: int
