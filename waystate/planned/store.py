"""Planned messages in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ids import TenantId
from waystate.planned.model import PlannedMessage, PlannedState

_queries = load_queries(__file__)


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


async def withdraw(conn: Connection, tenant: TenantId, planned_id: UUID, now: datetime) -> PlannedMessage | None:
    """What waited and will not be sent; None: there is none, or it waits no more."""
    row = await _queries.withdraw(conn, tenant_id=tenant, id=planned_id, now=now)
    return None if row is None else _planned(row)


def _planned(row: Any) -> PlannedMessage:
    return PlannedMessage(**{**dict(row), "state": PlannedState(row["state"])})
