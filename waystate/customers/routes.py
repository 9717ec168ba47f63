"""`/v1/customers`: who the customers are, what is known of them, and what was said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Response

from waystate.clock import Clock, UtcMoment
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.bodies import CONVERSATION_EXAMPLE, ConversationAnswer, render_conversation
from waystate.conversations.model import Conversation
from waystate.conversations.sight import Sights
from waystate.customers import store
from waystate.customers.bodies import (
    CUSTOMER_EXAMPLE,
    CUSTOMER_ID,
    NAMES,
    AddCustomer,
    AddTags,
    CustomerContext,
    CustomerConversations,
    CustomerMessages,
    CustomerPage,
    CustomerProfile,
    EditableFields,
    EditCustomer,
    TagCustomers,
    TagsAnswer,
    render_customer,
    render_found,
)
from waystate.customers.context import Contexts, find_group
from waystate.customers.edit import CustomerEdits, customer_not_found, etag_of, identity_of, parse_phone
from waystate.customers.model import (
    LATEST,
    OFFERED,
    CustomerFilter,
    HistoryFilter,
    HistoryPlace,
    ListPlace,
    Profile,
    Sort,
)
from waystate.customers.words import query_of
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject, clean_tag, clean_text
from waystate.errors import BadRequest, Moved, Unprocessable
from waystate.groups.bodies import GroupAnswer
from waystate.ids import TenantId
from waystate.messages.model import Direction
from waystate.operations import Operation
from waystate.preferences import store as preference_store
from waystate.principal import Principal, Scope
from waystate.sends.bodies import MESSAGE_EXAMPLE
from waystate.sends.sending import Sends
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit, check_offered
from waystate.web.requests import expected_tags

_NO_SUCH = {404: "The tenant has no such customer"}
_IF_MATCH = Header(alias="If-Match", max_length=500, description="The ETag of the customer as you have seen them")


class CustomerRoutes:
    """A merged customer's id leads to whom they turned out to be: 308 where it is read, and straight there where it is not."""

    def __init__(
        self, db: Database, customers: CustomerEdits, sends: Sends, sights: Sights, cursors: Cursors, clock: Clock
    ) -> None:
        self._db = db
        self._sights = sights
        self._customers = customers
        self._sends = sends
        self._contexts = Contexts(db, sends, sights, clock)
        self._cursors = cursors
        self._clock = clock

    @Operation(
        "GET",
        "/v1/customers",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="Customers, by what they are called, tagged, or did last",
        problems={400: "The cursor is of another list, or the order does not go with a filter; `code` says which"},
        example_answer={"items": [{**CUSTOMER_EXAMPLE, "matches": {"name": [[0, 3]]}}], "next": None},
    )
    async def list_customers(
        self,
        principal: Caller,
        q: Annotated[
            str | None,
            Query(
                max_length=200,
                description="Words, or their beginnings, of name, e-mail and ids; or a phone, as people write it",
            ),
        ] = None,
        tag: Annotated[list[str] | None, Query(max_length=10, description="Each of them")] = None,
        activeSince: Annotated[UtcMoment | None, Query(description="Active at this time or later")] = None,
        activeUntil: Annotated[UtcMoment | None, Query(description="Last active before this time")] = None,
        createdSince: Annotated[UtcMoment | None, Query()] = None,
        createdUntil: Annotated[UtcMoment | None, Query()] = None,
        hasOpenConversation: Annotated[bool | None, Query()] = None,
        number: Annotated[str | None, Query(max_length=200, description="With a conversation on this phone number id")] = None,
        sort: Annotated[Sort, Query()] = Sort.LAST_ACTIVITY,
        after: After = None,
        limit: Limit = 50,
    ) -> CustomerPage:
        """A second or two after what happened. Case and diacritics do not matter to words; what fits is told by `matches`."""
        given = {
            "q": q, "tag": tag, "activeSince": activeSince, "activeUntil": activeUntil, "createdSince": createdSince,
            "createdUntil": createdUntil, "hasOpenConversation": hasOpenConversation, "number": number,
        }  # fmt: skip
        named = {key: value for key, value in given.items() if value is not None}
        check_offered(sort, frozenset(named), OFFERED)
        wanted = CustomerFilter(
            words=_words_of(q),
            tags=tuple(dict.fromkeys(clean_tag(each) for each in tag or ())),
            active_since=activeSince,
            active_until=activeUntil,
            created_since=createdSince,
            created_until=createdUntil,
            has_open_conversation=hasOpenConversation,
            phone_number_id=None if number is None else clean_text(number),
        )
        of = (principal.tenant_id, "customers", sort.value, {key: str(value) for key, value in named.items()})
        place = None if after is None else _place_of(sort, self._cursors.open(of, after))
        tenant = principal.tenant_id
        async with self._db.tenant(tenant) as conn:
            found, left_off = await store.list_places(
                conn, tenant, wanted, sort, after=place, now=self._clock(), batch=limit + 1
            )
            profiles = await store.find_many(conn, tenant, [each.contact_id for each in found[:limit]])
        last = found[limit - 1] if len(found) > limit else left_off
        following = None if last is None else self._cursors.seal(of, _told_of(last))
        return CustomerPage(items=[render_found(each, q) for each in profiles], next=following)

    @Operation(
        "POST",
        "/v1/customers",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Add a customer, or find the one that there is",
        status=201,
        answers={200: CustomerProfile},
        problems={422: "A field is wrong, or the phone cannot be called; the problem says why"},
        example_body={"phoneNumber": "11 98765-4321", "country": "BR", "name": "Ana Souza", "tags": ["vip"]},
        example_answer=CUSTOMER_EXAMPLE,
        repeatable="a customer is added once: the second time it is there",
    )
    async def add_customer(self, principal: Caller, response: Response, body: AddCustomer) -> CustomerProfile:
        """By a phone or a business-scoped user id. One that is known already is answered with 200, and with
        `onExisting: update` is changed as a PATCH would."""
        identity = identity_of(body.waId, body.userId, body.phoneNumber, body.country)
        fields = _fields_of(body, but=("phoneNumber",))
        if body.phoneNumber is not None:
            fields["phone_number"] = f"+{identity.external_id}"
        saved = await self._customers.add(principal.tenant_id, identity, fields, updates=body.onExisting == "update")
        response.status_code = 201 if saved.is_new else 200
        response.headers["ETag"] = etag_of(saved.profile)
        return render_customer(saved.profile)

    @Operation(
        "POST",
        "/v1/customers/tags",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Tag many customers at once",
        example_body={"ids": [CUSTOMER_ID], "add": ["vip"], "remove": ["new"]},
        example_answer={"changed": 1, "missing": []},
        repeatable="who has a tag has it",
    )
    async def tag_customers(self, principal: Caller, body: TagCustomers) -> TagsAnswer:
        """All in one transaction, without reading them first."""
        changed, missing = await self._customers.tag(
            principal.tenant_id, list(dict.fromkeys(body.ids)), add=body.add, remove=body.remove
        )
        return TagsAnswer(changed=changed, missing=missing)

    @Operation(
        "GET",
        "/v1/customers/{customer_id}",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="What is known of a customer",
        problems={**_NO_SUCH, 308: "They turned out to be somebody whom another id names: read at the `Location`"},
        example_answer=CUSTOMER_EXAMPLE,
    )
    async def get_customer(self, customer_id: UUID, principal: Caller, response: Response) -> CustomerProfile:
        """The `ETag` is of what may be edited: a message changes it not."""
        tenant = principal.tenant_id
        async with self._db.tenant(tenant) as conn:
            profile = await get_profile(conn, tenant, customer_id)
        if profile.id != customer_id:
            raise Moved(
                "customer_merged", f"This customer turned out to be {profile.id}.", location=f"/v1/customers/{profile.id}"
            )
        response.headers["ETag"] = etag_of(profile)
        return render_customer(profile)

    @Operation(
        "PATCH",
        "/v1/customers/{customer_id}",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Change what is known of a customer",
        problems={**_NO_SUCH, 412: "Somebody changed them since: read again"},
        example_body={"name": "Ana Souza", "metadata": {"plan": "gold"}},
        example_answer=CUSTOMER_EXAMPLE,
    )
    async def edit_customer(
        self,
        customer_id: UUID,
        principal: Caller,
        response: Response,
        body: EditCustomer,
        if_match: Annotated[str | None, _IF_MATCH] = None,
    ) -> CustomerProfile:
        """JSON Merge Patch (RFC 7396). A name that is given here stays, whatever WhatsApp says; null: it is learned again."""
        fields = _fields_of(body)
        if body.phoneNumber is not None:
            fields["phone_number"] = parse_phone(body.phoneNumber)
        expected = expected_tags(if_match)
        contact_id = await self._survivor(principal, customer_id)
        profile = await self._customers.edit(principal.tenant_id, contact_id, fields, expected=expected)
        response.headers["ETag"] = etag_of(profile)
        return render_customer(profile)

    @Operation(
        "POST",
        "/v1/customers/{customer_id}/tags",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Give a customer tags",
        problems=_NO_SUCH,
        example_body={"tags": ["vip"]},
        example_answer=CUSTOMER_EXAMPLE,
        repeatable="who has a tag has it",
    )
    async def add_customer_tags(self, customer_id: UUID, principal: Caller, body: AddTags) -> CustomerProfile:
        """Those that the customer has stay."""
        return await self._tag(principal, customer_id, add=body.tags)

    @Operation(
        "DELETE",
        "/v1/customers/{customer_id}/tags/{tag}",
        Scope.CUSTOMERS_WRITE,
        tag="Customers",
        summary="Take a tag from a customer",
        problems=_NO_SUCH,
        example_answer=CUSTOMER_EXAMPLE,
    )
    async def remove_customer_tag(self, customer_id: UUID, tag: str, principal: Caller) -> CustomerProfile:
        """Who does not have it stays as they are."""
        return await self._tag(principal, customer_id, remove=[clean_tag(tag)])

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/messages",
        Scope.MESSAGES_READ,
        tag="Customers",
        summary="Everything that was said with a customer, newest first",
        problems={**_NO_SUCH, 400: "A cursor is of another list, or there are two; `code` says which"},
        example_answer={"items": [MESSAGE_EXAMPLE], "next": None, "previous": "q83vASNFZ4mrze8BI0VniQ"},
    )
    async def list_customer_messages(
        self,
        customer_id: UUID,
        principal: Caller,
        direction: Annotated[Direction | None, Query()] = None,
        type: Annotated[str | None, Query(max_length=64, description="Such as `text` or `image`")] = None,
        after: After = None,
        before: Annotated[str | None, Query(max_length=2000, description="The `previous` of a page: what is newer")] = None,
        limit: Limit = 50,
    ) -> CustomerMessages:
        """Across conversations and numbers, by the time at which the platform says it was sent."""
        if before is not None and after is not None:
            raise BadRequest("two_cursors", "`before` leads to what is newer and `after` to what is older: send one of them.")
        tenant, only = principal.tenant_id, HistoryFilter(direction, None if type is None else clean_text(type))
        of = (tenant, "customer messages", str(customer_id), *(None if each is None else str(each) for each in only))
        place = None if after is None and before is None else parse_history_place(self._cursors.open(of, after or before or ""))
        async with self._db.tenant(tenant) as conn:
            contact_id = (await get_profile(conn, tenant, customer_id)).id
            sight = await self._sights.find(conn, principal)
            if before is not None and place is not None:
                newer = await store.list_newer_messages(
                    conn, tenant, contact_id, after=place, only=only, batch=limit, sight=sight
                )
                found, last = newer[::-1], newer[0] if newer else None
            else:
                older = await store.list_messages(
                    conn, tenant, contact_id, before=place or LATEST, only=only, batch=limit + 1, sight=sight
                )
                found, last = older[:limit], older[limit - 1] if len(older) > limit else None
            items = await self._sends.read_in(conn, tenant, [each.message_id for each in found])
        first = found[0] if found else place
        following, previous = (
            None if each is None else self._cursors.seal(of, _told_of_message(each)) for each in (last, first)
        )
        return CustomerMessages(items=items, next=following, previous=previous)

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/conversations",
        Scope.CONVERSATIONS_READ,
        tag="Customers",
        summary="A customer's conversations, newest first",
        problems=_NO_SUCH,
        example_answer={"items": [CONVERSATION_EXAMPLE], "next": None},
    )
    async def list_customer_conversations(
        self,
        customer_id: UUID,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> CustomerConversations:
        """On every number, open and ended ones."""
        tenant = principal.tenant_id
        of = (tenant, "customer conversations", str(customer_id))
        before = None if after is None else UUID(self._cursors.open(of, after)[0])
        async with self._db.tenant(tenant) as conn:
            profile = await get_profile(conn, tenant, customer_id)
            sight = await self._sights.find(conn, principal)
            ids = await store.list_conversations(conn, tenant, profile.id, before=before, batch=limit + 1, sight=sight)
            items = await self._conversations(conn, tenant, ids[:limit], await find_group(conn, tenant, profile))
        following = self._cursors.seal_next(of, ids, limit, lambda each: [str(each)])
        return CustomerConversations(items=items, next=following)

    @Operation(
        "GET",
        "/v1/customers/{customer_id}/context",
        Scope.CUSTOMERS_READ,
        tag="Customers",
        summary="Who this is, who speaks with them, and what was said last",
        problems=_NO_SUCH,
        example_answer={"customer": CUSTOMER_EXAMPLE, "conversation": CONVERSATION_EXAMPLE, "messages": [MESSAGE_EXAMPLE]},
    )
    async def get_customer_context(self, customer_id: UUID, principal: Caller) -> CustomerContext:
        """In one call what a service needs before it answers: the profile, the conversation with its window, the last 20
        messages."""
        return await self._contexts.read(principal, customer_id)

    async def _tag(
        self, principal: Principal, customer_id: UUID, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> CustomerProfile:
        tenant, contact_id = principal.tenant_id, await self._survivor(principal, customer_id)
        await self._customers.tag(tenant, [contact_id], add=add, remove=remove)
        async with self._db.tenant(tenant) as conn:
            return render_customer(await get_profile(conn, tenant, contact_id))

    async def _survivor(self, principal: Principal, customer_id: UUID) -> UUID:
        async with self._db.tenant(principal.tenant_id) as conn:
            return (await get_profile(conn, principal.tenant_id, customer_id)).id

    async def _conversations(
        self, conn: Connection, tenant: TenantId, ids: Sequence[UUID], group: GroupAnswer | None
    ) -> list[ConversationAnswer]:
        found = await conversation_store.find_shown(conn, tenant, [str(each) for each in ids])
        there: list[Conversation] = [each for each in found if each is not None]
        keys = [(each.phone_number_id, each.contact_id) for each in there]
        windows = await conversation_store.find_windows(conn, tenant, keys)
        said = await preference_store.find_many(conn, tenant, keys)
        now = self._clock()
        return [render_conversation(each, windows, now, said.get(key), group) for each, key in zip(there, keys, strict=True)]


async def get_profile(conn: Connection, tenant: TenantId, customer_id: UUID) -> Profile:
    """The customer, or whom they turned out to be."""
    found = await store.find_many(conn, tenant, [customer_id])
    if not found:
        survivors = await contact_store.find_survivors(conn, tenant, [customer_id])
        found = await store.find_many(conn, tenant, list(survivors.values()))
    if not found:
        raise customer_not_found(customer_id)
    return found[0]


def _fields_of(body: EditableFields, but: Sequence[str] = ()) -> JsonObject:
    """What was sent, by its names here."""
    return {NAMES[each]: getattr(body, each) for each in body.model_fields_set if each in NAMES and each not in but}


def _words_of(question: str | None) -> str | None:
    if question is None:
        return None
    words = query_of(clean_text(question))
    if words is None:
        raise Unprocessable("nothing_to_find", "`q` holds no letter or digit. Say a word, its beginning, or a phone.")
    return words


def iso_exact(moment: datetime) -> str:
    """To the microsecond: a place in an order, not a time for people."""
    return moment.isoformat()


def _told_of(place: ListPlace) -> list[Any]:
    value = iso_exact(place.value) if isinstance(place.value, datetime) else place.value
    return [value, str(place.contact_id)]


def _told_of_message(place: HistoryPlace) -> list[Any]:
    return [iso_exact(place.sent_at), str(place.message_id)]


def _place_of(sort: Sort, told: list[Any]) -> ListPlace:
    value, contact_id = told
    is_time = sort in (Sort.LAST_ACTIVITY, Sort.CREATED)
    return ListPlace(datetime.fromisoformat(value) if is_time else value, UUID(contact_id))


def parse_history_place(told: list[Any]) -> HistoryPlace:
    sent_at, message_id = told
    return HistoryPlace(datetime.fromisoformat(sent_at), UUID(message_id))
