"""A key that replaces another one is the same service: it goes on where the former one spoke, and no stranger does."""

import pytest

from tests.integration.planned.test_order import post
from tests.world import Business, World
from waystate.conversations.control import Speaker, SpeakerKind
from waystate.errors import Refused
from waystate.keys import store as key_store
from waystate.keys.model import make_key
from waystate.principal import Scope
from waystate.sends.model import Posted


async def keys(world: World, tenant: Business) -> list[Speaker]:
    """Three, each in the place of the one before."""
    made = []
    async with world.db.tenant(tenant.tenant) as conn:
        for number in range(3):
            replaces = made[-1].id if made else None
            scopes = [Scope.MESSAGES_SEND]
            key, _ = make_key(
                tenant.tenant, str(number), world.clock.now, None, scopes=scopes, created_by=None, replaces=replaces
            )
            await key_store.insert_many(conn, tenant.tenant, [key])
            made.append(key)
    return [Speaker(SpeakerKind.KEY, each.id) for each in made]


@pytest.mark.parametrize("then", [0, 1, 2])
async def test_a_key_speaks_where_one_spoke_that_it_replaces_or_that_replaces_it(
    world: World, tenant: Business, then: int
) -> None:
    speakers = await keys(world, tenant)
    await world.receive(tenant, tenant.message())
    for speaker in (speakers[1], speakers[then]):
        assert isinstance(await post(world, tenant, "Hello", speaker), Posted)
    held = "SELECT control_holder, control_epoch FROM conversations"
    row = await world.row(tenant, held)
    assert (row["control_holder"], row["control_epoch"]) == (speakers[max(then, 1)].holder, 2 if then == 2 else 1)
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE status = 'failed'") == 0


async def test_another_key_is_told_how_the_word_is_had(world: World, tenant: Business) -> None:
    speakers = await keys(world, tenant)
    other = (await keys(world, tenant))[0]
    await world.receive(tenant, tenant.message())
    await post(world, tenant, "Hello", speakers[0])
    refused = await post(world, tenant, "Hello", other)
    assert isinstance(refused, Refused)
    assert refused.code == "not_in_control"
    assert "`take`" in refused.detail
