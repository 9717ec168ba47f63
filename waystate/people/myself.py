"""What people do to their own account: password, one-time codes, sessions."""

from uuid import UUID

from waystate.errors import Conflict, Forbidden, NotFound
from waystate.ids import TenantId
from waystate.people import second_factor, store
from waystate.people.logins import Logins, Origin, totp_wrong
from waystate.people.members import end_sessions, note, note_revoked
from waystate.people.model import Account, Member, unknown_user
from waystate.people.passwords import normal_password, parse_password
from waystate.people.sessions import Session
from waystate.principal import Actor


class Myself:
    """Whoever left a session open has not left the account: what changes how one gets in asks for the password again."""

    def __init__(self, logins: Logins) -> None:
        self._db = logins.db
        self._vault = logins.vault
        self._passwords = logins.passwords
        self._limits = logins.limits
        self._clock = logins.clock
        self._forget = logins.forget

    async def get(self, tenant: TenantId, user_id: UUID) -> Member:
        async with self._db.work(tenant_id=tenant) as conn:
            return await store.get_member(conn, tenant, user_id)

    async def change_password(
        self, tenant: TenantId, user_id: UUID, session_id: UUID, current: str, new: str, origin: Origin
    ) -> int:
        """How many other sessions ended, in all tenants."""
        account, old = await self._proven(user_id, current, origin, where="currentPassword")
        hashed = await self._passwords.hash(parse_password(new, email=account.email, where="newPassword"))
        now, actor = self._clock(), Actor("user", user_id)
        async with self._db.work(tenant_id=tenant) as conn:
            if not await store.change_password(conn, user_id, old=old, new=hashed):
                raise Conflict("password_changed", "The password was changed meanwhile. Log in with the new one.")
            ended = await store.revoke_sessions(conn, tenant, user_id, now, keep=session_id)
            await note(conn, tenant, actor, "password.changed", user_id, now, sessions=len(ended))
        others = [each.tenant_id for each in account.memberships if each.tenant_id != tenant]
        count = len(ended) + await end_sessions(self._db, others, user_id, actor, now)
        self._forget()
        return count

    async def begin_totp(self, user_id: UUID, password: str, origin: Origin) -> tuple[str, str]:
        """The secret and its URI, shown this once. Nothing is asked for before `confirm_totp`."""
        account, _ = await self._proven(user_id, password, origin)
        secret = second_factor.new_secret()
        async with self._db.work() as conn:
            if not await store.begin_totp(conn, user_id, second_factor.seal(self._vault, user_id, secret)):
                raise Conflict("totp_on", "One-time codes are on already. Switch them off first, to move to another device.")
        return secret, second_factor.uri(secret, account.email)

    async def confirm_totp(self, tenant: TenantId, user_id: UUID, code: str) -> None:
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            account = await store.find_account(conn, now, user_id=user_id)
            if account is None or account.totp_secret is None or account.totp_confirmed_at is not None:
                raise Conflict("totp_not_begun", "There is nothing to confirm. Begin with POST /v1/me/totp.")
            secret = second_factor.unseal(self._vault, user_id, account.totp_secret)
            step = second_factor.find_step(secret, code, now, after=account.totp_step)
            if step is None or not await store.confirm_totp(conn, user_id, sealed=account.totp_secret, step=step, now=now):
                raise Forbidden("totp_wrong", totp_wrong().detail)
            await note(conn, tenant, Actor("user", user_id), "totp.enabled", user_id, now)

    async def remove_totp(self, tenant: TenantId, user_id: UUID, password: str, origin: Origin) -> None:
        await self._proven(user_id, password, origin)
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            if await store.remove_totp(conn, user_id):
                await note(conn, tenant, Actor("user", user_id), "totp.removed", user_id, now)

    async def sessions(self, tenant: TenantId, user_id: UUID) -> list[Session]:
        """Those in this tenant."""
        async with self._db.work(tenant_id=tenant) as conn:
            return await store.list_sessions(conn, tenant, user_id, self._clock())

    async def end_session(self, tenant: TenantId, user_id: UUID, session_id: UUID) -> None:
        now = self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            ended = await store.revoke_sessions(conn, tenant, user_id, now, session_id=session_id)
            if not ended:
                raise NotFound("session_not_found", "You have no such session here. List them to find the right one.")
            await note_revoked(conn, tenant, Actor("user", user_id), user_id, ended, now)
        self._forget()

    async def _proven(self, user_id: UUID, password: str, origin: Origin, *, where: str = "password") -> tuple[Account, str]:
        """The account whose password this is, and its hash. Guesses count as those at the login do."""
        async with self._db.work() as conn:
            account = await store.find_account(conn, self._clock(), user_id=user_id)
        if account is None:
            raise unknown_user()
        taken = await self._limits.enter(account.email, origin.address)
        is_right = await self._passwords.verify(account.password_hash, normal_password(password))
        if account.password_hash is None or not is_right:
            problem = {"field": where, "problem": "It is not the account's password."}
            raise Forbidden("password_wrong", f"{where} is not the account's password. Correct it.", errors=[problem])
        await self._limits.succeeded(taken)
        return account, account.password_hash
