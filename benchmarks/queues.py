"""RabbitMQ in and out: two workers against the same client that only acknowledges, the relay against the client alone."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aio_pika
import asyncpg
import uvloop

from benchmarks.figures import Figure, Findings, Target
from benchmarks.machine import missing_programs
from benchmarks.options import Options
from benchmarks.rig import Rig, stop
from benchmarks.server import MASTER_KEY
from benchmarks.tenants import BENCH, NUMBER, make_customers, make_ready, make_tenant, wa_id
from benchmarks.traffic import text_of, wamid_of
from tests.servers.rabbitmq import RabbitMQ, rabbitmq
from waystate.broker.topology import QueueNames, partition_of
from waystate.db.pool import Database

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

WORKERS = 2
CUSTOMERS = 1_000
PER_SECOND = 4_000
"""Messages prepared for each second of a run: about what two workers do on two cores."""
TIMEOUT = 180.0
POLL = 0.02
NAMES = QueueNames()
QUEUES = [partition_of(NAMES.inbound, number) for number in range(WORKERS)]


@dataclass(slots=True)
class Bench:
    rig: Rig
    broker: RabbitMQ
    database_url: str
    raw: Raw
    home: Path
    _sent: int = 0
    _started: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "WAYSTATE_HOME": str(self.home),
            "WAYSTATE_MASTER_KEY": MASTER_KEY.hex(),
            "DATABASE_URL": self.database_url,
            "AMQP_URL": self.broker.url,
            "EGRESS_HOSTS": "127.0.0.1, localhost",
            "TEMPLATE_INTERVAL": "0",
        }

    async def fill(self, messages: int) -> None:
        """Spread over the partitions by customer, as the exchange in front of them does it."""
        connection = await aio_pika.connect(self.broker.url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(NAMES.inbound, ensure=False)
            for start in range(0, messages, 500):
                numbers = range(self._sent + start, self._sent + min(start + 500, messages))
                await asyncio.gather(*(exchange.publish(_message(n), wa_id(n % CUSTOMERS)) for n in numbers))
        self._sent += messages

    @contextmanager
    def running(self, *command: str, count: int = 1) -> Iterator[list["subprocess.Popen[bytes]"]]:
        processes = []
        for _ in range(count):
            self._started += 1
            processes.append(
                self.rig.start(
                    f"queues{self._started}", [sys.executable, "-m", *command], environment=self.environment, cwd=self.home
                )
            )
        try:
            yield processes
        finally:
            for process in processes:
                stop(process)

    async def position(self, sink: str) -> int:
        query = "SELECT position FROM sink_cursors WHERE tenant_id = $1 AND sink = $2"
        return int(await self.raw.fetchval(query, BENCH, sink) or 0)

    async def watch(self, sink: str, start: int, target: int) -> float:
        """Events a second by which a cursor went from its first move to `target`."""
        deadline = time.perf_counter() + TIMEOUT
        first: tuple[float, int] | None = None
        while (now := time.perf_counter()) < deadline:
            position = await self.position(sink)
            if first is None and position > start:
                first = now, position
            if first is not None and position >= target:
                return (position - first[1]) / max(now - first[0], POLL)
            await asyncio.sleep(POLL)
        raise RuntimeError(f"{sink} stood at {await self.position(sink)} of {target} after {TIMEOUT:.0f} s")


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not options.wants("queues"):
        return
    if "rabbitmq-server" in missing_programs():
        findings.skipped.append("queues: rabbitmq-server is not installed (`make deps`)")
        return
    with rabbitmq(rig.make_folder("rabbitmq")) as broker:
        findings.add(*uvloop.run(_measure(rig, broker, options)))


async def _measure(rig: Rig, broker: RabbitMQ, options: Options) -> list[Figure]:
    url = rig.make_waystate_database("queues")
    db = await Database.open(url, pool_size=2)
    await make_ready(db)
    await make_tenant(db)
    await make_customers(db, CUSTOMERS)
    await db.close()
    raw = await asyncpg.connect(url)
    bench = Bench(rig, broker, url, raw, rig.make_folder("queues"))
    try:
        with bench.running("waystate", "broker", "declare", "--partitions", str(WORKERS)) as (declaring,):
            if declaring.wait(60) != 0:
                raise RuntimeError("`waystate broker declare` failed: " + rig.last_words("queues1"))
        await _subscribe(broker)
        messages = round(PER_SECOND * max(2.0, options.seconds))
        worked: list[float] = []
        dropped: list[float] = []
        relayed: list[float] = []
        published: list[float] = []
        for _ in range(options.rounds):
            await bench.fill(messages)
            dropped.append(await _only_acknowledge(bench))
            await bench.fill(messages)
            worked.append(await _work(bench, messages))
            relayed.append(await _relay(bench))
            published.append(await _publish(bench, messages))
    finally:
        await raw.close()
    return [
        Figure(
            topic="queues",
            name=f"inbound over RabbitMQ, {WORKERS} workers",
            unit="msg/s",
            ours=tuple(worked),
            theirs=tuple(dropped),
            other="the same client, acknowledging only",
            target=Target(0.4, 0.25),
            notes=(f"{messages} messages of {CUSTOMERS} customers in {WORKERS} partitions, quorum queues",),
        ),
        Figure(
            topic="queues",
            name="events to the exchange, confirmed, one relay",
            unit="events/s",
            ours=tuple(relayed),
            theirs=tuple(published),
            other="the same client, publishing only",
            target=Target(5_000, of="value"),
            notes=("into one bound quorum queue; the goal is 5,000 a second or what the client does alone",),
        ),
    ]


async def _work(bench: Bench, messages: int) -> float:
    start = await bench.position("head")
    with bench.running("waystate", "work", count=WORKERS):
        return await bench.watch("head", start, start + messages)


async def _relay(bench: Bench) -> float:
    head = await bench.position("head")
    with bench.running("waystate", "relay"):
        return await bench.watch("rabbitmq", await bench.position("rabbitmq"), head)


async def _only_acknowledge(bench: Bench) -> float:
    """From the first message of either to the last one of either."""
    runs = [json.loads(each) for each in await asyncio.gather(*(_client("consume", bench, queue) for queue in QUEUES))]
    seconds = max(run["last"] for run in runs) - min(run["first"] for run in runs)
    return float(sum(run["messages"] for run in runs) / seconds)


async def _publish(bench: Bench, messages: int) -> float:
    return float(json.loads(await _client("publish", bench, str(messages)))["per_second"])


async def _client(action: str, bench: Bench, argument: str) -> bytes:
    command = [sys.executable, "-m", "benchmarks.client", action, bench.broker.url, argument]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(TIMEOUT):
        output, _ = await process.communicate()
    return output


async def _subscribe(broker: RabbitMQ) -> None:
    """A queue as a subscriber would bind it; short, for nobody reads it."""
    connection = await aio_pika.connect(broker.url)
    async with connection:
        channel = await connection.channel()
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": 1_000}
        queue = await channel.declare_queue("bench", durable=True, arguments=arguments)
        await queue.bind(NAMES.events, "#")


def _message(n: int) -> aio_pika.Message:
    body = {
        "wa_id": wa_id(n % CUSTOMERS),
        "wamid": wamid_of("q", n),
        "message_text": text_of(n),
        "contact_name": "Bench Customer",
        "timestamp": str(int(time.time())),
        "phone_number_id": NUMBER,
        "display_phone_number": "+49 30 5550100",
    }
    return aio_pika.Message(
        json.dumps(body).encode(),
        message_id=str(n),
        content_type="application/json",
        headers={"x-tenant-id": BENCH},
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
