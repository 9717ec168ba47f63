"""From the outbox to subscribers: everything once in order, the cursor after the confirm, a broker that is away waited for."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.integration.broker.traffic import read, read_all, running
from tests.servers.rabbitmq import RabbitMQ
from tests.world import LANES, Business, World
from waystate.broker.connection import Broker
from waystate.broker.publisher import Outgoing, Publisher
from waystate.broker.publishing import SINK, PublishSink, PublishWorker, attach
from waystate.broker.topology import QueueNames
from waystate.errors import Retry
from waystate.events.model import AnyEvent
from waystate.work import store as work_store
from waystate.work.leases import LeaseKeeper


async def cursor(world: World, business: Business) -> int:
    rows = await world.rows(business, "SELECT position FROM sink_cursors WHERE sink = $1", SINK)
    return rows[0]["position"] if rows else 0


async def test_events_reach_the_exchange_in_order_and_the_cursor_follows(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business
) -> None:
    await world.receive(tenant, *(tenant.message() for _ in range(25)))
    sink = PublishSink(world.db, Publisher(rabbit).publish_many, names.events)
    assert await sink.relay(tenant.tenant, epoch=1, batch=10) is True
    while await sink.relay(tenant.tenant, epoch=1, batch=10):
        pass
    found = await read(broker.url, names.unrouted, 26)
    assert [each.headers["x-position"] for each in found] == [*range(1, 27)]
    assert [each.routing_key for each in found] == ["acme.inbound.enriched"] * 25 + ["acme.window.opened"]
    rows = await world.rows(tenant, "SELECT id FROM events ORDER BY position")
    assert [each.message_id for each in found] == [str(row["id"]) for row in rows]
    event = AnyEvent.validate_json(found[0].body)
    assert event.type == found[0].type == "inbound.enriched"
    assert found[0].headers["x-tenant-id"] == "acme"
    assert await cursor(world, tenant) == 26


async def test_the_cursor_stays_until_the_broker_has_confirmed(
    rabbit: Broker, names: QueueNames, world: World, tenant: Business
) -> None:
    await world.receive(tenant, tenant.message())

    async def away(_: Sequence[Outgoing]) -> None:
        raise Retry("away", after=1)

    with pytest.raises(Retry):
        await PublishSink(world.db, away, names.events).relay(tenant.tenant, epoch=1, batch=10)
    assert await cursor(world, tenant) == 0
    await PublishSink(world.db, Publisher(rabbit).publish_many, names.events).relay(tenant.tenant, epoch=1, batch=10)
    assert await cursor(world, tenant) == 2


async def test_a_stale_holder_publishes_nothing_and_moves_nothing(names: QueueNames, world: World, tenant: Business) -> None:
    published: list[Outgoing] = []

    async def keep(messages: Sequence[Outgoing]) -> None:
        published.extend(messages)

    sink = PublishSink(world.db, keep, names.events)
    await world.receive(tenant, tenant.message())
    await sink.relay(tenant.tenant, epoch=2, batch=10)
    await world.receive(tenant, tenant.message())
    assert await sink.relay(tenant.tenant, epoch=1, batch=10) is False
    assert len(published) == 2, "the message, and that the window opened"
    assert await cursor(world, tenant) == 2


async def test_a_holder_that_goes_stale_while_it_publishes_does_not_move_the_cursor(
    names: QueueNames, world: World, tenant: Business
) -> None:
    await world.receive(tenant, tenant.message())
    seen: list[str] = []

    async def newer(messages: Sequence[Outgoing]) -> None:
        seen.extend(each.message_id for each in messages)

    async def slow(messages: Sequence[Outgoing]) -> None:
        await PublishSink(world.db, newer, names.events).relay(tenant.tenant, epoch=2, batch=10)
        await world.receive(tenant, tenant.message())
        seen.extend(each.message_id for each in messages)

    await PublishSink(world.db, slow, names.events).relay(tenant.tenant, epoch=1, batch=10)
    assert await cursor(world, tenant) == 2
    assert seen[:2] == seen[2:], "twice, with the same ids"


@pytest.mark.parametrize(("from_beginning", "begins"), [(False, 4), (True, 0)])
async def test_publishing_starts_where_the_exchange_is_attached_first(
    names: QueueNames, world: World, tenant: Business, from_beginning: bool, begins: int
) -> None:
    published: list[int | str] = []

    async def keep(messages: Sequence[Outgoing]) -> None:
        published.extend(each.headers["x-position"] for each in messages)

    sink = PublishSink(world.db, keep, names.events)
    await world.receive(tenant, *(tenant.message() for _ in range(3)))
    # Two processes start at once.
    await asyncio.gather(*(attach(world.db, from_beginning=from_beginning) for _ in range(2)))
    later = await world.add("umbra", number="2002")
    for each in (tenant, later):
        await world.receive(each, each.message())
    # A later start settles nothing again, also not of a tenant that nobody published for yet.
    await attach(world.db, from_beginning=False)
    for each, until in ((tenant, 5), (later, 2)):
        await sink.relay(each.tenant, epoch=1, batch=10)
        assert await cursor(world, each) == until
    assert published == [*range(begins + 1, 6), 1, 2]


async def worker(world: World, rabbit: Broker, names: QueueNames) -> PublishWorker:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(seconds=60))
    await leases.renew()
    sink = PublishSink(world.db, Publisher(rabbit).publish_many, names.events)
    return PublishWorker(world.db, sink, leases, world.clock, lanes=LANES, batch=100)


async def test_the_worker_finds_what_no_hint_told_it(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business
) -> None:
    other = await world.add("umbra", number="2002")
    await world.receive(tenant, *(tenant.message() for _ in range(3)))
    await world.receive(other, other.message())
    async with running(await worker(world, rabbit, names)):
        found = await read(broker.url, names.unrouted, 6)
        # What is on the exchange is not yet behind the cursor.
        for _ in range(500):
            async with world.db.work() as conn:
                due = await work_store.due_work(conn, "publish", world.clock())
            if not due:
                break
            await asyncio.sleep(0.01)
    assert sorted(json.loads(each.body)["phone_number_id"] for each in found) == ["1001"] * 4 + ["2002"] * 2
    assert due == []


async def test_the_broker_killed_under_the_worker_loses_nothing_and_deliveries_go_on(
    mortal: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business
) -> None:
    publishing = await worker(world, rabbit, names)
    async with running(publishing):
        for each in range(4):
            await world.receive(tenant, *(tenant.message() for _ in range(50)))
            publishing.hint.give(tenant.tenant)
            if each == 1:
                await asyncio.sleep(0.01)
                mortal.kill()
                assert await world.relay(tenant), "the deliveries' sink does not wait"
            if each == 2:
                mortal.start()
        for _ in range(600):
            if await cursor(world, tenant) == 201:
                break
            await asyncio.sleep(0.05)
    assert await cursor(world, tenant) == 201
    events = {str(row["id"]) for row in await world.rows(tenant, "SELECT id FROM events")}
    assert set(await read_all(mortal.url, names.unrouted, events)) == events
