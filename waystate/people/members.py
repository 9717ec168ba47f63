"""What a tenant's people do to its people: invite, change, reset, remove, end sessions. Each act is audited with it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.errors import Conflict
from waystate.ids import TenantId
from waystate.people import store
from waystate.people.model import (
    INVITATION_TTL,
    RESET_TTL,
    Acting,
    Change,
    Member,
    check_change,
    check_invitation,
    check_reset,
    last_owner,
    new_token,
    parse_email,
    parse_name,
)
from waystate.people.sessions import Session
from waystate.principal import Actor, Role
from waystate.tenants import store as tenant_store


class Invited(NamedTuple):
    member: Member
    token: str
    expires_at: datetime


class Reset(NamedTuple):
    token: str
    expires_at: datetime


class Members:
    """`forget` is told after sessions were ended, so that this process knows it at once."""

    def __init__(self, db: Database, clock: Clock, forget: Callable[[], None] = lambda: None) -> None:
        self._db = db
        self._clock = clock
        self._forget = forget

    async def page(self, tenant: TenantId, *, after: UUID | None, limit: int) -> list[Member]:
        async with self._db.work(tenant_id=tenant) as conn:
            return await store.list_members(conn, tenant, after=after, page=limit)

    async def colleagues(self, tenant: TenantId) -> list[store.Colleague]:
        """Whoever works there, by name."""
        async with self._db.tenant(tenant) as conn:
            found = await store.find_colleagues(conn)
        return sorted(found.values(), key=lambda each: (each.name.casefold(), each.id))

    async def get(self, tenant: TenantId, user_id: UUID | None = None, *, email: str | None = None) -> Member:
        async with self._db.work(tenant_id=tenant) as conn:
            return await store.get_member(conn, tenant, user_id, email=None if email is None else parse_email(email))

    async def invite(self, tenant: TenantId, who: Acting, email: str, role: Role, name: str | None = None) -> Invited:
        """Also whoever has an account already: then its password is needed to accept, and nobody is told that there is one."""
        email = parse_email(email)
        called = email[:200] if name is None else parse_name(name)
        now = self._clock()
        token, hashed = new_token("wsi")
        expires_at = now + INVITATION_TTL
        async with self._db.work(tenant_id=tenant) as conn:
            await tenant_store.get(conn, tenant)
            user_id = await store.upsert_user(conn, email, called, now)
            known = await store.find_member(conn, tenant, user_id)
            check_invitation(tenant, who.power, role, known)
            await store.invite(conn, tenant, user_id, role, invited_as=called, hashed=hashed, expires_at=expires_at, now=now)
            member = await store.get_member(conn, tenant, user_id)
            await note(conn, tenant, who.actor, "user.invited", user_id, now, role=role)
        return Invited(member, token, expires_at)

    async def change(self, tenant: TenantId, who: Acting, user_id: UUID, change: Change) -> Member:
        """A new role counts at once; who is disabled has no session left, in no tenant."""
        change = change if change.name is None else change._replace(name=parse_name(change.name))
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            member, elsewhere = await self._checked(conn, tenant, who, user_id, change)
            done = await self._apply(conn, member, change, now)
            changed = await store.get_member(conn, tenant, user_id)
            await audit_store.append_many(
                conn, tenant, [_entry(who.actor, action, user_id, now, told) for action, told in done]
            )
        if change.status == "disabled":
            await end_sessions(self._db, elsewhere, user_id, who.actor, now)
        self._forget()
        return changed

    async def remove(self, tenant: TenantId, who: Acting, user_id: UUID) -> None:
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            member, _ = await self._checked(conn, tenant, who, user_id, Change(removed=True))
            await store.remove(conn, tenant, user_id)
            await note(conn, tenant, who.actor, "user.removed", user_id, now, role=member.role)
        self._forget()

    async def reset(self, tenant: TenantId, who: Acting, user_id: UUID, *, remove_totp: bool = False) -> Reset:
        """A token with which the person sets a new password; the old one holds until then."""
        now = self._clock()
        token, hashed = new_token("wsr")
        expires_at = now + RESET_TTL
        async with self._db.work(tenant_id=tenant) as conn:
            await store.lock_user(conn, user_id)
            member = await store.get_member(conn, tenant, user_id)
            check_reset(who.power, member, is_shared=bool(await _elsewhere(conn, tenant, user_id)))
            await store.set_reset(conn, user_id, hashed, expires_at)
            done = ["user.reset"] + (["totp.removed"] if remove_totp and await store.remove_totp(conn, user_id) else [])
            await audit_store.append_many(conn, tenant, [_entry(who.actor, action, user_id, now, {}) for action in done])
        return Reset(token, expires_at)

    async def sessions(self, tenant: TenantId, user_id: UUID) -> list[Session]:
        async with self._db.work(tenant_id=tenant) as conn:
            await store.get_member(conn, tenant, user_id)
            return await store.list_sessions(conn, tenant, user_id, self._clock())

    async def revoke_sessions(
        self, tenant: TenantId, who: Acting, user_id: UUID, *, session_id: UUID | None = None
    ) -> list[UUID]:
        """Those of this tenant, or the one that is named."""
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            await store.get_member(conn, tenant, user_id)
            ended = await store.revoke_sessions(conn, tenant, user_id, now, session_id=session_id)
            await note_revoked(conn, tenant, who.actor, user_id, ended, now)
        self._forget()
        return ended

    async def _checked(
        self, conn: Connection, tenant: TenantId, who: Acting, user_id: UUID, change: Change
    ) -> tuple[Member, list[TenantId]]:
        """The member, if all this may become of it, and the other tenants of the account. Their members are locked too."""
        await store.lock_user(conn, user_id)
        elsewhere = await _elsewhere(conn, tenant, user_id)
        await store.lock_tenants(conn, [tenant, *(elsewhere if change.status == "disabled" else [])])
        member = await store.get_member(conn, tenant, user_id)
        others = await store.count_other_owners(conn, tenant, user_id)
        check_change(who.power, member, change, other_owners=others, is_shared=bool(elsewhere))
        if change.status == "disabled" and member.status == "active":
            for each in elsewhere:
                await _check_not_last(conn, each, user_id)
        return member, elsewhere

    async def _apply(self, conn: Connection, member: Member, change: Change, now: datetime) -> list[tuple[str, dict[str, Any]]]:
        """What was done of it, for the audit log; what is so already is not done."""
        done: list[tuple[str, dict[str, Any]]] = []
        tenant, user_id = member.tenant_id, member.id
        if change.role not in (None, member.role):
            assert change.role is not None
            await store.set_role(conn, tenant, user_id, change.role)
            done.append(("user.role_changed", {"from": member.role, "to": change.role}))
        if change.name not in (None, member.name):
            assert change.name is not None
            await store.set_name(conn, user_id, change.name)
            done.append(("user.renamed", {}))
        if change.status not in (None, member.status):
            assert change.status is not None
            await store.set_status(conn, user_id, change.status)
            done.append(("user.disabled" if change.status == "disabled" else "user.enabled", {}))
            if change.status == "disabled":
                ended = await store.revoke_sessions(conn, tenant, user_id, now)
                done += [("session.revoked", {"session": str(each)}) for each in ended]
        return done


async def end_sessions(db: Database, tenants: Iterable[TenantId], user_id: UUID, actor: Actor, now: datetime) -> int:
    """In these tenants, each in a transaction of its own, because a transaction is one tenant's."""
    count = 0
    for tenant in tenants:
        async with db.work(tenant_id=tenant) as conn:
            ended = await store.revoke_sessions(conn, tenant, user_id, now)
            await note_revoked(conn, tenant, actor, user_id, ended, now)
        count += len(ended)
    return count


async def note(
    conn: Connection, tenant: TenantId, actor: Actor, action: str, user_id: UUID, now: datetime, **details: Any
) -> None:
    await audit_store.append_many(conn, tenant, [_entry(actor, action, user_id, now, details)])


async def note_revoked(
    conn: Connection, tenant: TenantId, actor: Actor, user_id: UUID, ended: Iterable[UUID], now: datetime
) -> None:
    entries = [_entry(actor, "session.revoked", user_id, now, {"session": str(each)}) for each in ended]
    await audit_store.append_many(conn, tenant, entries)


async def _elsewhere(conn: Connection, tenant: TenantId, user_id: UUID) -> list[TenantId]:
    """The other tenants in which the person has accepted: an invitation alone gives nobody a say."""
    memberships = await store.list_memberships(conn, user_id)
    return [each.tenant_id for each in memberships if each.tenant_id != tenant and not each.is_pending]


async def _check_not_last(conn: Connection, tenant: TenantId, user_id: UUID) -> None:
    """The operator may disable an account of several tenants; none of them may lose its last owner by it."""
    member = await store.get_member(conn, tenant, user_id)
    others = await store.count_other_owners(conn, tenant, user_id)
    try:
        check_change("operator", member, Change(status="disabled"), other_owners=others, is_shared=True)
    except Conflict as error:
        raise last_owner(tenant) from error


def _entry(actor: Actor, action: str, user_id: UUID, now: datetime, details: dict[str, Any]) -> Entry:
    return Entry(actor=actor, action=action, subject=f"user:{user_id}", at=now, details=details)
