"""The queues and exchanges on a real RabbitMQ: declared once or often, and refused in words."""

from dataclasses import replace

import pytest
from aio_pika import Message

from tests.servers.rabbitmq import RabbitMQ
from waystate.broker.connection import Broker, Depth
from waystate.broker.topology import Exchange, Queue, QueueNames, topology_of
from waystate.errors import ConfigError


async def test_declaring_again_changes_nothing(rabbit: Broker, names: QueueNames) -> None:
    for _ in range(2):
        await rabbit.declare(topology_of(names))
        await rabbit.declare(topology_of(names, 3))
    assert await rabbit.partitions_of(names.inbound) == [names.inbound, *(f"{names.inbound}.{n}" for n in range(3))]


async def test_what_is_missing_is_declared_and_what_is_there_left_alone(broker: RabbitMQ, names: QueueNames) -> None:
    rabbit = Broker(broker.url, names)
    await rabbit.ensure(topology_of(names))
    await rabbit.ensure(topology_of(names))
    assert await rabbit.depths(names.named) == {name: Depth(0, 0) for name in names.named}
    await rabbit.close()


async def test_a_queue_with_other_arguments_is_refused_in_a_sentence_that_says_what_differs(
    rabbit: Broker, names: QueueNames
) -> None:
    (there,) = (queue for queue in topology_of(names).queues if queue.name == names.inbound)
    wanted = replace(topology_of(names), queues=(Queue(names.inbound, {**there.arguments, "x-delivery-limit": 5}),))
    with pytest.raises(ConfigError, match=rf"{names.inbound} is there already with x-delivery-limit = 1000.* needs 5"):
        await rabbit.declare(wanted)
    await rabbit.declare(topology_of(names))  # the connection outlives it


async def test_an_exchange_of_another_type_is_refused_in_a_sentence(rabbit: Broker, names: QueueNames) -> None:
    wanted = replace(topology_of(names), exchanges=(Exchange(names.events, "fanout"),))
    with pytest.raises(ConfigError, match=rf"exchange {names.events} is there already with type = topic"):
        await rabbit.declare(wanted)


async def test_a_missing_plugin_is_named_with_the_command_that_enables_it(rabbit: Broker, names: QueueNames) -> None:
    wanted = replace(topology_of(names), exchanges=(Exchange("partitions", "x-consistent-hash-not-there"),))
    with pytest.raises(ConfigError, match="rabbitmq-plugins enable rabbitmq_consistent_hash_exchange"):
        await rabbit.declare(wanted)


async def test_health_shows_the_depth_of_every_queue(rabbit: Broker, names: QueueNames) -> None:
    channel = await rabbit.channel(confirms=True)
    queue = await channel.get_queue(names.status)
    for _ in range(3):
        await channel.default_exchange.publish(Message(b"{}"), queue.name)
    await channel.close()
    shown = await rabbit.check()
    assert shown["queue_depth"] == 3
    assert shown["queues"][names.status] == 3
    assert shown["queues"][names.inbound] == 0
