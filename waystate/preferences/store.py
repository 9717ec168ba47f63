"""What customers want of marketing messages, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject
from waystate.ids import TenantId
from waystate.preferences.model import Marketing, Preference

_queries = load_queries(__file__)


async def note_many(conn: Connection, tenant: TenantId, said: Sequence[Preference]) -> list[Preference]:
    """Those that changed what was known. An older word changes nothing."""
    if not said:
        return []
    columns: dict[str, list[Any]] = {
        "phone_number_ids": [each.phone_number_id for each in said],
        "contact_ids": [each.contact_id for each in said],
        "marketing": [each.marketing for each in said],
        "at": [each.at for each in said],
    }
    further = {"told_by": [each.told_by for each in said], "details": [each.detail for each in said]}
    changed = await _queries.note_many(conn, tenant_id=tenant, **columns, **further)
    await _queries.renew_many(conn, tenant_id=tenant, **columns)
    return [_preference(row) for row in changed]


async def find_opted_out(conn: Connection, tenant: TenantId, keys: Collection[tuple[str, UUID]]) -> set[tuple[str, UUID]]:
    """Those of them, as (number, contact), who want no marketing messages."""
    found = await find_many(conn, tenant, keys)
    return {key for key, each in found.items() if each.marketing is Marketing.OPTED_OUT}


async def find_many(
    conn: Connection, tenant: TenantId, keys: Collection[tuple[str, UUID]]
) -> dict[tuple[str, UUID], Preference]:
    """(number, contact) → what they said last, of those who said anything."""
    rows = await _queries.list_of(
        conn, tenant_id=tenant, phone_number_ids=[number for number, _ in keys], contact_ids=[contact for _, contact in keys]
    )
    return {each.key: each for each in map(_preference, rows)}


async def list_of_contacts(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, list[JsonObject]]:
    """Contact → all that it said, as documents, of those who said anything."""
    rows = await _queries.list_of_contacts(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return {row["contact_id"]: row["said"] for row in rows}


async def move_many(conn: Connection, tenant: TenantId, merged: Mapping[UUID, UUID], *, keeps_opt_outs: bool = False) -> None:
    """What contacts said goes to the contacts that these turned out to be; `keeps_opt_outs`: these before newer words."""
    ids = {"merged_ids": list(merged), "contact_ids": list(merged.values())}
    await _queries.move_many(conn, tenant_id=tenant, **ids, keeps_opt_outs=keeps_opt_outs)


async def put_many(conn: Connection, tenant: TenantId, said: Sequence[Preference]) -> None:
    """Write these down as they are, whatever was known."""
    if said:
        await _queries.put_many(
            conn,
            tenant_id=tenant,
            phone_number_ids=[each.phone_number_id for each in said],
            contact_ids=[each.contact_id for each in said],
            marketing=[each.marketing for each in said],
            at=[each.at for each in said],
            told_by=[each.told_by for each in said],
            details=[each.detail for each in said],
        )


def _preference(row: Record) -> Preference:
    return Preference(**{**dict(row), "marketing": Marketing(row["marketing"])})
