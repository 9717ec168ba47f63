"""Genesys' ids reach the conversation of the message they name."""

from typing import Any

from tests.world import Business, World
from waystate.errors import Reason, Rejected
from waystate.events.model import ConversationCorrelated
from waystate.messages.model import Correlation


async def correlate(world: World, tenant: Business, *pairs: tuple[str, str]) -> list[Any]:
    wanted = [
        Correlation(conversation_id=genesys, whatsapp_message_id=wamid, communication_id=f"{genesys}-call")
        for wamid, genesys in pairs
    ]
    return await world.correlate(tenant, *wanted)


async def test_the_conversation_is_found_by_any_of_its_messages(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"), tenant.message("wamid.2"))
    ((event,),) = await correlate(world, tenant, ("wamid.1", "genesys-1"))
    assert isinstance(event, ConversationCorrelated)
    assert (event.genesys_conversation_id, event.communication_id) == ("genesys-1", "genesys-1-call")
    assert await correlate(world, tenant, ("wamid.1", "genesys-1"), ("wamid.2", "genesys-1")) == [[], []]
    row = await world.row(tenant, "SELECT genesys_conversation_id, communication_id FROM conversations")
    assert list(row.values()) == ["genesys-1", "genesys-1-call"]


async def test_two_messages_of_one_conversation_in_a_batch_make_one_event(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"), tenant.message("wamid.2"))
    results = await correlate(world, tenant, ("wamid.1", "genesys-1"), ("wamid.2", "genesys-1"))
    assert sorted(len(each) for each in results) == [0, 1]


async def test_an_unknown_message_is_rejected_alone(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    unknown, known = await correlate(world, tenant, ("wamid.9", "genesys-9"), ("wamid.1", "genesys-1"))
    assert isinstance(unknown, Rejected)
    assert unknown.reason is Reason.MAPPING_NOT_FOUND
    assert len(known) == 1


async def test_another_tenants_message_is_unknown(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    await world.receive(tenant, tenant.message("wamid.1"))
    (result,) = await correlate(world, other, ("wamid.1", "genesys-1"))
    assert isinstance(result, Rejected)
