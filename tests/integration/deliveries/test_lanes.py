"""Other lanes, by their number or by an integration's client: what waits leaves all the same, and in its order."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from tests.integration.deliveries.test_resend import refuse_at_genesys
from tests.integration.test_stale_memory import Recorder
from tests.letters import replay
from tests.world import HOLD, LANES, NO_FILES, Business, World, lost
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.lanes import deal_out_all
from waystate.deliveries.plan import DeliverySink
from waystate.deliveries.send import Platforms
from waystate.events.sinks import relay
from waystate.tenants import store
from waystate.web.metrics import Metrics
from waystate.work.lanes import lane_of
from waystate.work.leases import DELIVERIES, LeaseKeeper, share_out_anew

MANY, FEW = 64, 3


async def share_out(world: World, lanes: int) -> int:
    return await share_out_anew(world.db, DELIVERIES, lanes, partial(deal_out_all, world.directory))


@pytest.fixture
async def business(world: World) -> Business:
    """With an agent's answer that waits in a lane that is no more where there are few."""
    number = next(n for n in map(str, range(7000, 7999)) if lane_of(n, MANY) >= FEW)
    business = await world.add("globex", number=number, with_genesys=False)
    await world.receive(business, business.message())
    await answer(world, business, "g.1")
    await share_out(world, MANY)
    return business


async def answer(world: World, business: Business, genesys_message_id: str) -> None:
    conversation = str(await world.value(business, "SELECT id FROM conversations"))
    await world.answer(business, business.reply(genesys_message_id, conversation_id=conversation))
    await relay(world.db, business.tenant, DeliverySink(world.directory, MANY), epoch=1, batch=100)


async def work_with(world: World, business: Business, lanes: int) -> Recorder:
    """As a process of that setting that starts, works for some hours, and ends."""
    far = Recorder()
    platforms = Platforms(far, far)  # type: ignore[arg-type]
    leases = LeaseKeeper(world.db, world.clock, lanes=lanes, ttl=timedelta(days=9))
    metrics = Metrics()
    start = partial(DeliveryWorker, world.db, world.directory, platforms, leases, metrics, lambda *_: None, world.clock)
    worker = start(objects=NO_FILES, concurrency=8, hold=HOLD)
    await leases.renew()
    for _ in range(4):
        await worker.step({business.tenant}, sweep=True)
        await asyncio.sleep(0.1)
        world.clock.forward(hours=1)
    await worker.close()
    await leases.release()
    return far


async def test_what_waits_leaves_after_a_start_with_fewer_lanes(world: World, business: Business) -> None:
    await answer(world, business, "g.2")
    await work_with(world, business, FEW)
    rows = await world.rows(business, "SELECT state, external_id, lane FROM deliveries ORDER BY position")
    lane = lane_of(business.number, FEW)
    assert [tuple(row.values()) for row in rows] == [("sent", "wamid.out.1", lane), ("sent", "wamid.out.2", lane)]


async def test_what_was_under_way_is_settled_after_a_start_with_fewer_lanes(world: World, business: Business) -> None:
    assert len(await world.claim(business, lanes=range(MANY))) == 1
    far = await work_with(world, business, FEW)
    assert far.numbers == [], "it may have left"
    assert await world.value(business, "SELECT state FROM deliveries") == "unknown"


async def test_a_send_nobody_can_tell_of_holds_its_customer_in_the_new_lane_too(world: World, business: Business) -> None:
    (claimed,) = await world.claim(business, lanes=range(MANY))
    await world.settle(business, (claimed, lost()))
    await answer(world, business, "g.2")
    await share_out(world, FEW)
    assert await world.claim(business, lanes=range(FEW)) == []
    world.clock.forward(seconds=HOLD.total_seconds() + 1)
    assert len(await world.claim(business, lanes=range(FEW))) == 1


async def test_deliveries_are_shared_out_anew_once_and_those_that_are_done_are_left(world: World, business: Business) -> None:
    await world.execute(business, "UPDATE deliveries SET state = 'sent'")
    await answer(world, business, "g.2")
    assert [await share_out(world, FEW) for _ in range(2)] == [1, 0]
    rows = await world.rows(business, "SELECT lane FROM deliveries ORDER BY position")
    assert [row["lane"] for row in rows] == [lane_of(business.number, MANY), lane_of(business.number, FEW)]


async def change_client(world: World, tenant: Business) -> int:
    """The integration's OAuth client, to one of another lane; which lane."""
    client = next(
        each for n in range(100) if lane_of(each := f"client-{n}", LANES) != lane_of(f"client-{tenant.number}", LANES)
    )
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        (known,) = await store.integrations_of(conn, world.vault, tenant.tenant)
        await store.upsert_integrations(conn, world.vault, tenant.tenant, [known.model_copy(update={"client_id": client})])
    return lane_of(client, LANES)


async def test_a_customers_order_outlives_their_integrations_client(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.relay(tenant)
    lane = await change_client(world, tenant)
    await world.receive(tenant, tenant.message("wamid.2"))
    await world.relay(tenant)
    (claimed,) = await world.claim(tenant, lanes=[lane])
    assert claimed.request["channel"]["messageId"] == "wamid.1"


async def test_a_replay_goes_behind_what_waits_for_the_integrations_former_client(world: World, tenant: Business) -> None:
    letter = await refuse_at_genesys(world, tenant)
    await world.receive(tenant, tenant.message("wamid.before"))
    await world.relay(tenant)
    lane = await change_client(world, tenant)
    await replay(world, tenant, letter)
    (claimed,) = await world.claim(tenant, lanes=[lane])
    assert claimed.request["channel"]["messageId"] == "wamid.before"
