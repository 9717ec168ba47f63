"""API keys in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waystate.access.model import ApiKey, make_key
from waystate.db.pool import Connection, load_queries
from waystate.errors import NotFound
from waystate.ids import TenantId

_queries = load_queries(__file__)

TOUCH_EVERY = timedelta(minutes=1)
"""`last_used_at` says "still in use", for which a minute is close enough and a write a request is too much."""


async def create_key(
    conn: Connection, tenant_id: TenantId, name: str, now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The key and its plaintext, to be shown once: only its SHA-256 is stored."""
    key, plaintext = make_key(tenant_id, name, now, expires_at)
    await insert_many(conn, tenant_id, [key])
    return key, plaintext


async def insert_many(conn: Connection, tenant_id: TenantId, keys: Sequence[ApiKey]) -> None:
    written = await _queries.insert_keys(
        conn,
        tenant_id=tenant_id,
        ids=[key.id for key in keys],
        names=[key.name for key in keys],
        hashes=[key.hash for key in keys],
        created_at=[key.created_at for key in keys],
        expires_at=[key.expires_at for key in keys],
    )
    if len(written) < len(keys):
        raise NotFound("unknown_tenant", f"There is no tenant '{tenant_id}'. Correct the id, or create the tenant first.")


async def find_key(conn: Connection, tenant_id: TenantId, key_id: UUID) -> ApiKey | None:
    row = await _queries.find_key(conn, tenant_id=tenant_id, id=key_id)
    return None if row is None else ApiKey(**row)


async def list_keys(conn: Connection, tenant_id: TenantId, *, usable_at: datetime | None = None) -> list[ApiKey]:
    """Newest first; with `usable_at`, without those revoked or expired then."""
    return [ApiKey(**row) for row in await _queries.list_keys(conn, tenant_id=tenant_id, usable_at=usable_at)]


async def revoke_key(conn: Connection, tenant_id: TenantId, key_id: UUID, now: datetime) -> ApiKey:
    """Every process refuses the key within a second of the commit. Revoking twice is no error."""
    revoked = await revoke_many(conn, tenant_id, [key_id], now)
    if not revoked:
        raise NotFound("unknown_key", f"This tenant has no API key with id {key_id}. List the keys to find the right id.")
    return revoked[0]


async def revoke_many(conn: Connection, tenant_id: TenantId, key_ids: Sequence[UUID], now: datetime) -> list[ApiKey]:
    """Those that are the tenant's."""
    rows = await _queries.revoke_many(conn, tenant_id=tenant_id, ids=list(key_ids), now=now)
    return [ApiKey(**row) for row in rows]


async def touch_many(conn: Connection, tenant_id: TenantId, key_ids: Sequence[UUID], now: datetime) -> None:
    """At most once in `TOUCH_EVERY` for each key, whoever else does it."""
    await _queries.touch_many(conn, tenant_id=tenant_id, ids=list(key_ids), now=now, at_most_every=TOUCH_EVERY)
