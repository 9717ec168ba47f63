"""What a conversation looks like over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from waystate.clock import iso
from waystate.conversations.model import Conversation, is_window_open, window_closes_at
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
    "window": {"open": False, "closesAt": None},
    "lastActivityAt": "2026-01-31T12:00:00.000Z",
    "expiresAt": "2026-02-03T12:00:00.000Z",
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


class ConversationAnswer(AnswerBody):
    """A conversation. `controller` says who speaks: `none`, `flow`, `agent` or `external`, that one in the hands of
    `controlHolder`; `controlEpoch` rises with each change."""

    id: UUID
    genesysConversationId: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    controlHolder: str | None
    controlEpoch: int
    window: WindowAnswer
    lastActivityAt: Text
    expiresAt: Text


def render_conversation(
    conversation: Conversation,
    windows: Mapping[tuple[str, UUID], datetime],
    now: datetime,
    preference: Preference | None = None,
    group: GroupAnswer | None = None,
) -> ConversationAnswer:
    """`windows`: (number, contact) → the customer's newest sign there, as `find_windows` says."""
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
        window=WindowAnswer(open=is_window_open(window_from, now), closesAt=None if closes_at is None else iso(closes_at)),
        lastActivityAt=iso(conversation.last_activity_at),
        expiresAt=iso(conversation.expires_at),
    )
