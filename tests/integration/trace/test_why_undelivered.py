"""Why a message stands where it stands: what is set up, and what is not; and that a file did not go with it."""

from datetime import timedelta

import pytest

from tests.world import Business, World, accepted, later, lost
from waystate.clock import iso
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


async def test_a_file_that_is_not_passed_on_does_not_read_like_success(world: World, tenant: Business) -> None:
    await world.receive(
        tenant, tenant.message("wamid.1", type="image", text="see", media={"id": "7"}), tenant.message("wamid.2")
    )
    for _ in range(2):
        for claimed in await world.deliver(tenant):
            await world.settle(tenant, (claimed, accepted()))
    found = await trace(tenant.tenant, tenant.settings, "wamid.1", world.db, world.clock)
    assert found["filePassedOn"] is False
    assert found["why"].startswith("Its file was not passed on: genesys accepted it at ")
    assert "accepted by genesys as text, without its file" in [hop["what"] for hop in found["hops"]]
    other = await trace(tenant.tenant, tenant.settings, "wamid.2", world.db, world.clock)
    assert other["filePassedOn"] is None
    assert other["why"].startswith("It is processed: genesys accepted it at ")


async def test_an_agents_file_goes_as_a_link_and_the_trace_says_so(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    media = {"type": "document", "url": "https://files.test/1"}
    await world.answer(tenant, tenant.reply("g.1", conversation_id="genesys-conversation", text="see", media=media))
    for _ in range(2):
        for claimed in await world.deliver(tenant):
            await world.settle(tenant, (claimed, accepted(f"wamid.{claimed.event_id}")))
    found = await trace(tenant.tenant, tenant.settings, "g.1", world.db, world.clock)
    assert (found["filePassedOn"], found["status"]) == (False, "sent")
    assert found["why"].startswith("It is sent, with its file as a link and not as a file: whatsapp accepted it at ")


async def test_a_send_whose_answer_was_lost_says_when_it_is_given_up(world: World, tenant: Business) -> None:
    reply = await world.correspond(tenant)
    (sending,) = await world.deliver(tenant)
    assert await why(world, tenant, reply.genesys_message_id) == "Attempt 1 is under way."
    await world.settle(tenant, (sending, lost()))
    given_up = iso(world.clock.now + tenant.settings.unknown_ttl)
    world.clock.forward(seconds=7)
    sentence = await why(world, tenant, reply.genesys_message_id)
    assert "may or may not have arrived" in sentence
    assert sentence.endswith(f"or it is failed at {given_up}.")


async def test_an_attempt_that_was_put_off_says_why_and_when_the_next_is_due(world: World, tenant: Business) -> None:
    reply = await world.correspond(tenant)
    (sending,) = await world.deliver(tenant)
    await world.settle(tenant, (sending, later(retry_after=40)))
    due = iso(world.clock.now + timedelta(seconds=40))
    sentence = await why(world, tenant, reply.genesys_message_id)
    assert sentence.startswith("Attempt 1 did not get through (")
    assert sentence.endswith(f"; the next is due at {due}.")
