"""Conversations in PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from waystate.contacts.model import Identity
from waystate.conversations.model import (
    MERGED,
    Activity,
    Conversation,
    ConversationEnd,
    ConversationStatus,
    Described,
    KeptPast,
    OpenedConversation,
    PastConversation,
    Placed,
    QueuePlace,
)
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump, is_whole
from waystate.ids import TenantId, find_uuid, new_id

_queries = load_queries(__file__)

Key = tuple[str, UUID]
"""(phone_number_id, contact id): what may have one open conversation."""


@dataclass(frozen=True, slots=True)
class Ended:
    id: UUID
    contact_id: UUID
    phone_number_id: str


class Holding(NamedTuple):
    """Whose a conversation is: a person's, a queue's; and who speaks in it."""

    assigned_user_id: UUID | None
    queue_id: UUID | None
    control_holder: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """A conversation's customer window: 24 hours from `window_from`."""

    mapping_id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    window_from: datetime


@dataclass(frozen=True, slots=True)
class EndingWindow(Window):
    is_closed: bool
    """Else it closes within the hour."""


@dataclass(frozen=True, slots=True)
class MergeRow:
    """What of a conversation decides whether it stays when two contacts become one."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    status: ConversationStatus
    last_activity_at: datetime
    last_customer_message_at: datetime | None


@dataclass(frozen=True, slots=True)
class WantedConversation:
    """Whose conversation: an identity, and the number if the caller named one."""

    identity: Identity
    phone_number_id: str | None = None


async def keep_past(conn: Connection, tenant: TenantId, rows: Sequence[KeptPast]) -> None:
    """Closed conversations that hold what was said before a number came here, made or brought up to date."""
    await _queries.keep_past(
        conn,
        tenant_id=tenant,
        ids=[row.id for row in rows],
        contact_ids=[row.contact_id for row in rows],
        phone_number_ids=[row.phone_number_id for row in rows],
        wa_ids=[row.wa_id for row in rows],
        user_ids=[row.user_id for row in rows],
        message_at=[row.message_at for row in rows],
        message_ids=[row.message_id for row in rows],
        previews=[row.preview for row in rows],
        closed_at=[row.now for row in rows],
    )


async def open_many(
    conn: Connection, tenant: TenantId, activity: Sequence[Activity], *, ttl: timedelta, now: datetime
) -> tuple[dict[Key, OpenedConversation], list[Ended]]:
    """The open conversation of each (number, contact), made where there is none; and those that were overdue, now expired."""
    rows = sorted(activity, key=lambda each: (each.phone_number_id, each.contact_id))
    opened = await _open_many(conn, tenant, rows, ttl, now)
    stale = [row for row in rows if (row.phone_number_id, row.contact_id) not in opened]
    if not stale:
        return opened, []
    overdue = await expire_overdue(conn, tenant, [(row.phone_number_id, row.contact_id) for row in stale], now)
    return opened | await _open_many(conn, tenant, stale, ttl, now), overdue


async def _open_many(
    conn: Connection, tenant: TenantId, rows: Sequence[Activity], ttl: timedelta, now: datetime
) -> dict[Key, OpenedConversation]:
    opened = await _queries.open_many(
        conn,
        tenant_id=tenant,
        ids=[new_id() for _ in rows],
        contact_ids=[row.contact_id for row in rows],
        phone_number_ids=[row.phone_number_id for row in rows],
        wa_ids=[row.wa_id for row in rows],
        user_ids=[row.user_id for row in rows],
        expires_at=[row.at + ttl for row in rows],
        activity_at=[row.at for row in rows],
        customer_message_at=[row.customer_message_at for row in rows],
        message_at=[row.message_at for row in rows],
        message_ids=[row.message_id for row in rows],
        previews=[row.preview for row in rows],
        now=now,
    )
    return {
        (row["phone_number_id"], row["contact_id"]): OpenedConversation(
            id=row["id"],
            genesys_conversation_id=row["genesys_conversation_id"],
            is_new=row["is_new"],
            opened_from=row["opened_from"],
            controller=row["controller"],
            control_epoch=row["control_epoch"],
            is_queued_here=row["is_queued_here"],
        )
        for row in opened
    }


async def add_many(conn: Connection, tenant: TenantId, rows: Sequence[PastConversation], now: datetime) -> None:
    """Conversations as they are known from elsewhere, with the times and the state they had there."""
    await _queries.add_many(
        conn,
        tenant_id=tenant,
        ids=[row.id for row in rows],
        contact_ids=[row.contact_id for row in rows],
        phone_number_ids=[row.phone_number_id for row in rows],
        wa_ids=[row.wa_id for row in rows],
        user_ids=[row.user_id for row in rows],
        genesys_conversation_ids=[row.genesys_conversation_id for row in rows],
        communication_ids=[row.communication_id for row in rows],
        message_ids=[row.last_message_id for row in rows],
        statuses=[row.status for row in rows],
        controllers=[row.controller for row in rows],
        control_holders=[row.control_holder for row in rows],
        expires_at=[row.expires_at for row in rows],
        activity_at=[row.last_activity_at for row in rows],
        customer_message_at=[row.last_customer_message_at for row in rows],
        message_at=[row.last_message_at for row in rows],
        previews=[row.last_message for row in rows],
        closed_at=[row.closed_at for row in rows],
        close_reasons=[row.close_reason for row in rows],
        versions=[row.version for row in rows],
        metadata=[dump(row.metadata) for row in rows],
        created_at=[row.created_at for row in rows],
        now=now,
    )


async def list_of_contacts(conn: Connection, tenant: TenantId, contact_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Every conversation of these contacts, as (conversation id, contact id)."""
    rows = await _queries.list_of_contacts(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return [(row["id"], row["contact_id"]) for row in rows]


async def remove_marked(conn: Connection, tenant: TenantId, ids: Sequence[UUID], mark: JsonObject) -> int:
    """Those of them whose metadata contain `mark`, with whatever messages they have."""
    return len(await _queries.remove_marked(conn, tenant_id=tenant, ids=list(ids), mark=mark))


async def leave_phones(
    conn: Connection, tenant: TenantId, left: Collection[tuple[UUID, str]], contact_ids: Iterable[UUID]
) -> dict[str, datetime]:
    """Conversations of contacts whose phone is another's now are not answered there any more. `left`: (contact, phone).

    `contact_ids`: whose conversations this transaction is about to open. Returns when the contacts last wrote from each phone.
    """
    former = [contact for contact, _ in left]
    await _queries.lock_of_contacts(conn, tenant_id=tenant, contact_ids=list({*former, *contact_ids}))
    rows = await _queries.leave_phones(conn, tenant_id=tenant, contact_ids=former, wa_ids=[wa_id for _, wa_id in left])
    wrote = sorted((row["last_customer_message_at"], row["wa_id"]) for row in rows if row["last_customer_message_at"])
    return {wa_id: at for at, wa_id in wrote}


async def lock_of_merged(conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]) -> list[MergeRow]:
    """Every conversation of these contacts."""
    rows = await _queries.lock_of_contacts(conn, tenant_id=tenant, contact_ids=sorted(contact_ids))
    return [MergeRow(**{**dict(row), "status": ConversationStatus(row["status"])}) for row in rows]


async def close_merged(conn: Connection, tenant: TenantId, ended: Mapping[UUID, UUID], now: datetime) -> None:
    """`ended`: conversation → the one that stays, which keeps the later customer window of the two."""
    await _queries.close_merged(conn, tenant_id=tenant, ids=list(ended), now=now)
    await _queries.join_windows(conn, tenant_id=tenant, ids=list(ended), into_ids=list(ended.values()), now=now)


async def move_many(conn: Connection, tenant: TenantId, merged: Mapping[UUID, UUID]) -> None:
    """Give the conversations of contacts to the contacts that these turned out to be; none is open beside another by now."""
    await _queries.move_many(conn, tenant_id=tenant, merged_ids=list(merged), contact_ids=list(merged.values()))


async def readdress(
    conn: Connection,
    tenant: TenantId,
    contact_id: UUID,
    *,
    ended: Collection[Identity],
    wa_id: str | None,
    user_id: str | None,
) -> None:
    """Conversations answered at ids that hold no more are answered at the new ones."""
    await _queries.lock_of_contacts(conn, tenant_id=tenant, contact_ids=[contact_id])
    await _queries.readdress(
        conn,
        tenant_id=tenant,
        contact_id=contact_id,
        ended=[identity.external_id for identity in ended],
        wa_id=wa_id,
        user_id=user_id,
    )


async def find_last_heard(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Contact → when it last wrote, as the platform says; those that never did are left out."""
    rows = await _queries.find_last_heard(conn, tenant_id=tenant, contact_ids=sorted(contact_ids))
    return {row["contact_id"]: row["at"] for row in rows}


async def lock_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, Conversation]:
    rows = await _queries.lock_many(conn, tenant_id=tenant, ids=ids)
    return {row["id"]: conversation_of(row) for row in rows}


async def touch_many(
    conn: Connection, tenant: TenantId, activity: dict[UUID, Activity], *, ttl: timedelta, now: datetime
) -> list[Window]:
    """Activity of messages in conversations that `lock_many` holds; the customer windows that it opened."""
    rows = await _queries.touch_many(
        conn,
        tenant_id=tenant,
        ids=list(activity),
        activity_at=[each.at for each in activity.values()],
        expires_at=[each.at + ttl for each in activity.values()],
        customer_message_at=[each.customer_message_at for each in activity.values()],
        message_at=[each.message_at for each in activity.values()],
        message_ids=[each.message_id for each in activity.values()],
        previews=[each.preview for each in activity.values()],
        controllers=[each.controller for each in activity.values()],
        control_holders=[each.control_holder for each in activity.values()],
        control_epochs=[each.control_epoch for each in activity.values()],
        acted_at=[each.acted_at for each in activity.values()],
        now=now,
    )
    return [_opened_window(row) for row in rows]


async def signal_window(
    conn: Connection, tenant: TenantId, signs: Sequence[tuple[UUID, datetime]], now: datetime
) -> list[Window]:
    """Signs of the customer other than messages, as (conversation id, when); the customer windows that these opened."""
    rows = await _queries.signal_windows(
        conn, tenant_id=tenant, ids=[conversation for conversation, _ in signs], at=[at for _, at in signs], now=now
    )
    return [_opened_window(row) for row in rows]


async def note_typing(conn: Connection, tenant: TenantId, ids: Sequence[UUID], now: datetime, *, before: datetime) -> set[UUID]:
    """Those of them whose customer has not been shown since `before` that somebody types; by this they are."""
    rows = await _queries.note_typing(conn, tenant_id=tenant, ids=ids, now=now, before=before)
    return {row["id"] for row in rows}


async def find_windows(conn: Connection, tenant: TenantId, keys: Collection[Key]) -> dict[Key, datetime]:
    """(number, contact) → the newest sign of the customer there, in whichever of their conversations; of those who gave any.

    `window_closes_at` says whether that is an open window.
    """
    rows = await _queries.find_windows(
        conn,
        tenant_id=tenant,
        phone_number_ids=[phone_number_id for phone_number_id, _ in keys],
        contact_ids=[contact_id for _, contact_id in keys],
    )
    return {(row["phone_number_id"], row["contact_id"]): row["window_from"] for row in rows}


async def tell_windows(conn: Connection, tenant: TenantId, now: datetime, batch: int) -> tuple[list[EndingWindow], int]:
    """Windows that are to be told of now, and how many rows were settled, at most `batch`: some ends are nobody's concern."""
    rows = await _queries.tell_windows(conn, tenant_id=tenant, now=now, batch=batch)
    told = [
        EndingWindow(
            mapping_id=row["id"],
            contact_id=row["contact_id"],
            phone_number_id=row["phone_number_id"],
            wa_id=row["wa_id"],
            window_from=row["window_from"],
            is_closed=row["window_told"] == "closed",
        )
        for row in rows
        if not row["is_followed"]
    ]
    return told, len(rows)


async def find_open_many(
    conn: Connection, tenant: TenantId, wanted: Sequence[WantedConversation], now: datetime
) -> list[Conversation | None]:
    rows = await _queries.find_open_by_identity(
        conn,
        tenant_id=tenant,
        now=now,
        keys=list(range(len(wanted))),
        kinds=[each.identity.kind for each in wanted],
        external_ids=[each.identity.external_id for each in wanted],
        phone_number_ids=[each.phone_number_id for each in wanted],
    )
    return _by_key(rows, len(wanted))


async def find_many(conn: Connection, tenant: TenantId, ids: Sequence[str]) -> list[Conversation | None]:
    """By our id or Genesys' id, in the order asked. What the database could not take is nobody's id."""
    return _by_key(await _queries.find_by_ids(conn, tenant_id=tenant, **_named(ids)), len(ids))


async def find_shown(conn: Connection, tenant: TenantId, ids: Sequence[str]) -> list[Conversation | None]:
    """As `find_many`, with what people see of them."""
    return _by_key(await _queries.find_shown(conn, tenant_id=tenant, **_named(ids)), len(ids))


def _named(ids: Sequence[str]) -> dict[str, list[Any]]:
    """Each may be ours, and may be Genesys'."""
    own = [(key, uuid) for key, each in enumerate(ids) if (uuid := find_uuid(each)) is not None]
    return {
        "own_keys": [key for key, _ in own],
        "own_ids": [uuid for _, uuid in own],
        "genesys_keys": list(range(len(ids))),
        "genesys_ids": [each if is_whole(each) else "" for each in ids],
    }


async def find_latest_many(conn: Connection, tenant: TenantId, keys: Sequence[Key]) -> list[Conversation | None]:
    """The open conversation of each (number, contact), else its latest, in the order asked."""
    rows = await _queries.find_latest_of_contacts(
        conn,
        tenant_id=tenant,
        keys=list(range(len(keys))),
        contact_ids=[contact_id for _, contact_id in keys],
        phone_number_ids=[phone_number_id for phone_number_id, _ in keys],
    )
    return _by_key(rows, len(keys))


async def find_open_numbers(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Contact → the number of its latest open conversation, of those that have one."""
    rows = await _queries.find_open_numbers(conn, tenant_id=tenant, contact_ids=sorted(set(contact_ids)))
    return {row["contact_id"]: row["phone_number_id"] for row in rows}


async def correlate_many(
    conn: Connection, tenant: TenantId, correlations: dict[UUID, tuple[str, str | None]]
) -> list[dict[str, Any]]:
    """conversation id → (Genesys conversation id, communication id); the rows that this changed."""
    rows = await _queries.correlate_many(
        conn,
        tenant_id=tenant,
        ids=list(correlations),
        genesys_conversation_ids=[conversation for conversation, _ in correlations.values()],
        communication_ids=[communication for _, communication in correlations.values()],
    )
    return [dict(row) for row in rows]


async def close_ended(
    conn: Connection, tenant: TenantId, ends: Mapping[UUID, ConversationEnd], now: datetime
) -> list[dict[str, Any]]:
    """Those that are closed now: `ends` by conversation, which are locked; what was said after an end keeps it open."""
    rows = await _queries.close_ended(
        conn,
        tenant_id=tenant,
        now=now,
        ids=list(ends),
        ended_at=[each.ended_at for each in ends.values()],
        reasons=[each.reason for each in ends.values()],
    )
    return [dict(row) for row in rows]


async def place_many(conn: Connection, tenant: TenantId, rows: Sequence[Placed], now: datetime) -> None:
    """Conversations that are locked are in other hands from now on."""
    await _queries.place_many(
        conn,
        tenant_id=tenant,
        now=now,
        ids=[row.id for row in rows],
        controllers=[row.controller for row in rows],
        holders=[row.holder for row in rows],
        epochs=[row.epoch for row in rows],
        assignee_ids=[row.assignee_id for row in rows],
        queue_ids=[row.queue_id for row in rows],
        statuses=[row.status for row in rows],
    )


async def note_act(conn: Connection, tenant: TenantId, conversation_id: UUID, now: datetime) -> None:
    """The person who has it did something of it; it is locked."""
    await _queries.note_act(conn, tenant_id=tenant, id=conversation_id, now=now)


async def lock_leases(conn: Connection, tenant: TenantId, before: datetime, batch: int) -> list[UUID]:
    """Open ones whose person has not acted since `before`, or is none of the tenant's any more."""
    return [row["id"] for row in await _queries.lock_leases(conn, tenant_id=tenant, before=before, batch=batch)]


async def list_tenants_with_agents(conn: Connection) -> list[TenantId]:
    """Across tenants: those in which a person has an open conversation."""
    return [TenantId(row["tenant_id"]) for row in await _queries.list_tenants_with_agents(conn)]


async def find_queue(conn: Connection, tenant: TenantId, queue_id: UUID, user_id: UUID | None = None) -> QueuePlace | None:
    """It stays until the transaction ends. `has_member` is about the person."""
    row = await _queries.find_queue(conn, tenant_id=tenant, id=queue_id, user_id=user_id)
    return None if row is None else QueuePlace(**row)


async def close_one(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, reason: str, closed_by: str, now: datetime
) -> None:
    await _queries.close_one(conn, tenant_id=tenant, id=conversation_id, reason=reason, closed_by=closed_by, now=now)


async def find_other_open(conn: Connection, tenant: TenantId, key: Key) -> UUID | None:
    """The one that is open on the number with the contact, overdue or not."""
    number, contact = key
    found: UUID | None = await _queries.find_other_open(conn, tenant_id=tenant, phone_number_id=number, contact_id=contact)
    return found


async def expire_overdue(conn: Connection, tenant: TenantId, keys: Sequence[Key], now: datetime) -> list[Ended]:
    rows = await _queries.expire_overdue_of(
        conn, tenant_id=tenant, now=now, phone_number_ids=[key[0] for key in keys], contact_ids=[key[1] for key in keys]
    )
    return [_ended(row) for row in rows]


async def reopen_one(conn: Connection, tenant: TenantId, conversation_id: UUID, expires_at: datetime) -> None:
    """A unique index refuses it beside another open one."""
    await _queries.reopen_one(conn, tenant_id=tenant, id=conversation_id, expires_at=expires_at)


async def edit_one(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, subject: str | None, metadata: JsonObject, status: str
) -> None:
    await _queries.edit_one(conn, tenant_id=tenant, id=conversation_id, subject=subject, metadata=metadata, status=status)


async def tag_one(
    conn: Connection, tenant: TenantId, conversation_id: UUID, *, add: Collection[str], remove: Collection[str]
) -> None:
    if add:
        await _queries.tag_one(conn, tenant_id=tenant, id=conversation_id, tags=sorted(add))
    if remove:
        await _queries.untag_one(conn, tenant_id=tenant, id=conversation_id, tags=sorted(remove))


async def expire_due(conn: Connection, tenant: TenantId, now: datetime, batch: int) -> list[Ended]:
    rows = await _queries.expire_due(conn, tenant_id=tenant, now=now, batch=batch)
    return [_ended(row) for row in rows]


async def list_latest_open(conn: Connection, tenant: TenantId, now: datetime, batch: int) -> list[str]:
    """The wa_id of each, the latest first."""
    return [row["wa_id"] for row in await _queries.list_latest_open(conn, tenant_id=tenant, now=now, batch=batch)]


async def count_open(conn: Connection, tenant: TenantId) -> int:
    return int(await _queries.count_open(conn, tenant_id=tenant))


def _by_key(rows: Sequence[Any], count: int) -> list[Conversation | None]:
    found: list[Conversation | None] = [None] * count
    for row in rows:
        found[row["key"]] = conversation_of(row)
    return found


def conversation_of(row: Any) -> Conversation:
    """Of a row that has its columns under their names, besides others."""
    return Conversation(
        id=row["id"],
        contact_id=row["contact_id"],
        phone_number_id=row["phone_number_id"],
        wa_id=row["wa_id"],
        genesys_conversation_id=row["genesys_conversation_id"],
        communication_id=row["communication_id"],
        status=ConversationStatus(row["status"]),
        expires_at=row["expires_at"],
        last_activity_at=row["last_activity_at"],
        last_customer_message_at=row["last_customer_message_at"],
        version=row["version"],
        contact_name=row.get("contact_name"),
        user_id=row["user_id"],
        is_merged=row.get("close_reason") == MERGED,
        window_from=row["window_from"],
        controller=row.get("controller", "none"),
        control_holder=row.get("control_holder"),
        control_epoch=row.get("control_epoch", 0),
        assigned_user_id=row.get("assigned_user_id"),
        queue_id=row.get("queue_id"),
        is_queued_here=row.get("is_queued_here", False),
        closed_at=row.get("closed_at"),
        close_reason=row.get("close_reason"),
        waiting_since=row.get("waiting_since"),
        closed_by=row.get("closed_by"),
        shown=_shown(row) if "tags" in row else None,
    )


def _shown(row: Any) -> Described:
    return Described(
        subject=row["subject"],
        tags=tuple(row["tags"]),
        metadata=row["metadata"],
        assignee_name=row["assignee_name"],
        queue_name=row["queue_name"],
    )


def _opened_window(row: Any) -> Window:
    return Window(row["id"], row["contact_id"], row["phone_number_id"], row["wa_id"], row["opened_from"])


def _ended(row: Any) -> Ended:
    return Ended(row["id"], row["contact_id"], row["phone_number_id"])


async def list_queues_of(conn: Connection, tenant: TenantId, user_id: UUID) -> tuple[UUID, ...]:
    """The queues that a person is in."""
    return tuple(row["queue_id"] for row in await _queries.list_queues_of(conn, tenant_id=tenant, user_id=user_id))


async def list_holders(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, Holding]:
    """By conversation."""
    rows = await _queries.list_holders(conn, tenant_id=tenant, ids=sorted(ids))
    return {row["id"]: Holding(row["assigned_user_id"], row["queue_id"], row["control_holder"]) for row in rows}


async def count_messages(conn: Connection, tenant: TenantId, conversation_id: UUID) -> tuple[int, int]:
    """How many came and how many went, a second or two behind."""
    row = await _queries.count_messages(conn, tenant_id=tenant, id=conversation_id)
    return (0, 0) if row is None else (row["inbound"], row["outbound"])
