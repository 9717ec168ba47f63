"""The index of conversations in PostgreSQL: what they are listed, sorted and found by."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from waystate.conversations.control import Speaker, SpeakerKind
from waystate.conversations.model import ConversationStatus, Sight
from waystate.customers.words import split_words
from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId
from waystate.inbox.model import (
    FIRST_ID,
    InboxFilter,
    InboxPlace,
    InboxSort,
    MessagePlace,
    before_all,
    in_order,
    window_floor,
)

_queries = load_queries(__file__)

FEW = 5000
"""Conversations that fit a word or a tag: so many are read at once and sorted here; of more, an order's index is walked."""
_MOST_WORDS = 1000
"""Different words of a message: as many as the longest has room for."""
_COLUMNS = {
    InboxSort.LAST_ACTIVITY: "last_activity_at",
    InboxSort.CREATED: "created_at",
    InboxSort.WAITING: "waiting_since",
}


class ToldMessage(NamedTuple):
    """A message that the event at this position told of."""

    conversation_id: UUID
    position: int
    is_inbound: bool


class SaidText(NamedTuple):
    conversation_id: UUID
    message_id: UUID
    text: str | None


async def list_places(
    conn: Connection,
    tenant: TenantId,
    wanted: InboxFilter,
    sort: InboxSort,
    *,
    after: InboxPlace | None,
    now: datetime,
    batch: int,
    few: int = FEW,
) -> list[InboxPlace]:
    """The next conversations in this order. `few`: how many that fit a word or a tag are sorted here."""
    place = after or before_all(sort)
    conditions = _conditions(wanted, now)
    said = await _find_few_by_words(conn, tenant, wanted.words, few)
    among = await _find_few(conn, tenant, wanted, few) if said is None else said
    if among is not None:
        # Whoever was found by words is not asked for them again.
        conditions |= {"words": None} if said is not None else {}
        rows = await _queries.list_among(conn, tenant_id=tenant, ids=list(among), **conditions)
        column = _COLUMNS[sort]
        found = [InboxPlace(row[column], row["conversation_id"]) for row in rows if row[column] is not None]
        return in_order(found, sort, place)[:batch]
    walk = _walk_of(wanted, sort)
    rows = await walk(
        conn, tenant_id=tenant, value=place.value, conversation_id=place.conversation_id, batch=batch, **conditions
    )
    return [InboxPlace(row["value"], row["conversation_id"]) for row in rows]


def _walk_of(wanted: InboxFilter, sort: InboxSort) -> Any:
    """Of the narrowest index."""
    match sort:
        case InboxSort.WAITING:
            return _queries.list_by_waiting
        case InboxSort.CREATED:
            return _queries.list_by_created
        case InboxSort.LAST_ACTIVITY if wanted.assignee is not None:
            return _queries.list_by_assignee
        case InboxSort.LAST_ACTIVITY if wanted.queue is not None:
            return _queries.list_by_queue
        case InboxSort.LAST_ACTIVITY if wanted.is_unassigned:
            return _queries.list_unassigned
        case InboxSort.LAST_ACTIVITY if wanted.controller is not None:
            return _queries.list_by_controller
        case InboxSort.LAST_ACTIVITY if wanted.phone_number_id is not None:
            return _queries.list_by_number
    return _queries.list_by_activity


def _conditions(wanted: InboxFilter, now: datetime) -> dict[str, Any]:
    return {
        "statuses": [each.value for each in wanted.statuses],
        # An overdue one is none of the open ones, whether or not it is tidied yet.
        "is_live": len(wanted.statuses) < len(ConversationStatus),
        "controller": wanted.controller,
        "assignee": wanted.assignee,
        "is_unassigned": wanted.is_unassigned,
        "queue": wanted.queue,
        "phone_number_id": wanted.phone_number_id,
        "is_window_open": wanted.is_window_open,
        "window_floor": window_floor(now),
        "since": wanted.since,
        "now": now,
        **wanted.sight.asked,
        "tags": list(wanted.tags),
        "words": wanted.words,
    }


async def _find_few_by_words(conn: Connection, tenant: TenantId, words: str | None, few: int) -> set[UUID] | None:
    """Those in which a message fits, or whose customer does; None: they are many, or no words are asked for."""
    if words is None:
        return None
    asked = {"tenant_id": tenant, "words": words, "most": few + 1}
    said = await _queries.find_by_words(conn, **asked)
    named = await _queries.find_by_customers(conn, **asked) if len(said) <= few else []
    is_few = len(said) <= few and len(named) <= few
    return {row["conversation_id"] for row in (*said, *named)} if is_few else None


async def _find_few(conn: Connection, tenant: TenantId, wanted: InboxFilter, few: int) -> set[UUID] | None:
    """Those that have a tag, or are in sight, if they are few; None: nobody knows of so few."""
    for tag in wanted.tags:
        rows = await _queries.find_by_tag(conn, tenant_id=tenant, tag=tag, most=few + 1)
        if len(rows) <= few:
            return {row["conversation_id"] for row in rows}
    return await _find_few_in_sight(conn, tenant, wanted.sight, few)


async def _find_few_in_sight(conn: Connection, tenant: TenantId, sight: Sight, few: int) -> set[UUID] | None:
    if sight.viewer is None:
        return None
    rows = await _queries.find_in_sight(
        conn,
        tenant_id=tenant,
        viewer=sight.viewer,
        holder=Speaker(SpeakerKind.PERSON, sight.viewer).holder,
        queues=list(sight.queues),
        most=few + 1,
    )
    return {row["conversation_id"] for row in rows} if len(rows) <= few else None


async def find_matching(conn: Connection, tenant: TenantId, ids: Sequence[UUID], words: str) -> dict[UUID, UUID]:
    """Conversation → the newest of its messages that fits the words, of those in which one does."""
    rows = await _queries.find_matching(conn, tenant_id=tenant, ids=list(ids), words=words)
    return {row["conversation_id"]: row["message_id"] for row in rows}


async def find_last_messages(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Conversation → its newest message, of those in which anything was said."""
    rows = await _queries.find_last_messages(conn, tenant_id=tenant, ids=list(ids))
    return {row["conversation_id"]: row["message_id"] for row in rows}


async def find_place(conn: Connection, tenant: TenantId, conversation_id: UUID, message_id: UUID) -> MessagePlace | None:
    """Where a message stands in this conversation; None: it is none of its."""
    sent_at = await _queries.find_place(conn, tenant_id=tenant, conversation_id=conversation_id, id=message_id)
    return None if sent_at is None else MessagePlace(sent_at, message_id)


async def list_older(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, before: MessagePlace, batch: int
) -> list[MessagePlace]:
    """The next messages before a place, the newest first."""
    rows = await _queries.list_older(
        conn,
        tenant_id=tenant,
        conversation_id=conversation_id,
        sent_at=before.sent_at,
        message_id=before.message_id,
        batch=batch,
    )
    return [MessagePlace(row["sent_at"], row["id"]) for row in rows]


async def list_newer(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, after: MessagePlace, batch: int
) -> list[MessagePlace]:
    """The next messages behind a place, the oldest first."""
    rows = await _queries.list_newer(
        conn,
        tenant_id=tenant,
        conversation_id=conversation_id,
        sent_at=after.sent_at,
        message_id=after.message_id,
        batch=batch,
    )
    return [MessagePlace(row["sent_at"], row["id"]) for row in rows]


async def index_many(
    conn: Connection, tenant: TenantId, ids: Collection[UUID], told: Sequence[ToldMessage] = (), said: Collection[UUID] = ()
) -> None:
    """Write down how these conversations stand, with the messages that were told of, and what the messages `said` say now."""
    if ids:
        await _queries.index_many(
            conn,
            tenant_id=tenant,
            ids=sorted(ids),
            told_ids=[each.conversation_id for each in told],
            positions=[each.position for each in told],
            are_inbound=[each.is_inbound for each in told],
        )
    if said:
        rows = await _queries.list_texts(conn, tenant_id=tenant, ids=sorted(said))
        await _write_words(conn, tenant, [SaidText(row["conversation_id"], row["id"], row["text"]) for row in rows])


async def index_whole(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> None:
    """Conversations of which nobody told, or not all: counted anew, with all that was said in them."""
    if not ids:
        return
    await index_many(conn, tenant, ids)
    await _queries.count_anew(conn, tenant_id=tenant, ids=sorted(ids))
    await _queries.drop_moved(conn, tenant_id=tenant, ids=sorted(ids))
    rows = await _queries.list_texts_in(conn, tenant_id=tenant, ids=sorted(ids))
    await _write_words(conn, tenant, [SaidText(row["conversation_id"], row["id"], row["text"]) for row in rows])


async def _write_words(conn: Connection, tenant: TenantId, said: Sequence[SaidText]) -> None:
    words: Mapping[SaidText, str] = {each: " ".join(split_words(each.text or "", _MOST_WORDS)) for each in said}
    spoken, silent = [each for each in said if words[each]], [each for each in said if not words[each]]
    if spoken:
        await _queries.write_words(
            conn,
            tenant_id=tenant,
            conversation_ids=[each.conversation_id for each in spoken],
            message_ids=[each.message_id for each in spoken],
            words=[words[each] for each in spoken],
        )
    if silent:
        await _queries.drop_words(
            conn,
            tenant_id=tenant,
            conversation_ids=[each.conversation_id for each in silent],
            message_ids=[each.message_id for each in silent],
        )


async def list_ids(conn: Connection, tenant: TenantId, *, after: UUID | None, batch: int) -> list[UUID]:
    """The tenant's conversations by id, from behind one."""
    rows = await _queries.list_ids(conn, tenant_id=tenant, after=after or FIRST_ID, batch=batch)
    return [row["id"] for row in rows]


async def find_last_indexed(conn: Connection, tenant: TenantId) -> UUID | None:
    found: UUID | None = await _queries.find_last_indexed(conn, tenant_id=tenant)
    return found


async def list_of_customers(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> list[UUID]:
    """The conversations of these contacts."""
    rows = await _queries.list_of_customers(conn, tenant_id=tenant, contact_ids=sorted(contact_ids))
    return [row["id"] for row in rows]


async def take_wanted(conn: Connection, tenant: TenantId, batch: int) -> list[UUID]:
    """The next contacts of whose conversations no event tells; they are wanted no more once this commits."""
    rows = await _queries.take_wanted(conn, tenant_id=tenant, batch=batch)
    return [row["contact_id"] for row in rows]


async def list_due(conn: Connection) -> set[TenantId]:
    """Tenants whose index is behind."""
    return {row["tenant_id"] for row in await _queries.list_due(conn)}
