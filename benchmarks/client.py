"""aio-pika doing nothing else: consuming and acknowledging, or publishing with confirms. What the queues are measured against.

`python -m benchmarks.client consume URL QUEUE` ends when the queue was silent for a second, `publish URL COUNT` when all is
confirmed. Both print JSON.
"""

import asyncio
import json
import sys
import time

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage

from waystate.broker.publisher import IN_FLIGHT
from waystate.broker.topology import QueueNames

PREFETCH = 500
"""Waystate's own (WORKER_BATCH)."""
SILENCE = 1.0


async def consume(url: str, name: str) -> dict[str, float]:
    """Acknowledged in one go for what arrived in one turn of the loop, as Waystate does it for a batch."""
    messages, first, last = 0, 0.0, 0.0
    waiting: list[AbstractIncomingMessage] = []
    arrived = asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        waiting.append(message)
        arrived.set()

    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(name)
        await queue.consume(take)
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    await arrived.wait()
            except TimeoutError:
                if messages:
                    break
                continue
            arrived.clear()
            first = first or time.monotonic()
            messages += len(waiting)
            last_message = waiting[-1]
            waiting.clear()
            await last_message.ack(multiple=True)
            last = time.monotonic()
    return {"messages": messages, "first": first, "last": last}


async def publish(url: str, count: int) -> dict[str, float]:
    """As large as an enriched message."""
    body = b'{"text":"' + b"x" * 600 + b'"}'
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(QueueNames().events, ensure=False)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, content_type="application/json")
        started = time.perf_counter()
        for start in range(0, count, IN_FLIGHT):
            size = min(IN_FLIGHT, count - start)
            await asyncio.gather(*(exchange.publish(message, "bench.test", mandatory=True) for _ in range(size)))
    return {"per_second": count / (time.perf_counter() - started)}


if __name__ == "__main__":
    _, action, url, argument = sys.argv
    print(json.dumps(uvloop.run(consume(url, argument) if action == "consume" else publish(url, int(argument)))))
