"""Who comes in by a tenant's identity provider, in the database: what was decided holds only while it is as it was."""

from uuid import UUID

import pytest

from tests.integration.people.test_people_races import Staff
from tests.world import START, Business, World
from waystate.people.model import BY_OPERATOR
from waystate.principal import Role
from waystate.sign_on import store
from waystate.sign_on.model import Admission, IdentityProvider, ProvenIdentity
from waystate.tenants import store as tenant_store
from waystate.tenants.model import TenantStatus

EMAIL = "ada@example.com"
ADA = ProvenIdentity(subject="subject-1", email=EMAIL, name="Ada")


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


async def enter(world: World, tenant: Business, identity: ProvenIdentity, entry: Admission) -> UUID | None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        return await store._enter(conn, tenant.tenant, identity, entry, START)


async def status_of(world: World, user: UUID) -> str:
    async with world.db.work() as conn:
        return str(await conn.fetchval("SELECT status FROM users WHERE id = $1", user))


async def test_who_is_disabled_while_they_sign_on_stays_so(world: World, tenant: Business, staff: Staff) -> None:
    """That they are to be activated was decided while they were only invited."""
    invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, EMAIL, Role.AGENT)
    decided = Admission(user_id=invited.member.id, links=True, activates=True)
    async with world.db.work() as conn:
        await conn.execute("UPDATE users SET status = 'disabled' WHERE id = $1", invited.member.id)
    await enter(world, tenant, ADA, decided)
    assert await status_of(world, invited.member.id) == "disabled"


async def test_who_was_only_invited_is_active_afterwards_and_the_invitation_used_up(
    world: World, tenant: Business, staff: Staff
) -> None:
    invited = await staff.members.invite(tenant.tenant, BY_OPERATOR, EMAIL, Role.AGENT)
    entry = Admission(user_id=invited.member.id, links=True, activates=True)
    assert await enter(world, tenant, ADA, entry) == invited.member.id
    assert await status_of(world, invited.member.id) == "active"
    assert await world.value(tenant, "SELECT count(*) FROM sessions") == 0
    async with world.db.work() as conn:
        row = await conn.fetchrow("SELECT oidc_subject, invitation_hash FROM memberships")
    assert tuple(row) == ("subject-1", None)


async def test_a_person_is_linked_to_one_subject_and_a_second_finds_nobody(
    world: World, tenant: Business, staff: Staff
) -> None:
    """Two accounts of the provider with one address, both decided on while neither was linked."""
    user = await staff.employ(tenant.tenant, EMAIL, Role.AGENT)
    entry = Admission(user_id=user, links=True)
    assert await enter(world, tenant, ADA, entry) == user
    assert await enter(world, tenant, ADA._replace(subject="subject-2"), entry) is None
    async with world.db.work() as conn:
        assert await conn.fetchval("SELECT oidc_subject FROM memberships") == "subject-1"


async def test_of_a_suspended_tenant_the_provider_says_so(world: World, tenant: Business) -> None:
    provider = IdentityProvider.model_construct(issuer="https://id.example", client_id="waystate", client_secret="secret")
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.upsert(conn, world.vault, tenant.tenant, provider, START)
        found = await store.find(conn, world.vault, tenant.tenant)
        assert found is not None
        assert found.is_open
        await tenant_store.change_status(conn, [tenant.tenant], TenantStatus.SUSPENDED)
        found = await store.find(conn, world.vault, tenant.tenant)
    assert found is not None
    assert not found.is_open
