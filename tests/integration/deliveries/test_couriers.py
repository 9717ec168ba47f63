"""What a courier says of its sends."""

from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from tests.world import HOLD, LANES, Business, World, lost
from waystate.channels.model import AttemptResult
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.meter import Meter
from waystate.deliveries.send import Platforms
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LeaseKeeper


class Silent:
    """A far side that takes a request and never answers."""

    async def send(self, **_: Any) -> AttemptResult:
        return lost()


async def test_a_courier_says_what_it_lost(world: World, tenant: Business) -> None:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(seconds=15), kinds=(DELIVERIES,))
    await leases.renew()
    platforms = Platforms(Silent(), Silent())  # type: ignore[arg-type]
    meter = Meter(Metrics(), world.clock)
    worker = DeliveryWorker(
        world.db, world.directory, platforms, leases, meter, lambda *_: None, world.clock, concurrency=8, hold=HOLD
    )
    await world.correspond(tenant)
    await world.relay(tenant)
    with capture_logs() as lines:
        await worker.step({tenant.tenant}, sweep=True)
        await worker.close()
    assert [each["count"] for each in lines if "unknown until a status tells" in each["event"]] == [1]
