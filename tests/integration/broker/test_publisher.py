"""Publishing on a real RabbitMQ: confirmed, in order, never lost silently."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.integration.broker.traffic import read
from tests.servers.rabbitmq import RabbitMQ
from waystate.broker.connection import Broker
from waystate.broker.publisher import Outgoing, Publisher
from waystate.broker.topology import QueueNames
from waystate.errors import Retry

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
