"""An agent types, and the customer sees it on what they wrote last: once in 25 seconds, and only while it is true."""

from typing import Any
from uuid import UUID

import pytest

from tests.world import Business, World, accepted, run_in
from waystate.deliveries.model import Target
from waystate.events.model import MessageMarkedRead
from waystate.ids import new_id
from waystate.messages.model import AgentTyping
from waystate.pipeline.beside import run_typing


@pytest.fixture
async def contact(world: World, tenant: Business) -> UUID:
    """Who wrote twice, and is known by Genesys."""
    await world.receive(tenant, tenant.message("wamid.first"))
    world.clock.forward(seconds=1)
    await world.receive(tenant, tenant.message("wamid.second"))
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted(conversation_id="genesys-conversation")))
    return UUID(str(await world.value(tenant, "SELECT id FROM contacts")))


async def type_(world: World, tenant: Business, *, times: int = 1, age: float = 0, **said: Any) -> list[MessageMarkedRead]:
    at = world.clock.now
    world.clock.forward(seconds=age)
    given: dict[str, Any] = {"typed_at": at, "conversation_id": "genesys-conversation", "integration_id": tenant.integration}
    items = [AgentTyping(**(given | said)) for _ in range(times)]
    judged = await run_in(world.db, world.directory, world.clock, tenant.tenant, run_typing, items)
    assert all(verdict.error is None for verdict in judged.verdicts)
    assert sum(verdict.aside is None for verdict in judged.verdicts) == len(judged.events)
    return [event for event in judged.events if isinstance(event, MessageMarkedRead)]


async def test_the_customer_sees_it_on_what_they_wrote_last(world: World, tenant: Business, contact: UUID) -> None:
    (event,) = await type_(world, tenant)
    assert (event.wamid, event.typing, event.contact_id) == ("wamid.second", True, contact)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP_MARK]
    assert claimed.request == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.second",
        "typing_indicator": {"type": "text"},
    }


async def test_it_is_shown_once_in_25_seconds(world: World, tenant: Business, contact: UUID) -> None:
    assert len(await type_(world, tenant, times=3)) == 1
    world.clock.forward(seconds=24)
    assert await type_(world, tenant) == []
    world.clock.forward(seconds=1)
    assert len(await type_(world, tenant)) == 1


async def test_it_is_found_by_the_customer_as_messages_are(world: World, tenant: Business, contact: UUID) -> None:
    assert len(await type_(world, tenant, conversation_id="new-there", recipient_id=str(contact))) == 1


async def test_what_comes_late_or_leads_nowhere_is_nothing(world: World, tenant: Business, contact: UUID) -> None:
    assert await type_(world, tenant, age=25) == []
    assert await type_(world, tenant, conversation_id="nobodys") == []
    assert len(await type_(world, tenant, age=24)) == 1


async def test_after_a_day_or_in_a_closed_conversation_nobody_is_shown(world: World, tenant: Business, contact: UUID) -> None:
    world.clock.forward(hours=24)
    assert await type_(world, tenant) == []
    await world.receive(tenant, tenant.message())
    assert len(await type_(world, tenant)) == 1
    world.clock.forward(seconds=30)
    await world.close(tenant)
    assert await type_(world, tenant) == []


async def test_only_who_may_speak_types(world: World, tenant: Business, contact: UUID) -> None:
    await world.execute(
        tenant, "UPDATE conversations SET controller = 'agent', control_holder = 'person:1', assigned_user_id = $1", new_id()
    )
    assert await type_(world, tenant) == []


async def test_a_tenant_may_not_want_it(world: World) -> None:
    quiet = await world.add("quiet", number="5001", genesys_typing=False)
    await world.receive(quiet, quiet.message())
    contact = str(await world.value(quiet, "SELECT id FROM contacts"))
    assert await type_(world, quiet, recipient_id=contact) == []


async def test_a_notice_of_whatsapp_is_nothing_that_the_customer_wrote(world: World, tenant: Business, contact: UUID) -> None:
    await world.execute(tenant, "UPDATE messages SET type = 'system' WHERE wamid = 'wamid.second'")
    assert [event.wamid for event in await type_(world, tenant)] == ["wamid.first"]
