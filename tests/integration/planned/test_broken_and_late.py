"""What cannot be released fails alone, clocks that differ turn no order round, a phone that was given up makes nobody."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.integration.planned.test_order import post
from tests.integration.sends.test_release import HOUR, ignore, plan, release, said, silent, state
from tests.world import Business, World, run_in
from waystate.ids import id_at, new_id, time_of
from waystate.pipeline.run import run_inbound
from waystate.sends.model import Waiting
from waystate.sends.release import Releases
from waystate.work.loops import Hint


async def test_what_cannot_be_released_fails_alone_though_another_is_locked_meanwhile(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    good = await plan(world, tenant, "good", send_at=world.clock.now + HOUR)
    broken = await plan(world, tenant, "broken", send_at=world.clock.now + HOUR)
    await world.execute(tenant, "UPDATE planned_messages SET request = request - 'type' WHERE id = $1", broken)
    world.clock.now += HOUR
    gives_up = asyncio.Event()

    class Slow(Releases):
        async def _give_up(self, *named: Any) -> None:
            gives_up.set()
            await asyncio.sleep(0.3)
            await super()._give_up(*named)

    slow = Slow(world.db, world.directory, Hint(), ignore, world.clock)
    async with world.db.tenant(tenant.tenant) as conn:  # as a withdrawal that comes to nothing
        await conn.execute("SELECT 1 FROM planned_messages WHERE id = $1 FOR NO KEY UPDATE", good)
        releasing = asyncio.create_task(slow.release_due(tenant.tenant))
        await gives_up.wait()
    await releasing
    await release(world, tenant)
    assert await state(world, tenant, good) == ("released", None)
    assert await state(world, tenant, broken) == ("failed", "release_failed")


async def test_what_is_said_behind_others_keeps_its_order_though_the_next_clock_is_behind(
    world: World, tenant: Business
) -> None:
    await silent(world, tenant)
    await plan(world, tenant, "held")
    await world.receive(tenant, tenant.message())
    first = await post(world, tenant, "first")
    assert isinstance(first, Waiting)
    behind = timedelta(milliseconds=200)
    world.clock.now -= behind
    second = await post(world, tenant, "second")
    assert isinstance(second, Waiting)
    earlier = id_at(time_of(first.planned_id) - behind, new_id().int)
    await world.execute(tenant, "UPDATE planned_messages SET id = $1 WHERE id = $2", earlier, second.planned_id)
    world.clock.now += timedelta(seconds=1)
    await release(world, tenant)
    assert await said(world, tenant) == ["held", "first", "second"]


async def test_a_planned_template_to_a_phone_its_customer_gave_up_makes_no_stranger(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message(user_id="US.1"))
    content = {"name": "welcome", "language": {"code": "en_US"}}
    await plan(world, tenant, "T", type="template", content=content, send_at=world.clock.now + HOUR)
    told = {"type": "user_changed_number", "wa_id": "491700000999"}
    change = tenant.message("wamid.sys", type="system", user_id="US.1", text=None, content=told)
    await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, [change])
    world.clock.now += HOUR
    await release(world, tenant)
    assert await said(world, tenant) == ["T"]
    assert await world.value(tenant, "SELECT count(DISTINCT contact_id) FROM contact_identities") == 1
