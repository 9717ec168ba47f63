"""Whoever ends a message that waits ends its waiting too, by whichever id and for whichever reason."""

import pytest

from tests.integration.planned.test_order import PERSON, post, sends_of
from tests.integration.sends.test_release import DAY, silent, told
from tests.world import CUSTOMER, Business, World

TWO_PARTS = "one " * 1024 + "two " * 1024


@pytest.fixture
async def tenant(world: World) -> Business:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    return tenant


async def plans(world: World, tenant: Business) -> list[str]:
    return [row["state"] for row in await world.rows(tenant, "SELECT state FROM planned_messages ORDER BY id")]


@pytest.mark.parametrize("named", ["messages", "planned_messages"])
async def test_a_held_message_is_withdrawn_by_its_own_id_and_by_that_of_its_plan(
    world: World, tenant: Business, named: str
) -> None:
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text=TWO_PARTS))
    last = "messages WHERE direction = 'outbound'" if named == "messages" else named
    name = await world.value(tenant, f"SELECT id FROM {last} ORDER BY id DESC LIMIT 1")
    await sends_of(world).withdraw(tenant.tenant, str(name))
    assert await plans(world, tenant) == ["withdrawn", "withdrawn"]
    statuses = await world.rows(tenant, "SELECT status FROM messages WHERE direction = 'outbound'")
    assert [row["status"] for row in statuses] == ["failed", "failed"]
    assert sorted(await told(world, tenant)) == ["planned"] * 2 + ["status"] * 2 + ["withdrawn"] * 2


async def test_what_an_agent_had_held_ends_when_a_person_takes_the_conversation_over(world: World, tenant: Business) -> None:
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER))
    await world.execute(tenant, "UPDATE planned_messages SET send_at = $1, due_at = $1", world.clock.now + DAY)
    await world.receive(tenant, tenant.message())
    await post(world, tenant, "I take over", PERSON)
    assert await plans(world, tenant) == ["failed"]
