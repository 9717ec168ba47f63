"""API keys in PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from asyncpg import Record

from waystate.db.pool import Connection, load_queries
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.keys.model import DATA_PLANE, ApiKey, make_key
from waystate.principal import Scope

_queries = load_queries(__file__)
_SCOPES = {each.value: each for each in Scope}

TOUCH_EVERY = timedelta(minutes=1)
"""`last_used_at` says "still in use", for which a minute is close enough and a write a request is too much."""


class ListedKey(NamedTuple):
    """A key, and who made it; `maker_name` is None where that is not known any more."""

    key: ApiKey
    maker_kind: Literal["operator", "user", "key"]
    maker_name: str | None


async def create_key(
    conn: Connection,
    tenant_id: TenantId,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
    *,
    scopes: Iterable[Scope] = DATA_PLANE,
    created_by: UUID | None = None,
    replaces: UUID | None = None,
) -> tuple[ApiKey, str]:
    """The key and its plaintext, to be shown once: only its SHA-256 is stored."""
    key, plaintext = make_key(tenant_id, name, now, expires_at, scopes=scopes, created_by=created_by, replaces=replaces)
    await insert_many(conn, tenant_id, [key])
    return key, plaintext


async def insert_many(conn: Connection, tenant_id: TenantId, keys: Sequence[ApiKey]) -> None:
    written = await _queries.insert_keys(
        conn,
        tenant_id=tenant_id,
        ids=[key.id for key in keys],
        names=[key.name for key in keys],
        hashes=[key.hash for key in keys],
        scopes=[",".join(sorted(key.scopes)) for key in keys],
        created_at=[key.created_at for key in keys],
        created_by=[key.created_by for key in keys],
        replaces=[key.replaces for key in keys],
        expires_at=[key.expires_at for key in keys],
    )
    if len(written) < len(keys):
        raise NotFound("unknown_tenant", f"There is no tenant '{tenant_id}'. Correct the id, or create the tenant first.")


async def find_key(conn: Connection, tenant_id: TenantId, key_id: UUID) -> ApiKey | None:
    row = await _queries.find_key(conn, tenant_id=tenant_id, id=key_id)
    return None if row is None else _key(row)


async def list_keys(conn: Connection, tenant_id: TenantId, *, usable_at: datetime | None = None) -> list[ApiKey]:
    """Newest first; with `usable_at`, without those revoked or expired then."""
    return [_key(row) for row in await _queries.list_keys(conn, tenant_id=tenant_id, usable_at=usable_at)]


async def list_key_page(
    conn: Connection, tenant_id: TenantId, *, before: UUID | None = None, batch: int = 100
) -> list[ListedKey]:
    """Newest first, from before an id."""
    rows = await _queries.list_key_page(conn, tenant_id=tenant_id, id=None, before=before, batch=batch)
    return [_listed(row) for row in rows]


async def get_listed(conn: Connection, tenant_id: TenantId, key_id: UUID) -> ListedKey:
    rows = await _queries.list_key_page(conn, tenant_id=tenant_id, id=key_id, before=None, batch=1)
    if not rows:
        raise unknown_id(key_id)
    return _listed(rows[0])


async def lock_key(conn: Connection, tenant_id: TenantId, key_id: UUID) -> ApiKey:
    row = await _queries.lock_key(conn, tenant_id=tenant_id, id=key_id)
    if row is None:
        raise unknown_id(key_id)
    return _key(row)


async def find_successor(conn: Connection, tenant_id: TenantId, key_id: UUID, now: datetime) -> UUID | None:
    """The key that replaces this one and can be used."""
    found: UUID | None = await _queries.find_successor(conn, tenant_id=tenant_id, id=key_id, now=now)
    return found


async def end_key(conn: Connection, tenant_id: TenantId, key_id: UUID, ends_at: datetime) -> None:
    await _queries.end_key(conn, tenant_id=tenant_id, id=key_id, ends_at=ends_at)


async def revoke_key(conn: Connection, tenant_id: TenantId, key_id: UUID, now: datetime) -> ApiKey:
    """Every process refuses the key within a second of the commit. Revoking twice is no error."""
    revoked = await revoke_many(conn, tenant_id, [key_id], now)
    if not revoked:
        raise unknown_id(key_id)
    return revoked[0]


async def revoke_many(conn: Connection, tenant_id: TenantId, key_ids: Sequence[UUID], now: datetime) -> list[ApiKey]:
    """Those that are the tenant's."""
    rows = await _queries.revoke_many(conn, tenant_id=tenant_id, ids=list(key_ids), now=now)
    return [_key(row) for row in rows]


async def touch_many(conn: Connection, tenant_id: TenantId, key_ids: Sequence[UUID], now: datetime) -> None:
    """At most once in `TOUCH_EVERY` for each key, whoever else does it."""
    await _queries.touch_many(conn, tenant_id=tenant_id, ids=list(key_ids), now=now, at_most_every=TOUCH_EVERY)


def unknown_id(key_id: UUID) -> NotFound:
    return NotFound("unknown_key", f"This tenant has no API key with id {key_id}. List the keys to find the right id.")


def _listed(row: Record) -> ListedKey:
    columns = dict(row)
    kind, name = columns.pop("maker_kind"), columns.pop("maker_name")
    return ListedKey(_key(columns), kind, name)


def _key(row: Mapping[str, Any]) -> ApiKey:
    """A scope that a newer release gave means nothing to this one."""
    known = frozenset(_SCOPES[each] for each in row["scopes"] if each in _SCOPES)
    return ApiKey(**{**row, "scopes": known})


async def find_replaced(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Key → those that it came after by rotation, also the ones before those."""
    found: dict[UUID, set[UUID]] = {}
    for row in await _queries.find_replaced(conn, tenant_id=tenant, ids=sorted(ids)):
        found.setdefault(row["id"], set()).add(row["replaces"])
    return found
