"""What tests of the broker send and read, as other services would."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika

from waystate.broker.connection import Broker


async def send(
    url: str, queue: str, *bodies: bytes | dict[str, Any], headers: dict[str, Any] | None = None, **said: Any
) -> None:
    """Persistent, confirmed, in order; ids are m0, m1, … of each call unless said otherwise."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        for number, body in enumerate(bodies):
            given = {"message_id": f"m{number}", "delivery_mode": 2, "headers": headers} | said
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            await channel.default_exchange.publish(aio_pika.Message(data, **given), queue)


async def read(url: str, queue: str, number: int, *, seconds: float = 10) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """So many messages, acknowledged; fewer fail the test."""
    found: list[aio_pika.abc.AbstractIncomingMessage] = []
    async with await aio_pika.connect(url) as connection, asyncio.timeout(seconds):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=number)
        source = await channel.get_queue(queue)
        async with source.iterator() as messages:
            async for message in messages:
                await message.ack()
                found.append(message)
                if len(found) == number:
                    break
    return found


async def read_all(url: str, queue: str, wanted: Collection[str], *, seconds: float = 30) -> Counter[str]:
    """The ids of messages, acknowledged, until all that are wanted were among them; what is missing fails the test.

    Not as many as the queue says it has: after its broker was killed, a quorum queue says 0 until it has found its leader.
    """
    found: Counter[str] = Counter()
    missing = set(wanted)
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=500)
        source = await channel.get_queue(queue)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), source.iterator() as messages:
                while missing:
                    message = await anext(messages)
                    await message.ack()
                    found[message.message_id or ""] += 1
                    missing.discard(message.message_id or "")
    assert not missing, f"{len(missing)} of {len(wanted)} never came"
    return found


async def depth(rabbit: Broker, queue: str) -> int:
    found = (await rabbit.depths([queue]))[queue]
    assert found is not None
    return found.messages


async def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {seconds:g} seconds")


async def until_empty(rabbit: Broker, *queues: str, seconds: float = 15) -> None:
    """Nothing waits and nothing is out: what is out comes back when the consumer goes, so ask after it stopped."""
    for _ in range(int(seconds / 0.05)):
        if not any([await depth(rabbit, queue) for queue in queues]):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not empty within {seconds:g} seconds")


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[None]:
    """The loops run meanwhile, and are cancelled afterwards."""
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def texts(messages: Sequence[aio_pika.abc.AbstractIncomingMessage]) -> list[str]:
    return [message.body.decode() for message in messages]
