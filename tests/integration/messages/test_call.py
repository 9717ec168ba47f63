"""Calls as signs of the customer: the window opens as by a message, once, and nothing else is moved."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.world import CUSTOMER, Business, World, run_in
from waystate.events.model import CallReported, WindowOpened
from waystate.messages.model import CallReport
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_calls


def call(tenant: Business, event: str = "connect", **said: Any) -> CallReport:
    given: dict[str, Any] = {
        "call_id": "wacid.1",
        "phone_number_id": tenant.number,
        "event": event,
        "at": tenant.clock.now,
        "wa_id": CUSTOMER,
    }
    return CallReport(**(given | said))


async def tell(world: World, tenant: Business, *calls: CallReport) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_calls, calls)


async def test_a_customers_call_opens_the_window_once(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    world.clock.forward(hours=30)
    reported, opened = (await tell(world, tenant, call(tenant))).events
    assert isinstance(reported, CallReported)
    assert isinstance(opened, WindowOpened)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    assert (reported.direction, reported.event, reported.mapping_id) == ("inbound", "connect", conversation)
    assert opened.closes_at == world.clock.now + timedelta(hours=24)
    assert (await tell(world, tenant, call(tenant))).events == []
    world.clock.forward(minutes=3)
    ended = await tell(world, tenant, call(tenant, "terminate", status="completed", duration=180))
    assert [type(each) for each in ended.events] == [CallReported]
    row = await world.row(tenant, "SELECT window_from, last_customer_message_at, status FROM conversations")
    assert row["window_from"] == world.clock.now
    assert row["last_customer_message_at"] == world.clock.now - timedelta(hours=30, minutes=3)
    await world.relay(tenant)
    assert (
        await world.value(tenant, "SELECT count(*) FROM deliveries WHERE created_at > $1", row["last_customer_message_at"]) == 0
    )


async def test_a_call_of_somebody_new_has_a_window_to_answer_in(world: World, tenant: Business) -> None:
    events = (await tell(world, tenant, call(tenant))).events
    assert [type(each) for each in events] == [CallReported, WindowOpened]
    assert await world.value(tenant, "SELECT window_from FROM conversations") == world.clock.now


async def test_the_business_own_call_counts_once_it_is_accepted(world: World, tenant: Business) -> None:
    events = (await tell(world, tenant, call(tenant, "ringing", is_by_customer=False))).events
    assert [type(each) for each in events] == [CallReported]
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 0
    events = (await tell(world, tenant, call(tenant, "accepted", is_by_customer=False))).events
    assert [type(each) for each in events] == [CallReported, WindowOpened]


async def test_an_old_call_opens_nothing(world: World, tenant: Business) -> None:
    events = (await tell(world, tenant, call(tenant, at=world.clock.now - timedelta(hours=25)))).events
    assert [type(each) for each in events] == [CallReported]


async def test_copies_at_once_are_told_once(world: World, tenant: Business) -> None:
    both = (call(tenant), call(tenant, "terminate"))
    results = await asyncio.gather(*(tell(world, tenant, *both) for _ in range(4)))
    told = [each for judged in results for each in judged.events if isinstance(each, CallReported)]
    assert sorted(each.event for each in told) == ["connect", "terminate"]
