"""How people come in: accept an invitation, log in, set a forgotten password anew, log out.

Unknown e-mail, wrong password, disabled, not invited: one answer, after the same work.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import Conflict, Forbidden, Refused, Unauthorized, Unprocessable
from waystate.ids import PLATFORM, TenantId
from waystate.people import second_factor, store
from waystate.people.login_limits import LoginLimits
from waystate.people.members import end_sessions, note, note_revoked
from waystate.people.model import (
    Account,
    Membership,
    parse_email,
    parse_name,
    token_hash,
    unusable_token,
)
from waystate.people.passwords import Passwords, normal_password, parse_password
from waystate.people.sessions import TTL
from waystate.principal import Actor, Role
from waystate.tenants import store as tenant_store
from waystate.vault.sealing import Vault


class Origin(NamedTuple):
    """Where an attempt comes from."""

    address: str = ""
    user_agent: str = ""


class LoggedIn(NamedTuple):
    account: Account
    tenant: TenantId
    role: Role
    session_id: UUID
    token: str
    expires_at: datetime


class Logins:
    """`forget` is told after sessions were ended, so that this process knows it at once."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        passwords: Passwords,
        limits: LoginLimits,
        clock: Clock,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self.db = db
        self.vault = vault
        self.passwords = passwords
        self.limits = limits
        self.clock = clock
        self.forget = forget

    async def log_in(
        self, email: str, password: str, origin: Origin, *, tenant: TenantId | None = None, code: str | None = None
    ) -> LoggedIn:
        """A new session each time, in the tenant that is named or the only one."""
        email = _as_stored(email)
        taken = await self.limits.enter(email, origin.address)
        account = await self._checked(email, password, tenant)
        try:
            step, chosen = self._step(account, code), _choose(account, tenant)
        except Refused as refused:
            if refused.code == "totp_wrong":
                await self._note_failure(email, account, tenant)
            else:
                await self.limits.succeeded(taken)
            raise
        assert account.password_hash is not None
        new = account.password_hash
        if self.passwords.is_outdated(new):
            new = await self.passwords.hash(normal_password(password))
        now = self.clock()
        async with self.db.work(tenant_id=chosen.tenant_id) as conn:
            is_good = await store.confirm_login(conn, account.id, old=account.password_hash, new=new, step=step)
            role = await store.hold_membership(conn, chosen.tenant_id, account.id) if is_good else None
            if role is None:
                raise login_failed()
            await tenant_store.check_open(conn, chosen.tenant_id)
            session_id, token = await store.create_session(
                conn, chosen.tenant_id, account.id, now, user_agent=origin.user_agent, address=origin.address
            )
            actor = Actor("user", account.id)
            await note(conn, chosen.tenant_id, actor, "login.succeeded", account.id, now, session=str(session_id))
        await self.limits.succeeded(taken)
        return LoggedIn(account, chosen.tenant_id, role, session_id, token, now + TTL)

    async def log_out(self, tenant: TenantId, user_id: UUID, session_id: UUID) -> None:
        now = self.clock()
        async with self.db.work(tenant_id=tenant) as conn:
            ended = await store.revoke_sessions(conn, tenant, user_id, now, session_id=session_id)
            await note_revoked(conn, tenant, Actor("user", user_id), user_id, ended, now)
        self.forget()

    async def accept(self, token: str, password: str, origin: Origin, *, name: str | None = None) -> tuple[TenantId, str]:
        """The tenant, and the e-mail to log in with. A new account gets the password; an old one must have it."""
        hashed, now = token_hash(token), self.clock()
        async with self.db.work() as conn:
            found = await store.find_invitation(conn, hashed, now)
            account = await store.find_account(conn, now, user_id=found[1]) if found is not None else None
        if found is None or account is None:
            await self._count_bad_token(origin)
            raise unusable_token("invitation")
        tenant, user_id, invited_as = found
        password_hash = None
        if account.status == "invited":
            name = invited_as if name is None else parse_name(name)
            password_hash = await self.passwords.hash(parse_password(password, email=account.email))
        else:
            taken = await self.limits.enter(account.email, origin.address)
            await self._checked(account.email, password, tenant)
            await self.limits.succeeded(taken)
        async with self.db.work(tenant_id=tenant) as conn:
            await store.lock_user(conn, user_id)
            if password_hash is not None and not await store.open_account(conn, user_id, password_hash, name):
                raise Conflict("account_opened", "The account was opened meanwhile. Send the same again, with its password.")
            if not await store.accept(conn, hashed, now):
                raise unusable_token("invitation")
            await note(conn, tenant, Actor("user", user_id), "user.joined", user_id, now)
        return tenant, account.email

    async def redeem(self, token: str, password: str, origin: Origin) -> str:
        """The e-mail to log in with. Every session of the person ends, in every tenant."""
        hashed, now = token_hash(token), self.clock()
        async with self.db.work() as conn:
            account = await store.find_account(conn, now, reset_hash=hashed)
        if account is None or not account.accepted:
            await self._count_bad_token(origin)
            raise unusable_token("reset")
        password_hash = await self.passwords.hash(parse_password(password, email=account.email))
        actor, (first, *others) = Actor("user", account.id), [each.tenant_id for each in account.accepted]
        async with self.db.work(tenant_id=first) as conn:
            if not await store.redeem(conn, hashed, password_hash, now):
                raise unusable_token("reset")
            ended = await store.revoke_sessions(conn, first, account.id, now)
            await note(conn, first, actor, "password.reset", account.id, now, sessions=len(ended))
        await end_sessions(self.db, others, account.id, actor, now)
        self.forget()
        return account.email

    async def _checked(self, email: str, password: str, tenant: TenantId | None) -> Account:
        """Whose e-mail and password these are."""
        async with self.db.work() as conn:
            account = await store.find_account(conn, self.clock(), email=email)
        usable = account if account is not None and account.status == "active" else None
        is_right = await self.passwords.verify(None if usable is None else usable.password_hash, normal_password(password))
        if usable is None or not is_right:
            await self._note_failure(email, account, tenant)
            raise login_failed()
        return usable

    def _step(self, account: Account, code: str | None) -> int | None:
        """The one-time code's time step, where one is asked for. It is used up only with the session."""
        if account.totp_confirmed_at is None or account.totp_secret is None:
            return None
        if code is None:
            raise Unauthorized("totp_required", "The password is right. Send it again with `code`, from the authenticator.")
        secret = second_factor.unseal(self.vault, account.id, account.totp_secret)
        step = second_factor.find_step(secret, code, self.clock(), after=account.totp_step)
        if step is None:
            raise totp_wrong()
        return step

    async def _note_failure(self, email: str, account: Account | None, named: TenantId | None) -> None:
        """One entry at the most, in the tenant concerned; of unknown people in the platform's, without their e-mail."""
        tenants = [] if account is None else [each.tenant_id for each in account.accepted]
        tenant = PLATFORM if not tenants else named if named in tenants and named is not None else tenants[0]
        if not await self.limits.may_note(tenant):
            return
        subject = f"email:{self.limits.pseudonym(email)}" if not tenants or account is None else f"user:{account.id}"
        entry = Entry(actor=Actor("system"), action="login.failed", subject=subject, at=self.clock())
        async with self.db.work(tenant_id=tenant) as conn:
            await audit_store.append_many(conn, tenant, [entry])

    async def _count_bad_token(self, origin: Origin) -> None:
        """Tokens cannot be guessed; who tries all the same is slowed like who guesses passwords."""
        await self.limits.enter("token", origin.address)


def login_failed() -> Unauthorized:
    return Unauthorized("login_failed", "E-mail and password do not go together, or the account cannot be used. Try again.")


def totp_wrong() -> Unauthorized:
    return Unauthorized("totp_wrong", "The one-time code is not right, or was used. Wait for the next one and try again.")


def _choose(account: Account, tenant: TenantId | None) -> Membership:
    """Only who knew the password hears where the account is a member."""
    accepted = account.accepted
    if tenant is not None:
        accepted = [each for each in accepted if each.tenant_id == tenant]
    if not accepted:
        raise Forbidden("not_a_member", "You are no member there. Leave `tenant` out, or accept the invitation first.")
    if len(accepted) > 1:
        tenants = [{"tenant": each.tenant_id, "role": each.role} for each in accepted]
        raise Conflict("tenant_required", "You are a member of several tenants. Name one as `tenant`.", tenants=tenants)
    return accepted[0]


def _as_stored(email: str) -> str:
    """What is no e-mail address is nobody's, which takes as long to find out as anything else."""
    try:
        return parse_email(email)
    except Unprocessable:
        return email.strip().lower()
