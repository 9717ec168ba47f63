"""`/v1/conversations`: a business begins one, and writes in one."""

from uuid import UUID

from fastapi import Response
from pydantic import StrictBool, model_validator

from waystate.channels.whatsapp.outgoing import MessageContent
from waystate.channels.whatsapp.parts import refusal
from waystate.clock import Clock
from waystate.conversations.bodies import CONVERSATION_EXAMPLE, ConversationAnswer
from waystate.conversations.control import speaker_of
from waystate.conversations.read import get_shown, render_shown
from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.errors import Conflict, Refused
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.sends.bodies import (
    MESSAGE_EXAMPLE,
    MESSAGE_ID,
    MessageAnswer,
    Name,
    SayMessage,
    draft_in,
    draft_of_content,
    id_of,
)
from waystate.sends.model import Mode, Posted
from waystate.sends.sending import Sends
from waystate.web.answers import AnswerBody
from waystate.web.caller import Caller


class BeginConversation(MessageContent):
    """To whom, from which number, and what is said first: a template, or anything else while the customer's window is open."""

    to: Name | None = None
    """A phone with its country's code, as people write it, or a business-scoped user id."""
    customer_id: UUID | None = None
    number: Name | None = None
    """WhatsApp's phone_number_id; else that of the customer's latest open conversation, or the default."""
    take: StrictBool = False
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""

    @model_validator(mode="after")
    def _names_one_customer(self) -> "BeginConversation":
        if (self.to is None) == (self.customer_id is None):
            raise refusal("needs exactly one of `to` and `customerId`: it says whom the conversation is with")
        return self


class BegunConversation(AnswerBody):
    """`messageId`: what was said, `queued` for WhatsApp. `isNew` is false where the customer's was open already."""

    conversation: ConversationAnswer
    messageId: UUID
    isNew: bool


class BeginRoutes:
    """A business speaks first, or goes on."""

    def __init__(self, db: Database, sends: Sends, clock: Clock) -> None:
        self._db = db
        self._sends = sends
        self._clock = clock

    @Operation(
        "POST",
        "/v1/conversations",
        Scope.MESSAGES_SEND,
        tag="Conversations",
        summary="Begin a conversation with a customer",
        status=201,
        answers={200: BegunConversation},
        problems={
            404: "No such customer or number",
            409: "The window is closed and it is no template, others speak or wait, or the number is off; `code` says which",
            422: "A field is missing or wrong, or WhatsApp would refuse it; `errors` names the fields",
        },
        example_body={
            "to": "+5511987654321",
            "type": "template",
            "template": {"name": "order_shipped", "language": {"code": "pt_BR"}},
        },
        example_answer={"conversation": CONVERSATION_EXAMPLE, "messageId": MESSAGE_ID, "isNew": True},
    )
    async def begin_conversation(self, principal: Caller, response: Response, body: BeginConversation) -> BegunConversation:
        """Where the customer has an open one on the number it is used (200). Genesys hears of it with the customer's answer."""
        draft = draft_of_content(
            body,
            speaker_of(principal, takes=body.take),
            actor_of(principal),
            to=body.to,
            contact_id=body.customer_id,
            phone_number_id=body.number,
            may_wait=False,
        )
        try:
            (outcome,) = await self._sends.post(principal.tenant_id, [draft], Mode.ALL_OR_NOTHING, principal)
        except Refused as error:
            raise _advised(error) from error
        assert isinstance(outcome, Posted)
        response.status_code = 201 if outcome.is_new_conversation else 200
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.tenant(tenant) as conn:
            shown = await get_shown(conn, tenant, str(outcome.conversation_id))
            conversation = await render_shown(conn, tenant, shown, now)
        return BegunConversation(conversation=conversation, messageId=outcome.message_id, isNew=outcome.is_new_conversation)

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/messages",
        Scope.MESSAGES_SEND,
        tag="Conversations",
        summary="Write in a conversation",
        status=202,
        problems={
            404: "No conversation that the caller sees has this id",
            409: "The window is closed, somebody else speaks, the number is off, or they want no marketing; `code` says which",
            422: "A field is missing or wrong, or WhatsApp would refuse it; `errors` names the fields",
        },
        example_body={"type": "text", "text": {"body": "Your order is on its way."}},
        example_answer=MESSAGE_EXAMPLE,
    )
    async def write_in_conversation(self, conversation_id: str, principal: Caller, body: SayMessage) -> MessageAnswer:
        """As `POST /v1/messages` to its customer, from its number. Of one that is over it goes into the open one."""
        draft = draft_in(
            body, speaker_of(principal, takes=body.take), actor_of(principal), conversation_id=clean_text(conversation_id)
        )
        (outcome,) = await self._sends.post(principal.tenant_id, [draft], Mode.ALL_OR_NOTHING, principal)
        assert not isinstance(outcome, Refused)
        return (await self._sends.read(principal.tenant_id, [str(id_of(outcome))]))[0]


def _advised(error: Refused) -> Refused:
    if error.code != "window_closed":
        return error
    return Conflict(
        "window_closed",
        "The customer has not written in the last 24 hours: begin with a template. To let this wait until they write, POST "
        "/v1/messages with `holdUntilWindow: true`.",
    )
