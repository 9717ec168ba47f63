"""People, their memberships and their sessions in PostgreSQL.

They are of no single tenant: everything here runs in a transaction of role `waystate_work`, what reads sessions with
`app.tenant_id` set. Colleagues alone are read in a tenant's own transaction.
"""

import hmac
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from asyncpg import Record

from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId, new_id
from waystate.people.model import Account, Member, Membership, top_role, unknown_user
from waystate.people.sessions import TTL, Method, Session, is_over
from waystate.principal import Role
from waystate.tokens import PresentedToken, make_token

_queries = load_queries(__file__)

_LONGEST_AGENT = 300
TOUCH_EVERY = timedelta(minutes=1)
"""`last_seen_at` says "still in use", for which a minute is close enough and a write a request is too much."""


class Colleague(NamedTuple):
    """A person who works in the tenant: accepted, and not disabled."""

    id: UUID
    name: str
    role: Role


async def find_colleagues(conn: Connection, ids: Collection[UUID] | None = None) -> dict[UUID, Colleague]:
    """Those of the ids who work in the tenant that the transaction is of; None: all who do."""
    if ids is not None and not ids:
        return {}
    rows = await _queries.list_colleagues(conn, ids=None if ids is None else list(ids))
    return {row["id"]: Colleague(row["id"], row["name"], Role(row["role"])) for row in rows}


async def lock_tenants(conn: Connection, tenant_ids: Sequence[TenantId]) -> None:
    """Before what may take an owner away. Lock the person first (`lock_user`), then the tenants, then the audit log."""
    await _queries.lock_tenants(conn, tenant_ids=sorted(tenant_ids))


async def lock_user(conn: Connection, user_id: UUID) -> None:
    if await _queries.lock_user(conn, id=user_id) is None:
        raise unknown_user()


async def upsert_user(conn: Connection, email: str, name: str, now: datetime) -> UUID:
    """The id the person has, or is given now; locked until the commit."""
    row = await _queries.upsert_user(conn, id=new_id(), email=email, name=name, now=now)
    found: UUID = row["id"]
    return found


async def find_account(
    conn: Connection,
    now: datetime,
    *,
    email: str | None = None,
    user_id: UUID | None = None,
    reset_hash: bytes | None = None,
) -> Account | None:
    row = await _queries.find_account(conn, email=email, id=user_id, reset_hash=reset_hash, now=now)
    if row is None:
        return None
    return Account(**row, memberships=await list_memberships(conn, row["id"]))


async def list_memberships(conn: Connection, user_id: UUID) -> list[Membership]:
    """The oldest first."""
    rows = await _queries.list_memberships(conn, user_id=user_id)
    return [Membership(TenantId(row["tenant_id"]), Role(row["role"]), row["is_pending"]) for row in rows]


async def list_members(conn: Connection, tenant_id: TenantId, *, after: UUID | None = None, page: int = 100) -> list[Member]:
    """By id, from the one behind `after`."""
    rows = await _queries.list_members(conn, tenant_id=tenant_id, id=None, email=None, after=after, page=page)
    return [_member(row) for row in rows]


async def find_member(
    conn: Connection, tenant_id: TenantId, user_id: UUID | None = None, *, email: str | None = None
) -> Member | None:
    assert user_id is not None or email is not None
    rows = await _queries.list_members(conn, tenant_id=tenant_id, id=user_id, email=email, after=None, page=1)
    return _member(rows[0]) if rows else None


async def get_member(conn: Connection, tenant_id: TenantId, user_id: UUID | None = None, *, email: str | None = None) -> Member:
    member = await find_member(conn, tenant_id, user_id, email=email)
    if member is None:
        raise unknown_user()
    return member


async def count_other_owners(conn: Connection, tenant_id: TenantId, user_id: UUID) -> int:
    """Who can log in and holds the tenant's highest role. Under `lock_tenants` it stays so."""
    found: int = await _queries.count_others(conn, tenant_id=tenant_id, role=top_role(tenant_id), user_id=user_id)
    return found


async def invite(
    conn: Connection,
    tenant_id: TenantId,
    user_id: UUID,
    role: Role,
    *,
    invited_as: str,
    hashed: bytes,
    expires_at: datetime,
    now: datetime,
) -> None:
    await _queries.invite(
        conn,
        tenant_id=tenant_id,
        user_id=user_id,
        role=role,
        invited_as=invited_as,
        hash=hashed,
        expires_at=expires_at,
        now=now,
    )


async def find_invitation(conn: Connection, hashed: bytes, now: datetime) -> tuple[TenantId, UUID, str | None] | None:
    """Tenant, person, and what the tenant calls it."""
    row = await _queries.find_invitation(conn, hash=hashed, now=now)
    return None if row is None else (TenantId(row["tenant_id"]), row["user_id"], row["invited_as"])


async def accept(conn: Connection, hashed: bytes, now: datetime) -> bool:
    """False where the token was used or replaced meanwhile."""
    return await _queries.accept(conn, hash=hashed, now=now) is not None


async def open_account(conn: Connection, user_id: UUID, password_hash: str, name: str | None) -> bool:
    return await _queries.open_account(conn, id=user_id, password_hash=password_hash, name=name) is not None


async def set_role(conn: Connection, tenant_id: TenantId, user_id: UUID, role: Role) -> None:
    await _queries.set_role(conn, tenant_id=tenant_id, user_id=user_id, role=role)


async def set_status(conn: Connection, user_id: UUID, status: Literal["active", "disabled"]) -> None:
    await _queries.set_status(conn, id=user_id, status=status)


async def set_name(conn: Connection, user_id: UUID, name: str) -> None:
    await _queries.set_name(conn, id=user_id, name=name)


async def remove(conn: Connection, tenant_id: TenantId, user_id: UUID) -> None:
    """Of this tenant, its sessions with it; the account too when no tenant is left."""
    await _queries.remove_member(conn, tenant_id=tenant_id, user_id=user_id)
    await _queries.remove_nobody(conn, id=user_id)


async def set_reset(conn: Connection, user_id: UUID, hashed: bytes, expires_at: datetime) -> None:
    await _queries.set_reset(conn, id=user_id, hash=hashed, expires_at=expires_at)


async def redeem(conn: Connection, hashed: bytes, password_hash: str, now: datetime) -> bool:
    """False where the token was used or replaced meanwhile."""
    return await _queries.redeem(conn, hash=hashed, password_hash=password_hash, now=now) is not None


async def change_password(conn: Connection, user_id: UUID, *, old: str, new: str) -> bool:
    """False where `old` is not its hash any more."""
    return await _queries.change_password(conn, id=user_id, old=old, new=new) is not None


async def confirm_login(conn: Connection, user_id: UUID, *, old: str, new: str, step: int | None) -> bool:
    """That the password, its holder and the code's `step` are still good; the row stays locked, the code is used up."""
    return await _queries.confirm_login(conn, id=user_id, old=old, new=new, step=step) is not None


async def hold_membership(conn: Connection, tenant_id: TenantId, user_id: UUID) -> Role | None:
    """The role, which nobody takes away before the commit."""
    row = await _queries.hold_membership(conn, tenant_id=tenant_id, user_id=user_id)
    return None if row is None else Role(row["role"])


async def begin_totp(conn: Connection, user_id: UUID, sealed: bytes) -> bool:
    """False where it is on already."""
    return await _queries.begin_totp(conn, id=user_id, secret=sealed) is not None


async def confirm_totp(conn: Connection, user_id: UUID, *, sealed: bytes, step: int, now: datetime) -> bool:
    return await _queries.confirm_totp(conn, id=user_id, secret=sealed, step=step, now=now) is not None


async def remove_totp(conn: Connection, user_id: UUID) -> bool:
    """False where there was none."""
    return await _queries.remove_totp(conn, id=user_id) is not None


async def create_session(
    conn: Connection,
    tenant_id: TenantId,
    user_id: UUID,
    now: datetime,
    *,
    user_agent: str = "",
    address: str = "",
    method: Method = "password",
) -> tuple[UUID, str]:
    """The session's id, and its token in clear, which exists only here. The person must be a member of the tenant."""
    session_id = new_id()
    token, hashed = make_token("wss", tenant_id, session_id)
    await _queries.insert_session(
        conn,
        tenant_id=tenant_id,
        id=session_id,
        user_id=user_id,
        hash=hashed,
        now=now,
        expires_at=now + TTL,
        user_agent=user_agent[:_LONGEST_AGENT],
        address=address,
        method=method,
    )
    return session_id, token


async def find_session(conn: Connection, presented: PresentedToken, now: datetime) -> Session | None:
    """The session of the token, usable or not; its use is noted once a minute."""
    row = await _queries.find_session(conn, tenant_id=presented.tenant_id, id=presented.id)
    if row is None or not hmac.compare_digest(row["hash"], presented.hash):
        return None
    session = _session(row)
    if session.revoked_at is None and session.last_seen_at <= now - TOUCH_EVERY and not is_over(session, now):
        await _queries.touch_session(conn, tenant_id=presented.tenant_id, id=presented.id, now=now, at_most_every=TOUCH_EVERY)
    return session


async def list_sessions(conn: Connection, tenant_id: TenantId, user_id: UUID, now: datetime) -> list[Session]:
    """A person's usable ones in this tenant, newest first."""
    rows = await _queries.list_sessions(conn, tenant_id=tenant_id, user_id=user_id, now=now)
    return [each for each in map(_session, rows) if not is_over(each, now)]


async def revoke_sessions(
    conn: Connection,
    tenant_id: TenantId,
    user_id: UUID,
    now: datetime,
    *,
    session_id: UUID | None = None,
    keep: UUID | None = None,
) -> list[UUID]:
    """One of a person's, or all but `keep`; those that were not revoked before. Refused everywhere within a second."""
    rows = await _queries.revoke_sessions(conn, tenant_id=tenant_id, user_id=user_id, id=session_id, keep=keep, now=now)
    return [row["id"] for row in rows]


def _member(row: Record) -> Member:
    return Member(**{**row, "tenant_id": TenantId(row["tenant_id"]), "role": Role(row["role"])})


def _session(row: Record) -> Session:
    return Session(**{**row, "tenant_id": TenantId(row["tenant_id"]), "role": Role(row["role"])})
