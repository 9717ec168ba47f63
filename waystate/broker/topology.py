"""What Waystate needs on a RabbitMQ: described as values, then declared.

Named queues take what other services send; the topic exchange gives out every event. docs/reference/queues.md shows it drawn.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, ChannelPreconditionFailed, ConnectionClosed
from aiormq.exceptions import ChannelAccessRefused
from pamqp.common import FieldValue

from waystate.config import Config
from waystate.errors import ConfigError

DEAD_LETTERS = "waystate.dead-letters"
"""What has no tenant, and what the broker itself gave up on: an exchange, and the queue where an operator finds it."""
DELIVERY_LIMIT = 1000
"""A window comes back whole whenever its consumer dies, innocents too; Waystate's own count finds what kills long before."""
UNROUTED_LENGTH = 100_000
"""Events kept for exchanges that nobody has bound a queue to; the oldest go first. PostgreSQL has them all for a week."""
MAX_PARTITIONS = 64
HASH = "x-consistent-hash"
_TIMEOUT = 10.0

Arguments = Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNames:
    inbound: str = "inbound-whatsapp-messages"
    outbound: str = "outbound-genesys-messages"
    status: str = "whatsapp-status-updates"
    correlation: str = "correlation-events"
    send_results: str = "send-results"
    events: str = "waystate.events"

    @property
    def named(self) -> tuple[str, ...]:
        """The queues that other services send to."""
        return (self.inbound, self.outbound, self.status, self.correlation, self.send_results)

    @property
    def unrouted(self) -> str:
        return f"{self.events}.unrouted"


def queue_names(config: Config) -> QueueNames:
    return QueueNames(
        inbound=config.queue_inbound,
        outbound=config.queue_outbound,
        status=config.queue_status,
        correlation=config.queue_correlation,
        send_results=config.queue_send_results,
        events=config.events_exchange,
    )


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    type: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Binding:
    exchange: str
    queue: str
    routing_key: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


def topology_of(names: QueueNames, partitions: int = 1) -> Topology:
    """With partitions each named queue gets an exchange of its name in front of so many more; the named one stays."""
    exchanges = [
        Exchange(DEAD_LETTERS, "fanout"),
        Exchange(names.unrouted, "fanout"),
        Exchange(names.events, "topic", {"alternate-exchange": names.unrouted}),
    ]
    queues = [
        Queue(DEAD_LETTERS, {"x-queue-type": "quorum"}),
        Queue(names.unrouted, {"x-queue-type": "quorum", "x-max-length": UNROUTED_LENGTH, "x-overflow": "drop-head"}),
    ]
    bindings = [Binding(DEAD_LETTERS, DEAD_LETTERS), Binding(names.unrouted, names.unrouted)]
    for name in names.named:
        queues.append(_named_queue(name))
        if partitions > 1:
            exchanges.append(Exchange(name, HASH))
            queues += [_named_queue(partition_of(name, number)) for number in range(partitions)]
            # The routing key of such a binding is the queue's weight on the ring.
            bindings += [Binding(name, partition_of(name, number), "1") for number in range(partitions)]
    return Topology(tuple(exchanges), tuple(queues), tuple(bindings))


def partition_of(name: str, number: int) -> str:
    return f"{name}.{number}"


def _named_queue(name: str) -> Queue:
    return Queue(
        name,
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,  # order
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_LETTERS,
            # The default strategy may lose what it moves.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


async def declare(connection: AbstractConnection, topology: Topology) -> None:
    """Declaring again changes nothing. `ConfigError` says what is in the way and what to do about it."""
    try:
        channel = await connection.channel()
        for exchange in topology.exchanges:
            await channel.declare_exchange(
                exchange.name, exchange.type, durable=True, arguments=dict(exchange.arguments), timeout=_TIMEOUT
            )
        for queue in topology.queues:
            await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments), timeout=_TIMEOUT)
        for binding in topology.bindings:
            bound = await channel.get_queue(binding.queue, ensure=False)
            await bound.bind(binding.exchange, binding.routing_key, timeout=_TIMEOUT)
        await channel.close()
    except (ChannelPreconditionFailed, ChannelAccessRefused, ConnectionClosed) as error:
        raise ConfigError(explain(error)) from error


async def is_declared(connection: AbstractConnection, topology: Topology) -> bool:
    """Whether everything of these names is there, whatever its arguments; asking needs no right to configure."""
    channel = await connection.channel()
    try:
        for exchange in topology.exchanges:
            await channel.declare_exchange(exchange.name, exchange.type, passive=True, timeout=_TIMEOUT)
        for queue in topology.queues:
            await channel.declare_queue(queue.name, passive=True, timeout=_TIMEOUT)
    except ChannelNotFoundEntity:
        return False
    finally:
        await channel.close()
    return True


_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for (?P<kind>queue|exchange) '(?P<name>.+?)' in vhost .*?"
    r"received (?:the value )?(?P<wanted>.+?) but current is (?P<current>.+)"
)
_VALUE = re.compile(r"(?:the value )?'(?P<value>.*?)'(?: of type '.*?')?$")


def explain(error: AMQPError) -> str:
    """A refusal of the broker as a sentence for people. Pure."""
    text = str(error)
    if found := _INEQUIVALENT.search(text):
        wanted, current = _value(found["wanted"]), _value(found["current"])
        return (
            f"The {found['kind']} {found['name']} is there already with {found['argument']} = {current}, and Waystate needs "
            f"{wanted}. Delete it once it is empty (`rabbitmqctl delete_queue`, or the management page) and declare again, or "
            "give Waystate a name of its own: the QUEUE_… and EVENTS_EXCHANGE settings."
        )
    if HASH in text:
        return (
            "Partitions need RabbitMQ's consistent-hash exchange, which is not enabled: run `rabbitmq-plugins enable "
            "rabbitmq_consistent_hash_exchange` on every node, then declare again."
        )
    if isinstance(error, ChannelAccessRefused):
        return (
            f"RabbitMQ refuses ({text}). Give the account of AMQP_URL the right to configure, write and read these names, or "
            "let an administrator run `waystate broker declare`."
        )
    return f"RabbitMQ refuses: {text}."


def _value(text: str) -> str:
    found = _VALUE.match(text.strip().rstrip("."))
    return found["value"] if found else text.strip().rstrip(".")
