"""T7, over the queues: what names a row of another tenant finds as little as what names no row, and does nothing to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.integration.broker.traffic import depth, read, running, send, until, until_empty
from tests.integration.db_catalogue.catalogue import tenant_tables
from tests.servers.rabbitmq import RabbitMQ
from tests.world import Business, World, accepted
from waystate.broker.connection import Broker
from waystate.broker.consumer import QueueMessage
from waystate.broker.consumers import QueueConsumers
from waystate.broker.publisher import Publisher
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import DEAD_LETTERS, QueueNames
from waystate.clock import utc_now
from waystate.deliveries.model import Target
from waystate.ids import PLATFORM, new_id
from waystate.pipeline.run import KINDS

TIME = "2026-03-02T12:00:01Z"
WORDS = ("sent", "delivered", "read", "failed")


@dataclass(frozen=True)
class Named:
    """How a row can be named: the ids of what another tenant has, or of nothing at all."""

    conversation: str
    genesys: str
    message: str
    inbound: str
    wamid: str
    number: str

    def bodies(self, queue: str) -> list[dict[str, Any]]:
        """Every payload of the queue that names a row."""
        match queue:
            case "inbound":
                known = {"wa_id": "491700000001", "message_text": "Hello", "timestamp": TIME}
                return [known | {"wamid": self.wamid, "phone_number_id": self.number}]
            case "outbound":
                return [
                    {"conversation_id": each, "genesys_message_id": f"g-{new_id()}", "message_text": "Good morning"}
                    for each in (self.conversation, self.genesys)
                ]
            case "status":
                by_wamid = [{"wamid": self.wamid, "status": word, "timestamp": TIME} for word in WORDS]
                return by_wamid + [
                    {"wamid": f"wamid.{each[-4:]}", "message_id": each, "status": word, "timestamp": TIME}
                    for each in (self.message, self.inbound)
                    for word in WORDS
                ]
            case "correlation":
                return [{"conversation_id": "taken", "communication_id": "taken", "whatsapp_message_id": self.wamid}]
            case "send_results":
                return [
                    {"message_id": each} | result
                    for each in (self.message, self.inbound)
                    for result in ({"wamid": "wamid.taken"}, {"error": "no route"})
                ]
        raise AssertionError(f"say here how a payload of the queue {queue} names a row")

    def hide(self, text: str) -> str:
        for each in (self.conversation, self.genesys, self.message, self.inbound, self.wamid, self.number):
            text = text.replace(each, "…")
        return text


@pytest.fixture
async def other(world: World, tenant: Business) -> Business:
    """Another tenant, with a conversation and messages both ways."""
    other = await world.add("umbra", number="2002")
    await world.correspond(other)
    await world.execute(other, "UPDATE conversations SET genesys_conversation_id = 'genesys-of-umbra'")
    for claimed in await world.claim(other):
        await world.settle(other, (claimed, accepted("wamid.of-umbra") if claimed.target is Target.WHATSAPP else accepted()))
    reply = other.reply(conversation_id="genesys-of-umbra")
    await world.answer(other, reply)
    await world.execute(other, "UPDATE messages SET wamid = 'wamid.of-umbra' WHERE direction = 'inbound'")
    return other


async def foreign(world: World, other: Business) -> Named:
    row = await world.row(other, "SELECT id, genesys_conversation_id FROM conversations")
    outbound = "SELECT id FROM messages WHERE direction = 'outbound' ORDER BY id DESC LIMIT 1"
    wamid = await world.value(other, "SELECT external_id FROM message_keys WHERE source = 'whatsapp' ORDER BY 1 LIMIT 1")
    return Named(
        conversation=str(row["id"]),
        genesys=row["genesys_conversation_id"],
        message=str(await world.value(other, outbound)),
        inbound=str(await world.value(other, "SELECT id FROM messages WHERE direction = 'inbound'")),
        wamid=wamid,
        number=other.number,
    )


def missing() -> Named:
    return Named(str(new_id()), "genesys-of-nobody", str(new_id()), str(new_id()), "wamid.of-nobody", "9009")


class Feed:
    def __init__(self, broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World) -> None:
        self._url, self._rabbit, self._names, self._world = broker.url, rabbit, names, world

    async def __call__(self, *messages: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
        """Send (queue, body, properties), and let the consumers work until all of it is done."""
        done = 0

        class Counted(QueuePipeline):
            async def work(self, kind: str, deliveries: Sequence[QueueMessage]) -> None:
                nonlocal done
                await super().work(kind, deliveries)
                done += len(deliveries)

        world, publish = self._world, Publisher(self._rabbit).publish_many
        pipeline = Counted(world.db, world.directory, world.runner(), lambda _: None, publish, world.clock)
        consumers = QueueConsumers(
            self._rabbit, self._names, pipeline, world.db, utc_now, batch=500, meeting=0.1, share_every=0.3
        )
        for queue, body, said in messages:
            await send(self._url, getattr(self._names, queue), body, **said)
        async with running(consumers):
            await until(lambda: done >= len(messages), seconds=30)
        await until_empty(self._rabbit, *self._names.named)


@pytest.fixture
def feed(broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World) -> Feed:
    return Feed(broker, rabbit, names, world)


async def snapshot(url: str, tenant: str) -> dict[str, list[str]]:
    """Every row of the tenant, in every table that has rows of tenants."""
    connection = await asyncpg.connect(url)
    try:
        found = {}
        for table in await tenant_tables(connection, partitions=False):
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} t WHERE tenant_id = $1 ORDER BY 1", tenant)
            found[table] = [row["row"] for row in rows]
        return found
    finally:
        await connection.close()


async def letters(world: World, business: Business, named: Named, run: str) -> list[tuple[str, str, str]]:
    """What a tenant reads of its refused messages of one run, without the ids that it named itself."""
    rows = await world.rows(business, "SELECT * FROM dead_letters WHERE origin LIKE '%:' || $1 || '%' ORDER BY id", run)
    return [(row["pipeline"], row["reason"], named.hide(row["error_message"])) for row in rows]


async def waiting(world: World, business: Business) -> int:
    number: int = await world.value(business, "SELECT count(*) FROM early_statuses")
    return number


HOW = {"header": {"headers": {"x-tenant-id": "acme"}}, "number": {}}
REASONS = {
    "inbound": {"unknown_tenant"},
    "outbound": {"mapping_not_found"},
    "correlation": {"mapping_not_found"},
    "send_results": {"mapping_not_found"},
    # A status can overtake the message it speaks of, so one of nothing waits (and ages out) as one of another tenant does.
    "status": set(),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("queue", KINDS.by_queue)
async def test_a_row_of_another_tenant_is_as_little_there_as_one_that_does_not_exist(
    world: World, tenant: Business, other: Business, database_url: str, feed: Feed, queue: str, how: str
) -> None:
    theirs, nobodys = await foreign(world, other), missing()
    before = await snapshot(database_url, other.tenant)
    assert all(before[table] for table in ("conversations", "messages", "deliveries", "message_keys"))
    told: list[list[tuple[str, str, str]]] = []
    waited: list[int] = []
    for run, named in (("theirs", theirs), ("nobodys", nobodys)):
        bodies = named.bodies(queue)
        if how == "number":
            # The number tells the tenant; what is of the other is named beside it.
            bodies = [{"phone_number_id": tenant.number} | body for body in bodies if queue != "inbound"]
        ids = (f"{run}-{number}" for number in range(len(bodies)))
        await feed(*((queue, body, {"message_id": each, **HOW[how]}) for each, body in zip(ids, bodies, strict=False)))
        told.append(await letters(world, tenant, named, run))
        waited.append(await waiting(world, tenant) - sum(waited))
        assert len(told[-1]) + waited[-1] == len(bodies), "each is refused with a reason, or waits"
    assert told[0] == told[1]
    assert waited[0] == waited[1]
    assert {reason for _, reason, _ in told[0]} <= REASONS[queue]
    assert await snapshot(database_url, other.tenant) == before
    assert await world.rows(tenant, "SELECT id FROM messages") == []
    assert await world.rows(tenant, "SELECT id FROM events") == []


FORGED = [
    "ACME",
    "acme ",
    "",
    "acme,umbra",
    "umbra' OR 'a'='a",
    "-",
    "%61cme",
    "acme\x00",
    bytearray(b"\xff"),
    7,
    ["umbra"],
    {"umbra": 1},
    PLATFORM,
]


async def test_a_header_that_names_no_tenant_is_never_guessed_around(
    broker: RabbitMQ, rabbit: Broker, world: World, tenant: Business, other: Business, database_url: str, feed: Feed
) -> None:
    """The payload names a number that would tell the tenant, and rows that are there."""
    theirs = await foreign(world, other)
    tenants = (tenant.tenant, other.tenant, PLATFORM)
    before = [await snapshot(database_url, each) for each in tenants]
    if left := await depth(rabbit, DEAD_LETTERS):
        await read(broker.url, DEAD_LETTERS, left)
    messages = [
        (queue, {"phone_number_id": other.number} | theirs.bodies(queue)[0], {"headers": {"x-tenant-id": header}})
        for queue in KINDS.by_queue
        for header in FORGED
    ]
    await feed(*messages)
    kept = await read(broker.url, DEAD_LETTERS, len(messages), seconds=30)
    assert {message.headers["x-reason"] for message in kept} == {"unknown_tenant"}
    assert {json.loads(message.body)["phone_number_id"] for message in kept} == {other.number}
    assert [await snapshot(database_url, each) for each in tenants] == before
