"""Publishing with confirms: a message counts as published when the broker has it on disk and a queue has it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakValueDictionary

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError, PublishError

from waystate.broker.connection import AWAY, Broker, closing_is_loss, gone_is_closed
from waystate.errors import Retry

IN_FLIGHT = 500
"""Messages that wait for their confirm at once; measured, more adds nothing."""
CONFIRM_TIMEOUT = 30.0
"""Seconds: a broker short of memory or disk blocks its publishers; what it did not confirm is published again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    exchange: str
    routing_key: str
    message_id: str
    type: str
    body: bytes
    at: datetime | None = None
    headers: Mapping[str, str | int] = field(default_factory=dict)


class Publisher:
    """One channel, used by everybody of the process at once."""

    def __init__(self, broker: Broker, *, in_flight: int = IN_FLIGHT) -> None:
        self._broker = broker
        self._room = asyncio.Semaphore(in_flight)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._opening = asyncio.Lock()
        self._channel: AbstractChannel | None = None

    async def publish_many(self, messages: Sequence[Outgoing]) -> None:
        """In their order; returns when all are confirmed. `Retry` if one is not: then all are to be published again."""
        if not messages:
            return
        channel = await self._opened()
        # Tasks start in their order, and each one's frames are on the way before the next one's.
        results = await asyncio.gather(*(self._publish(channel, each) for each in messages), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if not failed:
            return
        with gone_is_closed():
            await channel.close()  # so that no late confirm meets the next try
        for error in failed:
            if not isinstance(error, AWAY):
                raise error
        raise Retry(f"{len(failed)} of {len(messages)} messages were not confirmed: {_why(failed[0])}", after=1.0) from failed[
            0
        ]

    async def close(self) -> None:
        if self._channel is not None:
            with gone_is_closed():
                await self._channel.close()

    async def _opened(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._broker.channel(confirms=True)
            return self._channel

    async def _publish(self, channel: AbstractChannel, message: Outgoing) -> None:
        # The client finds out by the id which message was returned: of two with one id it would take one for confirmed.
        turn = self._turns.setdefault(message.message_id, asyncio.Lock())
        async with turn, self._room:
            exchange = await channel.get_exchange(message.exchange, ensure=False)
            with closing_is_loss():
                await exchange.publish(_rendered(message), message.routing_key, mandatory=True, timeout=CONFIRM_TIMEOUT)


def _rendered(message: Outgoing) -> Message:
    return Message(
        message.body,
        headers=dict(message.headers),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        timestamp=message.at,
        type=message.type,
        app_id="waystate",
    )


def _why(error: BaseException) -> str:
    """A returned message says who it was for; a queue's name is no secret."""
    match error:
        case PublishError():
            return "no queue takes them (returned by the broker)"
        case DeliveryError():
            return "the broker refused them"
        case TimeoutError():
            return f"no answer within {CONFIRM_TIMEOUT:g} s, as when it is short of memory or disk"
    return type(error).__name__
