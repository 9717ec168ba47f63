"""Planned messages in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from waystate.conversations.store import Key
from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ids import TenantId
from waystate.planned.model import PlannedFilter, PlannedMessage, PlannedState, PlanOutcome

_queries = load_queries(__file__)

_NEXT = timedelta(microseconds=1)


async def insert_many(conn: Connection, tenant: TenantId, rows: Sequence[PlannedMessage]) -> None:
    if not rows:
        return
    await _queries.insert_many(
        conn,
        tenant_id=tenant,
        ids=[row.id for row in rows],
        contact_ids=[row.contact_id for row in rows],
        phone_number_ids=[row.phone_number_id for row in rows],
        message_ids=[row.message_id for row in rows],
        send_at=[row.send_at for row in rows],
        due_at=[row.due_at for row in rows],
        expires_at=[row.expires_at for row in rows],
        requests=[dump(row.request) for row in rows],
        actor_kinds=[row.actor_kind for row in rows],
        actor_ids=[row.actor_id for row in rows],
        created_at=[row.created_at for row in rows],
    )


async def find_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> list[PlannedMessage]:
    """Those that there are, in no order."""
    return [_planned(row) for row in await _queries.find_many(conn, tenant_id=tenant, ids=list(ids))]


async def lock_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> list[PlannedMessage]:
    """Those that there are, in no order."""
    return [_planned(row) for row in await _queries.lock_many(conn, tenant_id=tenant, ids=sorted(ids))]


async def note_resent(conn: Connection, tenant: TenantId, ids: Collection[UUID], copy_id: UUID) -> None:
    """What locked ones, which failed, were sent again as."""
    await _queries.note_resent(conn, tenant_id=tenant, ids=list(ids), copy_id=str(copy_id))


async def find_waiting_of(conn: Connection, tenant: TenantId, contact_id: UUID, message_id: UUID) -> PlannedMessage | None:
    """What an agent's queued message waits by, until its customer writes."""
    row = await _queries.find_waiting_of(conn, tenant_id=tenant, contact_id=contact_id, message_id=message_id)
    return None if row is None else _planned(row)


async def withdraw(conn: Connection, tenant: TenantId, planned_id: UUID, now: datetime) -> PlannedMessage | None:
    """What waited and will not be sent; None: there is none, or it waits no more."""
    row = await _queries.withdraw(conn, tenant_id=tenant, id=planned_id, now=now)
    return None if row is None else _planned(row)


async def list_page(
    conn: Connection, tenant: TenantId, wanted: PlannedFilter, *, after: UUID | None = None, page: int = 50
) -> list[PlannedMessage]:
    """The newest first, from the one behind `after` on."""
    asked: dict[str, Any] = {"tenant_id": tenant, "page": page, "phone_number_id": wanted.phone_number_id}
    asked["after"] = after or UUID(int=(1 << 128) - 1)
    if wanted.contact_id is not None:
        rows = await _queries.list_of_contact(conn, **asked, contact_id=wanted.contact_id, state=wanted.state)
    elif wanted.state is PlannedState.WAITING:
        rows = await _queries.list_waiting(conn, **asked)
    elif wanted.state is not None:
        rows = await _queries.list_finished(conn, **asked, state=wanted.state)
    else:
        rows = await _queries.list_newest(conn, **asked)
    return [_planned(row) for row in rows]


async def make_due(conn: Connection, tenant: TenantId, keys: Collection[Key], now: datetime) -> int:
    """What is held for these (number, contact) is due; how many that were. Their conversations are locked."""
    rows = await _queries.make_due(
        conn,
        tenant_id=tenant,
        phone_number_ids=[phone_number_id for phone_number_id, _ in keys],
        contact_ids=[contact_id for _, contact_id in keys],
        now=now,
    )
    return len(rows)


async def make_due_by_windows(conn: Connection, tenant: TenantId, now: datetime, batch: int) -> int:
    """What is held though its customer's window is open is due; how many that were, at most `batch`."""
    return len(await _queries.make_due_by_windows(conn, tenant_id=tenant, now=now, batch=batch))


async def find_asked(conn: Connection, tenant: TenantId, keys: Collection[Key]) -> dict[Key, UUID]:
    """(Number, contact) for whom something waits until they answer a template → the message that asks them to write."""
    rows = await _queries.find_asked(
        conn,
        tenant_id=tenant,
        phone_number_ids=[phone_number_id for phone_number_id, _ in keys],
        contact_ids=[contact_id for _, contact_id in keys],
    )
    return {(row["phone_number_id"], row["contact_id"]): row["asked_by"] for row in rows}


async def lock_asked(conn: Connection, tenant: TenantId, asks: Mapping[UUID, UUID]) -> list[PlannedMessage]:
    """What waits for the answer to these messages (message → contact). Their conversations are locked."""
    rows = await _queries.lock_asked(
        conn, tenant_id=tenant, contact_ids=sorted(set(asks.values())), asks=[str(each) for each in asks]
    )
    return [_planned(row) for row in rows]


async def find_queues(conn: Connection, tenant: TenantId, keys: Collection[Key], now: datetime) -> dict[Key, datetime]:
    """(Number, contact) of whom something is about to leave → when what comes behind it is due; all of it is due by then.

    Their windows are open and their conversations locked, so nothing leaves in between.
    """
    rows = await _queries.find_queues(
        conn,
        tenant_id=tenant,
        phone_number_ids=[phone_number_id for phone_number_id, _ in keys],
        contact_ids=[contact_id for _, contact_id in keys],
        now=now,
    )
    # Later than all of it, whatever the clock of the process says that takes the next one.
    queues = {(row["phone_number_id"], row["contact_id"]): max(row["due_at"], now) + _NEXT for row in rows}
    if queues:
        await make_due(conn, tenant, list(queues), now)
    return queues


async def lock_due(
    conn: Connection, tenant: TenantId, now: datetime, batch: int, *, only: UUID | None = None
) -> list[PlannedMessage]:
    """The first that are due, in order, for this transaction alone; none while another one releases this tenant's.

    `only`: that one alone, if it is due.
    """
    if not await _queries.lead_release(conn, tenant_id=tenant):
        return []
    return [_planned(row) for row in await _queries.lock_due(conn, tenant_id=tenant, now=now, batch=batch, only=only)]


async def lock_expired(conn: Connection, tenant: TenantId, now: datetime, batch: int) -> list[PlannedMessage]:
    """Those that may not wait any longer."""
    return [_planned(row) for row in await _queries.lock_expired(conn, tenant_id=tenant, now=now, batch=batch)]


async def hold_many(conn: Connection, tenant: TenantId, held: Mapping[UUID, UUID | None]) -> None:
    """Locked ones wait for their customers to write; `held`: each with the message that asks them to, where one does."""
    await _queries.hold_many(conn, tenant_id=tenant, ids=list(held), asked_by=list(held.values()))


async def finish_many(conn: Connection, tenant: TenantId, outcomes: Sequence[PlanOutcome], now: datetime) -> set[UUID]:
    """Locked ones wait no more; those that waited until now."""
    rows = await _queries.finish_many(
        conn,
        tenant_id=tenant,
        ids=[each.planned.id for each in outcomes],
        states=[each.state for each in outcomes],
        message_ids=[each.message_id for each in outcomes],
        errors=[None if each.error is None else dump(each.error) for each in outcomes],
        now=now,
    )
    return {row["id"] for row in rows}


async def lock_of_messages(conn: Connection, tenant: TenantId, contacts: Mapping[UUID, UUID]) -> list[PlannedMessage]:
    """What these messages (message → contact) wait by. Their conversations are locked."""
    rows = await _queries.lock_of_messages(
        conn, tenant_id=tenant, contact_ids=list(contacts.values()), message_ids=list(contacts)
    )
    return [_planned(row) for row in rows]


async def move_many(conn: Connection, tenant: TenantId, merged: Mapping[UUID, UUID]) -> dict[UUID, list[UUID]]:
    """What waits, or did, for contacts that turned out to be others (`merged`: from → to) is theirs now; its ids by contact."""
    rows = await _queries.move_many(conn, tenant_id=tenant, merged_ids=list(merged), contact_ids=list(merged.values()))
    moved: dict[UUID, list[UUID]] = {}
    for row in rows:
        moved.setdefault(row["merged_id"], []).append(row["id"])
    return moved


def _planned(row: Any) -> PlannedMessage:
    return PlannedMessage(**{**dict(row), "state": PlannedState(row["state"])})
