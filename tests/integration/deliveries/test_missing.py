"""The net under the relay: what it passed by is delivered once, and what was not Waystate's to deliver never is."""

import asyncio
from datetime import timedelta

import pytest

from tests.world import LANES, Business, World
from waystate.deliveries.missing import CURSOR, make_missing
from waystate.deliveries.model import Target


async def lose_the_delivery(world: World, tenant: Business) -> None:
    """As by a relay that passed an event by: its cursor stands behind an event without a delivery."""
    await world.relay(tenant)
    await world.execute(tenant, "DELETE FROM deliveries WHERE state = 'pending'")


async def missing(world: World, tenant: Business) -> int:
    return await make_missing(world.db, world.directory, tenant.tenant, lanes=LANES)


async def set_off(world: World, seconds: float) -> None:
    """The clock of the application's machine stands so far from the database's."""
    async with world.db.work() as conn:
        world.clock.now = await conn.fetchval("SELECT clock_timestamp()") + timedelta(seconds=seconds)


async def test_an_event_that_a_relay_passed_by_is_found_and_delivered_once(world: World, tenant: Business) -> None:
    assert await missing(world, tenant) == 0, "the net is there from now on"
    await world.receive(tenant, tenant.message())
    await lose_the_delivery(world, tenant)
    assert await missing(world, tenant) == 1
    assert await world.value(tenant, "SELECT target FROM deliveries") == Target.GENESYS
    assert await missing(world, tenant) == 0


async def test_what_the_relay_has_not_reached_is_not_missing(world: World, tenant: Business) -> None:
    await missing(world, tenant)
    await world.receive(tenant, tenant.message())
    assert await missing(world, tenant) == 0
    await world.relay(tenant)
    assert await missing(world, tenant) == 0
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 1
    assert await world.value(tenant, "SELECT position FROM sink_cursors WHERE sink = $1", CURSOR) == 2


SKEWS = pytest.mark.parametrize("seconds", [-60, 0, 60], ids=lambda seconds: f"{seconds:+} s")


@SKEWS
async def test_what_is_missing_is_told_by_no_clock(world: World, tenant: Business, seconds: int) -> None:
    await set_off(world, seconds)
    await missing(world, tenant)
    await world.receive(tenant, tenant.message())
    await lose_the_delivery(world, tenant)
    assert [await missing(world, tenant) for _ in range(2)] == [1, 0]
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 1


@SKEWS
async def test_what_came_while_somebody_else_sent_is_not_missing_later(world: World, seconds: int) -> None:
    await set_off(world, seconds)
    external = await world.add("external", number="3001", sender="external")
    await missing(world, external)
    await world.receive(external, external.message("wamid.theirs"))
    await world.relay(external)
    await world.add("external", number="3001", sender="waystate")
    assert await missing(world, external) == 0
    await world.receive(external, external.message("wamid.ours"))
    await lose_the_delivery(world, external)
    assert await missing(world, external) == 1, "the net is there again"
    assert await world.value(external, "SELECT request->'channel'->>'messageId' FROM deliveries") == "wamid.ours"


async def test_what_the_relay_judged_before_a_change_is_not_missing_after_it_has_moved_on(world: World) -> None:
    """All in one look of the net: only behind the place where the relay heard of the change is something missing."""
    external = await world.add("external", number="3001", sender="external")
    await missing(world, external)
    await world.receive(external, external.message("wamid.theirs"))
    await world.relay(external)
    await world.add("external", number="3001", sender="waystate")
    await world.receive(external, external.message("wamid.ours"))
    await lose_the_delivery(world, external)
    assert await missing(world, external) == 1
    assert await world.value(external, "SELECT request->'channel'->>'messageId' FROM deliveries") == "wamid.ours"


@SKEWS
async def test_an_event_has_one_delivery_however_often_the_net_and_the_relay_look(
    world: World, tenant: Business, seconds: int
) -> None:
    await set_off(world, seconds)
    await missing(world, tenant)
    for _ in range(5):
        await world.receive(tenant, tenant.message())
        await asyncio.gather(world.relay(tenant), missing(world, tenant), missing(world, tenant))
    await world.execute(tenant, "UPDATE sink_cursors SET position = 0 WHERE sink = $1", CURSOR)
    assert await missing(world, tenant) == 0
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 5


async def test_what_failed_meanwhile_is_not_sent(world: World, tenant: Business) -> None:
    await missing(world, tenant)
    await world.receive(tenant, tenant.message("wamid.failed"))
    await lose_the_delivery(world, tenant)
    await world.report(tenant, tenant.report("wamid.failed", "failed"))
    assert await missing(world, tenant) == 0
