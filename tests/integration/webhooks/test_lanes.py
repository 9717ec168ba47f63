"""Another number of lanes: what waits, or was rejected, is worked in the lane of what comes after it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.bodies import change, envelope
from tests.world import Business, World
from waystate.channels.whatsapp.parse import find_numbers
from waystate.ids import new_id
from waystate.ledger import store
from waystate.ledger.model import Received
from waystate.principal import OPERATOR
from waystate.web.metrics import Metrics
from waystate.webhooks.intake import deal_out, replay_all
from waystate.webhooks.work import WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work.lanes import lane_of
from waystate.work.leases import LEDGER, LeaseKeeper, share_out_anew
from waystate.work.loops import Hint

MANY, FEW = 64, 3


async def append(world: World, body: bytes, lanes: int) -> None:
    lane = lane_of((find_numbers(body) or ["app-1"])[0], lanes)
    row = Received(id=new_id(), source="whatsapp", origin="app-1", lane=lane, received_at=world.clock.now, body=body)
    async with world.db.ingest() as conn:
        await store.append_many(conn, [row])


async def work_with(world: World, lanes: int, *, times: int = 5) -> None:
    """As a process of that setting that starts, works and ends."""
    leases = LeaseKeeper(world.db, world.clock, lanes=lanes, ttl=timedelta(seconds=15))
    await leases.renew()
    metrics = Metrics()
    pipeline = WebhookPipeline(world.db, world.directory, world.runner(metrics=metrics), metrics, lanes=lanes)
    worker = LedgerWorker(world.db, world.directory, pipeline, leases, Hint(), world.clock, batch=100)
    for _ in range(times):
        await worker.step(set(), sweep=True)
    await leases.release()


async def wamids(world: World, business: Business) -> list[str]:
    return [row["wamid"] for row in await world.rows(business, "SELECT wamid FROM messages ORDER BY id")]


@pytest.fixture
def stranger(tenant: Business) -> Business:
    number = next(n for n in map(str, range(7000, 7999)) if lane_of(n, MANY) >= FEW and lane_of(n, MANY) != lane_of(n, FEW))
    return replace(tenant, number=number, waba=f"waba-{number}")


async def test_what_was_rejected_under_another_number_of_lanes_is_worked_before_what_came_later(
    world: World, stranger: Business
) -> None:
    await append(world, envelope(change(stranger, stranger.message("wamid.1"))), MANY)
    await work_with(world, MANY)
    await append(world, envelope(change(stranger, stranger.message("wamid.2"))), FEW)
    await world.add("late", number=stranger.number)
    await work_with(world, FEW)
    late = replace(stranger, tenant="late")  # type: ignore[arg-type]
    assert await wamids(world, late) == ["wamid.1", "wamid.2"]


async def test_what_waits_in_a_lane_that_is_no_more_is_worked(world: World, tenant: Business) -> None:
    number = next(n for n in map(str, range(7000, 7999)) if lane_of(n, MANY) >= FEW)
    business = await world.add("globex", number=number)
    both = envelope(change(tenant, tenant.message("wamid.1")), change(business, business.message("wamid.2")))
    await append(world, both, MANY)
    await work_with(world, MANY, times=1)
    assert await wamids(world, business) == [], "it was handed over"
    await append(world, envelope(change(business, business.message("wamid.3"))), MANY)
    await work_with(world, FEW)
    assert await wamids(world, business) == ["wamid.2", "wamid.3"]


async def test_rows_are_shared_out_anew_once(world: World, stranger: Business) -> None:
    for n in range(3):
        await append(world, envelope(change(stranger, stranger.message(f"wamid.{n}"))), MANY)
    await append(world, b"\xff no number", MANY)
    assert [await share_out_anew(world.db, LEDGER, FEW, deal_out) for _ in range(2)] == [4, 0]
    async with world.db.work() as conn:
        rows = await store.take_many(conn, range(FEW), world.clock.now, 10)
    assert [row.lane for row in rows] == [*[lane_of(stranger.number, FEW)] * 3, lane_of("app-1", FEW)]
    assert (await replay_all(world.db, OPERATOR, world.clock)).count == 0
