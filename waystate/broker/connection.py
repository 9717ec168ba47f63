"""The connection to RabbitMQ: made when somebody needs it, made anew when it broke, logged once each time that changes."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, AuthenticationError, ChannelNotFoundEntity, ProbableAuthenticationError
from yarl import URL

from waystate.broker.topology import DEAD_LETTERS, MAX_PARTITIONS, QueueNames, Topology, declare, is_declared, partition_of
from waystate.errors import ConfigError, Retry

log = structlog.get_logger()

AWAY = (AMQPError, ConnectionError, OSError, TimeoutError, RuntimeError)
"""What the client raises when the broker, or the connection to it, is not there (RuntimeError: used after it closed)."""
HEARTBEAT = 10
"""Seconds: a broker that fell silent counts as away after three of them."""
_CONNECT = 5.0


@contextmanager
def closing_is_loss() -> Iterator[None]:
    """Around each wait for the broker: an answer that another task's closing cut off is a `ConnectionResetError` (of `AWAY`).

    The client cancels who waits, or fails them with a bare `Exception`. The cancellation of the task itself stays one.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionResetError("the connection was closed meanwhile") from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise ConnectionResetError("the connection was closed meanwhile") from error


@contextmanager
def gone_is_closed() -> Iterator[None]:
    """Around a closing: what the broker, or another task, has closed already is as it should be."""
    with suppress(*AWAY), closing_is_loss():
        yield


@dataclass(frozen=True, slots=True)
class Depth:
    messages: int
    consumers: int


class Broker:
    """One connection of a process, shared by its channels.

    Not the client's own "robust" kind: that brings channels and consumers back behind their users' backs, who would then
    acknowledge, on the new channel, what the old one delivered.
    """

    def __init__(self, url: str, names: QueueNames) -> None:
        self._url = URL(url).update_query({"heartbeat": str(HEARTBEAT)} | dict(URL(url).query))
        self._names = names
        self._connection: AbstractConnection | None = None
        self._connecting = asyncio.Lock()
        self._is_here: bool | None = None
        # They log each attempt, with its traceback; here it is once for each change.
        for name in ("aiormq", "aio_pika"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A channel of its own for the caller, who closes it. `Retry` while the broker is away."""
        connection = await self._connected()
        try:
            async with asyncio.timeout(_CONNECT):
                with closing_is_loss():
                    return await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        except AWAY as error:
            # Whatever it believes of itself, a connection that gives no channel is none.
            await _abandon(connection)
            raise self._gone(error) from error

    async def ensure(self, topology: Topology) -> None:
        """Declare what is missing, if anything is: a broker that lost its disk, or was never told, mends itself."""
        connection = await self._connected()
        try:
            with closing_is_loss():
                if not await is_declared(connection, topology):
                    await declare(connection, topology)
        except AWAY as error:
            raise self._gone(error) from error

    async def declare(self, topology: Topology) -> None:
        connection = await self._connected()
        try:
            with closing_is_loss():
                await declare(connection, topology)
        except AWAY as error:
            raise self._gone(error) from error

    async def partitions_of(self, name: str) -> list[str]:
        """The named queue and its partitions, as far as they were declared."""
        found = await self.depths([name, *(partition_of(name, number) for number in range(MAX_PARTITIONS))], until_absent=True)
        return [each for each, depth in found.items() if depth is not None]

    async def depths(self, names: Iterable[str], *, until_absent: bool = False) -> dict[str, Depth | None]:
        """Messages that wait in each queue; None for a queue that is not there."""
        found: dict[str, Depth | None] = {}
        channel = await self.channel()
        try:
            for name in names:
                try:
                    with closing_is_loss():
                        result = (await channel.declare_queue(name, passive=True, timeout=_CONNECT)).declaration_result
                    found[name] = Depth(result.message_count or 0, result.consumer_count or 0)
                except ChannelNotFoundEntity:  # which closes the channel
                    found[name] = None
                    if until_absent and len(found) > 1:
                        break
                    channel = await self.channel()
        except AWAY as error:
            raise self._gone(error) from error
        finally:
            with gone_is_closed():
                await channel.close()
        return found

    async def check(self) -> dict[str, Any]:
        """For the health page."""
        depths = await self.depths([*self._names.named, DEAD_LETTERS, self._names.unrouted])
        waiting = {name: None if depth is None else depth.messages for name, depth in depths.items()}
        return {"queue_depth": sum(waiting[name] or 0 for name in self._names.named), "queues": waiting}

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is not None:
                if _is_open(self._connection):
                    return self._connection
                await _abandon(self._connection)
            try:
                async with asyncio.timeout(_CONNECT):
                    with closing_is_loss():
                        self._connection = await aio_pika.connect(self._url, client_properties={"connection_name": "waystate"})
            except AWAY as error:
                raise self._gone(error) from error
            if self._is_here is False:
                log.info("RabbitMQ is back.", host=self._url.host)
            self._is_here = True
            return self._connection

    def _gone(self, error: BaseException) -> Retry | ConfigError:
        if isinstance(error, AuthenticationError | ProbableAuthenticationError):
            reason = "refuses the account of AMQP_URL; correct its user, password or virtual host"
        else:
            reason = f"does not answer ({type(error).__name__})"
        if self._is_here is not False and (self._connection is None or not _is_open(self._connection)):
            log.warning(f"RabbitMQ {reason}. Work with it waits, the rest goes on.", host=self._url.host)
            self._is_here = False
        return Retry(f"RabbitMQ {reason}", after=1.0)


def _is_open(connection: AbstractConnection) -> bool:
    """The client's own `is_closed` speaks of the user's wish, not of the socket."""
    transport = connection.transport
    return not connection.is_closed and transport is not None and not transport.connection.is_closed


async def _abandon(connection: AbstractConnection) -> None:
    with gone_is_closed():
        async with asyncio.timeout(_CONNECT):
            await connection.close()
