"""Three hundred requests a minute of an OAuth client: who gets them, and what is not sent for want of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import httpx2
import pytest
from obstore.store import MemoryStore

from tests.integration.deliveries.genesys_side import MINUTE, GenesysSide
from tests.integration.deliveries.test_delivery_store import insert
from tests.world import HOLD, LANES, Business, World, accepted, later
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries import store
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.model import PATIENCE, Claimed, Delivery, Target
from waystate.deliveries.queue import list_queues, show_queues
from waystate.deliveries.retry import LOOKUP_ATTEMPTS
from waystate.deliveries.send import Platforms
from waystate.ids import new_id
from waystate.media.objects import ObjectStore
from waystate.web.metrics import Metrics
from waystate.work.lanes import lane_of
from waystate.work.leases import DELIVERIES, LeaseKeeper

numbers = count(1)


class Process:
    """A process with couriers, which shares the lanes with the others."""

    def __init__(self, world: World, side: GenesysSide) -> None:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(side.handle))
        self.leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(hours=30), kinds=(DELIVERIES,))
        self.worker = DeliveryWorker(
            world.db,
            world.directory,
            Platforms(GraphClient(http), GenesysClient(http)),
            self.leases,
            Metrics(),
            lambda *_: None,
            world.clock,
            objects=ObjectStore(MemoryStore),
            concurrency=64,
            hold=HOLD,
        )

    async def once(self, *tenants: Business) -> None:
        """Until nothing may leave."""
        await self.worker.step({each.tenant for each in tenants}, sweep=False)
        for courier in list(self.worker._couriers.values()):
            while courier._run is not None and not courier._run.done():
                await courier._run

    async def end(self) -> None:
        await self.worker.close()
        await self.leases.release()


@pytest.fixture
def side(world: World) -> GenesysSide:
    return GenesysSide(world.clock)


@pytest.fixture
async def process(world: World, side: GenesysSide) -> AsyncIterator[Process]:
    process = Process(world, side)
    await process.leases.renew()
    yield process
    await process.end()


async def run(world: World, seconds: float, processes: list[Process], *tenants: Business, every: float = 0.2) -> None:
    for _ in range(round(seconds / every)):
        world.clock.forward(seconds=every)
        for process in processes:
            await process.once(*tenants)


def to_genesys(
    world: World, tenant: Business, target: Target, *, customer: str = "a", age: float = 0, integration: str | None = None
) -> Delivery:
    """As the relay makes them of a customer's message, or an agent's."""
    position, message_id = next(numbers), new_id()
    message = {"channel": {"from": {"id": customer}, "messageId": f"wamid.{position}"}, "text": str(position)}
    return Delivery(
        event_id=new_id(),
        target=target,
        message_id=message_id,
        conversation_id=new_id(),
        account=integration or tenant.integration,
        lane=lane_of(f"client-{tenant.number}", LANES),
        order_key=f"g:{customer}" if target is Target.GENESYS else f"r:{message_id}",
        position=position,
        created_at=world.clock.now - timedelta(seconds=age),
        request=message if target is Target.GENESYS else {"id": str(position), "status": "Delivered"},
    )


def many(world: World, tenant: Business, how_many: int, target: Target = Target.GENESYS, **said: Any) -> list[Delivery]:
    return [to_genesys(world, tenant, target, customer=f"{said}-{number}", **said) for number in range(how_many)]


async def set_integration(world: World, tenant: Business, **said: object) -> None:
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(said, 1))
    await world.execute(tenant, f"UPDATE genesys_integrations SET {columns}", *said.values())
    world.directory.clear()


async def limit(world: World, side: GenesysSide, requests: int, *tenants: Business) -> None:
    side.limit = requests
    for tenant in tenants:
        await set_integration(world, tenant, limits={"requests_per_minute": requests})


async def share_client(world: World, first: Business, second: Business) -> None:
    """Two tenants, one OAuth client: the second's is the first's."""
    await set_integration(world, second, client_id=f"client-{first.number}")


def busiest_minute(side: GenesysSide, client: str) -> int:
    times = sorted(each.at for each in side.asked if each.client == client)
    return max(sum(begin <= at < begin + MINUTE for at in times) for begin in times)


async def test_the_integrations_and_tenants_of_one_client_share_its_budget(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    other = await world.add("globex", number="2001")
    await share_client(world, tenant, other)
    await limit(world, side, 90, tenant, other)
    await insert(world, tenant, *many(world, tenant, 120))
    theirs = [to_genesys(world, tenant, Target.GENESYS, customer=f"t{n}", integration=other.integration) for n in range(120)]
    await insert(world, other, *theirs)
    await run(world, 130, [process], tenant, other, every=0.5)
    client = f"client-{tenant.number}"
    assert side.statuses() == {200: len(side.asked)}, "nothing was refused for its rate"
    assert 75 <= busiest_minute(side, client) <= 90
    shares = [len([each for each in side.of("message") if each.integration == name]) for name in _names(tenant, other)]
    assert min(shares) > 60, "both get on"


def _names(*tenants: Business) -> list[str]:
    return [each.integration for each in tenants]


async def test_the_budget_holds_with_two_processes_and_after_each_restart(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    second = Process(world, side)
    await second.leases.renew()
    await process.leases.renew()
    await second.leases.renew()
    await limit(world, side, 240, tenant)
    await insert(world, tenant, *many(world, tenant, 400))
    processes = [process, second]
    for _ in range(6):
        await run(world, 15, processes, tenant, every=0.5)
        await processes[1].end()
        processes[1] = Process(world, side)
        await processes[1].leases.renew()
        await processes[0].leases.renew()
        await processes[1].leases.renew()
        processes.reverse()
    await processes[0 if processes[1] is process else 1].end()
    assert side.statuses() == {200: len(side.asked)}
    assert 200 <= busiest_minute(side, f"client-{tenant.number}") <= 240


async def test_a_refusal_for_the_rate_holds_the_whole_client_until_genesys_says(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    await insert(world, tenant, *many(world, tenant, 30))
    side.limit = 1
    await run(world, 2, [process], tenant)
    assert side.statuses()[429] == 1
    side.limit = 300
    before = len(side.asked)
    await run(world, 55, [process], tenant, every=1)
    assert len(side.asked) == before
    await run(world, 30, [process], tenant, every=1)
    assert len(side.of("message")) == 30


async def test_messages_go_before_receipts_and_receipts_do_not_wait_for_ever(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    """Also where more receipts than a claim's window stand before."""
    await insert(world, tenant, *many(world, tenant, 3000, Target.GENESYS_RECEIPT))
    await insert(world, tenant, *many(world, tenant, 100))
    await run(world, 19, [process], tenant, every=1)
    assert not side.of("receipt"), "messages want all that there is"
    await run(world, 5, [process], tenant, every=1)
    assert len(side.of("message")) == 100
    assert side.of("receipt")
    world.clock.forward(seconds=PATIENCE.total_seconds())
    await insert(world, tenant, *many(world, tenant, 300))
    before = len(side.of("message"))
    await run(world, 20, [process], tenant, every=1)
    assert len(side.of("message")) == before, "they are younger than the receipts by more than these are to wait"


@pytest.mark.parametrize("seed", range(3))
async def test_however_little_leaves_at_once_no_conversation_is_overtaken(world: World, tenant: Business, seed: int) -> None:
    random = Random(seed)
    waiting = [
        to_genesys(
            world,
            tenant,
            random.choice([Target.GENESYS, Target.GENESYS_RECEIPT]),
            customer=random.choice("abcde"),
            age=random.choice([0, 0, 30, 90, 600]),
        )
        for _ in range(80)
    ]
    await insert(world, tenant, *random.sample(waiting, len(waiting)))
    done: dict[str, list[int]] = defaultdict(list)
    for _ in range(400):
        claimed = await claim(world, tenant, random.randint(0, 3))
        for each in claimed:
            is_sent = random.random() < 0.7
            await world.settle(tenant, (each, accepted("x") if is_sent else later(random.choice([None, 2.0]))))
            if is_sent:
                done[each.order_key].append(int(each.request.get("text") or each.request["id"]))
        world.clock.forward(seconds=random.choice([0, 1, 40]))
    assert sum(map(len, done.values())) == len(waiting)
    assert all(order == sorted(order) for order in done.values())


async def claim(world: World, tenant: Business, room: int) -> list[Claimed]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.claim_heads(
            conn, tenant.tenant, epochs=dict.fromkeys(range(LANES), 1), paused_accounts=[], holder="tests",
            now=world.clock.now, batch=64, rooms={"client": room}, payers={tenant.integration: "client"},
        )  # fmt: skip


async def test_a_receipt_that_waits_is_replaced_by_the_one_that_says_more(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    await answered(world, tenant, "wamid.out")
    await world.report(tenant, tenant.report("wamid.out", "delivered"))
    await world.relay(tenant)
    error = {"code": 131026, "title": "Message undeliverable"}
    await world.report(tenant, tenant.report("wamid.out", "failed", error=error))
    await world.relay(tenant)
    await run(world, 5, [process], tenant)
    (receipt,) = side.of("receipt")
    assert receipt.body["status"] == "Failed"
    assert [each["code"] for each in receipt.body["reasons"]] == ["InvalidDestination"]
    await world.report(tenant, tenant.report("wamid.out", "read"))
    await world.relay(tenant)
    await run(world, 5, [process], tenant)
    assert [each.body["status"] for each in side.of("receipt")] == ["Failed", "Delivered"], "what was sent is not taken back"


@pytest.mark.parametrize(
    ("receipts", "told"), [("all", ["Sent", "Delivered"]), ("final", ["Delivered"]), ("failed", []), ("none", [])]
)
async def test_an_integration_says_which_receipts_it_wants(
    world: World, tenant: Business, side: GenesysSide, process: Process, receipts: str, told: list[str]
) -> None:
    await set_integration(world, tenant, receipts=receipts)
    await answered(world, tenant, "wamid.out")
    await world.relay(tenant)
    await run(world, 3, [process], tenant)
    await world.report(tenant, tenant.report("wamid.out", "delivered"))
    await world.relay(tenant)
    await run(world, 3, [process], tenant)
    assert [each.body["status"] for each in side.of("receipt")] == told
    assert [each.body["isFinalReceipt"] for each in side.of("receipt")] == [each != "Sent" for each in told]


async def test_a_receipt_that_genesys_refuses_is_no_dead_letter(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    side.judge = lambda what: httpx2.Response(404, json={"code": "not.found"}) if what == "receipt" else None
    await insert(world, tenant, *many(world, tenant, 3, Target.GENESYS_RECEIPT))
    await run(world, 5, [process], tenant)
    assert side.statuses() == {404: 3}, "each once"
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == 0


async def answered(world: World, tenant: Business, wamid: str) -> None:
    """An agent's message that WhatsApp took; everything that was to reach Genesys before has."""
    await world.correspond(tenant)
    for each in await world.deliver(tenant):
        await world.settle(tenant, (each, accepted(wamid)))


async def written(world: World, tenant: Business, process: Process, *texts: str) -> None:
    await world.receive(tenant, *(tenant.message(text=each) for each in texts))
    await world.relay(tenant)
    await run(world, 0.6, [process], tenant)


async def test_without_prefetch_a_conversation_is_looked_up_once(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    await set_integration(world, tenant, prefetch_conversation_id=False)
    side.knows_conversations = False
    await written(world, tenant, process, "one", "two")
    assert len(side.of("message")) == 2
    await run(world, 4, [process], tenant)
    early = [each for each in side.asked if each.what == "details"]
    assert {each.http_status for each in early} == {404}
    assert 1 < len(early) < 5, "with pauses"
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'genesys_lookup'") == 1
    side.knows_conversations = True
    await run(world, 10, [process], tenant)
    found = await world.value(tenant, "SELECT genesys_conversation_id FROM conversations")
    assert found == "conversation of at genesys wamid.in.1"
    await written(world, tenant, process, "three")
    await run(world, 10, [process], tenant)
    assert len(side.of("details")) == 1, "it is known now"


async def test_an_agent_who_writes_first_ends_the_search(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    await set_integration(world, tenant, prefetch_conversation_id=False)
    side.knows_conversations = False
    await written(world, tenant, process, "one")
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    await world.answer(tenant, tenant.reply(recipient_id=contact, conversation_id="told by the agent"))
    asked = len(side.asked)
    await run(world, 200, [process], tenant, every=5)
    assert len(side.asked) == asked
    row = await world.row(tenant, "SELECT state, attempts FROM deliveries WHERE target = 'genesys_lookup'")
    assert row["state"] == "sent"


async def test_a_conversation_that_genesys_never_knows_is_given_up_without_a_dead_letter(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    await set_integration(world, tenant, prefetch_conversation_id=False)
    side.knows_conversations = False
    await written(world, tenant, process, "one")
    await run(world, 600, [process], tenant, every=10)
    assert len([each for each in side.asked if each.what == "details"]) == LOOKUP_ATTEMPTS
    assert await world.value(tenant, "SELECT state FROM deliveries WHERE target = 'genesys_lookup'") == "failed"
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == 0
    side.knows_conversations = True
    await written(world, tenant, process, "two")
    await run(world, 10, [process], tenant)
    assert await world.value(tenant, "SELECT genesys_conversation_id FROM conversations") is not None


async def test_with_prefetch_nothing_is_looked_up(world: World, tenant: Business, side: GenesysSide, process: Process) -> None:
    await written(world, tenant, process, "one")
    assert await world.value(tenant, "SELECT genesys_conversation_id FROM conversations") is not None
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'genesys_lookup'") == 0


async def test_what_waits_is_told_with_its_age_and_when_it_will_be_through(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    other = await world.add("globex", number="2001")
    await share_client(world, tenant, other)
    await insert(world, tenant, *many(world, tenant, 4, age=40), *many(world, tenant, 5, Target.GENESYS_RECEIPT, age=9))
    await insert(world, other, to_genesys(world, other, Target.GENESYS, age=90))
    (queue,) = await list_queues(world.db, world.directory, tenant.tenant)
    assert {kind: each.waiting for kind, each in queue.backlogs.items()} == {"messages": 4, "receipts": 5}
    assert (queue.oldest_at, queue.done_in) == (world.clock.now - timedelta(seconds=40), timedelta(seconds=1.8))
    metrics = Metrics()
    await show_queues(world.db, world.directory, metrics, world.clock.now)
    told = metrics.render().decode()
    assert 'waystate_genesys_waiting{what="messages"} 5.0' in told, "of all tenants"
    assert 'waystate_genesys_oldest_seconds{what="messages"} 90.0' in told
    assert 'waystate_genesys_oldest_seconds{what="receipts"} 9.0' in told
    assert "waystate_genesys_done_in_seconds 2.0" in told
    await run(world, 5, [process], tenant, other)
    await show_queues(world.db, world.directory, metrics, world.clock.now)
    assert 'waystate_genesys_oldest_seconds{what="messages"} 0.0' in metrics.render().decode()
    assert (await list_queues(world.db, world.directory, tenant.tenant))[0].waiting == 0


async def test_who_asks_while_another_tenant_looks_for_work_comes_back_at_once(
    world: World, tenant: Business, side: GenesysSide, process: Process
) -> None:
    """Not only with the next sweep: what the other had reserved is given back a moment later."""
    other = await world.add("globex", number="2001")
    await share_client(world, tenant, other)
    await process.once(tenant, other)
    for number in range(5):
        world.clock.forward(seconds=5)
        await insert(world, other, to_genesys(world, other, Target.GENESYS, customer=str(number)))
        for each in (tenant, other):
            await process.worker.step({each.tenant}, sweep=False)
        async with asyncio.timeout(5):
            while len(side.of("message")) <= number:  # noqa: ASYNC110 - it watches the far side, which signals nobody
                await asyncio.sleep(0.02)
