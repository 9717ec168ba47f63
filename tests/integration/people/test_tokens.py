"""Tokens by which a person comes in without a password: good until their time, once, and only the newest."""

from datetime import timedelta

import pytest

from tests.integration.people.test_people_races import PASSWORD, Staff
from tests.world import START, Business, World
from waystate.errors import Refused
from waystate.people import store
from waystate.people.logins import Origin
from waystate.people.model import BY_OPERATOR, INVITATION_TTL, RESET_TTL, Change, token_hash
from waystate.principal import Role

EMAIL, NEW_PASSWORD = "ada@example.com", f"{PASSWORD} two"
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


async def code_of(act: object) -> str:
    try:
        await act  # type: ignore[misc]
    except Refused as error:
        return error.code
    return "done"


@pytest.mark.parametrize(("after", "code"), [(INVITATION_TTL - MOMENT, "done"), (INVITATION_TTL, "invitation_unusable")])
async def test_an_invitation_is_good_for_a_week(staff: Staff, tenant: Business, after: timedelta, code: str) -> None:
    invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, EMAIL, Role.AGENT)
    staff.world.clock.now = START + after
    assert await code_of(staff.logins.accept(invited.token, PASSWORD, Origin(EMAIL))) == code
    assert await code_of(staff.logins.accept(invited.token, PASSWORD, Origin(EMAIL))) == "invitation_unusable", "and once"


@pytest.mark.parametrize(("after", "code"), [(RESET_TTL - MOMENT, "done"), (RESET_TTL, "reset_unusable")])
async def test_a_reset_is_good_for_an_hour(staff: Staff, tenant: Business, after: timedelta, code: str) -> None:
    user = await staff.employ(tenant.tenant, EMAIL, Role.AGENT)
    reset = await staff.members.reset(tenant.tenant, BY_OPERATOR, user)
    staff.world.clock.now = START + after
    assert await code_of(staff.logins.redeem(reset.token, NEW_PASSWORD, Origin(EMAIL))) == code
    assert await code_of(staff.logins.redeem(reset.token, NEW_PASSWORD, Origin(EMAIL))) == "reset_unusable", "and once"


async def test_a_token_that_ran_out_while_its_password_was_hashed_is_no_good(staff: Staff, tenant: Business) -> None:
    """The statement that uses it up looks at its time too, not only the one that found it."""
    invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, "new@example.com", Role.AGENT)
    user = await staff.employ(tenant.tenant, EMAIL, Role.AGENT)
    reset = await staff.members.reset(tenant.tenant, BY_OPERATOR, user)
    async with staff.world.db.work(tenant_id=tenant.tenant) as conn:
        assert not await store.accept(conn, token_hash(invited.token), START + INVITATION_TTL)
        assert not await store.redeem(conn, token_hash(reset.token), "hash", START + RESET_TTL)
        assert await store.accept(conn, token_hash(invited.token), START + INVITATION_TTL - MOMENT)
        assert await store.redeem(conn, token_hash(reset.token), "hash", START + RESET_TTL - MOMENT)


async def test_a_newer_token_ends_the_older_one(staff: Staff, tenant: Business) -> None:
    older = await staff.members.invite(tenant.tenant, BY_OPERATOR, EMAIL, Role.AGENT)
    newer = await staff.members.invite(tenant.tenant, BY_OPERATOR, EMAIL, Role.VIEWER)
    assert await code_of(staff.logins.accept(older.token, PASSWORD, Origin(EMAIL))) == "invitation_unusable"
    await staff.logins.accept(newer.token, PASSWORD, Origin(EMAIL))
    user = newer.member.id
    first, second = [await staff.members.reset(tenant.tenant, BY_OPERATOR, user) for _ in range(2)]
    assert await code_of(staff.logins.redeem(first.token, NEW_PASSWORD, Origin(EMAIL))) == "reset_unusable"
    assert await code_of(staff.logins.redeem(second.token, NEW_PASSWORD, Origin(EMAIL))) == "done"


async def test_a_reset_ends_with_the_account(staff: Staff, tenant: Business) -> None:
    user = await staff.employ(tenant.tenant, EMAIL, Role.AGENT)
    reset = await staff.members.reset(tenant.tenant, BY_OPERATOR, user)
    await staff.members.change(tenant.tenant, BY_OPERATOR, user, Change(status="disabled"))
    assert await code_of(staff.logins.redeem(reset.token, NEW_PASSWORD, Origin(EMAIL))) == "reset_unusable"
