"""`/v1/conversations`: a business begins one, and reads how one stands."""

from uuid import UUID

from fastapi import Response
from pydantic import StrictBool, model_validator

from waystate.channels.whatsapp.outgoing import MessageContent
from waystate.channels.whatsapp.parts import refusal
from waystate.clock import Clock
from waystate.conversations.bodies import CONVERSATION_EXAMPLE, ConversationAnswer
from waystate.conversations.control import speaker_of
from waystate.conversations.read import etag_of, get_shown, render_shown
from waystate.db.pool import Database
from waystate.errors import Conflict, Refused
from waystate.ids import TenantId
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.sends.bodies import MESSAGE_ID, Name, draft_of_content
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


class ConversationRoutes:
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
            (outcome,) = await self._sends.post(principal.tenant_id, [draft], Mode.ALL_OR_NOTHING)
        except Refused as error:
            raise _advised(error) from error
        assert isinstance(outcome, Posted)
        response.status_code = 201 if outcome.is_new_conversation else 200
        conversation = await self._read(principal.tenant_id, str(outcome.conversation_id), response)
        return BegunConversation(conversation=conversation, messageId=outcome.message_id, isNew=outcome.is_new_conversation)

    @Operation(
        "GET",
        "/v1/conversations/{conversation_id}",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="How a conversation stands",
        problems={404: "No conversation of the tenant has this id"},
        example_answer=CONVERSATION_EXAMPLE,
    )
    async def read_conversation(self, conversation_id: str, principal: Caller, response: Response) -> ConversationAnswer:
        """By Waystate's id or Genesys': with whom, who speaks, and whether free text may be sent.

        The `ETag` is of what may be edited."""
        return await self._read(principal.tenant_id, conversation_id, response)

    async def _read(self, tenant: TenantId, name: str, response: Response) -> ConversationAnswer:
        now = self._clock()
        async with self._db.tenant(tenant) as conn:
            shown = await get_shown(conn, tenant, name)
            answer = await render_shown(conn, tenant, shown, now)
        response.headers["ETag"] = etag_of(shown, now)
        return answer


def _advised(error: Refused) -> Refused:
    if error.code != "window_closed":
        return error
    return Conflict(
        "window_closed",
        "The customer has not written in the last 24 hours: begin with a template. To let this wait until they write, POST "
        "/v1/messages with `holdUntilWindow: true`.",
    )
