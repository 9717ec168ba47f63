"""A platform that answers nothing of use, or refuses the account: few messages pay for it, and afterwards the queue goes on."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.unit.simulator.conftest import CONFIG
from tests.world import HOLD, LANES, NO_FILES, Business, World
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.rate import LEAST_UNDER_WAY
from waystate.deliveries.send import Platforms
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.world import World as Simulated
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LeaseKeeper

HANDFUL = 5
NUMBER = CONFIG["phone_number_id"]
CODES = (0, 3, 10, 190, 200, 299, 33, 368, 131005, 131031, 131037, 131042, 131044, 131045, 133010, 134011)
OUTAGES = ("plain_503_before", "html_500_after", "graph_131000_before", "cut_off_after", "unreadable_after")


class FarSide(httpx2.AsyncBaseTransport):
    """The simulated Graph API, or `refusal` in its place; counts the sends that reach it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.inner = inner
        self.refusal: httpx2.Response | None = None
        self.sends: Counter[str] = Counter()
        self.lost_every: int | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if "/inbound/open/" in request.url.path or "oauth" in request.url.path:
            return httpx2.Response(503)
        self.sends[str(request.read())] += 1
        if self.lost_every is not None and self.sends.total() % self.lost_every == 0:
            return httpx2.Response(503)
        if self.refusal is not None:
            return self.refusal
        return await self.inner.handle_async_request(request)


class Scene:
    """Customers who each wait for one answer, a courier, and a clock that is moved by the second."""

    def __init__(self, world: World, tenant: Business, worker: DeliveryWorker, far: FarSide, simulated: Simulated) -> None:
        self.world, self.tenant, self.worker, self.far, self.simulated = world, tenant, worker, far, simulated

    async def write(self, customers: int, *, start: int = 0) -> None:
        phones = [f"4917{10_000 + start + number}" for number in range(customers)]
        await self.world.receive(self.tenant, *(self.tenant.message(wa_id=each) for each in phones))
        found = await self.world.rows(
            self.tenant, "SELECT contact_id FROM contact_identities WHERE external_id = ANY($1)", phones
        )
        await self.world.answer(self.tenant, *(self.tenant.reply(recipient_id=str(each["contact_id"])) for each in found))
        await self.world.relay(self.tenant)
        await self.world.execute(self.tenant, "UPDATE deliveries SET state = 'sent' WHERE target <> 'whatsapp'")

    async def run(self, seconds: int) -> None:
        """Until nothing is due, each second."""
        for _ in range(seconds):
            await self.once()
            self.world.clock.forward(seconds=1)

    async def once(self) -> None:
        await self.worker.step({self.tenant.tenant}, sweep=False)
        for courier in list(self.worker._couriers.values()):
            assert courier._run is not None
            await courier._run

    async def states(self) -> Counter[str]:
        rows = await self.world.rows(self.tenant, "SELECT state FROM deliveries WHERE target = 'whatsapp'")
        return Counter(row["state"] for row in rows)

    def arrivals(self) -> set[int]:
        """How often each message arrived that did."""
        return {len(sent.wamids) for sent in self.simulated.journal.sent.values()}


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    async with scene_of(world) as scene:
        yield scene


@asynccontextmanager
async def scene_of(world: World) -> AsyncIterator[Scene]:
    tenant = await world.add("acme", number=NUMBER, with_genesys=True)
    await world.execute(tenant, "UPDATE whatsapp_accounts SET api_url = 'http://simulated/graph/v1'")
    world.directory.clear()
    elsewhere = httpx2.MockTransport(lambda _: httpx2.Response(200))
    said = CONFIG | {"access_token": "token", "rules": {"window": False, "messages_per_second": 10_000}}
    app = create_simulator(SimulatorConfig(**said), transport=elsewhere)
    async with app.router.lifespan_context(app):
        far = FarSide(httpx2.ASGITransport(app))
        async with httpx2.AsyncClient(transport=far) as http:
            leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(hours=15), kinds=(DELIVERIES,))
            await leases.renew()
            worker = DeliveryWorker(
                world.db,
                world.directory,
                Platforms(GraphClient(http), GenesysClient(http)),
                leases,
                Metrics(),
                lambda *_: None,
                world.clock,
                objects=NO_FILES,
                concurrency=64,
                hold=HOLD,
            )
            yield Scene(world, tenant, worker, far, app.state.world)
            await worker.close()


@pytest.mark.parametrize("fault", OUTAGES)
async def test_an_outage_of_a_minute_costs_a_handful_and_all_others_leave_after_it(scene: Scene, fault: str) -> None:
    await scene.write(200)
    scene.simulated.faults.replace({fault: 1.0})
    await scene.run(60)
    during = await scene.states()
    assert during["unknown"] <= HANDFUL
    assert during == {"unknown": during["unknown"], "pending": 200 - during["unknown"]}
    scene.simulated.faults.replace({})
    await scene.run(70)
    assert await scene.states() == {"unknown": during["unknown"], "sent": 200 - during["unknown"]}
    assert set(scene.far.sends.values()) == {1}, "no message was sent twice"
    assert scene.arrivals() == {1}


async def test_an_outage_in_the_middle_of_traffic_costs_a_handful(scene: Scene) -> None:
    await scene.write(200)
    await scene.run(1)
    assert (await scene.states())["sent"] == 80, "a second's worth of the rate"
    scene.simulated.faults.replace({"plain_503_before": 1.0})
    await scene.run(300)
    assert (await scene.states())["unknown"] <= HANDFUL + 4, "five minutes: a probe a minute more"
    scene.simulated.faults.replace({})
    await scene.run(70)
    states = await scene.states()
    assert states["sent"] + states["unknown"] == 200
    assert set(scene.far.sends.values()) == {1}


async def test_answers_lost_now_and_then_let_the_account_go_on(scene: Scene) -> None:
    await scene.write(60)
    scene.far.lost_every = 4
    await scene.run(1)
    assert await scene.states() == {"unknown": 15, "sent": 45}


async def test_an_account_without_an_outage_is_not_braked_by_anothers(scene: Scene) -> None:
    """The brake is the account's: another number of the tenant sends on."""
    other = await scene.world.add("acme", number="1002")
    await scene.world.execute(other, "UPDATE whatsapp_accounts SET api_url = 'http://simulated/graph/v1'")
    scene.world.directory.clear()
    await scene.write(20)
    scene.simulated.faults.replace({"plain_503_before": 1.0})
    await scene.run(10)
    paces = scene.worker._couriers[scene.tenant.tenant]._paces
    assert (paces[NUMBER].is_braked, paces["1002"].is_braked) == (True, False)
    assert paces["1002"].room(0, scene.world.clock.now) == LEAST_UNDER_WAY


async def test_an_outage_is_said_once_and_its_end_too(scene: Scene) -> None:
    await scene.write(40)
    with capture_logs() as lines:
        scene.simulated.faults.replace({"plain_503_before": 1.0})
        await scene.run(60)
        scene.simulated.faults.replace({})
        await scene.run(60)
    said = [each for each in lines if each.get("account") == NUMBER]
    assert [each["log_level"] for each in said] == ["error", "info"]
    assert "rests" in said[0]["event"]
    assert "goes on" in said[1]["event"]


def refusal(code: int, **said: Any) -> httpx2.Response:
    return httpx2.Response(400, json={"error": {"message": f"(#{code}) No", "type": "OAuthException", "code": code, **said}})


@pytest.mark.parametrize("answer", [*map(refusal, CODES), refusal(100, error_subcode=33)], ids=[*map(str, CODES), "100-33"])
async def test_what_the_platform_holds_against_the_account_costs_no_message(scene: Scene, answer: httpx2.Response) -> None:
    await scene.write(20)
    scene.far.refusal = answer
    with capture_logs() as lines:
        await scene.run(120)
    assert await scene.states() == {"pending": 20}
    assert await scene.world.value(scene.tenant, "SELECT count(*) FROM messages WHERE status = 'failed'") == 0
    assert scene.far.sends.total() <= LEAST_UNDER_WAY + 4, "one message finds out every 30 s, after those that were under way"
    assert [each["log_level"] for each in lines if each.get("account") == NUMBER] == ["error"]
    scene.far.refusal = None
    await scene.run(70)
    assert await scene.states() == {"sent": 20}
    assert scene.arrivals() == {1}


@pytest.mark.parametrize("code", [100, 131026, 131047, 131051, 132001, 130497])
async def test_what_is_one_messages_fault_fails_that_message_and_no_other(scene: Scene, code: int) -> None:
    await scene.write(1)
    scene.far.refusal = refusal(code)
    await scene.run(1)
    assert await scene.states() == {"failed": 1}
    scene.far.refusal = None
    await scene.write(10, start=100)
    await scene.run(1)
    assert await scene.states() == {"failed": 1, "sent": 10}


async def test_a_limit_that_says_when_to_come_back_pauses_the_whole_number(scene: Scene) -> None:
    await scene.write(40)
    scene.far.refusal = httpx2.Response(429, headers={"Retry-After": "20"}, json={"error": {"code": 130429, "message": "x"}})
    await scene.run(1)
    scene.far.refusal = None
    asked = scene.far.sends.total()
    assert asked <= LEAST_UNDER_WAY
    await scene.run(19)
    assert scene.far.sends.total() == asked, "not one of the others either"
    await scene.run(2)
    assert await scene.states() == {"sent": 40}


async def test_a_disturbance_that_says_when_to_come_back_pauses_the_whole_number(scene: Scene) -> None:
    await scene.write(10)
    scene.far.refusal = httpx2.Response(503, headers={"Retry-After": "20"})
    await scene.run(1)
    scene.far.refusal = None
    await scene.run(19)
    states = await scene.states()
    assert states["unknown"] <= LEAST_UNDER_WAY
    assert states["sent"] == 0
    await scene.run(2)
    assert (await scene.states())["sent"] == 10 - states["unknown"]


@pytest.mark.parametrize("rate", [0.5, 1, 7])
async def test_no_more_leaves_than_the_numbers_rate(scene: Scene, rate: float) -> None:
    await scene.world.execute(scene.tenant, f"UPDATE whatsapp_accounts SET limits = '{{\"messages_per_second\": {rate}}}'")
    scene.world.directory.clear()
    await scene.write(60)
    for second in range(1, 9):
        await scene.run(1)
        assert scene.far.sends.total() <= max(1, rate) + rate * (second - 1)
    assert scene.far.sends.total() >= int(rate * 8), "and no less"


async def test_a_new_rate_holds_from_the_next_claim_on(scene: Scene) -> None:
    limits = "UPDATE whatsapp_accounts SET limits = '{{\"messages_per_second\": {}}}'"
    await scene.world.execute(scene.tenant, limits.format(2))
    scene.world.directory.clear()
    await scene.write(60)
    await scene.run(1)
    assert scene.far.sends.total() == 2
    await scene.world.execute(scene.tenant, limits.format(10))
    scene.world.directory.clear()
    await scene.run(1)
    assert scene.far.sends.total() == 2 + 10
