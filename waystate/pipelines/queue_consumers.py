"""The consumers of the five queues and of their partitions: each process works its share of them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from functools import partial

import structlog

from waystate.broker.connection import Broker
from waystate.broker.consumer import Consumer
from waystate.broker.topology import QueueNames, topology_of
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import ConfigError, Retry
from waystate.pipelines.lanes import LeaseKeeper
from waystate.pipelines.queue_payloads import MODELS
from waystate.pipelines.queues import QueuePipeline

log = structlog.get_logger()

QUEUES = "queues"
"""The kind of their leases; a queue's lane is its place in the list of all of them."""
LOOK = 0.1
"""Seconds between looks at which queues are this process's own."""
_REST = 1.0

Kinds = Sequence[tuple[str, str]]
"""The kind of payload and the name of each queue."""


def in_turn(queues: Sequence[Sequence[tuple[str, str]]]) -> Kinds:
    """Of each kind one after another: the named queues, then partition by partition, so that shares are alike. Pure."""
    longest = max(map(len, queues), default=0)
    return [each[place] for place in range(longest) for each in queues if place < len(each)]


class QueueConsumers:
    """Any number of processes may run these.

    The broker would give every queue to whoever came first; leases share them evenly. That one queue has one consumer at a
    time, and so keeps its order, the broker sees to, whatever the leases say.
    """

    def __init__(
        self,
        broker: Broker,
        names: QueueNames,
        pipeline: QueuePipeline,
        db: Database,
        clock: Clock,
        *,
        batch: int,
        ttl: timedelta,
    ) -> None:
        self._broker = broker
        self._names = names
        self._pipeline = pipeline
        self._db = db
        self._clock = clock
        self._batch = batch
        self._ttl = ttl
        self._running: dict[int, tuple[Consumer, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until `stop` or cancelled; either way each batch in hand is finished first."""
        queues = await self._find_queues()
        if self._stopping.is_set():
            return
        leases = LeaseKeeper(self._db, self._clock, lanes=len(queues), ttl=self._ttl, kinds=[QUEUES])
        leases.ask_before_release(self._busy)
        keeping = asyncio.create_task(leases.run())
        try:
            while not self._stopping.is_set():
                self._match(queues, leases)
                await self._pause(LOOK)
        finally:
            await self._end()
            keeping.cancel()
            await self._quietly(leases.release)

    def stop(self) -> None:
        self._stopping.set()
        for consumer, _ in self._running.values():
            consumer.stop()

    def _match(self, queues: Kinds, leases: LeaseKeeper) -> None:
        """Consume what is ours, and give up what is not. While leases lapse in an outage, what is in hand stays there."""
        for lane in [lane for lane, (_, task) in self._running.items() if task.done()]:
            del self._running[lane]
        if leases.is_lapsed():
            return
        ours = set(leases.lanes(QUEUES))
        for lane in self._running.keys() - ours:
            self._running[lane][0].stop()
        for lane in ours - self._running.keys():
            consumer = self._consumer(*queues[lane])
            self._running[lane] = consumer, asyncio.create_task(consumer.run())

    def _busy(self, _: str) -> Collection[int]:
        return self._running.keys()

    async def _end(self) -> None:
        """A cancelled consumer finishes its batch; one that only waits for the broker ends at once."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find_queues(self) -> Kinds:
        """Partitions that are declared later are found by the next start."""
        while not self._stopping.is_set():
            try:
                await self._broker.ensure(topology_of(self._names))
                kinds = zip(MODELS, self._names.named, strict=True)
                found = [[(kind, queue) for queue in await self._broker.partitions_of(name)] for kind, name in kinds]
                return in_turn(found)
            except Retry:
                await self._pause(_REST)
            except ConfigError as error:
                log.error(str(error), operation="consume")
                await self._pause(10 * _REST)
        return []

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> None:
        """A database that is away lets the leases lapse, which is the same, only later."""
        try:
            await work()
        except Exception as error:
            log.warning("The leases of the queues lapse by themselves.", operation="consume", error=type(error).__name__)

    def _consumer(self, kind: str, queue: str) -> Consumer:
        return Consumer(
            self._broker,
            queue,
            partial(self._pipeline.work, kind),
            partial(self._pipeline.set_aside, kind),
            self._pipeline.record_try,
            topology=topology_of(self._names),
            batch=self._batch,
        )
