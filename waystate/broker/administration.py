"""What an operator does about RabbitMQ from the command line: declare the queues, and see how full they are."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from waystate.broker.connection import Broker
from waystate.broker.topology import DEAD_LETTERS, QueueNames, queue_names, topology_of
from waystate.config import load_config
from waystate.errors import ConfigError, Retry

R = TypeVar("R")


def declare(partitions: int) -> str:
    """Declaring again changes nothing."""

    async def run(broker: Broker, names: QueueNames) -> str:
        topology = topology_of(names, partitions)
        await broker.declare(topology)
        return f"Declared: {len(topology.queues)} queues and {len(topology.exchanges)} exchanges."

    return _operate(run)


def status() -> list[str]:
    """A line a queue: name, messages, consumers."""

    async def run(broker: Broker, names: QueueNames) -> list[str]:
        queues = [each for name in names.named for each in await broker.partitions_of(name) or [name]]
        depths = await broker.depths([*queues, DEAD_LETTERS, names.unrouted])
        width = max(map(len, depths))
        return [
            f"{name:<{width}}  not declared"
            if depth is None
            else f"{name:<{width}}  {depth.messages:>9} messages  {depth.consumers:>3} consumers"
            for name, depth in depths.items()
        ]

    return _operate(run)


def _operate(work: Callable[[Broker, QueueNames], Awaitable[R]]) -> R:
    config = load_config()
    if config.amqp_url is None:
        raise ConfigError("AMQP_URL is not set; write where RabbitMQ is, for example AMQP_URL=amqp://user:password@host:5672/.")
    url, names = config.amqp_url, queue_names(config)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    async def run() -> R:
        broker = Broker(url, names)
        try:
            return await work(broker, names)
        except Retry as error:
            raise ConfigError(f"{error}. Is AMQP_URL right, and RabbitMQ running?") from None
        finally:
            await broker.close()

    return asyncio.run(run())
