"""By which ids the trace finds a message."""

import pytest

from tests.world import Business, World, accepted
from waystate.errors import NotFound
from waystate.ids import new_id
from waystate.trace.trace import trace


@pytest.mark.parametrize("name", ["wamid.1", "5c1a3f0e2b7d4c6f8a9b0c1d2e3f4a5b", "own"])
async def test_a_customers_message_is_found_by_each_of_its_ids(world: World, tenant: Business, name: str) -> None:
    genesys = "5c1a3f0e2b7d4c6f8a9b0c1d2e3f4a5b"
    too_long_for_an_index = "".join(new_id().hex for _ in range(300))
    for wamid, external_id in (("wamid.1", genesys), ("wamid.2", too_long_for_an_index)):
        await world.receive(tenant, tenant.message(wamid))
        (claimed,) = await world.deliver(tenant)
        await world.settle(tenant, (claimed, accepted(external_id)))
    own = await world.value(tenant, "SELECT id FROM messages WHERE wamid = 'wamid.1'")
    found = await trace(tenant.tenant, tenant.settings, str(own) if name == "own" else name, world.db, world.clock)
    assert (found["messageId"], found["wamid"], found["genesysMessageId"]) == (str(own), "wamid.1", genesys)


async def test_genesys_id_of_another_tenants_message_finds_nothing(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="1002")
    await world.receive(other, other.message("wamid.1"))
    for claimed in await world.deliver(other):
        await world.settle(other, (claimed, accepted("at-genesys")))
    with pytest.raises(NotFound):
        await trace(tenant.tenant, tenant.settings, "at-genesys", world.db, world.clock)
