"""The consumer on a real RabbitMQ, its handler keeping a list: order, acknowledgement after the work, outages, suspects."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from tests.integration.broker.traffic import depth, running, send, until, until_empty
from tests.servers.rabbitmq import RabbitMQ
from waystate.broker.connection import Broker
from waystate.broker.consumer import MAX_FAILURES, MAX_TRIES, SMALL_BATCH, Consumer, QueueMessage, Untried
from waystate.broker.topology import QueueNames, topology_of
from waystate.errors import Retry


@dataclass
class Desk:
    """Stands for the pipelines: what was worked, in which batches, what was set aside, and how often a suspect was begun."""

    batches: list[list[str]] = field(default_factory=list)
    aside: list[tuple[str, str]] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    dies: dict[str, str | Untried] = field(default_factory=dict)
    apart: list[str] = field(default_factory=list)
    deny: Callable[[Sequence[QueueMessage]], None] = lambda _: None
    gate: asyncio.Event | None = None

    @property
    def done(self) -> list[str]:
        return [each for batch in self.batches for each in batch]

    async def work(self, batch: Sequence[QueueMessage]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.deny(batch)
        self.batches.append([each.body.decode() for each in batch])

    async def set_aside(self, delivery: QueueMessage, why: str) -> None:
        self.aside.append((delivery.body.decode(), why))

    async def record_try(self, delivery: QueueMessage) -> int:
        self.tries[delivery.id] = self.tries.get(delivery.id, 0) + 1
        return self.tries[delivery.id]

    async def try_apart(self, delivery: QueueMessage) -> str | None:
        ending = self.dies.get(delivery.id)
        if isinstance(ending, Untried):
            raise ending
        if ending is None:
            self.apart.append(delivery.body.decode())
        return ending


@pytest.fixture
def desk() -> Desk:
    return Desk()


Make = Callable[..., Consumer]


@pytest.fixture
def consumer(rabbit: Broker, names: QueueNames, desk: Desk) -> Make:
    def make(work: Callable[[Sequence[QueueMessage]], Awaitable[None]] | None = None, *, batch: int = 100) -> Consumer:
        return Consumer(
            rabbit,
            names.inbound,
            work or desk.work,
            desk.set_aside,
            desk.record_try,
            desk.try_apart,
            topology=topology_of(names),
            batch=batch,
        )

    return make


def numbers(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


async def test_messages_are_worked_in_the_queues_order_in_batches_of_what_is_there(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(250))
    async with running(consumer(batch=100)):
        await until(lambda: len(desk.done) == 250)
        await send(broker.url, names.inbound, b"later")
        await until(lambda: len(desk.done) == 251)
    assert desk.done == [*map(str, range(250)), "later"]
    assert max(map(len, desk.batches)) <= 100
    assert len(desk.batches) < 50
    assert await depth(rabbit, names.inbound) == 0


async def test_nothing_is_acknowledged_before_it_is_durable(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    async def die(_: Sequence[QueueMessage]) -> None:
        await asyncio.Event().wait()

    await send(broker.url, names.inbound, *numbers(5))
    task = asyncio.create_task(consumer(die).run())
    await asyncio.sleep(0.3)
    await rabbit.close()  # as a death does: the broker sees the connection go
    task.cancel()
    task.cancel()
    async with running(consumer()):
        await until(lambda: len(desk.done) == 5)
    assert desk.done == ["0", "1", "2", "3", "4"]
    task.cancel()


async def test_what_was_out_at_one_death_is_worked_in_small_batches(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(60))
    await hold_and_drop(rabbit, names.inbound, 60)
    async with running(consumer()):
        await until(lambda: len(desk.done) == 60)
    assert max(map(len, desk.batches)) <= SMALL_BATCH
    assert len(desk.batches) < 60
    assert desk.done == [*map(str, range(60))]
    assert desk.tries == {}


async def test_what_was_out_at_two_deaths_is_worked_one_at_a_time(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(8))
    for _ in range(2):
        await hold_and_drop(rabbit, names.inbound, 8)
    async with running(consumer()):
        await until(lambda: len(desk.done) == 8)
    assert desk.batches == [[str(number)] for number in range(8)]
    assert desk.tries == {"m0": 1}


async def test_what_was_begun_first_after_every_death_is_set_aside_and_nothing_else(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(5))
    for _ in range(3):
        await hold_and_drop(rabbit, names.inbound, 5)
    desk.tries["m0"], desk.dies["m0"] = MAX_TRIES, "signal 11"
    async with running(consumer()):
        await until(lambda: len(desk.done) == 4)
    assert desk.aside == [("0", "A process of its own died on it: signal 11.")]
    assert desk.apart == []
    assert desk.done == ["1", "2", "3", "4"]
    await until_empty(rabbit, names.inbound)


async def test_a_suspect_that_harms_nothing_is_worked_however_many_processes_died(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(5))
    for _ in range(3):
        await hold_and_drop(rabbit, names.inbound, 5)
    desk.tries["m0"] = 10
    async with running(consumer()):
        await until(lambda: len(desk.done) == 4)
    assert desk.apart == ["0"]
    assert desk.done == ["1", "2", "3", "4"]
    assert desk.aside == []
    await until_empty(rabbit, names.inbound)


async def test_a_suspect_whose_trial_told_nothing_is_worked_here(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    await send(broker.url, names.inbound, *numbers(3))
    for _ in range(2):
        await hold_and_drop(rabbit, names.inbound, 3)
    desk.tries["m0"], desk.dies["m0"] = MAX_TRIES, Untried("exit code 1")
    async with running(consumer()):
        await until(lambda: len(desk.done) == 3)
    assert desk.done == ["0", "1", "2"]
    assert (desk.apart, desk.aside) == ([], [])


async def test_in_an_outage_the_batch_stays_in_hand_and_nothing_overtakes_it(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    seen: list[list[str]] = []

    def away(batch: Sequence[QueueMessage]) -> None:
        seen.append([each.body.decode() for each in batch])
        if len(seen) < 4:
            raise Retry("away", after=1)

    desk.deny = away
    await send(broker.url, names.inbound, *numbers(3))
    async with running(consumer()):
        await until(lambda: len(seen) == 2)
        await send(broker.url, names.inbound, b"later")
        await until(lambda: len(desk.done) == 4)
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert desk.done == ["0", "1", "2", "later"]
    assert desk.aside == []


async def test_a_message_that_keeps_failing_is_set_aside_alone(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    tries = 0

    def bad(batch: Sequence[QueueMessage]) -> None:
        nonlocal tries
        if any(each.body == b"3" for each in batch):
            tries += len(batch) == 1
            raise ValueError("our own mistake")

    desk.deny = bad
    await send(broker.url, names.inbound, *numbers(6))
    async with running(consumer()):
        await until(lambda: len(desk.done) == 5)
    assert desk.done == ["0", "1", "2", "4", "5"]
    assert [body for body, _ in desk.aside] == ["3"]
    assert tries >= MAX_FAILURES
    assert await depth(rabbit, names.inbound) == 0


async def test_a_stop_finishes_and_acknowledges_the_batch_in_hand(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    desk.gate = asyncio.Event()
    await send(broker.url, names.inbound, *numbers(3))
    stopped = consumer(batch=2)
    task = asyncio.create_task(stopped.run())
    await asyncio.sleep(0.3)
    stopped.stop()
    desk.gate.set()
    await asyncio.wait_for(task, 5)
    worked = len(desk.done)
    assert 1 <= worked <= 2
    await asyncio.sleep(0.2)
    assert await depth(rabbit, names.inbound) == 3 - worked


async def test_a_cancellation_finishes_and_acknowledges_the_batch_in_hand(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    desk.gate = asyncio.Event()
    await send(broker.url, names.inbound, *numbers(3))
    task = asyncio.create_task(consumer().run())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.sleep(0.1)
    assert not task.done()
    desk.gate.set()
    await asyncio.wait({task}, timeout=5)
    assert task.done()
    worked = len(desk.done)
    assert worked >= 1
    await asyncio.sleep(0.2)
    assert await depth(rabbit, names.inbound) == 3 - worked


async def test_of_two_consumers_one_works_and_the_other_takes_over_in_order(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, consumer: Make
) -> None:
    first, second = Desk(), Desk()
    one, two = consumer(first.work, batch=10), consumer(second.work, batch=10)
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0.3)
    async with running(two):
        await send(broker.url, names.inbound, *numbers(50))
        await until(lambda: len(first.done) == 50)
        assert second.done == []
        one.stop()
        await task
        await send(broker.url, names.inbound, b"50", b"51")
        await until(lambda: len(second.done) == 2)
    assert first.done + second.done == [*map(str, range(52))]


async def test_a_deleted_queue_is_declared_again(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames, desk: Desk, consumer: Make
) -> None:
    async with running(consumer()):
        await send(broker.url, names.inbound, b"1")
        await until(lambda: desk.done == ["1"])
        channel = await rabbit.channel()
        await channel.queue_delete(names.inbound)
        await channel.close()
        for _ in range(300):
            if (await rabbit.depths([names.inbound]))[names.inbound] is not None:
                break
            await asyncio.sleep(0.02)
        await send(broker.url, names.inbound, b"2")
        await until(lambda: desk.done == ["1", "2"])


async def hold_and_drop(rabbit: Broker, queue: str, prefetch: int) -> None:
    """What a consumer leaves that took so many and died."""
    channel = await rabbit.channel()
    await channel.set_qos(prefetch_count=prefetch)
    held: list[object] = []

    async def keep(message: object) -> None:
        held.append(message)

    await (await channel.get_queue(queue)).consume(keep)
    await until(lambda: len(held) == prefetch)
    await channel.close()
