"""Messages to another responder as signs of the customer: the window opens, once, and no agent hears of what was said."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.world import CUSTOMER, Business, World, run_in
from waystate.events.model import InboundEnriched, WindowOpened
from waystate.messages.model import StandbyMessage
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_standby


def copy(tenant: Business, wamid: str = "wamid.copy", **said: Any) -> StandbyMessage:
    given: dict[str, Any] = {
        "wamid": wamid,
        "phone_number_id": tenant.number,
        "sent_at": tenant.clock.now,
        "wa_id": CUSTOMER,
    }
    return StandbyMessage(**(given | said))


async def tell(world: World, tenant: Business, *copies: StandbyMessage) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_standby, copies)


async def test_a_copy_opens_the_window_once_and_reaches_no_agent(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await world.relay(tenant)
    before = await world.value(tenant, "SELECT count(*) FROM deliveries")
    world.clock.forward(hours=30)
    judged = await tell(world, tenant, copy(tenant), copy(tenant))
    (opened,) = judged.events
    assert isinstance(opened, WindowOpened)
    assert [each.is_repeat for each in judged.verdicts] == [False, True]
    assert (await tell(world, tenant, copy(tenant))).events == []
    await world.relay(tenant)
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == before
    assert await world.value(tenant, "SELECT window_from FROM conversations") == world.clock.now


async def test_the_same_message_to_us_too_is_one_message_whichever_comes_first(world: World, tenant: Business) -> None:
    first, second = tenant.message(), tenant.message()
    await tell(world, tenant, copy(tenant, first.wamid))
    received = await world.receive(tenant, first, second)
    assert sum(isinstance(each, InboundEnriched) for each in received) == 2
    assert (await tell(world, tenant, copy(tenant, second.wamid))).events == []
    await world.receive(tenant, first, second)
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 2
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 1


async def test_somebody_new_has_a_window_and_what_is_no_message_opens_none(world: World, tenant: Business) -> None:
    for kind in ("system", "edit", "revoke", "request_welcome"):
        assert (await tell(world, tenant, copy(tenant, f"wamid.{kind}", type=kind))).events == []
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 0
    old = await tell(world, tenant, copy(tenant, "wamid.old", sent_at=world.clock.now - timedelta(hours=25)))
    assert old.events == []
    events = (await tell(world, tenant, copy(tenant))).events
    assert [type(each) for each in events] == [WindowOpened]


@pytest.mark.parametrize("many", [4])
async def test_copies_at_once_count_once(world: World, tenant: Business, many: int) -> None:
    results = await asyncio.gather(*(tell(world, tenant, copy(tenant)) for _ in range(many)))
    assert sum(isinstance(each, WindowOpened) for judged in results for each in judged.events) == 1
