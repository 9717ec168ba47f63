"""`/v1/conversations`: those that wait to be worked through, and what was said in one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query

from waystate.clock import Clock, UtcMoment
from waystate.conversations.bodies import CONVERSATION_EXAMPLE
from waystate.conversations.control import Controller
from waystate.conversations.model import ConversationStatus
from waystate.conversations.read import get_shown, read_many
from waystate.conversations.sight import Sights
from waystate.customers.words import query_of
from waystate.db.pool import Connection, Database
from waystate.documents import clean_tag, clean_text
from waystate.errors import BadRequest, NotFound, Unprocessable
from waystate.ids import TenantId
from waystate.inbox import store
from waystate.inbox.bodies import ConversationMessages, ConversationPage, ListedConversation, render_listed
from waystate.inbox.model import NEVER, NEWEST, OFFERED_FILTERS, InboxFilter, InboxPlace, InboxSort, MessagePlace
from waystate.operations import Operation
from waystate.principal import Principal, Scope
from waystate.sends.bodies import MESSAGE_EXAMPLE, MESSAGE_ID
from waystate.sends.sending import Sends
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit, check_offered

_LAST_EXAMPLE = {
    "id": MESSAGE_ID,
    "preview": "Your order is on its way.",
    "at": "2026-01-31T12:00:00.000Z",
    "direction": "outbound",
}
_LISTED_EXAMPLE = {
    **CONVERSATION_EXAMPLE,
    "lastMessage": _LAST_EXAMPLE,
    "matches": {
        "message": {"id": MESSAGE_ID, "text": "Your order is on its way.", "spans": [[5, 10]]},
        "customer": [],
    },
}
_Cursor = Annotated[str | None, Query(max_length=2000)]


class InboxRoutes:
    def __init__(self, db: Database, sends: Sends, sights: Sights, cursors: Cursors, clock: Clock) -> None:
        self._db = db
        self._sends = sends
        self._sights = sights
        self._cursors = cursors
        self._clock = clock

    @Operation(
        "GET",
        "/v1/conversations",
        Scope.CONVERSATIONS_READ,
        tag="Conversations",
        summary="Conversations, by what was said, whose they are, or who waits longest",
        problems={400: "The cursor is of another list, or the order does not go with a filter; `code` says which"},
        example_answer={"items": [_LISTED_EXAMPLE], "next": None},
    )
    async def list_conversations(
        self,
        principal: Caller,
        q: Annotated[
            str | None,
            Query(
                max_length=200,
                description="Words, or their beginnings, that stand together in a message or are the customer's; or a phone",
            ),
        ] = None,
        status: Annotated[
            ConversationStatus | Literal["open"] | None, Query(description="`open`: active, waiting or error")
        ] = None,
        assignee: Annotated[
            UUID | Literal["me", "none"] | None, Query(description="Of open ones alone where it is `none`")
        ] = None,
        queue: Annotated[UUID | None, Query()] = None,
        controller: Annotated[Controller | None, Query(description="Who speaks in it; of open ones alone")] = None,
        number: Annotated[str | None, Query(max_length=200, description="This phone number id")] = None,
        tag: Annotated[list[str] | None, Query(max_length=10, description="Each of them")] = None,
        updatedSince: Annotated[UtcMoment | None, Query(description="With a message, or a look, at this time or later")] = None,
        windowOpen: Annotated[bool | None, Query(description="Whether free text may be sent; of open ones alone")] = None,
        sort: Annotated[InboxSort, Query()] = InboxSort.LAST_ACTIVITY,
        after: After = None,
        limit: Limit = 50,
    ) -> ConversationPage:
        """A second or two after what happened. `waiting`: those whose customer waits for an answer, the longest first. Case and
        diacritics do not matter to words; what fits is told by `matches`."""
        given = {
            "q": q, "status": status, "assignee": assignee, "queue": queue, "controller": controller, "number": number,
            "tag": tag, "updatedSince": updatedSince, "windowOpen": windowOpen,
        }  # fmt: skip
        named = {key: value for key, value in given.items() if value is not None}
        check_offered(sort, frozenset(named), OFFERED_FILTERS)
        tenant, now = principal.tenant_id, self._clock()
        of = (tenant, "conversations", sort.value, str(principal.user_id), {key: str(value) for key, value in named.items()})
        place = None if after is None else _place_of(self._cursors.open(of, after))
        async with self._db.tenant(tenant) as conn:
            wanted = InboxFilter(
                words=_words_of(q),
                status=None if status == "open" else status,
                is_open=status == "open",
                assignee=_assignee_of(assignee, principal),
                is_unassigned=assignee == "none",
                queue=queue,
                controller=controller,
                phone_number_id=None if number is None else clean_text(number),
                tags=tuple(dict.fromkeys(clean_tag(each) for each in tag or ())),
                since=updatedSince or NEVER,
                is_window_open=windowOpen,
                sight=await self._sights.find(conn, principal),
            )
            found = await store.list_places(conn, tenant, wanted, sort, after=place, now=now, batch=limit + 1)
            items = await self._show(conn, tenant, [each.conversation_id for each in found[:limit]], wanted, q)
        following = self._cursors.seal_next(of, found, limit, lambda each: [each.value.isoformat(), str(each.conversation_id)])
        return ConversationPage(items=items, next=following)

    @Operation(
        "GET",
        "/v1/conversations/{conversation_id}/messages",
        Scope.MESSAGES_READ,
        tag="Conversations",
        summary="What was said in a conversation, newest first",
        problems={
            400: "The cursor is of another list, or several places are named; `code` says which",
            404: "No conversation that the caller sees has this id, or it has no message `around`",
        },
        example_answer={"items": [MESSAGE_EXAMPLE], "before": None, "after": "c2VhbGVk"},
    )
    async def list_conversation_messages(
        self,
        conversation_id: str,
        principal: Caller,
        before: Annotated[_Cursor, Query(description="The `before` of a page: what is older")] = None,
        after: Annotated[_Cursor, Query(description="The `after` of a page: what is newer")] = None,
        around: Annotated[UUID | None, Query(description="This message, and as much before as after it")] = None,
        limit: Limit = 50,
    ) -> ConversationMessages:
        """Both ways from where one stands. The `after` of the newest page leads to what is said from then on."""
        if sum(each is not None for each in (before, after, around)) > 1:
            raise BadRequest("several_places", "Name one of `before`, `after` and `around`: a page lies at one place.")
        tenant = principal.tenant_id
        async with self._db.tenant(tenant) as conn:
            sight = await self._sights.find(conn, principal)
            conversation = await get_shown(conn, tenant, conversation_id, sight)
            of = (tenant, "conversation messages", str(conversation.id))
            places = [None if each is None else self._cursors.open(of, each) for each in (before, after)]
            from_old, from_new = [None if each is None else _message_place(each) for each in places]
            page = await _list_page(conn, tenant, conversation.id, from_old, from_new, around, limit)
            items = await self._sends.read_in(conn, tenant, [each.message_id for each in page.places])
        return ConversationMessages(
            items=items,
            before=self._seal(of, page.places[-1]) if page.places and page.has_older else None,
            after=self._seal(of, page.places[0]) if page.places else after,
        )

    def _seal(self, of: tuple[Any, ...], place: MessagePlace) -> str:
        return self._cursors.seal(of, [place.sent_at.isoformat(), str(place.message_id)])

    async def _show(
        self, conn: Connection, tenant: TenantId, ids: Sequence[UUID], wanted: InboxFilter, question: str | None
    ) -> list[ListedConversation]:
        shown = await read_many(conn, tenant, [str(each) for each in ids], self._clock(), wanted.sight)
        last = await store.find_last_messages(conn, tenant, list(shown))
        matching = {} if wanted.words is None else await store.find_matching(conn, tenant, list(shown), wanted.words)
        messages = await self._sends.read_in(conn, tenant, list({*last.values(), *matching.values()}))
        by_id = {each.id: each for each in messages}
        return [render_listed(each, by_id, last.get(key), matching.get(key), question) for key, each in shown.items()]


class _Page:
    """Newest first; whether something older is there."""

    def __init__(self, places: list[MessagePlace], *, has_older: bool) -> None:
        self.places = places
        self.has_older = has_older


async def _list_page(
    conn: Connection,
    tenant: TenantId,
    conversation_id: UUID,
    before: MessagePlace | None,
    after: MessagePlace | None,
    around: UUID | None,
    limit: int,
) -> _Page:
    if after is not None:
        newer = await store.list_newer(conn, tenant, conversation_id, after=after, batch=limit)
        return _Page(newer[::-1], has_older=True)
    if around is None:
        older = await store.list_older(conn, tenant, conversation_id, before=before or NEWEST, batch=limit + 1)
        return _Page(older[:limit], has_older=len(older) > limit)
    place = await store.find_place(conn, tenant, conversation_id, around)
    if place is None:
        raise NotFound("message_not_found", f"There is no message {around} in this conversation.")
    newer = await store.list_newer(conn, tenant, conversation_id, after=place, batch=limit // 2)
    room = limit - len(newer) - 1
    older = await store.list_older(conn, tenant, conversation_id, before=place, batch=room + 1)
    return _Page([*newer[::-1], place, *older[:room]], has_older=len(older) > room)


def _assignee_of(named: UUID | str | None, principal: Principal) -> UUID | None:
    if isinstance(named, UUID) or named is None or named == "none":
        return named if isinstance(named, UUID) else None
    if principal.user_id is None:
        raise Unprocessable("nobody_is_me", "`assignee=me` is of a person who is signed in. With a key, name the person's id.")
    return principal.user_id


def _words_of(question: str | None) -> str | None:
    words = None if question is None else query_of(clean_text(question))
    if question is not None and words is None:
        raise Unprocessable("nothing_to_find", "`q` holds no letter or digit. Say a word, its beginning, or a phone.")
    return words


def _place_of(told: list[Any]) -> InboxPlace:
    value, conversation_id = told
    return InboxPlace(datetime.fromisoformat(value), UUID(conversation_id))


def _message_place(told: list[Any]) -> MessagePlace:
    sent_at, message_id = told
    return MessagePlace(datetime.fromisoformat(sent_at), UUID(message_id))
