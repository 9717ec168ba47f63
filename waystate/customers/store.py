"""Customers in PostgreSQL: profiles, the index by which they are found, and tags."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from waystate.contacts.model import Identity, IdentityKind
from waystate.conversations.model import EVERYTHING, Conversation, Sight
from waystate.conversations.store import conversation_of
from waystate.customers.model import (
    EVER,
    LATEST,
    NEVER,
    WHOLE_HISTORY,
    CustomerFilter,
    HistoryFilter,
    HistoryPlace,
    ListPlace,
    Profile,
    Sort,
)
from waystate.customers.words import NAMELESS, fold, words_of
from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ids import TenantId
from waystate.preferences.model import Marketing, Preference

_queries = load_queries(__file__)

_TOGETHER = 20
"""Conversations that are read in one statement."""
_FIRST_ID, _LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
_WALKS = {
    Sort.LAST_ACTIVITY: (_queries.list_by_activity, "last_activity_at"),
    Sort.CREATED: (_queries.list_by_created, "created_at"),
    Sort.NAME: (_queries.list_by_name, "name"),
    Sort.MESSAGE_COUNT: (_queries.list_by_messages, "message_count"),
}
_BEFORE_ALL: Mapping[Sort, ListPlace] = {
    Sort.LAST_ACTIVITY: ListPlace(EVER, _LAST_ID),
    Sort.CREATED: ListPlace(EVER, _LAST_ID),
    Sort.NAME: ListPlace("", _FIRST_ID),
    Sort.MESSAGE_COUNT: ListPlace(2**63 - 1, _LAST_ID),
}


class PageReach(NamedTuple):
    """How many customers one page looks at."""

    few: int = 5000
    """That fit a word, a tag, a number: so many are read at once and sorted here; of more, an order's index is walked."""
    at_first: int = 2000
    """Looked at before anybody asks whether it is few that fit: where it is many, a page is full by then."""
    most: int = 30_000
    """Where each is looked up in other tables, a third of them, or less."""


_REACH = PageReach()


class ConversationTotals(NamedTuple):
    """What a contact's conversations come to."""

    messages: int
    last_message_at: datetime | None
    last_activity_at: datetime


class FoundContext(NamedTuple):
    """A customer, the conversation that is open or else was last, and what they said of marketing on its number.

    The conversation's `window_from` is the customer's newest sign on the number, in whichever conversation they gave it.
    """

    profile: Profile
    conversation: Conversation | None
    preference: Preference | None


async def find_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> list[Profile]:
    """In the order of `ids`, without those that do not exist or were merged."""
    rows = await _queries.list_profiles(conn, tenant_id=tenant, ids=list(ids))
    return [_profile(dict(row)) for row in rows]


async def list_places(
    conn: Connection,
    tenant: TenantId,
    wanted: CustomerFilter,
    sort: Sort,
    *,
    after: ListPlace | None,
    now: datetime,
    batch: int,
    reach: PageReach = _REACH,
) -> tuple[list[ListPlace], ListPlace | None]:
    """The next customers in this order, and where their page was left off if it could not be filled.

    That is where very many fit each of the filters, and few all of them: what one page looks at has an end.
    """
    everybody = replace(wanted, words=None, tags=(), has_open_conversation=None, phone_number_id=None)
    place, conditions = _start(wanted, sort, after), _conditions(wanted, sort, now)
    if wanted == everybody:
        return await _walk(conn, tenant, sort, place, conditions, most=batch, batch=batch), None
    found = await _walk(conn, tenant, sort, place, conditions, most=reach.at_first, batch=batch)
    if len(found) == batch:
        return found, None
    among = await _find_few(conn, tenant, wanted, reach.few)
    if among is not None:
        return (await _sort_few(conn, tenant, among, wanted, sort, after=after, now=now))[:batch], None
    most = reach.most // (1 + 2 * (len(wanted.tags) + (wanted.phone_number_id is not None)))
    found = await _walk(conn, tenant, sort, place, conditions, most=most, batch=batch)
    if len(found) == batch:
        return found, None
    last = await _walk(conn, tenant, sort, place, _conditions(everybody, sort, now), most=most, skip=most - 1, batch=1)
    return found, last[0] if last else None


def _start(wanted: CustomerFilter, sort: Sort, after: ListPlace | None) -> ListPlace:
    place = after or _BEFORE_ALL[sort]
    until = wanted.active_until if sort is Sort.LAST_ACTIVITY else wanted.created_until if sort is Sort.CREATED else None
    if until is not None and isinstance(place.value, datetime) and until <= place.value:
        return ListPlace(until, _FIRST_ID)
    return place


def _conditions(wanted: CustomerFilter, sort: Sort, now: datetime) -> dict[str, Any]:
    conditions: dict[str, Any] = {"words": wanted.words, "tags": list(wanted.tags)}
    if sort is Sort.CREATED:
        return conditions | {"since": wanted.created_since or NEVER}
    if sort is Sort.LAST_ACTIVITY:
        talks = {"is_open": wanted.has_open_conversation, "phone_number_id": wanted.phone_number_id, "now": now}
        return conditions | talks | {"since": wanted.active_since or NEVER}
    return conditions


async def _walk(
    conn: Connection,
    tenant: TenantId,
    sort: Sort,
    place: ListPlace,
    conditions: Mapping[str, Any],
    *,
    most: int,
    batch: int,
    skip: int = 0,
) -> list[ListPlace]:
    walk, _ = _WALKS[sort]
    value, contact_id = place
    rows = await walk(
        conn, tenant_id=tenant, value=value, contact_id=contact_id, most=most, skip=skip, batch=batch, **conditions
    )
    return [ListPlace(row["value"], row["contact_id"]) for row in rows]


async def _find_few(conn: Connection, tenant: TenantId, wanted: CustomerFilter, few: int) -> list[UUID] | None:
    """Those that fit one of the filters, if that is few; None: nobody knows of so few."""
    asked: list[Callable[[], Awaitable[Sequence[Any]]]] = []
    most: dict[str, Any] = {"tenant_id": tenant, "most": few + 1}
    if wanted.words is not None:
        asked.append(lambda: _queries.find_by_words(conn, words=wanted.words, **most))
    if wanted.has_open_conversation:
        asked.append(lambda: _queries.find_open(conn, **most))
    if wanted.phone_number_id is not None:
        asked.append(lambda: _queries.find_by_number(conn, phone_number_id=wanted.phone_number_id, **most))
    asked += [partial(_queries.find_by_tag, conn, tag=tag, **most) for tag in wanted.tags]
    for ask in asked:
        rows = await ask()
        if len(rows) <= few:
            return list({row["contact_id"] for row in rows})
    return None


async def _sort_few(
    conn: Connection,
    tenant: TenantId,
    among: Sequence[UUID],
    wanted: CustomerFilter,
    sort: Sort,
    *,
    after: ListPlace | None,
    now: datetime,
) -> list[ListPlace]:
    rows = await _queries.list_among(
        conn,
        tenant_id=tenant,
        ids=list(among),
        words=wanted.words,
        tags=list(wanted.tags),
        active_since=wanted.active_since or NEVER,
        active_until=wanted.active_until or EVER,
        created_since=wanted.created_since or NEVER,
        created_until=wanted.created_until or EVER,
        is_open=wanted.has_open_conversation,
        phone_number_id=wanted.phone_number_id,
        now=now,
    )
    _, column = _WALKS[sort]
    places = [ListPlace(row[column], row["contact_id"]) for row in rows]
    if sort is Sort.NAME:
        ahead = [each for each in places if after is None or _by_name(each) > _by_name(after)]
        return sorted(ahead, key=_by_name)
    return sorted((each for each in places if after is None or each < after), reverse=True)


def _by_name(place: ListPlace) -> tuple[bytes, UUID]:
    """As PostgreSQL's collation "C" does: by bytes."""
    return str(place.value).encode(), place.contact_id


async def hold_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> None:
    """None of these customers is merged before the transaction ends."""
    await _queries.hold_many(conn, tenant_id=tenant, ids=list(ids))


async def index_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> None:
    """Write down what these contacts are found and sorted by; whoever is no customer of their own any more is found no more."""
    if not ids:
        return
    profiles = await find_many(conn, tenant, sorted(ids))
    activities = await _find_activities(conn, tenant, [each.id for each in profiles])
    gone = set(ids) - {each.id for each in profiles}
    if gone:
        await _queries.drop_from_index(conn, tenant_id=tenant, ids=list(gone))
    counted = [activities.get(each.id) or ConversationTotals(0, None, each.created_at) for each in profiles]
    await _queries.index_many(
        conn,
        tenant_id=tenant,
        contact_ids=[each.id for each in profiles],
        names=[fold(each.name) if each.name else NAMELESS for each in profiles],
        words=[" ".join(_words(each)) for each in profiles],
        created_at=[each.created_at for each in profiles],
        last_activity_at=[each.last_activity_at for each in counted],
        last_message_at=[each.last_message_at for each in counted],
        message_counts=[each.messages for each in counted],
    )


def _words(profile: Profile) -> list[str]:
    return words_of((profile.name, profile.email, profile.username), profile.identities, profile.phone_number)


async def _find_activities(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, ConversationTotals]:
    rows = await _queries.count_messages(conn, tenant_id=tenant, ids=list(ids))
    return {
        row["contact_id"]: ConversationTotals(row["messages"], row["last_message_at"], row["last_activity_at"]) for row in rows
    }


async def list_ids(conn: Connection, tenant: TenantId, *, after: UUID | None, batch: int) -> list[UUID]:
    """The tenant's contacts by id, from behind one."""
    rows = await _queries.list_ids(conn, tenant_id=tenant, after=after or _FIRST_ID, batch=batch)
    return [row["id"] for row in rows]


async def take_wanted(conn: Connection, tenant: TenantId, batch: int) -> list[UUID]:
    """The next of those whom no event tells of; they are wanted no more once this commits."""
    rows = await _queries.take_wanted(conn, tenant_id=tenant, batch=batch)
    return [row["contact_id"] for row in rows]


async def list_due(conn: Connection) -> set[TenantId]:
    """Tenants whose index is behind."""
    return {row["tenant_id"] for row in await _queries.list_due(conn)}


async def lock_one(conn: Connection, tenant: TenantId, contact_id: UUID) -> Profile | None:
    """For an edit; None: there is no such customer."""
    if await _queries.lock_profile(conn, tenant_id=tenant, id=contact_id) is None:
        return None
    (profile,) = await find_many(conn, tenant, [contact_id])
    return profile


async def edit_one(conn: Connection, tenant: TenantId, profile: Profile, now: datetime) -> None:
    """Write what may be edited of it."""
    await _queries.edit_profile(
        conn,
        tenant_id=tenant,
        id=profile.id,
        name=profile.name,
        is_named_by_hand=profile.is_named_by_hand,
        email=profile.email,
        phone_number=profile.phone_number,
        username=profile.username,
        language=profile.language,
        profile_picture_url=profile.profile_picture_url,
        tags=list(profile.tags),
        preferences=dump(profile.preferences),
        metadata=dump(profile.metadata),
        now=now,
    )


async def tag_many(
    conn: Connection, tenant: TenantId, ids: Sequence[UUID], tags: Sequence[str], now: datetime
) -> dict[UUID, tuple[str, ...]]:
    """Contact → its tags now, of those that lacked one."""
    rows = await _queries.tag_many(conn, tenant_id=tenant, ids=list(ids), tags=list(tags), now=now)
    return {row["id"]: tuple(row["tags"]) for row in rows}


async def untag_many(
    conn: Connection, tenant: TenantId, ids: Sequence[UUID], tags: Sequence[str], now: datetime
) -> dict[UUID, tuple[str, ...]]:
    """Contact → its tags now, of those that had one."""
    rows = await _queries.untag_many(conn, tenant_id=tenant, ids=list(ids), tags=list(tags), now=now)
    return {row["id"]: tuple(row["tags"]) for row in rows}


async def list_messages(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    *,
    before: HistoryPlace = LATEST,
    only: HistoryFilter = WHOLE_HISTORY,
    batch: int,
    sight: Sight = EVERYTHING,
) -> list[HistoryPlace]:
    """Of what is older than a place, the newest first. Of many conversations only those are read that it may come from."""
    found: list[HistoryPlace] = []
    skip = 0
    while True:
        heads = await _queries.list_heads(
            conn, tenant_id=tenant, contact_id=contact_id, skip=skip, batch=_TOGETHER, **sight.asked
        )
        is_full = len(found) >= batch
        if not heads or (is_full and heads[0]["last_message_at"] < found[batch - 1].sent_at):
            return found[:batch]
        rows = await _queries.list_messages(
            conn,
            tenant_id=tenant,
            ids=[row["id"] for row in heads],
            before=before.sent_at,
            before_id=before.message_id,
            **only._asdict(),
            batch=batch,
        )
        found = sorted([*found, *(HistoryPlace(row["sent_at"], row["id"]) for row in rows)], reverse=True)[:batch]
        skip += len(heads)


async def list_newer_messages(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    *,
    after: HistoryPlace,
    only: HistoryFilter = WHOLE_HISTORY,
    batch: int,
    sight: Sight = EVERYTHING,
) -> list[HistoryPlace]:
    """The next ones behind a place, the oldest first."""
    at, message_id = after
    rows = await _queries.list_newer_messages(
        conn,
        tenant_id=tenant,
        contact_id=contact_id,
        after=at,
        after_id=message_id,
        **only._asdict(),
        batch=batch,
        **sight.asked,
    )
    return [HistoryPlace(row["sent_at"], row["id"]) for row in rows]


async def list_conversations(
    conn: Connection, tenant: TenantId, contact_id: UUID, *, before: UUID | None, batch: int, sight: Sight = EVERYTHING
) -> Sequence[UUID]:
    """The newest first, from before an id."""
    rows = await _queries.list_conversations(
        conn, tenant_id=tenant, contact_id=contact_id, before=before or _LAST_ID, batch=batch, **sight.asked
    )
    return [row["id"] for row in rows]


async def find_context(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    now: datetime,
    sight: Sight = EVERYTHING,
    *,
    number: str | None = None,
) -> FoundContext | None:
    """Of a customer, or whom they turned out to be; None: there is no such customer. `number`: with the conversation on this
    phone number id before those on others."""
    found = await _queries.find_context(conn, tenant_id=tenant, id=contact_id, now=now, number=number, **sight.asked)
    if found is None:
        return None
    row = dict(found)
    profile = _profile({each.name: row[each.name] for each in fields(Profile)})
    if row["conversation_id"] is None:
        return FoundContext(profile, None, None)
    said = {"id": row["conversation_id"], "contact_id": profile.id, "contact_name": profile.name}
    said |= {"last_activity_at": row["active_at"], "tags": row["conversation_tags"], "metadata": row["conversation_metadata"]}
    conversation = conversation_of(row | said)
    if row["marketing"] is None:
        return FoundContext(profile, conversation, None)
    told = Marketing(row["marketing"]), row["marketing_at"], row["told_by"], row["detail"]
    return FoundContext(profile, conversation, Preference(conversation.phone_number_id, profile.id, *told))


def _behind(tenant: TenantId, contact_id: UUID, before: HistoryPlace, batch: int, sight: Sight) -> dict[str, Any]:
    """Of what happened with a contact, older than a place."""
    place = {"before": before.sent_at, "before_id": before.message_id, "batch": batch}
    return {"tenant_id": tenant, "contact_id": contact_id, **place, **sight.asked}


async def list_log(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    *,
    before: HistoryPlace,
    batch: int,
    sight: Sight,
    types: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """What happened to the contact's conversations, the newest first; of these types, or of all."""
    asked = _behind(tenant, contact_id, before, batch, sight)
    rows = await _queries.list_log(conn, **asked, types=None if types is None else sorted(types))
    return [dict(row) for row in rows]


async def list_statuses(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    *,
    before: HistoryPlace,
    since: datetime,
    sent_since: datetime,
    sent_until: datetime,
    batch: int,
    sight: Sight,
) -> list[dict[str, Any]]:
    """What was reported of the contact's messages since then, of those sent from `sent_since` to `sent_until`; newest first."""
    asked = _behind(tenant, contact_id, before, batch, sight)
    rows = await _queries.list_statuses(conn, **asked, since=since, sent_since=sent_since, sent_until=sent_until)
    return [dict(row) for row in rows]


async def list_failures(
    conn: Connection, tenant: TenantId, contact_id: UUID, *, before: HistoryPlace, batch: int, sight: Sight
) -> list[dict[str, Any]]:
    """What of the contact's messages did not arrive, the newest first."""
    asked = _behind(tenant, contact_id, before, batch, sight)
    rows = await _queries.list_failures(conn, **asked)
    return [dict(row) for row in rows]


def _profile(row: dict[str, Any]) -> Profile:
    identities = tuple(
        Identity(IdentityKind(kind), name) for kind, _, name in (each.partition(" ") for each in row["identities"])
    )
    tags, count = tuple(row["tags"]), row["message_count"] or 0
    return Profile(**{**row, "tags": tags, "identities": identities, "message_count": count})
