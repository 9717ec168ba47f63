"""`/v1/replies`: answers that are ready, and what one says to a customer."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from waystate.conversations.sight import Sights
from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.errors import Unprocessable
from waystate.ids import find_uuid
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.replies import store
from waystate.replies.bodies import (
    FILLED_EXAMPLE,
    REPLY_BODY,
    REPLY_EXAMPLE,
    AddReply,
    EditReply,
    FilledReply,
    RenderReply,
    ReplyAnswer,
    ReplyPage,
    render_reply,
)
from waystate.replies.edit import ReplyEdits
from waystate.replies.model import etag_of, fold_shortcut
from waystate.replies.render import render
from waystate.replies.store import ReplyFilter, ReplyPlace
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit
from waystate.web.requests import IfMatch, expected_tags

_NO_SUCH = {404: "The tenant has no such ready answer"}
_WRONG = "Its Liquid or a variable is wrong (`line`), or the queue is none; `code` says which"


class ReplyRoutes:
    def __init__(self, db: Database, edits: ReplyEdits, sights: Sights, cursors: Cursors) -> None:
        self._db = db
        self._edits = edits
        self._sights = sights
        self._cursors = cursors

    @Operation(
        "GET",
        "/v1/replies",
        Scope.CONVERSATIONS_READ,
        tag="Ready answers",
        summary="Ready answers, by shortcut",
        problems={400: "The cursor is of another list", 422: "`queue` is no queue's id"},
        example_answer={"items": [REPLY_EXAMPLE], "next": None},
    )
    async def list_replies(
        self,
        principal: Caller,
        q: Annotated[str | None, Query(max_length=100, description="How their shortcuts begin")] = None,
        queue: Annotated[
            str | None, Query(max_length=36, description="Those of this queue and those of all; `none`: those of all alone")
        ] = None,
        after: After = None,
        limit: Limit = 50,
    ) -> ReplyPage:
        """As somebody types: case, width and a `/` before it do not matter."""
        tenant, queue_id = principal.tenant_id, None if queue is None else find_uuid(queue)
        if queue not in (None, "none") and queue_id is None:
            raise Unprocessable("unknown_queue", "`queue` is no queue's id. Take one from GET /v1/queues, or say `none`.")
        wanted = ReplyFilter(fold_shortcut(clean_text(q or "")), queue is not None, queue_id)
        of = (tenant, "replies", wanted.prefix, queue)
        place = None
        if after is not None:
            shortcut, reply_id = self._cursors.open(of, after)
            place = ReplyPlace(shortcut, UUID(reply_id))
        async with self._db.tenant(tenant) as conn:
            found = await store.list_page(conn, tenant, wanted, after=place, batch=limit + 1)
        following = self._cursors.seal_next(of, found, limit, lambda each: [each.shortcut, str(each.id)])
        return ReplyPage(items=[render_reply(each) for each in found[:limit]], next=following)

    @Operation(
        "POST",
        "/v1/replies",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Ready answers",
        summary="Add a ready answer",
        status=201,
        problems={409: "The shortcut is taken there", 422: _WRONG},
        example_body=REPLY_BODY,
        example_answer=REPLY_EXAMPLE,
    )
    async def add_reply(self, principal: Caller, response: Response, body: AddReply) -> ReplyAnswer:
        """A text with places to fill, in Liquid. A shortcut is there once in a queue, and once for all."""
        reply = await self._edits.add(principal.tenant_id, actor_of(principal), body.fields())
        response.headers["ETag"] = etag_of(reply)
        return render_reply(reply)

    @Operation(
        "GET",
        "/v1/replies/{reply_id}",
        Scope.CONVERSATIONS_READ,
        tag="Ready answers",
        summary="A ready answer",
        problems=_NO_SUCH,
        example_answer=REPLY_EXAMPLE,
    )
    async def get_reply(self, reply_id: UUID, principal: Caller, response: Response) -> ReplyAnswer:
        """As it is written; what it says to a customer is rendered."""
        async with self._db.tenant(principal.tenant_id) as conn:
            reply = await store.get_one(conn, principal.tenant_id, reply_id)
        response.headers["ETag"] = etag_of(reply)
        return render_reply(reply)

    @Operation(
        "PATCH",
        "/v1/replies/{reply_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Ready answers",
        summary="Change a ready answer",
        problems={**_NO_SUCH, 409: "The shortcut is taken there", 412: "Somebody changed it since: read again", 422: _WRONG},
        example_body={"text": "Thank you, {{ customer.first_name }}!", "title": None},
        example_answer={**REPLY_EXAMPLE, "text": "Thank you, {{ customer.first_name }}!", "title": None},
    )
    async def edit_reply(
        self, reply_id: UUID, principal: Caller, response: Response, body: EditReply, if_match: IfMatch = None
    ) -> ReplyAnswer:
        """JSON Merge Patch (RFC 7396)."""
        reply = await self._edits.edit(
            principal.tenant_id, actor_of(principal), reply_id, body.fields(), expected_tags(if_match)
        )
        response.headers["ETag"] = etag_of(reply)
        return render_reply(reply)

    @Operation(
        "DELETE",
        "/v1/replies/{reply_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Ready answers",
        summary="Delete a ready answer",
        status=204,
        problems=_NO_SUCH,
    )
    async def delete_reply(self, reply_id: UUID, principal: Caller) -> None:
        """What was said with it stays as it was sent."""
        await self._edits.delete(principal.tenant_id, actor_of(principal), reply_id)

    @Operation(
        "POST",
        "/v1/replies/{reply_id}/render",
        Scope.CUSTOMERS_READ,
        tag="Ready answers",
        summary="Fill in a ready answer for a customer",
        problems={404: "No such ready answer, conversation or customer", 422: "It is too long, or cannot be filled in"},
        example_body={"conversationId": "019c1420-7b11-7a40-8c1d-5f0e6f3b9a21"},
        example_answer=FILLED_EXAMPLE,
        repeatable="it only looks",
    )
    async def render_reply(self, reply_id: UUID, principal: Caller, body: RenderReply) -> FilledReply:
        """Nothing is sent. `agent` is the person who asks, or `agentId`."""
        async with self._db.tenant(principal.tenant_id) as conn:
            filled = await render(
                conn,
                principal.tenant_id,
                reply_id,
                conversation_id=body.conversationId,
                customer_id=body.customerId,
                agent_id=body.agentId or principal.user_id,
                sight=await self._sights.find(conn, principal),
            )
        return FilledReply(text=filled.text, missing=filled.missing)
