"""What people do around a conversation: `/v1/conversations/{id}/notes`, `…/participants` and `…/read`."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Response

from waystate.conversations.desk import store
from waystate.conversations.desk.acts import DeskActs
from waystate.conversations.desk.bodies import (
    NOTE_EXAMPLE,
    PARTICIPANTS_BODY,
    PARTICIPANTS_EXAMPLE,
    AddNote,
    NoteAnswer,
    NotePage,
    ParticipantsAnswer,
    PutParticipants,
    ReadSoFarAnswer,
    ReadUpTo,
    render_involved,
    render_note,
)
from waystate.conversations.desk.involved import list_involved
from waystate.conversations.desk.model import Note, etag_of
from waystate.conversations.read import get_shown
from waystate.conversations.sight import Sights
from waystate.db.pool import Connection, Database
from waystate.errors import Forbidden, Unprocessable
from waystate.operations import Operation
from waystate.people import store as people_store
from waystate.principal import Principal, Scope
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit
from waystate.web.requests import IfMatch, expected_tags

_NO_SUCH = {404: "No conversation of the tenant has this id"}


class DeskRoutes:
    """A conversation is named by Waystate's id or Genesys'."""

    def __init__(self, db: Database, acts: DeskActs, sights: Sights, cursors: Cursors) -> None:
        self._db = db
        self._acts = acts
        self._sights = sights
        self._cursors = cursors

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/notes",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Write a note that the customer never sees",
        status=201,
        problems=_NO_SUCH,
        example_body={"text": NOTE_EXAMPLE["text"]},
        example_answer=NOTE_EXAMPLE,
    )
    async def add_note(self, conversation_id: str, principal: Caller, body: AddNote) -> NoteAnswer:
        """Its event says that there is one, and not what it says. It goes when the conversation goes."""
        note = await self._acts.note(principal, conversation_id, body.text)
        async with self._db.tenant(principal.tenant_id) as conn:
            return (await _rendered(conn, [note]))[0]

    @Operation(
        "GET",
        "/v1/conversations/{conversation_id}/notes",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="Notes of a conversation, newest first",
        problems={**_NO_SUCH, 400: "The cursor is of another list"},
        example_answer={"items": [NOTE_EXAMPLE], "next": None},
    )
    async def list_notes(
        self,
        conversation_id: str,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> NotePage:
        """With who wrote each."""
        tenant = principal.tenant_id
        async with self._db.tenant(tenant) as conn:
            held = await get_shown(conn, tenant, conversation_id, await self._sights.find(conn, principal))
            of = (tenant, "notes", str(held.id))
            before = None if after is None else UUID(self._cursors.open(of, after)[0])
            found = await store.list_notes(conn, tenant, held.id, before=before, batch=limit + 1)
            items = await _rendered(conn, found[:limit])
        following = self._cursors.seal_next(of, found, limit, lambda each: [str(each.id)])
        return NotePage(items=items, next=following)

    @Operation(
        "GET",
        "/v1/conversations/{conversation_id}/participants",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="Who takes part in a conversation",
        problems=_NO_SUCH,
        example_answer=PARTICIPANTS_EXAMPLE,
    )
    async def list_participants(self, conversation_id: str, principal: Caller, response: Response) -> ParticipantsAnswer:
        """Its customer, or the people of a group; who has it; and who was added, of whom the `ETag` is."""
        return await self._involved(principal, conversation_id, response)

    @Operation(
        "PUT",
        "/v1/conversations/{conversation_id}/participants",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Say who is added to a conversation",
        problems={**_NO_SUCH, 412: "Somebody changed them since: read again", 422: "Somebody is not here; `code` says who"},
        example_body=PARTICIPANTS_BODY,
        example_answer=PARTICIPANTS_EXAMPLE,
    )
    async def put_participants(
        self,
        conversation_id: str,
        principal: Caller,
        response: Response,
        body: PutParticipants,
        if_match: IfMatch = None,
    ) -> ParticipantsAnswer:
        """The whole list of those who are added then. The customer and who has the conversation take part by themselves."""
        await self._acts.put_participants(principal, conversation_id, body.parties(), expected_tags(if_match))
        return await self._involved(principal, conversation_id, response)

    @Operation(
        "DELETE",
        "/v1/conversations/{conversation_id}/participants/{participant_id}",
        Scope.CONVERSATIONS_WRITE,
        tag="Conversations",
        summary="Take somebody out who was added",
        status=204,
        problems={404: "No such conversation, or nobody with this id was added"},
    )
    async def remove_participant(self, conversation_id: str, participant_id: UUID, principal: Caller) -> None:
        """By the id of the customer or of the person."""
        await self._acts.remove_participant(principal, conversation_id, participant_id)

    @Operation(
        "POST",
        "/v1/conversations/{conversation_id}/read",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="Say how far you have read",
        problems={
            403: "`tellCustomer` takes the scope messages:send",
            404: "No such conversation, or it has no such message",
            422: "A key reads nothing for itself",
        },
        example_body={"upTo": "019c1420-7c00-7d00-8000-000000000001", "tellCustomer": True},
        example_answer={
            "conversationId": "019c1420-7b11-7a40-8c1d-5f0e6f3b9a21",
            "upTo": "019c1420-7c00-7d00-8000-000000000001",
            "unread": 0,
            "customerTold": True,
        },
        repeatable="nobody goes back, and nobody is told twice",
    )
    async def read_conversation_up_to(self, conversation_id: str, principal: Caller, body: ReadUpTo) -> ReadSoFarAnswer:
        """Forward only, for the person who asks. With `tellCustomer` WhatsApp shows it, once for the customer's newest message
        there: that covers all before it."""
        if body.tellCustomer and Scope.MESSAGES_SEND not in principal.scopes:
            text = "`tellCustomer` takes the scope messages:send as well. Leave it out, or use a credential that has it."
            raise Forbidden("scope_missing", text, scope=Scope.MESSAGES_SEND)
        if principal.user_id is None and not body.tellCustomer:
            text = "A key reads nothing for itself. Say `tellCustomer: true`, or let the person who reads ask."
            raise Unprocessable("nobody_reads", text)
        done = await self._acts.read(principal, conversation_id, body.upTo, shows=body.tellCustomer)
        return ReadSoFarAnswer(
            conversationId=done.conversation_id, upTo=body.upTo, unread=done.unread, customerTold=done.is_shown
        )

    async def _involved(self, caller: Principal, name: str, response: Response) -> ParticipantsAnswer:
        tenant = caller.tenant_id
        async with self._db.tenant(tenant) as conn:
            held = await get_shown(conn, tenant, name, await self._sights.find(conn, caller))
            involved, added = await list_involved(conn, tenant, held)
        response.headers["ETag"] = etag_of(added)
        return ParticipantsAnswer(items=[render_involved(each) for each in involved])


async def _rendered(conn: Connection, notes: Sequence[Note]) -> list[NoteAnswer]:
    authors = {each.author_id for each in notes if each.author_kind == "user" and each.author_id is not None}
    names = {key: each.name for key, each in (await people_store.find_colleagues(conn, authors)).items()}
    return [render_note(each, names) for each in notes]
