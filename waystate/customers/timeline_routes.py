"""`/v1/customers/{id}/timeline` and `…/integrations`: what happened with a customer, and between the platforms."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from waystate.clock import iso
from waystate.conversations.sight import Sights
from waystate.customers.model import LATEST
from waystate.customers.routes import get_profile, iso_exact, parse_history_place
from waystate.customers.timeline import TimelineEntry, list_integrations, list_timeline
from waystate.db.pool import Database
from waystate.documents import JsonObject
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.sends.bodies import MESSAGE_EXAMPLE, MESSAGE_ID, MessageAnswer
from waystate.sends.sending import Sends
from waystate.web.answers import AnswerBody, Text
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit

_CONVERSATION = "019c1420-7b11-7a40-8c1d-5f0e6f3b9a21"
_ENTRY = "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e90"
_NOT_SHOWN = frozenset({"type", "at", "mapping_id", "contact_id"})
"""Of an event: it is said beside it."""
_NO_SUCH = {404: "The tenant has no such customer"}


class TimelineMessage(AnswerBody):
    """A message was said."""

    kind: Literal["message"] = "message"
    id: UUID
    at: Text
    conversationId: UUID | None
    message: MessageAnswer


class TimelineStatus(AnswerBody):
    """A message came to a status. `source` said so."""

    kind: Literal["status"] = "status"
    id: UUID
    at: Text
    conversationId: UUID
    messageId: UUID
    status: str
    source: str
    error: dict[str, Any] | None


class TimelineLog(AnswerBody):
    """Something happened to a conversation: `type` and `data` are those of its event."""

    kind: Literal["log"] = "log"
    id: UUID
    at: Text
    conversationId: UUID
    type: str
    data: dict[str, Any]


class IntegrationFailure(AnswerBody):
    """Something did not arrive: at WhatsApp, or at Genesys, as `target` says. `error` is why."""

    kind: Literal["failure"] = "failure"
    id: UUID
    at: Text
    conversationId: UUID
    messageId: UUID
    target: str
    attempts: int
    error: dict[str, Any] | None


class CustomerTimeline(AnswerBody):
    """Newest first. `next` is null on the last page."""

    items: list[Annotated[TimelineMessage | TimelineStatus | TimelineLog, Field(discriminator="kind")]]
    next: str | None


class CustomerIntegrations(AnswerBody):
    """Newest first. `next` is null on the last page."""

    items: list[Annotated[TimelineLog | IntegrationFailure, Field(discriminator="kind")]]
    next: str | None


_LOG_EXAMPLE = {
    "kind": "log",
    "id": _ENTRY,
    "at": "2026-01-31T12:00:01.000Z",
    "conversationId": _CONVERSATION,
    "type": "conversation.correlated",
    "data": {"genesys_conversation_id": "7b2c41c9-3a58-4c41-8a7e-6f1f43a9f0d2", "phone_number_id": "106540352242922"},
}
_STATUS_EXAMPLE = {
    "kind": "status",
    "id": _ENTRY,
    "at": "2026-01-31T12:00:02.000Z",
    "conversationId": _CONVERSATION,
    "messageId": MESSAGE_ID,
    "status": "delivered",
    "source": "whatsapp",
    "error": None,
}
_MESSAGE_ENTRY = {
    "kind": "message",
    "id": MESSAGE_ID,
    "at": "2026-01-31T12:00:00.000Z",
    "conversationId": _CONVERSATION,
    "message": MESSAGE_EXAMPLE,
}
_FAILURE_EXAMPLE = {
    "kind": "failure",
    "id": _ENTRY,
    "at": "2026-01-31T12:00:02.000Z",
    "conversationId": _CONVERSATION,
    "messageId": MESSAGE_ID,
    "target": "whatsapp",
    "attempts": 1,
    "error": {"code": 131026, "title": "Message undeliverable"},
}


class TimelineRoutes:
    def __init__(self, db: Database, sends: Sends, sights: Sights, cursors: Cursors) -> None:
        self._db = db
        self._sends = sends
        self._sights = sights
        self._cursors = cursors

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/timeline",
        Scope.MESSAGES_READ,
        tag="Customers",
        summary="What happened with a customer, newest first",
        problems=_NO_SUCH,
        example_answer={"items": [_STATUS_EXAMPLE, _LOG_EXAMPLE, _MESSAGE_ENTRY], "next": None},
    )
    async def list_customer_timeline(
        self,
        customer_id: UUID,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> CustomerTimeline:
        """Messages, what was reported of them, and what became of conversations, in one order. `kind` says which."""
        tenant = principal.tenant_id
        of = (tenant, "customer timeline", str(customer_id))
        before = LATEST if after is None else parse_history_place(self._cursors.open(of, after))
        async with self._db.tenant(tenant) as conn:
            profile = await get_profile(conn, tenant, customer_id)
            sight = await self._sights.find(conn, principal)
            found = await list_timeline(conn, tenant, profile.id, before=before, batch=limit + 1, sight=sight)
            said = [each.id for each in found[:limit] if each.kind == "message"]
            messages = {each.id: each for each in await self._sends.read_in(conn, tenant, said)}
        items = [item for each in found[:limit] if (item := _render_timeline(each, messages)) is not None]
        return CustomerTimeline(items=items, next=self._next(of, found, limit))

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/integrations",
        Scope.CONVERSATIONS_READ,
        tag="Customers",
        summary="What happened between WhatsApp, Waystate and Genesys for a customer, newest first",
        problems=_NO_SUCH,
        example_answer={"items": [_FAILURE_EXAMPLE, _LOG_EXAMPLE], "next": None},
    )
    async def list_customer_integrations(
        self,
        customer_id: UUID,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> CustomerIntegrations:
        """Which of Genesys' conversations it was, who took over from whom, how they ended, and what did not arrive, and why."""
        tenant = principal.tenant_id
        of = (tenant, "customer integrations", str(customer_id))
        before = LATEST if after is None else parse_history_place(self._cursors.open(of, after))
        async with self._db.tenant(tenant) as conn:
            profile = await get_profile(conn, tenant, customer_id)
            sight = await self._sights.find(conn, principal)
            found = await list_integrations(conn, tenant, profile.id, before=before, batch=limit + 1, sight=sight)
        items = [_render_failure(each) if each.kind == "failure" else _render_log(each) for each in found[:limit]]
        return CustomerIntegrations(items=items, next=self._next(of, found, limit))

    def _next(self, of: tuple[Any, ...], found: Sequence[TimelineEntry], limit: int) -> str | None:
        return self._cursors.seal_next(
            of, found, limit, lambda each: [iso_exact(each.place.sent_at), str(each.place.message_id)]
        )


def _render_timeline(
    entry: TimelineEntry, messages: Mapping[UUID, MessageAnswer]
) -> TimelineMessage | TimelineStatus | TimelineLog | None:
    match entry.kind:
        case "message":
            message = messages.get(entry.id)
            if message is None:  # it went in this moment
                return None
            at = iso(entry.place.sent_at)
            return TimelineMessage(id=entry.id, at=at, conversationId=message.conversationId, message=message)
        case "status":
            return TimelineStatus(
                **_placed(entry),
                messageId=entry.row["message_id"],
                status=entry.row["status"],
                source=entry.row["source"],
                error=entry.row["error"],
            )
    return _render_log(entry)


def _render_log(entry: TimelineEntry) -> TimelineLog:
    data = {key: value for key, value in entry.row["data"].items() if key not in _NOT_SHOWN}
    return TimelineLog(**_placed(entry), type=entry.row["type"], data=data)


def _render_failure(entry: TimelineEntry) -> IntegrationFailure:
    row = entry.row
    return IntegrationFailure(
        **_placed(entry), messageId=row["message_id"], target=row["target"], attempts=row["attempts"], error=row["error"]
    )


def _placed(entry: TimelineEntry) -> JsonObject:
    return {"id": entry.id, "at": iso(entry.place.sent_at), "conversationId": entry.row["conversation_id"]}
