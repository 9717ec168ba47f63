"""Why a message that has no delivery has none: the trace names what is set up, and what is not."""

import pytest

from tests.world import Business, World
from waystate.trace.trace import trace

NO_NUMBER = "DELETE FROM whatsapp_accounts WHERE tenant_id = $1"
NUMBER_EXTERNAL = "UPDATE whatsapp_accounts SET sender = 'external' WHERE tenant_id = $1"
NO_INTEGRATION = "UPDATE whatsapp_accounts SET genesys_integration_id = NULL WHERE tenant_id = $1"
INTEGRATION_EXTERNAL = "UPDATE genesys_integrations SET sender = 'external' WHERE tenant_id = $1"
AS_IT_IS = "SELECT $1::text"


async def why(world: World, tenant: Business, wamid: str) -> str:
    found = await trace(tenant.tenant, tenant.settings, wamid, world.db, world.clock)
    return str(found["why"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (NO_NUMBER, "number 1001 is not this tenant's any more"),
        (NUMBER_EXTERNAL, "somebody else sends for its number 1001"),
        (NO_INTEGRATION, "number 1001 has no Genesys integration"),
        (INTEGRATION_EXTERNAL, "somebody else passes on what comes"),
        (AS_IT_IS, "about to be prepared"),
    ],
)
async def test_a_customers_message_without_a_delivery(world: World, change: str, said: str) -> None:
    tenant = await world.add("acme", number="1001")
    await world.receive(tenant, tenant.message("wamid.1"))
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await conn.execute(change, tenant.tenant)
    sentence = await why(world, tenant, "wamid.1")
    assert said in sentence
    assert sentence.endswith(".")
    assert not sentence.endswith("..")


async def test_a_message_that_has_a_delivery_is_told_of_by_that(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.relay(tenant)
    assert await why(world, tenant, "wamid.1") == "It waits for its turn: earlier messages of this customer go first."
