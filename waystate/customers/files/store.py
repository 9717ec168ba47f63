"""Customers by the thousand in PostgreSQL: what an import changes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from waystate.customers.model import Profile
from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ids import TenantId

_queries = load_queries(__file__)


async def lock_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> set[UUID]:
    """Those that are there, for an edit."""
    return {row["id"] for row in await _queries.lock_many(conn, tenant_id=tenant, ids=sorted(ids))}


async def edit_many(conn: Connection, tenant: TenantId, profiles: Sequence[Profile], now: datetime) -> None:
    """Write what may be edited of them, under `lock_many`."""
    await _queries.edit_many(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in profiles],
        names=[each.name for each in profiles],
        are_named_by_hand=[each.is_named_by_hand for each in profiles],
        emails=[each.email for each in profiles],
        phone_numbers=[each.phone_number for each in profiles],
        usernames=[each.username for each in profiles],
        languages=[each.language for each in profiles],
        profile_picture_urls=[each.profile_picture_url for each in profiles],
        tags=[dump(list(each.tags)) for each in profiles],
        preferences=[dump(each.preferences) for each in profiles],
        metadata=[dump(each.metadata) for each in profiles],
        now=now,
    )
