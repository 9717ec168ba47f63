"""What is done to API keys, each act with its entry in the audit log."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import iso
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.errors import Conflict
from waystate.ids import TenantId
from waystate.keys import store
from waystate.keys.model import ApiKey
from waystate.keys.rotation import check_grant, rotate
from waystate.principal import OPERATOR, Actor, Scope


class Giver(NamedTuple):
    """Who acts, and what they hold; None is everything."""

    actor: Actor = OPERATOR
    scopes: Collection[Scope] | None = None


THE_OPERATOR = Giver()


async def create_key(
    db: Database,
    tenant: TenantId,
    name: str,
    now: datetime,
    *,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
    by: Giver = THE_OPERATOR,
) -> tuple[ApiKey, str]:
    """The key, and the key in clear, which exists only here."""
    scopes = frozenset(scopes)
    check_grant(scopes, by.scopes)
    async with db.tenant(tenant) as conn:
        key, plaintext = await store.create_key(conn, tenant, name, now, expires_at, scopes=scopes, created_by=by.actor.id)
        await _tell(conn, "key.created", key, now, by, _shown(key))
    return key, plaintext


async def rotate_key(
    db: Database, tenant: TenantId, key_id: UUID, overlap: timedelta, now: datetime, by: Giver = THE_OPERATOR
) -> tuple[ApiKey, str]:
    """Its successor, and that in clear. Who rotates a key learns its successor, so they must hold what it can do."""
    async with db.tenant(tenant) as conn:
        key = await store.lock_key(conn, tenant, key_id)
        check_grant(key.scopes, by.scopes)
        rotation = rotate(key, now, overlap, created_by=by.actor.id)
        if (successor := await store.find_successor(conn, tenant, key_id, now)) is not None:
            raise Conflict(
                "key_rotated",
                f"This key was rotated already, to key {successor}. Rotate that one; if it was lost, revoke it and try again.",
                successor=str(successor),
            )
        await store.insert_many(conn, tenant, [rotation.successor])
        if overlap:
            await store.end_key(conn, tenant, key_id, rotation.ends_at)
        else:
            await store.revoke_key(conn, tenant, key_id, now)
        told = {"successor": str(rotation.successor.id), "ends_at": iso(rotation.ends_at), **_shown(rotation.successor)}
        await _tell(conn, "key.rotated", key, now, by, told)
    return rotation.successor, rotation.plaintext


async def revoke_key(db: Database, tenant: TenantId, key_id: UUID, now: datetime, by: Giver = THE_OPERATOR) -> ApiKey:
    """Once; asked again it tells the first moment."""
    async with db.tenant(tenant) as conn:
        before = await store.lock_key(conn, tenant, key_id)
        key = await store.revoke_key(conn, tenant, key_id, now)
        if before.revoked_at is None:
            await _tell(conn, "key.revoked", key, now, by, {"name": key.name})
    return key


async def _tell(conn: Connection, action: str, key: ApiKey, now: datetime, by: Giver, details: JsonObject) -> None:
    entry = Entry(actor=by.actor, action=action, subject=f"key:{key.id}", at=now, details=details)
    await audit_store.append_many(conn, key.tenant_id, [entry])


def _shown(key: ApiKey) -> JsonObject:
    ends = None if key.expires_at is None else iso(key.expires_at)
    return {"name": key.name, "scopes": sorted(key.scopes), "expires_at": ends}
