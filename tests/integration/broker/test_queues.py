"""The five queues over a real RabbitMQ into a real PostgreSQL: tracked once, in order, or kept with a reason."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import aio_pika
import pytest

from tests.integration.broker.traffic import depth, read, running, send, until, until_empty
from tests.servers.rabbitmq import RabbitMQ
from tests.world import Business, World
from waystate.broker.connection import Broker
from waystate.broker.consumer import QueueMessage
from waystate.broker.consumers import QueueConsumers
from waystate.broker.publisher import Publisher
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import DEAD_LETTERS, QueueNames, topology_of
from waystate.clock import utc_now
from waystate.ids import new_id
from waystate.messages.model import StatusReport

GENESYS = "genesys-conversation"
PARTS = ("db", "directory", "runner", "worked", "park", "clock")


class Counted(QueuePipeline):
    """`done`: messages that are durable, or kept with a reason."""

    done = 0

    async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
        await super().work(kind, deliveries)
        self.done += len(deliveries)


@pytest.fixture
def pipeline(world: World, rabbit: Broker) -> Counted:
    publish = Publisher(rabbit).publish_many
    return Counted(world.db, world.directory, world.runner(), lambda _: None, publish, world.clock)


Feed = Callable[..., Any]


def consumers_of(
    rabbit: Broker, names: QueueNames, pipeline: QueuePipeline, world: World, *, batch: int = 500
) -> QueueConsumers:
    return QueueConsumers(rabbit, names, pipeline, world.db, utc_now, batch=batch, meeting=0.1, share_every=0.3)


@pytest.fixture
def feed(broker: RabbitMQ, rabbit: Broker, names: QueueNames, pipeline: Counted, world: World) -> Feed:
    """Sends to a queue, and lets the consumers work until all of it is done."""

    async def feed(queue: str, *bodies: bytes | dict[str, Any], **said: Any) -> None:
        wanted = pipeline.done + len(bodies)
        await send(broker.url, queue, *bodies, **said)
        async with running(consumers_of(rabbit, names, pipeline, world)):
            await until(lambda: pipeline.done >= wanted, seconds=30)
        await until_empty(rabbit, *names.named)

    return feed


def said(number: int, *, wa_id: str = "491700000001", **more: Any) -> dict[str, Any]:
    known = {"wa_id": wa_id, "wamid": f"wamid.{number}", "message_text": f"text {number}", "timestamp": "2026-03-02T11:59:00Z"}
    return known | {"phone_number_id": "1001"} | more


async def letters(world: World, business: Business) -> list[dict[str, Any]]:
    return await world.rows(business, "SELECT * FROM dead_letters ORDER BY origin")


async def wamids(world: World, business: Business) -> list[str]:
    return [row["wamid"] for row in await world.rows(business, "SELECT wamid FROM messages ORDER BY id")]


async def open_conversation(world: World, business: Business) -> None:
    await world.receive(business, business.message())
    await world.execute(business, "UPDATE conversations SET genesys_conversation_id = $1", GENESYS)


async def test_customers_messages_are_tracked_in_the_queues_order(
    names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    await feed(names.inbound, *(said(number, display_phone_number="+49 30 1", colour="red") for number in range(40)))
    assert await wamids(world, tenant) == [f"wamid.{number}" for number in range(40)]
    row = await world.row(tenant, "SELECT text, sent_at, origin, metadata FROM messages WHERE wamid = 'wamid.7'")
    assert row["text"] == "text 7"
    assert row["sent_at"].isoformat() == "2026-03-02T11:59:00+00:00"
    assert row["origin"] == f"queue:{names.inbound}:m7"
    assert row["metadata"] == {"colour": "red"}
    events = await world.rows(tenant, "SELECT data FROM events WHERE type = 'inbound.enriched' ORDER BY position")
    assert [each["data"]["is_new_conversation"] for each in events] == [True, *[False] * 39]


async def test_bad_payloads_among_five_hundred_are_dead_letters_alone(
    rabbit: Broker, names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    bodies: list[bytes | dict[str, Any]] = [said(number, wa_id=f"4917{number:08}") for number in range(500)]
    bodies[3] = b"not json"
    bodies[77] = {"wa_id": "1", "timestamp": 0, "message_text": "no wamid"}
    bodies[200] = said(200, media_url="ftp://files/x")
    bodies[201] = b"[1]"
    bodies[499] = said(499, wa_id="")
    await feed(names.inbound, *bodies, headers={"x-tenant-id": "acme"})
    assert len(await wamids(world, tenant)) == 495
    found = {row["origin"].rpartition(":")[2]: row for row in await letters(world, tenant)}
    assert {origin: row["reason"] for origin, row in found.items()} == {
        "m3": "invalid_payload",
        "m77": "invalid_payload",
        "m200": "invalid_media_url",
        "m201": "invalid_payload",
        "m499": "invalid_payload",
    }
    assert found["m77"]["original_payload"]["message_text"] == "no wamid"
    assert "wamid" in found["m77"]["error_message"]
    assert found["m3"]["original_payload"] == {"body": "not json"}
    assert await depth(rabbit, names.inbound) == 0


async def test_a_message_that_the_database_cannot_hold_is_a_dead_letter_alone(
    names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    bodies = [said(number, wa_id=f"4917{number:08}") for number in range(20)]
    bodies[11]["user_id"] = "".join(str(new_id()) for _ in range(14))
    bodies[12]["message_text"] = "a \u0000 b"
    await feed(names.inbound, *bodies)
    assert len(await wamids(world, tenant)) + len(await letters(world, tenant)) == 20
    assert await world.value(tenant, "SELECT text FROM messages WHERE wamid = 'wamid.12'") == "a \ufffd b"


async def test_a_redelivery_has_no_second_effect(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, pipeline: Counted
) -> None:
    """The connection dies between commit and acknowledgement."""
    bodies = [*(said(number) for number in range(10)), said(10, wa_id="")]
    await send(broker.url, names.inbound, *bodies, headers={"x-tenant-id": "acme"})
    committed = asyncio.Event()

    class Cut(QueuePipeline):
        async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
            await pipeline.work(kind, deliveries)
            committed.set()
            await rabbit.close()

    cut = Cut(*(getattr(pipeline, f"_{each}") for each in PARTS))
    async with running(consumers_of(rabbit, names, cut, world)):
        await asyncio.wait_for(committed.wait(), 5)
    assert len(await wamids(world, tenant)) >= 1
    before = pipeline.done
    async with running(consumers_of(rabbit, names, pipeline, world)):
        # All of them come again: none was acknowledged.
        await until(lambda: pipeline.done >= before + len(bodies), seconds=30)
    await until_empty(rabbit, *names.named)
    assert await wamids(world, tenant) == [f"wamid.{number}" for number in range(10)]
    kinds = Counter(row["type"] for row in await world.rows(tenant, "SELECT type FROM events"))
    assert kinds == {"inbound.enriched": 10, "window.opened": 1}
    assert len(await letters(world, tenant)) == 1


async def test_tenants_are_told_by_number_or_header_and_never_mixed(
    broker: RabbitMQ, names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    other = await world.add("umbra", number="2002")
    await feed(names.inbound, said(1), said(2, phone_number_id="2002"))
    await feed(names.inbound, said(3, phone_number_id="2002"), headers={"x-tenant-id": "acme"}, message_id="foreign")
    await feed(names.inbound, said(4, phone_number_id="3003"), headers={"x-tenant-id": "acme"}, message_id="nobodys")
    await feed(names.inbound, said(5, phone_number_id=None), headers={"x-tenant-id": "umbra"})
    assert await wamids(world, tenant) == ["wamid.1"]
    assert await wamids(world, other) == ["wamid.2", "wamid.5"]
    assert {row["origin"].rpartition(":")[2]: row["reason"] for row in await letters(world, tenant)} == {
        "foreign": "unknown_tenant",
        "nobodys": "unknown_tenant",
    }
    assert await letters(world, other) == []


async def test_what_has_no_tenant_is_kept_by_the_broker_with_its_reason(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    await world.add("umbra", number="2002")
    await drain(broker, rabbit, DEAD_LETTERS)
    await feed(names.inbound, said(1, phone_number_id="3003"), message_id="nobodys")
    status = {"wamid": "w", "status": "read", "timestamp": 1}
    await feed(names.status, status, message_id="whose")
    await feed(names.status, status, headers={"x-tenant-id": "gone"}, message_id="gone")
    found = {each.message_id: each for each in await read(broker.url, DEAD_LETTERS, 3)}
    assert {name: each.headers["x-reason"] for name, each in found.items()} == dict.fromkeys(
        ["nobodys", "whose", "gone"], "unknown_tenant"
    )
    assert json.loads(found["nobodys"].body)["wamid"] == "wamid.1"
    assert found["whose"].headers["x-queue"] == names.status
    assert await letters(world, tenant) == []


async def test_an_agents_messages_are_queued_or_refused_with_the_reason(
    names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    await open_conversation(world, tenant)
    reply = {"conversation_id": GENESYS, "genesys_message_id": "g1", "message_text": "Good morning"}
    unknown = reply | {"conversation_id": "nothing", "genesys_message_id": "g2"}
    empty = {"conversation_id": GENESYS, "genesys_message_id": "g3"}
    await feed(names.outbound, reply, reply, unknown, empty)
    rows = await world.rows(tenant, "SELECT genesys_message_id, status FROM messages WHERE direction = 'outbound'")
    assert rows == [{"genesys_message_id": "g1", "status": "queued"}]
    await world.close(tenant)
    await feed(names.outbound, reply | {"genesys_message_id": "g4"}, message_id="late")
    assert {row["origin"].rpartition(":")[2]: row["reason"] for row in await letters(world, tenant)} == {
        "m2": "mapping_not_found",
        "m3": "invalid_payload",
        "late": "mapping_status_closed",
    }
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'g4'") == "failed"


async def test_statuses_advance_wait_or_are_refused(names: QueueNames, world: World, tenant: Business, feed: Feed) -> None:
    reply = await world.correspond(tenant)
    (message,) = await world.rows(tenant, "SELECT id FROM messages WHERE genesys_message_id = $1", reply.genesys_message_id)

    def status(word: str, wamid: str = "wamid.out", **more: Any) -> dict[str, Any]:
        return {"wamid": wamid, "status": word, "timestamp": "2026-03-02T12:00:01Z", **more}

    await feed(names.status, status("sent", message_id=str(message["id"])))
    await feed(
        names.status,
        status("delivered"),
        status("sent"),
        status("excited"),
        status("processed"),
        status("read", wamid="wamid.later"),
    )
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", message["id"]) == "delivered"
    assert len(await world.rows(tenant, "SELECT id FROM early_statuses")) == 1
    assert [row["reason"] for row in await letters(world, tenant)] == ["state_violation", "state_violation"]


async def test_send_results_attach_the_wamid_and_let_waiting_statuses_through(
    names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await conn.execute("UPDATE whatsapp_accounts SET sender = 'external' WHERE tenant_id = $1", tenant.tenant)
    world.directory.clear()
    await open_conversation(world, tenant)
    replies = [tenant.reply(conversation_id=GENESYS) for _ in range(2)]
    await world.answer(tenant, *replies)
    first, second = [
        row["id"] for row in await world.rows(tenant, "SELECT id FROM messages WHERE direction = 'outbound' ORDER BY id")
    ]
    await world.report(tenant, StatusReport(wamid="wamid.out", status="delivered", at=world.clock.now))
    await feed(
        names.send_results,
        {"message_id": str(first), "wamid": "wamid.out"},
        {"message_id": str(second), "error": "no route"},
        {"message_id": str(new_id()), "wamid": "wamid.other"},
        {"message_id": str(second)},
    )
    row = await world.row(tenant, "SELECT status, wamid FROM messages WHERE id = $1", first)
    assert row == {"status": "delivered", "wamid": "wamid.out"}
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", second)
    assert row["status"] == "failed"
    assert row["error"] == {"title": "no route"}
    assert [row["reason"] for row in await letters(world, tenant)] == ["mapping_not_found", "invalid_payload"]
    kinds = Counter(row["type"] for row in await world.rows(tenant, "SELECT type FROM events"))
    assert kinds["message.status"] == 3


async def test_correlations_attach_genesys_ids(names: QueueNames, world: World, tenant: Business, feed: Feed) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    event = {"conversation_id": GENESYS, "communication_id": "c1", "whatsapp_message_id": "wamid.1"}
    await feed(names.correlation, event, event | {"whatsapp_message_id": "wamid.none"}, message_id="unknown")
    row = await world.row(tenant, "SELECT genesys_conversation_id, communication_id FROM conversations")
    assert row == {"genesys_conversation_id": GENESYS, "communication_id": "c1"}
    assert [row["reason"] for row in await letters(world, tenant)] == ["mapping_not_found"]


async def test_who_names_no_number_means_the_latest_open_conversation(
    names: QueueNames, world: World, tenant: Business, feed: Feed
) -> None:
    await feed(names.inbound, said(1, phone_number_id=None), said(2, wa_id="4917000", phone_number_id=None))
    assert await wamids(world, tenant) == ["wamid.1", "wamid.2"]
    assert {row["phone_number_id"] for row in await world.rows(tenant, "SELECT phone_number_id FROM conversations")} == {"1001"}


async def test_partitions_are_consumed_and_keep_each_customers_order(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, pipeline: QueuePipeline
) -> None:
    await rabbit.declare(topology_of(names, 3))
    channel = await rabbit.channel(confirms=True)
    exchange = await channel.get_exchange(names.inbound, ensure=False)
    for number in range(60):
        customer = f"4917{number % 6:08}"
        body = json.dumps(said(number, wa_id=customer)).encode()
        await exchange.publish(aio_pika.Message(body, message_id=f"p{number}", delivery_mode=2), customer)
    await channel.close()
    depths = await rabbit.depths(await rabbit.partitions_of(names.inbound))
    used = [name for name, found in depths.items() if found and found.messages]
    assert len(used) > 1
    async with running(consumers_of(rabbit, names, pipeline, world)):
        # The queues' depths are counted late: what has come is counted where it arrives.
        for _ in range(200):
            if await world.value(tenant, "SELECT count(*) FROM messages") == 60:
                break
            await asyncio.sleep(0.05)
    rows = await world.rows(tenant, "SELECT wamid, sender FROM messages ORDER BY id")
    assert len(rows) == 60
    for customer in {row["sender"] for row in rows}:
        order = [int(row["wamid"].partition(".")[2]) for row in rows if row["sender"] == customer]
        assert order == sorted(order)


async def test_of_two_processes_the_later_one_gets_its_share_of_the_partitions(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, pipeline: QueuePipeline
) -> None:
    await rabbit.declare(topology_of(names, 2))
    rates: list[Counter[str]] = [Counter(), Counter()]

    class Slow(QueuePipeline):
        rate: Counter[str]

        async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
            self.rate[deliveries[0].queue] += len(deliveries)
            await pipeline.work(kind, deliveries)
            await asyncio.sleep(0.05)

    first, second = Broker(broker.url, names), Broker(broker.url, names)
    loops = []
    for connection, rate in zip((first, second), rates, strict=True):
        slow = Slow(*(getattr(pipeline, f"_{each}") for each in PARTS))
        slow.rate = rate
        loops.append(consumers_of(connection, names, slow, world, batch=20))
    for partition in range(2):
        bodies = [said(number * 2 + partition, wa_id=f"4917{partition:08}") for number in range(2500)]
        await send(broker.url, f"{names.inbound}.{partition}", *bodies)
    async with running(loops[0]):
        await until(lambda: len(rates[0]) == 2)
        async with running(loops[1]):
            await until(lambda: sum(rates[1].values()) > 100)
    rows = await world.rows(tenant, "SELECT wamid, sender FROM messages ORDER BY id")
    for customer in {row["sender"] for row in rows}:
        order = [int(row["wamid"].partition(".")[2]) for row in rows if row["sender"] == customer]
        assert order == sorted(order)
    await first.close()
    await second.close()


async def test_a_broker_killed_in_mid_run_loses_and_doubles_nothing(
    mortal: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, pipeline: QueuePipeline
) -> None:
    bodies = [said(number, wa_id=f"4917{number % 20:08}") for number in range(600)]
    await send(mortal.url, names.inbound, *bodies)
    consumers = consumers_of(rabbit, names, pipeline, world, batch=50)
    async with running(consumers):
        for _ in range(5000):
            if await wamids(world, tenant):
                break
            await asyncio.sleep(0.002)
        mortal.kill()
        before = len(await wamids(world, tenant))
        mortal.start()
        for _ in range(600):
            if len(await wamids(world, tenant)) == 600:
                break
            await asyncio.sleep(0.05)
    assert 0 < before < 600
    rows = await world.rows(tenant, "SELECT wamid, sender FROM messages ORDER BY id")
    assert sorted(row["wamid"] for row in rows) == sorted(each["wamid"] for each in bodies)
    for customer in {row["sender"] for row in rows}:
        order = [int(row["wamid"].partition(".")[2]) for row in rows if row["sender"] == customer]
        assert order == sorted(order)
    assert await letters(world, tenant) == []
    assert await depth(rabbit, names.inbound) == 0


async def test_tries_are_counted_and_what_is_set_aside_is_a_dead_letter(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, pipeline: QueuePipeline
) -> None:
    body = json.dumps(said(1)).encode()
    delivery = QueueMessage(queue=names.inbound, id="killer", body=body, returns=2)
    assert [await pipeline.record_try(delivery) for _ in range(3)] == [1, 2, 3]
    await pipeline.set_aside("inbound", delivery, "A process of its own died on it: signal 11.")
    (row,) = await letters(world, tenant)
    assert "signal 11" in row["error_message"]
    assert row["original_payload"]["wamid"] == "wamid.1"
    assert await wamids(world, tenant) == []


async def drain(broker: RabbitMQ, rabbit: Broker, queue: str) -> None:
    if waiting := await depth(rabbit, queue):
        await read(broker.url, queue, waiting)
