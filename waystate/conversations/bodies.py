"""What a conversation looks like over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from waystate.clock import iso
from waystate.conversations.model import Conversation, Described, is_window_open, window_closes_at
from waystate.documents import JsonObject
from waystate.groups.bodies import ContactKind, GroupAnswer
from waystate.preferences.model import Preference
from waystate.web.answers import AnswerBody, Text

CONVERSATION_EXAMPLE: JsonObject = {
    "id": "019c1420-7b11-7a40-8c1d-5f0e6f3b9a21",
    "genesysConversationId": None,
    "number": "106540352242922",
    "customer": {
        "id": "019c1420-7b10-7e02-a3c4-1d2e3f405162",
        "kind": "person",
        "name": "Ana Souza",
        "waId": "5511987654321",
        "userId": None,
        "marketing": None,
        "group": None,
    },
    "status": "active",
    "controller": "external",
    "controlHolder": "key:019c1420-0000-7000-8000-000000000001",
    "controlEpoch": 1,
    "assignee": None,
    "queue": None,
    "subject": None,
    "tags": [],
    "metadata": {},
    "window": {"open": False, "closesAt": None},
    "waitingSince": None,
    "lastActivityAt": "2026-01-31T12:00:00.000Z",
    "expiresAt": "2026-02-03T12:00:00.000Z",
    "closedAt": None,
    "closeReason": None,
}


class CustomerAnswer(AnswerBody):
    """`waId` and `userId` are what the customer last wrote from; both null until they have. `marketing`: `opted_out` or
    `opted_in`, as they told WhatsApp of this number last; null if they never did, and then they may be sent marketing. `group`
    is there where `kind` is `group`; that has no `waId` and no `userId`."""

    id: UUID
    kind: ContactKind
    name: str | None
    waId: str | None
    userId: str | None
    marketing: Literal["opted_out", "opted_in"] | None
    group: GroupAnswer | None


class WindowAnswer(AnswerBody):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they never did."""

    open: bool
    closesAt: Text | None


class AssigneeAnswer(AnswerBody):
    """`name` is null of somebody who has left."""

    id: UUID
    name: str | None


class QueueOfConversation(AnswerBody):
    """Where it waits, or came from."""

    id: UUID
    name: str


class ConversationAnswer(AnswerBody):
    """`controller` says who speaks: `none`, `flow`, `agent` (a person here) or `external` (Genesys, or a service).
    `controlEpoch` rises with each change, and `controlHolder` names them. `assignee` is that person; of one that has ended, the
    last. `waitingSince`: the customer's first message that nobody has answered."""

    id: UUID
    genesysConversationId: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    controlHolder: str | None
    controlEpoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: JsonObject
    window: WindowAnswer
    waitingSince: Text | None
    lastActivityAt: Text
    expiresAt: Text
    closedAt: Text | None
    closeReason: str | None


def render_conversation(
    conversation: Conversation,
    windows: Mapping[tuple[str, UUID], datetime],
    now: datetime,
    preference: Preference | None = None,
    group: GroupAnswer | None = None,
) -> ConversationAnswer:
    """`conversation` as `find_shown` reads it; `windows`: (number, contact) → the customer's newest sign there."""
    shown = conversation.shown or Described()
    window_from = windows.get((conversation.phone_number_id, conversation.contact_id))
    closes_at = window_closes_at(window_from)
    return ConversationAnswer(
        id=conversation.id,
        genesysConversationId=conversation.genesys_conversation_id,
        number=conversation.phone_number_id,
        customer=CustomerAnswer(
            id=conversation.contact_id,
            kind="person" if group is None else "group",
            name=conversation.contact_name,
            waId=conversation.wa_id,
            userId=conversation.user_id,
            marketing=None if preference is None else preference.marketing.value,
            group=group,
        ),
        status=conversation.effective_status(now),
        controller=conversation.controller,
        controlHolder=conversation.control_holder,
        controlEpoch=conversation.control_epoch,
        assignee=_assignee(conversation.assigned_user_id, shown),
        queue=None
        if conversation.queue_id is None
        else QueueOfConversation(id=conversation.queue_id, name=shown.queue_name or ""),
        subject=shown.subject,
        tags=list(shown.tags),
        metadata=shown.metadata,
        window=WindowAnswer(open=is_window_open(window_from, now), closesAt=_time(closes_at)),
        waitingSince=_time(conversation.waiting_since),
        lastActivityAt=iso(conversation.last_activity_at),
        expiresAt=iso(conversation.expires_at),
        closedAt=_time(conversation.closed_at),
        closeReason=conversation.close_reason,
    )


def _assignee(user_id: UUID | None, shown: Described) -> AssigneeAnswer | None:
    return None if user_id is None else AssigneeAnswer(id=user_id, name=shown.assignee_name)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
