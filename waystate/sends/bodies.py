"""What `/v1/messages` takes and answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from waystate.channels.fields import find_object, find_text
from waystate.channels.whatsapp.incoming import (
    Context,
    Incoming,
    Referral,
    read_context,
    read_referral,
    structure_of,
)
from waystate.channels.whatsapp.lines import preview_of
from waystate.channels.whatsapp.outgoing import ContentType, MessageContent, check_message_id, render_content, text_of_content
from waystate.channels.whatsapp.parts import Part, refusal
from waystate.clock import UtcMoment, iso
from waystate.conversations.control import Speaker
from waystate.documents import JsonObject
from waystate.errors import Refused
from waystate.ids import find_uuid
from waystate.messages.amend import FoundAmends
from waystate.messages.model import Direction
from waystate.messages.versions import REVOKE, BusinessReaction, CustomerReaction, Version
from waystate.planned.model import PlannedMessage, PlannedState
from waystate.principal import Actor
from waystate.sends.model import Draft, Mode, Posted, SendOutcome, Waiting
from waystate.web.answers import AnswerBody, Text

Name = Annotated[str, Field(min_length=1, max_length=200)]
MessageId = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(check_message_id)]

MOST_SENDS = 1000
"""Messages a call."""
MOST_READ = 100
"""Messages that are read in one call."""

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}", re.ASCII)
MESSAGE_ID = "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83"
SEND_EXAMPLE: JsonObject = {"to": "+5511987654321", "type": "text", "text": {"body": "Your order is on its way."}}
MESSAGE_EXAMPLE: JsonObject = {
    "id": MESSAGE_ID,
    "status": "queued",
    "direction": "outbound",
    "conversationId": "019c1420-7b11-7a40-8c1d-5f0e6f3b9a21",
    "customerId": "019c1420-7b10-7e02-a3c4-1d2e3f405162",
    "number": "106540352242922",
    "type": "text",
    "text": "Your order is on its way.",
    "preview": "Your order is on its way.",
    "content": {"body": "Your order is on its way."},
    "media": None,
    "context": None,
    "referral": None,
    "wamid": None,
    "genesysMessageId": None,
    "replyTo": None,
    "sender": "key:019c1420-0000-7000-8000-000000000001",
    "senderUserId": None,
    "sentAt": "2026-01-31T12:00:00.000Z",
    "deliveredAt": None,
    "readAt": None,
    "failedAt": None,
    "error": None,
    "sendAt": None,
    "expiresAt": None,
    "messageId": None,
    "resendOf": None,
    "resentAs": None,
    "reactions": [],
    "editedAt": None,
    "revokedAt": None,
    "versions": 1,
}
VERSIONS_EXAMPLE: JsonObject = {
    "items": [
        {
            "kind": "original",
            "at": "2026-01-31T12:00:00.000Z",
            "changedBy": "wamid.HBgMOTE5ODc2NTQzMjEw",
            "text": "I am in",
            "content": {"type": "text", "further": None, "body": "I am in"},
            "media": None,
        },
        {
            "kind": "edit",
            "at": "2026-01-31T12:01:00.000Z",
            "changedBy": "wamid.HBgMOTE5ODc2NTQzMjEx",
            "text": "I am in!",
            "content": {"type": "text", "further": None, "body": "I am in!"},
            "media": None,
        },
    ]
}
PLANNED_EXAMPLE: JsonObject = MESSAGE_EXAMPLE | {
    "status": "planned",
    "conversationId": None,
    "sentAt": None,
    "sendAt": "2026-02-01T09:00:00.000Z",
    "expiresAt": "2026-02-08T09:00:00.000Z",
}


def _check_moment(value: Any) -> Any:
    """A number, or digits alone, would be seconds of 1970, and the message would go out at once."""
    if not isinstance(value, str) or _MOMENT.match(value) is None:
        raise refusal("must be a time with its zone as ISO 8601 writes it, such as 2026-02-01T09:00:00Z")
    return value


class SayMessage(MessageContent):
    """What is said to a customer who is known: the content of the `type`, and when it goes."""

    ALSO_CALLED: ClassVar[Mapping[str, str]] = {**MessageContent.ALSO_CALLED, "context": "replyTo"}

    reply_to: MessageId | None = None
    """What it quotes: our id of a message, or its wamid."""
    hold_until_window: StrictBool = False
    """Where the customer has not written for 24 hours: it waits until they write, for `settings.hold_ttl` at most."""
    send_at: Annotated[UtcMoment, BeforeValidator(_check_moment)] | None = None
    """Not before then; 30 days ahead at most."""
    take: StrictBool = False
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""


class SendMessage(SayMessage):
    """To whom, from which number, and what: one of `to`, `customerId` and `conversationId`, and the content of the `type`."""

    ALSO_CALLED: ClassVar[Mapping[str, str]] = {
        **SayMessage.ALSO_CALLED,
        **dict.fromkeys(("phone", "recipient", "wa_id", "waId"), "to"),
        **dict.fromkeys(("from", "phone_number_id", "phoneNumberId"), "number"),
        "contactId": "customerId",
    }

    to: Name | None = None
    """A phone with its country's code, as people write it, or a business-scoped user id."""
    customer_id: UUID | None = None
    conversation_id: Name | None = None
    """Ours or Genesys'."""
    number: Name | None = None
    """WhatsApp's phone_number_id; else that of the conversation, of the customer's latest open one, or the default."""

    @model_validator(mode="after")
    def _names_one_addressee(self) -> Self:
        named = [each for each in (self.to, self.customer_id, self.conversation_id) if each is not None]
        if len(named) != 1:
            raise refusal("needs exactly one of `to`, `customerId` and `conversationId`: it says to whom the message goes")
        return self


class SendMany(Part):
    """`allOrNothing`: one that is refused keeps all back. `each`: every message for itself."""

    messages: Annotated[list[SendMessage], Field(min_length=1, max_length=MOST_SENDS)]
    mode: Mode = Mode.ALL_OR_NOTHING


class MarkRead(Part):
    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_SENDS)]


class ShowRead(Part):
    typing: StrictBool = False
    """Also show, for 25 seconds or until the answer comes, that somebody is writing it."""


class ReactionAnswer(AnswerBody):
    """What a customer, or the business towards them, says of a message; a business's counts once WhatsApp has taken it.

    `customerId` is the customer's; in a WhatsApp group, of a customer's, that of who of it says so.
    """

    by: Literal["customer", "business"]
    customerId: UUID
    emoji: str
    at: Text


class MessageAnswer(AnswerBody):
    """A message. What waits for its time or its customer is `planned` (`withdrawn`, `failed` or `released` afterwards, then
    `messageId` is what it became), and has no conversation yet.

    `content` is WhatsApp's own object of what a business sent; of what a customer sent it has one of the shapes that `type`
    tells apart, and is null once they took it back (`revokedAt`). `preview` is one line of it. `versions` counts how often it
    was said anew, the original being the first.
    """

    id: UUID
    status: str
    direction: str
    conversationId: UUID | None
    customerId: UUID
    number: str
    type: str
    text: str | None
    preview: str | None
    content: Incoming | dict[str, Any] | None
    media: dict[str, Any] | None
    context: Context | None = None
    referral: Referral | None = None
    wamid: str | None
    genesysMessageId: str | None
    replyTo: str | None
    sender: str | None
    senderUserId: UUID | None
    senderCustomerId: UUID | None = None
    """Who wrote it, of a message in a WhatsApp group: `customerId` is the group's."""
    sentAt: Text | None
    deliveredAt: Text | None
    readAt: Text | None
    failedAt: Text | None
    error: dict[str, Any] | None
    sendAt: Text | None
    expiresAt: Text | None
    messageId: UUID | None
    resendOf: UUID | None = None
    resentAs: UUID | None = None
    reactions: list[ReactionAnswer] = Field(default=[])
    editedAt: Text | None = None
    revokedAt: Text | None = None
    versions: int = 1


class VersionAnswer(AnswerBody):
    """The message as it was from `at` on: `original`, `edit` or `revoke`. `changedBy` is the wamid of what changed it.

    `media.file_id` is the id of that version's file. Of a message that was taken back only the times are shown.
    """

    kind: Literal["original", "edit", "revoke"]
    at: Text
    changedBy: str | None
    text: str | None
    content: Incoming | dict[str, Any] | None
    media: dict[str, Any] | None = None


class VersionList(AnswerBody):
    """The oldest first."""

    items: list[VersionAnswer]


class PlannedPage(AnswerBody):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[MessageAnswer]
    next: UUID | None


class MessageList(AnswerBody):
    """Those that there are, in the order asked for."""

    items: list[MessageAnswer]


class RefusedSend(AnswerBody):
    """Why one of many was not taken: as a problem says it, with its place among the messages."""

    place: int
    code: str
    detail: str


class SentMany(AnswerBody):
    """`messages` by place, null where one was refused; `refused` says why."""

    taken: int
    messages: list[MessageAnswer | None]
    refused: list[RefusedSend]


class Shown(AnswerBody):
    message: str


class ReadAnswer(AnswerBody):
    changed: list[UUID]
    unchanged: list[UUID]


class Amends(NamedTuple):
    """What was done to a message afterwards: its versions, and what customers and the business say of it.

    `writer`: who wrote it, of one that was written in a group.
    """

    versions: Sequence[Version] = ()
    reactions: Sequence[CustomerReaction | BusinessReaction] = ()
    writer: UUID | None = None


NONE = Amends()


def amends_of(wamid: str | None, found: FoundAmends, writer: UUID | None = None) -> Amends:
    """`writer`: who of a group wrote it."""
    if wamid is None:
        return Amends(writer=writer)
    reactions = [*found.reactions.get(wamid, ()), *found.own_reactions.get(wamid, ())]
    return Amends(found.versions.get(wamid, ()), reactions, writer)


def draft_of(body: SendMessage, speaker: Speaker, actor: Actor) -> Draft:
    return draft_in(
        body,
        speaker,
        actor,
        to=body.to,
        contact_id=body.customer_id,
        conversation_id=body.conversation_id,
        phone_number_id=body.number,
    )


def draft_in(body: SayMessage, speaker: Speaker, actor: Actor, **addressed: Any) -> Draft:
    """`addressed`: to whom."""
    return draft_of_content(
        body,
        speaker,
        actor,
        reply_to=body.reply_to,
        send_at=body.send_at,
        holds=body.hold_until_window,
        **addressed,
    )


def draft_of_content(content: MessageContent, speaker: Speaker, actor: Actor, **said: Any) -> Draft:
    """`said`: to whom, and whatever else of the draft is no content."""
    written = render_content(content)
    return Draft(
        type=content.type.value,
        content=_object(written[content.type.value], content.type),
        text=text_of_content(content),
        speaker=speaker,
        actor=actor,
        reacts_to=content.reaction.message_id if content.reaction is not None else None,
        **said,
    )


def _object(written: Any, type: ContentType) -> JsonObject:
    """Contacts are a list to WhatsApp; what is stored of a message is an object."""
    return {type.value: written} if isinstance(written, list) else written


def render_message(row: Mapping[str, Any], amends: Amends = NONE) -> MessageAnswer:
    about = row["metadata"] if row["direction"] == Direction.INBOUND else {}
    return MessageAnswer(
        id=row["id"],
        status=row["status"],
        direction=row["direction"],
        conversationId=row["conversation_id"],
        customerId=row["contact_id"],
        number=row["phone_number_id"],
        type=row["type"],
        text=row["text"],
        preview=_preview(row),
        content=_content(row),
        media=row["media"],
        context=read_context(about),
        referral=read_referral(about),
        wamid=row["wamid"],
        genesysMessageId=row["genesys_message_id"],
        replyTo=row["metadata"].get("reply_to") or find_text(find_object(row["metadata"], "context"), "id"),
        sender=row["metadata"].get("asked_by") or row["sender"],
        senderUserId=row["sender_user_id"],
        senderCustomerId=amends.writer,
        sentAt=iso(row["sent_at"]),
        deliveredAt=_iso(row["delivered_at"]),
        readAt=_iso(row["read_at"]),
        failedAt=_iso(row["failed_at"]),
        error=row["error"],
        sendAt=None,
        expiresAt=None,
        messageId=None,
        resendOf=find_uuid(str(row["metadata"].get("resend_of"))),
        resentAs=find_uuid(str(row["metadata"].get("resent_as"))),
        reactions=[
            ReactionAnswer(
                by="customer" if isinstance(each, CustomerReaction) else "business",
                customerId=each.contact_id if isinstance(each, CustomerReaction) else row["contact_id"],
                emoji=each.emoji,
                at=iso(each.at),
            )
            for each in amends.reactions
            if each.emoji is not None
        ],
        editedAt=_iso(row["edited_at"]),
        revokedAt=_iso(row["revoked_at"]),
        versions=max(1, sum(each.kind != REVOKE for each in amends.versions)),
    )


def render_versions(row: Mapping[str, Any], versions: Sequence[Version]) -> VersionList:
    """Of a message that was never changed there is the one that it is."""
    if not versions:
        said = row["text"], _content(row)
        return VersionList(
            items=[
                VersionAnswer(
                    kind="original",
                    at=iso(row["sent_at"]),
                    changedBy=row["wamid"],
                    text=said[0],
                    content=said[1],
                    media=row["media"],
                )
            ]
        )
    is_shown = row["revoked_at"] is None
    return VersionList(
        items=[
            VersionAnswer(
                kind=each.kind,
                at=iso(each.at),
                changedBy=each.changed_by,
                text=each.text if is_shown else None,
                content=structure_of(each.type, each.text, each.content, each.media) if is_shown else None,
                media=each.media if is_shown else None,
            )
            for each in versions
        ]
    )


def _content(row: Mapping[str, Any]) -> Incoming | JsonObject | None:
    if row["direction"] != Direction.INBOUND:
        said: JsonObject = row["content"]
        return said
    if row["revoked_at"] is not None:
        return None
    return structure_of(row["type"], row["text"], row["content"], row["media"])


def _preview(row: Mapping[str, Any]) -> str:
    kind = "revoke" if row["revoked_at"] is not None else row["type"]
    return preview_of(kind, row["text"], row["content"], row["media"])


def render_planned(planned: PlannedMessage) -> MessageAnswer:
    request = planned.request
    return MessageAnswer(
        id=planned.id,
        status="planned" if planned.state is PlannedState.WAITING else planned.state,
        direction="outbound",
        conversationId=None,
        customerId=planned.contact_id,
        number=planned.phone_number_id,
        type=request["type"],
        text=request.get("text"),
        preview=preview_of(request["type"], request.get("text"), request.get("content") or {}, request.get("media")),
        content=request.get("content") or {},
        media=request.get("media"),
        wamid=None,
        genesysMessageId=None,
        replyTo=request.get("reply_to"),
        sender=None if planned.actor_id is None else f"{planned.actor_kind}:{planned.actor_id}",
        senderUserId=planned.actor_id if planned.actor_kind == "user" else None,
        sentAt=None,
        deliveredAt=None,
        readAt=None,
        failedAt=_iso(planned.finished_at) if planned.state is PlannedState.FAILED else None,
        error=planned.error,
        sendAt=_iso(planned.send_at),
        expiresAt=iso(planned.expires_at),
        messageId=planned.message_id,
    )


def render_bulk(results: Sequence[SendOutcome | Refused], messages: Mapping[UUID, MessageAnswer]) -> SentMany:
    answers = [None if isinstance(each, Refused) else messages[id_of(each)] for each in results]
    refused = [
        RefusedSend(place=place, code=each.code, detail=each.detail)
        for place, each in enumerate(results)
        if isinstance(each, Refused)
    ]
    return SentMany(taken=len(results) - len(refused), messages=answers, refused=refused)


def id_of(outcome: Posted | Waiting) -> UUID:
    return outcome.message_id if isinstance(outcome, Posted) else outcome.planned_id


def _iso(moment: Any) -> str | None:
    return None if moment is None else iso(moment)
