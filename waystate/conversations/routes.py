"""`/v1/conversations/{id}`: how one stands."""

from fastapi import Response

from waystate.clock import Clock
from waystate.conversations import store
from waystate.conversations.bodies import CONVERSATION_EXAMPLE, ConversationAnswer
from waystate.conversations.read import etag_of, get_shown, render_shown
from waystate.conversations.sight import Sights
from waystate.db.pool import Database
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.web.answers import AnswerBody
from waystate.web.caller import Caller


class CountsAnswer(AnswerBody):
    """How many messages were said, and by which side: a second or two behind."""

    messages: int
    inbound: int
    outbound: int


class CountedConversation(ConversationAnswer):
    """A conversation, and how much was said in it."""

    counts: CountsAnswer


class ConversationRoutes:
    def __init__(self, db: Database, sights: Sights, clock: Clock) -> None:
        self._db = db
        self._sights = sights
        self._clock = clock

    @Operation(
        "GET",
        "/v1/conversations/{conversation_id}",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="How a conversation stands",
        problems={404: "No conversation that the caller sees has this id"},
        example_answer={**CONVERSATION_EXAMPLE, "counts": {"messages": 12, "inbound": 7, "outbound": 5}},
    )
    async def read_conversation(self, conversation_id: str, principal: Caller, response: Response) -> CountedConversation:
        """By Waystate's id or Genesys': with whom, who speaks, whether free text may be sent, and how much was said.

        The `ETag` is of what may be edited."""
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.tenant(tenant) as conn:
            sight = await self._sights.find(conn, principal)
            shown = await get_shown(conn, tenant, conversation_id, sight)
            answer = await render_shown(conn, tenant, shown, now)
            inbound, outbound = await store.count_messages(conn, tenant, shown.id)
        response.headers["ETag"] = etag_of(shown, now)
        counts = CountsAnswer(messages=inbound + outbound, inbound=inbound, outbound=outbound)
        return CountedConversation(**dict(answer), counts=counts)
