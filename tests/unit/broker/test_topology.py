"""What is to be declared, as values, and the broker's refusals as sentences."""

from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed
from aiormq.exceptions import ChannelAccessRefused

from waystate.broker.topology import DEAD_LETTERS, QueueNames, explain, topology_of

NAMES = QueueNames()


def test_each_named_queue_is_a_quorum_queue_with_a_limit_one_consumer_and_a_way_out() -> None:
    queues = {queue.name: queue.arguments for queue in topology_of(NAMES).queues}
    assert set(NAMES.named) < set(queues)
    for name in NAMES.named:
        assert queues[name]["x-queue-type"] == "quorum"
        assert queues[name]["x-single-active-consumer"] is True
        assert queues[name]["x-dead-letter-exchange"] == DEAD_LETTERS
        assert isinstance(queues[name]["x-delivery-limit"], int)


def test_partitions_stand_behind_an_exchange_of_the_queues_name() -> None:
    topology = topology_of(NAMES, 3)
    assert {each.name for each in topology.exchanges if each.type == "x-consistent-hash"} == set(NAMES.named)
    behind = [each.queue for each in topology.bindings if each.exchange == NAMES.inbound]
    assert behind == [f"{NAMES.inbound}.{number}" for number in range(3)]
    assert {each.name for each in topology_of(NAMES).queues} < {each.name for each in topology.queues}


def test_events_that_nobody_bound_a_queue_for_have_a_home() -> None:
    topology = topology_of(NAMES)
    (events,) = (each for each in topology.exchanges if each.name == NAMES.events)
    assert events.arguments["alternate-exchange"] == NAMES.unrouted
    assert (NAMES.unrouted, NAMES.unrouted) in [(each.exchange, each.queue) for each in topology.bindings]


def test_refusals_are_sentences_that_say_what_to_do() -> None:
    differs = ChannelPreconditionFailed(
        "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'send-results' in vhost '/': received the value "
        "'quorum' of type 'longstr' but current is the value 'classic' of type 'longstr'"
    )
    assert "queue send-results is there already with x-queue-type = classic, and Waystate needs quorum" in explain(differs)
    assert "rabbitmq-plugins enable" in explain(AMQPError("COMMAND_INVALID - unknown exchange type 'x-consistent-hash'"))
    assert "right to configure" in explain(ChannelAccessRefused("ACCESS_REFUSED - no"))
