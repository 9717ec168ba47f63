"""One queue's consumer: batches of what is there, in the queue's order, acknowledged once they are durable.

Nothing is ever handed back singly: one negative acknowledgement with more than one message out breaks the order. What cannot
be worked now stays in hand; what was out when a process died comes back first and is worked in small batches, and after another
death one message at a time, so that a message that kills is found alone. That it does is shown in a process of its own.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from waystate.broker.connection import AWAY, Broker, closing_is_loss, gone_is_closed
from waystate.broker.topology import Topology
from waystate.errors import ConfigError, Retry, WaystateError

log = structlog.get_logger()

R = TypeVar("R")

MAX_TRIES = 1
"""Times that a message may be begun here, alone and first of all after deaths, and not ended: then in a process of its own."""
MAX_FAILURES = 5
"""Times that a single message may fail in our own code, and not for an outage, before it is set aside."""
PREFETCH = 1000
"""Messages out at once: a batch in hand, and the next one waiting. The same in every process: RabbitMQ lines up what comes back
behind what came back before and still waits, so whoever takes over must take all of it at once, or the order is lost. For the
same reason a consumer that ends closes its channel, never just unsubscribes: its successor would begin behind what is out."""
SMALL_BATCH = 20
"""Messages that were out at one death, taken at once: a restart costs little, and the next death tells more."""
_ALONE = 2
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries of the batch in hand; the last one again and again."""
_REST = 1.0
_OPENING = 5.0


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """`id` is the publisher's message id, else a digest of the body; `returns` is how often it was out before."""

    queue: str
    id: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None
    returns: int = 0


Handle = Callable[[Sequence[QueueMessage]], Awaitable[None]]
"""Returns when the batch is durable. `Retry` keeps it in hand; any other error takes it apart."""
SetAside = Callable[[QueueMessage, str], Awaitable[None]]
"""Keeps a message that cannot be worked, with the reason."""
Try = Callable[[QueueMessage], Awaitable[int]]
"""Records durably that this message is begun, alone, after deaths; how often it has been, this time included."""
TryApart = Callable[[QueueMessage], Awaitable[str | None]]
"""Works it in a process of its own: None when it is done, else how that process died. `Untried` when it told nothing."""


class Untried(WaystateError):
    """What a trial could not settle is worked here."""


class Consumer:
    def __init__(
        self,
        broker: Broker,
        queue: str,
        handle: Handle,
        set_aside: SetAside,
        record_try: Try,
        try_apart: TryApart,
        *,
        topology: Topology,
        batch: int,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._handle = handle
        self._set_aside = set_aside
        self._record_try = record_try
        self._try_apart = try_apart
        self._batch = batch
        self._stopping = asyncio.Event()
        self._is_giving_way = False
        self._window: InFlight | None = None
        self.queue = queue
        self.batches = 0
        """Worked so far."""

    async def run(self) -> None:
        """Until `stop` or cancelled; both let the batch in hand end, unless it waits for an outage to end."""
        while not self._stopping.is_set():
            try:
                await self._consume()
            except (Retry, *AWAY) as error:
                log.debug("A queue's consumer starts again.", operation="consume", queue=self.queue, error=str(error))
                await self._pause(_REST)
            except ConfigError as error:
                log.error(str(error), operation="consume", queue=self.queue)
                await self._pause(10 * _REST)
            except Exception as error:
                log.error("A queue's consumer failed; it starts again.", operation="consume", queue=self.queue, exc_info=error)
                await self._pause(_REST)

    def stop(self) -> None:
        """Take no more; `run` returns when the batch in hand is done."""
        self._stopping.set()
        if self._window is not None:
            self._window.wake()

    def give_way(self) -> None:
        """After the batch in hand, line up behind the others who wait for this queue."""
        self._is_giving_way = True

    async def _consume(self) -> None:
        self._is_giving_way = False
        await self._broker.ensure(self._topology)
        window = self._window = InFlight(await self._broker.channel(), self.queue)
        try:
            # A queue that is still being recovered may keep its new consumer waiting for a minute, and then refuse.
            async with asyncio.timeout(_OPENING):
                await window.open(PREFETCH)
            is_first = True
            while (batch := await window.next(self._batch, self._stopping)) is not None:
                await self._finish(self._work(batch, is_first=is_first), window)
                is_first = False
                self.batches += 1
                if self._is_giving_way:
                    break
        finally:
            # What was not acknowledged goes back to the head of the queue, in order.
            await window.close()

    async def _finish(self, work: Awaitable[None], window: "InFlight") -> None:
        """A cancellation waits for the batch in hand: committed but not acknowledged, it would be worked twice."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stopping.set()
            await task
            await window.acknowledge()
            raise
        await window.acknowledge()

    async def _work(self, batch: Sequence[QueueMessage], *, is_first: bool) -> None:
        """The order of what is tried here is the queue's order; nothing is given up but what is set aside."""
        first = batch[0]
        if is_first and first.returns >= _ALONE and await self._is_settled_apart(first):
            return
        try:
            await self._retrying(lambda: self._handle(batch))
        except Retry:
            raise
        except Exception as error:
            log.error(
                "A batch failed; its messages are tried one by one.", operation="consume", queue=self.queue, exc_info=error
            )
            for delivery in batch:
                await self._work_one(delivery)

    async def _is_settled_apart(self, suspect: QueueMessage) -> bool:
        """A suspect that was begun here before is worked, or shown to kill, where it kills nobody else."""
        if await self._retrying(lambda: self._record_try(suspect)) <= MAX_TRIES:
            return False
        try:
            ending = await self._retrying(lambda: self._try_apart(suspect))
        except Untried as error:
            log.warning("A suspected message is worked here.", operation="consume", queue=self.queue, error=str(error))
            return False
        if ending is not None:
            log.error("A message kills processes; it is set aside.", operation="consume", queue=self.queue, ending=ending)
            await self._retrying(lambda: self._set_aside(suspect, f"A process of its own died on it: {ending}."))
        return True

    async def _work_one(self, delivery: QueueMessage) -> None:
        for failures in range(1, MAX_FAILURES + 1):
            try:
                await self._retrying(lambda: self._handle([delivery]))
                return
            except Retry:
                raise
            except Exception as error:
                kind = type(error).__name__
            await self._pause(_PAUSES[0] * failures)
        await self._retrying(lambda: self._set_aside(delivery, f"It keeps failing ({kind})."))

    async def _retrying(self, work: Callable[[], Awaitable[R]]) -> R:
        """Again and again while there is an outage: nothing else of this queue may overtake what is in hand."""
        for attempt in count():
            try:
                return await work()
            except Retry as error:
                if self._stopping.is_set():
                    raise
                if attempt == 0:
                    log.warning("A queue waits for an outage to end.", operation="consume", queue=self.queue, error=str(error))
            await self._pause(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        raise AssertionError("unreachable")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


class InFlight:
    """What one channel has been handed and has not acknowledged, in the queue's order."""

    def __init__(self, channel: AbstractChannel, queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._arrived = asyncio.Event()
        self._last: AbstractIncomingMessage | None = None
        self._is_ended = False

    async def open(self, prefetch: int) -> None:
        self._channel.close_callbacks.add(self.wake)
        with closing_is_loss():
            await self._channel.set_qos(prefetch_count=prefetch)
            queue = await self._channel.get_queue(self._queue)
            underlay = await self._channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(self._cancelled)
            await queue.consume(self._arrive)

    async def next(self, limit: int, stopping: asyncio.Event) -> list[QueueMessage] | None:
        """What is there, at most `limit`, and less of what was out before. None when stopping, `Retry` when closed."""
        while not self._waiting and not stopping.is_set():
            if self._is_ended or self._channel.is_closed:
                raise Retry(f"the channel of queue {self._queue} closed", after=_REST)
            self._arrived.clear()
            await self._arrived.wait()
        return None if stopping.is_set() else self._take(limit)

    async def acknowledge(self) -> None:
        """Everything handed out by `next` so far. On a channel that closed meanwhile it comes again, and is known by then."""
        if self._last is not None:
            with closing_is_loss():
                await self._last.ack(multiple=True)
            self._last = None

    async def close(self) -> None:
        self._channel.close_callbacks.discard(self.wake)
        with gone_is_closed():
            await self._channel.close()

    def _take(self, limit: int) -> list[QueueMessage]:
        returns = _returns(self._waiting[0])
        limit = limit if returns == 0 else min(limit, SMALL_BATCH) if returns < _ALONE else 1
        batch: list[QueueMessage] = []
        while self._waiting and len(batch) < limit and _returns(self._waiting[0]) <= returns:
            self._last = self._waiting.popleft()
            batch.append(_delivery(self._queue, self._last))
        return batch

    async def _arrive(self, message: AbstractIncomingMessage) -> None:
        self._waiting.append(message)
        self._arrived.set()

    def wake(self, *_: object) -> None:
        """Something changed: `next` looks again."""
        self._arrived.set()

    async def _cancelled(self, _: object) -> None:
        """The broker ended the consumer: its queue was deleted, or moved."""
        self._is_ended = True
        self._arrived.set()


def _returns(message: AbstractIncomingMessage) -> int:
    """Quorum queues count; of another kind of queue only the flag is known, and the worst is assumed."""
    count = message.headers.get("x-delivery-count")
    return count if isinstance(count, int) else _ALONE * bool(message.redelivered)


def _delivery(queue: str, message: AbstractIncomingMessage) -> QueueMessage:
    return QueueMessage(
        queue=queue,
        id=message.message_id or hashlib.sha256(message.body).hexdigest()[:32],
        body=message.body,
        headers=message.headers,
        sent_at=message.timestamp,
        returns=_returns(message),
    )
