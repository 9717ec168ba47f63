"""What the trace answers."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from waystate.documents import JsonObject
from waystate.groups.bodies import ContactKind, GroupAnswer

Text = Annotated[str, Field(description="ISO 8601 with Z")]


class TracedContact(BaseModel):
    """`group` is there where `kind` is `group`."""

    id: UUID
    kind: ContactKind
    name: str | None
    waId: str | None
    group: GroupAnswer | None


class CustomerWindow(BaseModel):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they never did."""

    open: bool
    closesAt: Text | None


class TracedConversation(BaseModel):
    """`conversationId` is what `/state` calls it, `internalId` Waystate's own id."""

    internalId: UUID
    conversationId: str | None
    genesysConversationId: str | None
    communicationId: str | None
    phoneNumberId: str
    status: str
    expiresAt: Text
    customerWindow: CustomerWindow


class Hop(BaseModel):
    """`written`, `tracked`, `received`, `queued`, `attempt`, `answer` or `status`; `what` says more."""

    at: Text
    hop: str
    what: str


class TracedAttempt(BaseModel):
    """`outcome` is null while no answer came. `holder` and `epoch` are those of the lease it was made under."""

    attempt: int
    startedAt: Text
    endedAt: Text | None
    outcome: Literal["sent", "retry", "failed", "unknown"] | None
    httpStatus: int | None
    error: dict[str, Any] | None
    holder: str
    epoch: int


class TracedDelivery(BaseModel):
    """What had to reach a platform because of the message. `nextAttemptAt` is null once nothing more will be tried."""

    target: str
    account: str
    state: str
    externalId: str | None
    createdAt: Text
    nextAttemptAt: Text | None
    finishedAt: Text | None
    error: dict[str, Any] | None
    attempts: list[TracedAttempt]


class ReportedStatus(BaseModel):
    """`applied` is false, and `whyNot` says why, where it did not change the message.

    `pricing` and `conversation` are WhatsApp's: what the message costs, and in which window it was sent. `recipient`: of a
    message to a WhatsApp group, which of its people it is about. A status that begins with `payment_` is of the payment that
    the message asked for, of which `payment` has the amount.
    """

    status: str
    at: Text
    source: str
    origin: str
    applied: bool
    whyNot: str | None
    error: dict[str, Any] | None
    pricing: dict[str, Any] | None = None
    conversation: dict[str, Any] | None = None
    payment: dict[str, Any] | None = None
    recipient: str | None = None


class MessageTrace(BaseModel):
    """`why` says in a sentence why the message stands where it stands; `hops` are in order of time.

    `filePassedOn` is false where the message has a file and the other side got text that names it, true where it got the file,
    null for a message without one. `GET /v1/media/{id}` shows the file that `media.file_id` names.
    `senderContactId`: who wrote it, of a message in a WhatsApp group.
    """

    messageId: UUID
    wamid: str | None
    genesysMessageId: str | None
    direction: Literal["inbound", "outbound"]
    type: str
    text: str | None
    content: dict[str, Any]
    media: dict[str, Any] | None
    filePassedOn: bool | None
    metadata: dict[str, Any]
    sender: str | None
    senderContactId: UUID | None
    status: str
    why: str
    error: dict[str, Any] | None
    sentAt: Text
    deliveredAt: Text | None
    readAt: Text | None
    failedAt: Text | None
    contact: TracedContact
    conversation: TracedConversation
    origin: str
    hops: list[Hop]
    deliveries: list[TracedDelivery]
    statuses: list[ReportedStatus]


TRACE_EXAMPLE: JsonObject = {
    "messageId": "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83",
    "wamid": "wamid.HBgMOTE5ODc2NTQzMjEw",
    "genesysMessageId": None,
    "direction": "inbound",
    "type": "text",
    "text": "Where is my order?",
    "content": {"body": "Where is my order?"},
    "media": None,
    "filePassedOn": None,
    "metadata": {},
    "sender": "919876543210",
    "senderContactId": None,
    "status": "processed",
    "why": "It is processed: genesys accepted it at 2026-01-31T12:00:00.210Z.",
    "error": None,
    "sentAt": "2026-01-31T12:00:00.000Z",
    "deliveredAt": "2026-01-31T12:00:00.210Z",
    "readAt": None,
    "failedAt": None,
    "contact": {
        "id": "019c1420-8f30-7b1c-8e55-0a4c7d2f9b16",
        "kind": "person",
        "name": "Asha Rao",
        "waId": "919876543210",
        "group": None,
    },
    "conversation": {
        "internalId": "019c1420-8f31-7aa2-b0c4-5d1e9f6a2b70",
        "conversationId": "5f0d8f0a-6c1e-4a43-8a55-0d8f1f3f7b11",
        "genesysConversationId": "5f0d8f0a-6c1e-4a43-8a55-0d8f1f3f7b11",
        "communicationId": "8a1c5d7e-02f4-4b86-9d3b-6f1f0a9f2c44",
        "phoneNumberId": "106540352242922",
        "status": "active",
        "expiresAt": "2026-02-01T12:00:00.000Z",
        "customerWindow": {"open": True, "closesAt": "2026-02-01T12:00:00.000Z"},
    },
    "origin": "ledger:2026-01-31:019c1420-8f2e-7d03-a1b9-6c8e0f5d4a27:0.0.m0",
    "hops": [
        {"at": "2026-01-31T12:00:00.000Z", "hop": "written", "what": "the time its sender's platform gave it"},
        {"at": "2026-01-31T12:00:00.090Z", "hop": "tracked", "what": "as received"},
        {"at": "2026-01-31T12:00:00.120Z", "hop": "queued", "what": "for genesys"},
        {"at": "2026-01-31T12:00:00.140Z", "hop": "attempt", "what": "1 to genesys"},
        {"at": "2026-01-31T12:00:00.210Z", "hop": "answer", "what": "accepted by genesys"},
    ],
    "deliveries": [
        {
            "target": "genesys",
            "account": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
            "state": "sent",
            "externalId": "9f2f7a1c3f0e4f2d8d5a6b7c8d9e0f10",
            "createdAt": "2026-01-31T12:00:00.120Z",
            "nextAttemptAt": None,
            "finishedAt": "2026-01-31T12:00:00.210Z",
            "error": None,
            "attempts": [
                {
                    "attempt": 1,
                    "startedAt": "2026-01-31T12:00:00.140Z",
                    "endedAt": "2026-01-31T12:00:00.210Z",
                    "outcome": "sent",
                    "httpStatus": 200,
                    "error": None,
                    "holder": "gateway-1:4711",
                    "epoch": 3,
                }
            ],
        }
    ],
    "statuses": [
        {
            "status": "processed",
            "at": "2026-01-31T12:00:00.210Z",
            "source": "genesys",
            "origin": "delivery",
            "applied": True,
            "whyNot": None,
            "error": None,
            "pricing": None,
            "conversation": None,
            "payment": None,
            "recipient": None,
        }
    ],
}
