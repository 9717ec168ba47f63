"""Who sends may change while a message waits: what somebody else sends for by now, Waystate does not send as well."""

from typing import Any

import pytest

from tests.world import Business, World, integration_of
from waystate.channels.model import Outcome
from waystate.deliveries.model import SENDER_EXTERNAL, Claimed, Target
from waystate.deliveries.send import Platforms, send
from waystate.tenants import store

NOBODY = Platforms(graph=None, genesys=None)  # type: ignore[arg-type]
"""A call to either platform would be an AttributeError."""


async def attempted(world: World, tenant: Business, target: Target) -> tuple[Claimed, Any]:
    claimed = next(each for each in await world.deliver(tenant) if each.target is target)
    return claimed, await send(claimed, await world.view(tenant), NOBODY, world.clock.now)


async def hand_over(world: World, tenant: Business, table: str) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await conn.execute(f"UPDATE {table} SET sender = 'external' WHERE tenant_id = $1", tenant.tenant)
    world.directory.clear()


async def test_a_message_that_waits_for_a_number_handed_over_is_failed_and_not_sent(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    await hand_over(world, tenant, "whatsapp_accounts")
    claimed, result = await attempted(world, tenant, Target.WHATSAPP)
    assert (result.outcome, result.error["code"]) == (Outcome.FAILED, SENDER_EXTERNAL)
    assert tenant.number in result.error["title"]
    await world.settle(tenant, (claimed, result))
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE direction = 'outbound'")
    assert (row["status"], row["error"]["code"]) == ("failed", SENDER_EXTERNAL)


@pytest.mark.parametrize("table", ["genesys_integrations", "whatsapp_accounts"])
async def test_a_customers_message_that_waits_is_a_dead_letter_that_says_why(
    world: World, tenant: Business, table: str
) -> None:
    await world.receive(tenant, tenant.message())
    await world.relay(tenant)
    await hand_over(world, tenant, table)
    claimed, result = await attempted(world, tenant, Target.GENESYS)
    assert (result.outcome, result.error["code"]) == (Outcome.FAILED, SENDER_EXTERNAL)
    (letter,) = (await world.settle(tenant, (claimed, result))).dead_letters
    assert letter.error_message == result.error["title"]


@pytest.mark.parametrize("moved_to", ["another integration", "none"])
async def test_what_waits_for_a_number_handed_over_with_its_integration_is_not_sent(
    world: World, tenant: Business, moved_to: str
) -> None:
    await world.receive(tenant, tenant.message())
    await world.relay(tenant)
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        new = integration_of(tenant).model_copy(update={"integration_id": "integration-new"})
        known = {
            each.integration_id: each.id for each in await store.upsert_integrations(conn, world.vault, tenant.tenant, [new])
        }
        (account,) = await store.accounts_of(conn, world.vault, tenant.tenant)
        served_by = known["integration-new"] if moved_to == "another integration" else None
        changed = account.model_copy(update={"sender": "external", "genesys_integration_id": served_by})
        await store.upsert_accounts(conn, world.vault, tenant.tenant, [changed])
    world.directory.clear()
    _, result = await attempted(world, tenant, Target.GENESYS)
    assert (result.outcome, result.error["code"]) == (Outcome.FAILED, SENDER_EXTERNAL)
    assert tenant.number in result.error["title"]
