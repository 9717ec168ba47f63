"""Publishing on a real RabbitMQ: confirmed, in order, never lost silently."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import pytest
from yarl import URL

from tests.integration.broker.traffic import read, read_all
from tests.servers.proxy import proxy
from tests.servers.rabbitmq import RabbitMQ
from waystate.broker.connection import AWAY, Broker
from waystate.broker.consumer import InFlight
from waystate.broker.publisher import Outgoing, Publisher
from waystate.broker.topology import QueueNames
from waystate.errors import Retry

Wait = Callable[[], Awaitable[object]]

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def message(exchange: str, number: int, routing_key: str = "acme.message.status") -> Outgoing:
    return Outgoing(
        exchange=exchange,
        routing_key=routing_key,
        message_id=f"id-{number}",
        type="message.status",
        body=f'{{"number":{number}}}'.encode(),
        at=AT,
        headers={"x-tenant-id": "acme", "x-schema-version": 1},
    )


async def bind(rabbit: Broker, names: QueueNames, key: str) -> str:
    channel = await rabbit.channel()
    queue = await channel.declare_queue(f"sub-{names.events}", durable=True, arguments={"x-queue-type": "quorum"})
    await queue.bind(names.events, key)
    await channel.close()
    return queue.name


async def test_subscribers_get_what_they_bound_in_order_with_everything_about_it(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames
) -> None:
    queue = await bind(rabbit, names, "acme.#")
    publisher = Publisher(rabbit)
    await publisher.publish_many([message(names.events, number) for number in range(1200)])
    found = await read(broker.url, queue, 1200)
    assert [each.message_id for each in found] == [f"id-{number}" for number in range(1200)]
    first = found[0]
    assert first.headers == {"x-tenant-id": "acme", "x-schema-version": 1}
    assert (first.content_type, first.type, first.timestamp) == ("application/json", "message.status", AT)
    assert first.delivery_mode == 2
    await publisher.close()


async def test_an_event_that_nobody_asked_for_has_a_home(broker: RabbitMQ, rabbit: Broker, names: QueueNames) -> None:
    await bind(rabbit, names, "other.#")
    await Publisher(rabbit).publish_many([message(names.events, 1)])
    (found,) = await read(broker.url, names.unrouted, 1)
    assert found.message_id == "id-1"


async def test_what_no_queue_takes_is_an_error_and_no_silence(rabbit: Broker, names: QueueNames) -> None:
    publisher = Publisher(rabbit)
    with pytest.raises(Retry, match="1 of 3 messages were not confirmed: no queue takes them"):
        await publisher.publish_many([message(names.events, 1), message("", 2, routing_key="nobody"), message(names.events, 3)])
    await publisher.publish_many([message(names.events, 4)])  # the next try is not harmed


async def test_an_exchange_that_is_gone_is_an_error_and_no_silence(rabbit: Broker) -> None:
    with pytest.raises(Retry):
        await Publisher(rabbit).publish_many([message("gone", 1)])


async def test_many_at_once_share_the_channel_and_all_are_confirmed(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames
) -> None:
    queue = await bind(rabbit, names, "#")
    publisher = Publisher(rabbit, in_flight=50)
    await asyncio.gather(*(publisher.publish_many([message(names.events, n * 10 + k) for k in range(10)]) for n in range(30)))
    found = [each.message_id for each in await read(broker.url, queue, 300)]
    assert sorted(found) == sorted(f"id-{n}" for n in range(300))
    for n in range(30):
        of_one = [f"id-{n * 10 + k}" for k in range(10)]
        assert [each for each in found if each in of_one] == of_one


async def test_two_of_one_id_at_once_are_both_told_that_no_queue_takes_them(rabbit: Broker) -> None:
    """The client tells by the id which message was returned; the other of the two it would call confirmed."""
    publisher = Publisher(rabbit)
    for _ in range(20):
        lost = [publisher.publish_many([message("", 1, routing_key="nobody")]) for _ in range(3)]
        results = await asyncio.gather(*lost, return_exceptions=True)
        assert [type(each) for each in results] == [Retry] * 3


async def test_one_that_is_returned_is_not_confirmed_by_another_of_its_id(
    broker: RabbitMQ, rabbit: Broker, names: QueueNames
) -> None:
    publisher = Publisher(rabbit)
    for routed_first in (True, False) * 10:
        lost, routed = message("", 1, routing_key="nobody"), message(names.events, 1)
        with pytest.raises(Retry, match="1 of 2"):
            await publisher.publish_many([routed, lost] if routed_first else [lost, routed])
    assert len(await read(broker.url, names.unrouted, 20)) == 20


async def test_what_a_full_queue_refuses_is_an_error_and_no_silence(rabbit: Broker, names: QueueNames) -> None:
    channel = await rabbit.channel()
    queue = await channel.declare_queue(
        f"full-{names.events}", durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
    )
    with pytest.raises(Retry, match=r"[12] of 3 messages were not confirmed: the broker refused them"):
        await Publisher(rabbit).publish_many([message("", number, routing_key=queue.name) for number in range(3)])
    await channel.close()


async def publishing(far: Broker, names: QueueNames) -> Wait:
    publisher = Publisher(far)
    await publisher.publish_many([message(names.events, 0)])
    return lambda: publisher.publish_many([message(names.events, number) for number in range(1, 20)])


async def consuming(far: Broker, names: QueueNames) -> Wait:
    window = InFlight(await far.channel(), names.unrouted)
    return lambda: window.open(1)


async def asking_for_a_channel(far: Broker, names: QueueNames) -> Wait:
    await far.depths([names.unrouted])
    return lambda: far.channel()


@pytest.mark.parametrize("ready", [publishing, consuming, asking_for_a_channel])
async def test_who_waits_while_another_task_gives_the_connection_up_is_told_that_the_broker_is_away(
    broker: RabbitMQ, names: QueueNames, rabbit: Broker, ready: Callable[[Broker, QueueNames], Awaitable[Wait]]
) -> None:
    """The client cancels them: taken for a stop, nobody would begin again."""
    async with proxy("127.0.0.1", URL(broker.url).port or 5672) as line:
        far = Broker(line.url(broker.url), names)
        wait = await ready(far, names)
        line.loses_answers = True
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.2)
        await far.close()
        (result,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(result, (Retry, *AWAY)), result


async def test_no_batch_that_counts_as_published_is_missing_wherever_the_connection_ends(
    broker: RabbitMQ, names: QueueNames, rabbit: Broker
) -> None:
    """Cut at any moment, politely or not, with many callers on the channel and a returned message now and then."""
    random, results, published = Random(7), Counter[str](), set[str]()

    async def publish(publisher: Publisher, numbers: range, *, lost: bool) -> None:
        batch = [message(names.events, number) for number in numbers]
        try:
            await publisher.publish_many([*batch, message("", numbers[0] + 1_000_000, routing_key="nobody")] if lost else batch)
        except Retry:
            results["retry"] += 1
        else:
            assert not lost, "what was returned is no success"
            results["published"] += 1
            published.update(each.message_id for each in batch)

    async with proxy("127.0.0.1", URL(broker.url).port or 5672) as line:
        far = Broker(line.url(broker.url), names)
        publisher = Publisher(far)
        for turn in range(60):
            numbers = [range(first, first + 40) for first in range(turn * 1000, turn * 1000 + 200, 40)]
            callers = [asyncio.create_task(publish(publisher, each, lost=random.random() < 0.1)) for each in numbers]
            await asyncio.sleep(random.uniform(0, 0.03))
            random.choice([line.cut, line.hang_up])()
            await asyncio.gather(*callers)
            await publish(publisher, range(turn * 1000 + 500, turn * 1000 + 510), lost=False)
        await far.close()
    assert results["retry"] > 20, "the cuts came in between"
    assert results["published"] > 60
    await read_all(broker.url, names.unrouted, published)
