"""The consumers of the five queues and of their partitions, in one process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

import structlog

from waystate.broker.connection import Broker, Depth
from waystate.broker.consumer import Consumer, QueueMessage
from waystate.broker.quarantine import try_apart
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import QueueNames, topology_of
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import ConfigError, Retry
from waystate.ids import new_id
from waystate.pipeline.run import KINDS
from waystate.work import store as work_store
from waystate.work.lanes import share_out

log = structlog.get_logger()

QUEUES = "queues"
"""The kind under which processes that start together meet."""
MEETING = 0.5
"""Seconds in which they do, and then until the others line up as stand-ins; processes of one deployment start within it."""
SHARE = 5.0
"""Seconds until a process with a backlog in several queues offers one of them to others, twice as long after each time."""
LONGEST_SHARE = 300.0
_REST = 1.0

TryApart = Callable[[str, QueueMessage], Awaitable[str | None]]
Queues = Sequence[tuple[str, str]]
"""The kind of payload and the name of each queue."""


def in_turn(queues: Sequence[Queues]) -> Queues:
    """Of each kind one after another: the named queues, then partition by partition, so that shares are alike. Pure."""
    longest = max(map(len, queues), default=0)
    return [each[place] for place in range(longest) for each in queues if place < len(each)]


def surplus_of(active: Sequence[str], depths: Mapping[str, Depth | None]) -> str | None:
    """Of the queues that this process works, one that another process could take off it: it has a backlog in several. Pure."""
    loaded = [name for name in active if (depth := depths.get(name)) is not None and depth.messages]
    return loaded[-1] if len(loaded) > 1 else None


class QueueConsumers:
    """Any number of processes may run these: the broker gives a queue to whoever came first, and keeps the rest as stand-ins.

    So each process comes first to its share of the queues, and a moment later to all others. When one dies, a stand-in goes on
    at once; a lasting backlog is evened out by offering queues.
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
        meeting: float = MEETING,
        share_every: float = SHARE,
        try_apart: TryApart = try_apart,
    ) -> None:
        self._broker = broker
        self._names = names
        self._pipeline = pipeline
        self._db = db
        self._clock = clock
        self._batch = batch
        self._meeting = meeting
        self._share_every = share_every
        self._try_apart = try_apart
        self._consumers: list[Consumer] = []
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until `stop` or cancelled; either way each batch in hand is finished first."""
        queues = await self._find_queues()
        ours = await self._find_share(queues)
        self._consumers = [self._consumer(kind, queue) for kind, queue in queues]
        if self._stopping.is_set():
            return
        sharing = asyncio.create_task(self._share())
        try:
            await asyncio.gather(*(self._consume(each, place in ours) for place, each in enumerate(self._consumers)))
        finally:
            sharing.cancel()

    def stop(self) -> None:
        self._stopping.set()
        for consumer in self._consumers:
            consumer.stop()

    async def _consume(self, consumer: Consumer, is_ours: bool) -> None:
        if not is_ours:
            await self._pause(self._meeting)
        await consumer.run()

    async def _find_share(self, queues: Queues) -> set[int]:
        """The places of the queues to come first to. Nothing but speed depends on it: with the database away, all."""
        holder, now = str(new_id()), self._clock()
        try:
            for pause in (self._meeting, 0.0):
                async with self._db.work() as conn:
                    ttl = timedelta(seconds=2 * self._meeting)
                    met = await work_store.meet_members(conn, holder, [QUEUES], now=now, ttl=ttl)
                await self._pause(pause)
        except Exception as error:
            log.warning("Queues are not shared at the start.", operation="consume", error=type(error).__name__)
            return set(range(len(queues)))
        return set(share_out(len(queues), met[QUEUES], holder, {}).take)

    async def _share(self) -> None:
        """The broker does not tell who waits: so one queue is offered now and then."""
        queues = [consumer.queue for consumer in self._consumers]
        before = [consumer.batches for consumer in self._consumers]
        pause = self._share_every
        while True:
            await asyncio.sleep(pause)
            with suppress(Retry):
                active = [each.queue for each, count in zip(self._consumers, before, strict=True) if each.batches > count]
                before = [consumer.batches for consumer in self._consumers]
                surplus = surplus_of(active, await self._broker.depths(queues))
                if surplus is not None:
                    pause = min(2 * pause, LONGEST_SHARE)
                    self._consumers[queues.index(surplus)].give_way()

    async def _find_queues(self) -> Queues:
        """Partitions that are declared later are found by the next start."""
        while not self._stopping.is_set():
            try:
                await self._broker.ensure(topology_of(self._names))
                kinds = zip(KINDS.by_queue, self._names.named, strict=True)
                return in_turn([[(kind, queue) for queue in await self._broker.partitions_of(name)] for kind, name in kinds])
            except Retry:
                await self._pause(_REST)
            except ConfigError as error:
                log.error(str(error), operation="consume")
                await self._pause(10 * _REST)
        return []

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _consumer(self, kind: str, queue: str) -> Consumer:
        return Consumer(
            self._broker,
            queue,
            partial(self._pipeline.work, kind),
            partial(self._pipeline.set_aside, kind),
            self._pipeline.record_try,
            partial(self._try_apart, kind),
            topology=topology_of(self._names),
            batch=self._batch,
        )
