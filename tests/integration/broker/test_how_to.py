"""The very lines of docs/how-to/connect-your-services.md, against a RabbitMQ and the loops that a server runs."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.broker.traffic import running
from tests.servers.rabbitmq import RabbitMQ
from tests.world import LANES, World
from waystate.broker.connection import Broker
from waystate.broker.consumers import QueueConsumers
from waystate.broker.publisher import Publisher
from waystate.broker.publishing import PublishSink, PublishWorker, attach
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import QueueNames, topology_of
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.pipeline.run import Runner
from waystate.web.metrics import Metrics
from waystate.work.leases import LeaseKeeper

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "connect-your-services.md"
LINES = 10


@pytest.fixture
async def served(broker: RabbitMQ, db: Database) -> AsyncIterator[None]:
    world = World(db)
    demo = await world.add("demo-tenant-001", number="106540352242922")
    await world.receive(demo, *(demo.message() for _ in range(300)))
    await attach(db, from_beginning=False)
    names = QueueNames()
    rabbit = Broker(broker.url, names)
    await rabbit.declare(topology_of(names))
    publisher = Publisher(rabbit)
    leases = LeaseKeeper(db, utc_now, lanes=LANES, ttl=timedelta(seconds=60))
    await leases.renew()
    worker = PublishWorker(db, PublishSink(db, publisher.publish_many, names.events), leases, utc_now, lanes=LANES, batch=100)
    runner = Runner(db, Metrics(), lambda *_: None, utc_now, lanes=LANES)
    pipeline = QueuePipeline(
        db, world.directory, runner, lambda tenant: worker.hint.give(tenant), publisher.publish_many, utc_now
    )
    async with running(worker, QueueConsumers(rabbit, names, pipeline, db, utc_now, batch=500, meeting=0.1)):
        yield
    await rabbit.close()


async def start(code: str, url: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments), env={**os.environ, "AMQP_URL": url}, stdout=asyncio.subprocess.PIPE
    )


async def said(code: str, url: str, *arguments: str) -> bytes:
    """The wamid that it prints."""
    speaker = await start(code, url, *arguments)
    wamid, _ = await asyncio.wait_for(speaker.communicate(), 10)
    assert speaker.returncode == 0
    return wamid.strip()


async def test_what_is_said_in_ten_lines_is_heard_in_ten_lines(broker: RabbitMQ, served: None) -> None:
    listen, say = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert max(len(list(filter(None, code.splitlines()))) for code in (listen, say)) <= LINES
    listener = await start(listen, broker.url)
    assert listener.stdout is not None
    try:
        await asyncio.sleep(1)  # until its queue is bound
        first = await said(say, broker.url)
        assert await said(say, broker.url, first.decode()) == first
        second = await said(say, broker.url)
        heard = [await asyncio.wait_for(listener.stdout.readline(), 10) for _ in range(3)]
    finally:
        listener.kill()
        await listener.wait()
    assert first != second
    assert heard.pop(1).startswith(b"window.opened ")
    for wamid, line in zip((first, second), heard, strict=True):
        assert line.startswith(b"inbound.enriched ")
        assert b'"wamid":"' + wamid + b'"' in line.replace(b": ", b":")
