"""Processes that die with messages in hand: nothing lost, nothing doubled, and what kills is found alone."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.integration.broker.mortal_consumer import POISON
from tests.integration.broker.traffic import depth, send, until_empty
from tests.servers.rabbitmq import RabbitMQ
from tests.world import Business, World
from waystate.broker.connection import Broker
from waystate.broker.topology import QueueNames

ROOT = Path(__file__).parents[3]
CUSTOMERS = 20

Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start(broker: RabbitMQ, names: QueueNames, database_url: str) -> AsyncIterator[Start]:
    processes: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        told = {"AMQP_URL": broker.url, "DATABASE_URL": database_url, "NAMES": json.dumps(asdict(names)), "BATCH": "50"}
        module = "tests.integration.broker.mortal_consumer"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=ROOT, env={**os.environ, **told}, stdout=asyncio.subprocess.DEVNULL
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


def said(number: int, text: str = "Hello") -> dict[str, Any]:
    known = {"wamid": f"wamid.{number}", "message_text": text, "timestamp": "2026-03-02T11:59:00Z"}
    return known | {"wa_id": f"4917{number % CUSTOMERS:08}", "phone_number_id": "1001"}


async def check_all_once_in_order(world: World, tenant: Business, numbers: list[int]) -> None:
    rows = await world.rows(tenant, "SELECT wamid, sender FROM messages ORDER BY id")
    found = [int(row["wamid"].partition(".")[2]) for row in rows]
    assert sorted(found) == numbers
    for customer in range(CUSTOMERS):
        order = [number for number in found if number % CUSTOMERS == customer]
        assert order == sorted(order)
    assert await world.value(tenant, "SELECT count(*) FROM events WHERE type = 'inbound.enriched'") == len(numbers)


async def test_a_message_that_kills_its_process_is_a_dead_letter_and_nothing_else_is(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, start: Start
) -> None:
    bodies = [said(number, POISON.decode() if number == 60 else "Hello") for number in range(120)]
    await send(broker.url, names.inbound, *bodies)
    deaths = 0
    process = await start()
    while (await world.value(tenant, "SELECT count(*) FROM messages")) < 119:
        if process.returncode is not None:
            assert process.returncode == -signal.SIGKILL
            deaths += 1
            assert deaths <= 5
            process = await start()
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert 3 <= deaths <= 4
    (row,) = await world.rows(tenant, "SELECT origin, reason, error_message FROM dead_letters")
    assert row["origin"] == f"queue:{names.inbound}:m60"
    assert "signal 9" in row["error_message"]
    await check_all_once_in_order(world, tenant, [number for number in range(120) if number != 60])
    assert await depth(rabbit, names.inbound) == 0


async def test_killed_at_random_two_processes_lose_double_and_turn_around_nothing(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, world: World, tenant: Business, start: Start
) -> None:
    chance = random.Random(20)
    bodies = [said(number) for number in range(3000)]
    await send(broker.url, names.inbound, *bodies)
    processes = [await start(), await start()]
    kills = 0
    while kills < 8 and await world.value(tenant, "SELECT count(*) FROM messages") < 3000:
        await asyncio.sleep(chance.uniform(0.2, 1.2))
        chosen = chance.randrange(2)
        processes[chosen].kill()
        await processes[chosen].wait()
        processes[chosen] = await start()
        kills += 1
    await until_empty(rabbit, names.inbound, seconds=30)
    for _ in range(100):
        if await world.value(tenant, "SELECT count(*) FROM messages") == 3000:
            break
        await asyncio.sleep(0.05)
    for process in processes:
        process.send_signal(signal.SIGTERM)
        # One may be so young that it does not listen yet.
        assert await asyncio.wait_for(process.wait(), 10) in (0, -signal.SIGTERM)
    assert kills >= 2
    await check_all_once_in_order(world, tenant, list(range(3000)))
    assert await world.rows(tenant, "SELECT 1 FROM dead_letters") == []
    assert await depth(rabbit, names.inbound) == 0
