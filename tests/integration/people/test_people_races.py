"""People in the database, where two act at once: the tenant keeps an owner, and what counts once counts once."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import pyotp
import pytest

from tests.world import Business, World
from waystate.cache.limits import Limits
from waystate.errors import Refused
from waystate.ids import TenantId
from waystate.people import store
from waystate.people.login_limits import LoginLimits
from waystate.people.logins import Logins, Origin
from waystate.people.members import Members
from waystate.people.model import BY_OPERATOR, Change
from waystate.people.myself import Myself
from waystate.people.passwords import Passwords
from waystate.principal import Role

PASSWORD = "correct horse battery staple"
ROUNDS = 5


class Staff:
    """The acts on people, with passwords that take no time to hash and limits that nobody reaches."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = Members(world.db, world.clock)
        self.logins = self.with_passwords(Passwords(memory_kib=64, passes=1))
        self.myself = Myself(self.logins)

    def with_passwords(self, passwords: Passwords) -> Logins:
        limits = LoginLimits(Limits(), bytes(32))
        return Logins(self.world.db, self.world.vault, passwords, limits, self.world.clock)

    async def employ(self, tenant: TenantId, email: str, role: Role) -> UUID:
        invited = await self.members.invite(tenant, BY_OPERATOR, email, role)
        await self.logins.accept(invited.token, PASSWORD, Origin(email))
        return invited.member.id

    async def log_in(self, email: str, code: str | None = None, tenant: TenantId | None = None) -> UUID:
        return (await self.logins.log_in(email, PASSWORD, Origin(email), code=code, tenant=tenant)).session_id


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


async def outcomes(*acts: Coroutine[Any, Any, Any]) -> list[str]:
    """Of each its refusal's code, or `done`; sorted."""
    results = await asyncio.gather(*acts, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException) and not isinstance(each, Refused):
            raise each
    return sorted(each.code if isinstance(each, Refused) else "done" for each in results)


async def owners(staff: Staff, tenant: TenantId) -> int:
    async with staff.world.db.work(tenant_id=tenant) as conn:
        return await store.count_other_owners(conn, tenant, UUID(int=0))


@pytest.mark.parametrize("way", [Change(role=Role.ADMIN), Change(status="disabled"), Change(removed=True)])
async def test_the_last_two_owners_cannot_both_go(staff: Staff, tenant: Business, way: Change) -> None:
    async def go(who: UUID, change: Change) -> None:
        if change.removed:
            await staff.members.remove(tenant.tenant, BY_OPERATOR, who)
        else:
            await staff.members.change(tenant.tenant, BY_OPERATOR, who, change)

    for number in range(ROUNDS):
        for each in range(2 if number == 0 else 1):
            await staff.employ(tenant.tenant, f"owner-{number}-{each}@example.com", Role.OWNER)
        page = await staff.members.page(tenant.tenant, after=None, limit=100)
        first, second = [each.id for each in page if (each.role, each.status) == (Role.OWNER, "active")]
        assert await outcomes(go(first, way), go(second, Change(role=Role.VIEWER))) == ["done", "last_owner"]
        assert await owners(staff, tenant.tenant) == 1


async def test_an_account_of_two_tenants_is_not_disabled_while_either_has_no_other_owner(
    staff: Staff, world: World, tenant: Business
) -> None:
    other = await world.add("other", number="2002")
    boss = await staff.employ(tenant.tenant, "boss@example.com", Role.OWNER)
    await staff.employ(tenant.tenant, "second@example.com", Role.OWNER)
    await staff.employ(other.tenant, "boss@example.com", Role.OWNER)
    disable = staff.members.change(tenant.tenant, BY_OPERATOR, boss, Change(status="disabled"))
    assert await outcomes(disable) == ["last_owner"]
    await staff.employ(other.tenant, "third@example.com", Role.OWNER)
    sessions = [await staff.log_in("boss@example.com", tenant=each.tenant) for each in (tenant, other)]
    await staff.members.change(tenant.tenant, BY_OPERATOR, boss, Change(status="disabled"))
    for each, session in zip((tenant, other), sessions, strict=True):
        assert await world.value(each, "SELECT revoked_at IS NOT NULL FROM sessions WHERE id = $1", session)


async def test_a_token_that_is_used_twice_at_once_is_taken_once(staff: Staff, tenant: Business) -> None:
    for number in range(ROUNDS):
        invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, f"agent-{number}@example.com", Role.AGENT)
        told = await outcomes(*(staff.logins.accept(invited.token, PASSWORD, Origin(str(each))) for each in range(4)))
        assert told.count("done") == 1
        made = await staff.members.reset(tenant.tenant, BY_OPERATOR, invited.member.id)
        told = await outcomes(*(staff.logins.redeem(made.token, PASSWORD, Origin(str(each))) for each in range(4)))
        assert told == ["done"] + ["reset_unusable"] * 3


async def test_tokens_expire(staff: Staff, world: World, tenant: Business) -> None:
    invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, "late@example.com", Role.AGENT)
    world.clock.forward(days=7)
    assert await outcomes(staff.logins.accept(invited.token, PASSWORD, Origin())) == ["invitation_unusable"]
    user_id = await staff.employ(tenant.tenant, "late@example.com", Role.AGENT)
    made = await staff.members.reset(tenant.tenant, BY_OPERATOR, user_id)
    world.clock.forward(hours=1)
    assert await outcomes(staff.logins.redeem(made.token, PASSWORD, Origin())) == ["reset_unusable"]


async def test_a_code_that_is_used_twice_at_once_lets_one_in(staff: Staff, world: World, tenant: Business) -> None:
    user_id = await staff.employ(tenant.tenant, "careful@example.com", Role.AGENT)
    secret, _ = await staff.myself.begin_totp(user_id, PASSWORD, Origin())
    totp = pyotp.TOTP(secret)
    await staff.myself.confirm_totp(tenant.tenant, user_id, totp.at(world.clock()))
    for _ in range(ROUNDS):
        world.clock.forward(seconds=30)
        code = totp.at(world.clock())
        told = await outcomes(*(staff.log_in("careful@example.com", code) for _ in range(4)))
        assert told.count("done") == 1, told


async def test_two_changes_of_a_password_at_once_make_one_password(staff: Staff, tenant: Business) -> None:
    user_id = await staff.employ(tenant.tenant, "twofold@example.com", Role.AGENT)
    session = await staff.log_in("twofold@example.com")
    told = await outcomes(
        *(
            staff.myself.change_password(tenant.tenant, user_id, session, PASSWORD, f"{PASSWORD} {each}", Origin())
            for each in range(3)
        )
    )
    assert told.count("done") == 1


async def test_no_session_begins_with_a_password_that_was_changed_meanwhile(staff: Staff, tenant: Business) -> None:
    """The login holds the old hash when the new one is committed."""
    user_id = await staff.employ(tenant.tenant, "raced@example.com", Role.AGENT)
    passwords = Slow(memory_kib=64, passes=1)
    login = asyncio.create_task(staff.with_passwords(passwords).log_in("raced@example.com", PASSWORD, Origin()))
    await passwords.reached.wait()
    made = await staff.members.reset(tenant.tenant, BY_OPERATOR, user_id)
    await staff.logins.redeem(made.token, "another phrase altogether", Origin())
    passwords.go.set()
    assert await outcomes(_result(login)) == ["login_failed"]


async def test_a_login_makes_a_hash_of_weaker_days_anew(staff: Staff, world: World, tenant: Business) -> None:
    user_id = await staff.employ(tenant.tenant, "veteran@example.com", Role.AGENT)
    stronger = staff.with_passwords(Passwords(memory_kib=128, passes=1))
    hashes = []
    for logins in (staff.logins, stronger, stronger):
        await logins.log_in("veteran@example.com", PASSWORD, Origin())
        async with world.db.work() as conn:
            account = await store.find_account(conn, world.clock(), user_id=user_id)
        assert account is not None
        hashes.append(account.password_hash)
    assert "m=64," in str(hashes[0])
    assert "m=128," in str(hashes[1])
    assert hashes[1] == hashes[2]


async def test_every_refusal_of_a_login_has_checked_one_password(staff: Staff, tenant: Business) -> None:
    await staff.employ(tenant.tenant, "known@example.com", Role.AGENT)
    gone = await staff.employ(tenant.tenant, "gone@example.com", Role.AGENT)
    await staff.members.change(tenant.tenant, BY_OPERATOR, gone, Change(status="disabled"))
    await staff.members.invite(tenant.tenant, BY_OPERATOR, "pending@example.com", Role.AGENT)
    for email in ("known@example.com", "gone@example.com", "pending@example.com", "unknown@example.com", "no address"):
        before = staff.logins.passwords.verifications
        assert await outcomes(staff.logins.log_in(email, "not the password", Origin(email))) == ["login_failed"]
        assert staff.logins.passwords.verifications == before + 1, email


async def test_who_is_removed_while_logging_in_is_refused_and_nothing_breaks(staff: Staff, tenant: Business) -> None:
    for number in range(ROUNDS):
        email = f"leaver-{number}@example.com"
        user_id = await staff.employ(tenant.tenant, email, Role.AGENT)
        told = await outcomes(staff.log_in(email), staff.members.remove(tenant.tenant, BY_OPERATOR, user_id))
        assert told in (["done", "done"], ["done", "login_failed"])


class Slow(Passwords):
    """Tells when a password was found right, and waits before it says so."""

    def __init__(self, **options: int) -> None:
        super().__init__(**options)
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def verify(self, stored: str | None, password: str) -> bool:
        is_right = await super().verify(stored, password)
        self.reached.set()
        await self.go.wait()
        return is_right


async def _result(task: "asyncio.Task[Any]") -> Any:
    return await task
