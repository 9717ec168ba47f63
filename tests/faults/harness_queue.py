"""Messages over RabbitMQ as other services send them, and a queue on the exchange that hears everything Waystate says."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.faults.harness_backlog import COPIES, Body, Message
from tests.faults.harness_findings import Findings, Rows
from waystate.broker.connection import AWAY, Broker
from waystate.broker.topology import QueueNames, topology_of
from waystate.clock import iso, utc_now
from waystate.errors import Retry
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer, make_customer
from waystate.simulator.sentences import question
from waystate.simulator.webhooks import new_wamid

IN_FLIGHT = 300
"""Messages whose confirm is waited for at once, each of another customer."""
_PAUSE = 0.1
_CONFIRM = 10.0

Line = Iterable[Body]
"""One customer's messages, in order; a copy of one may come again behind it."""


def lines_of(config: SimulatorConfig, random: Random, *, messages: int, count: int, first: int) -> list[list[Body]]:
    """So many messages of `count` customers for the inbound queue, InboundMessage by InboundMessage."""
    people = [make_customer(config, first + index) for index in range(count)]
    lines: list[list[Body]] = [[] for _ in people]
    for number in range(messages):
        place = number if number < count else random.randrange(count)
        lines[place].append(_body(config, random, people[place]))
    for line in lines:
        for place in [index for index in range(len(line)) if random.random() < COPIES]:
            line.insert(min(len(line), place + random.randint(1, 5)), line[place])
    return lines


def endless_lines(config: SimulatorConfig, seed: str, *, count: int, first: int) -> list[Line]:
    """As long as anybody sends; each line is its own seed's, whatever the others do."""

    def line(index: int) -> Iterator[Body]:
        random, person = Random(f"{seed}/{index}"), make_customer(config, first + index)
        while True:
            body = _body(config, random, person)
            yield body
            if random.random() < COPIES:
                yield body

    return [line(index) for index in range(count)]


def _body(config: SimulatorConfig, random: Random, person: Customer) -> Body:
    person.written += 1
    wamid = new_wamid(person.id, random)
    payload = {
        "wa_id": person.wa_id,
        "user_id": person.user_id,
        "contact_name": person.name,
        "wamid": wamid,
        "message_text": question(random, person.written),
        "timestamp": iso(utc_now()),
        "phone_number_id": config.phone_number_id,
        "display_phone_number": config.display_phone_number,
    }
    return Body(json.dumps(payload).encode(), (Message(person.id, person.written, wamid),))


def names_of(run: str) -> QueueNames:
    """Of one run, so that several may use the same broker."""
    names = QueueNames()
    return QueueNames(
        inbound=f"{names.inbound}.{run}",
        outbound=f"{names.outbound}.{run}",
        status=f"{names.status}.{run}",
        correlation=f"{names.correlation}.{run}",
        send_results=f"{names.send_results}.{run}",
        events=f"{names.events}.{run}",
    )


def settings_of(names: QueueNames) -> dict[str, str]:
    return {
        "QUEUE_INBOUND": names.inbound,
        "QUEUE_OUTBOUND": names.outbound,
        "QUEUE_STATUS": names.status,
        "QUEUE_CORRELATION": names.correlation,
        "QUEUE_SEND_RESULTS": names.send_results,
        "EVENTS_EXCHANGE": names.events,
    }


def tap_of(names: QueueNames) -> str:
    return f"{names.events}.tap"


@dataclass(slots=True)
class Sender:
    """Somebody else's service: it sends again until the broker has confirmed, and a customer's next message only after that."""

    url: str
    queue: str
    confirmed: list[Body] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """What came instead of a confirm; the broker may have the message nevertheless."""
    is_stopping: bool = False
    """Lines end with the message under way."""
    _connection: AbstractConnection | None = None
    _channel: AbstractChannel | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send_all(self, lines: Iterable[Line], *, pause: float = 0.0, in_flight: int = IN_FLIGHT) -> None:
        """Lines side by side, so many seconds between the messages of one."""
        room = asyncio.Semaphore(in_flight)
        await asyncio.gather(*(self._send_line(line, room, pause) for line in lines))

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*AWAY):
                await self._connection.close()
            self._connection = self._channel = None

    async def _send_line(self, line: Line, room: asyncio.Semaphore, pause: float) -> None:
        for body in line:
            if self.is_stopping:
                return
            async with room:
                while not await self._send(body):  # noqa: ASYNC110 - nobody signals that it may work now
                    await asyncio.sleep(_PAUSE)
            if pause:
                await asyncio.sleep(pause)

    async def _send(self, body: Body) -> bool:
        message = aio_pika.Message(
            body.raw,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=body.messages[0].wamid,
        )
        channel: AbstractChannel | None = None
        try:
            channel = await self._opened()
            await channel.default_exchange.publish(message, self.queue, mandatory=True, timeout=_CONFIRM)
        except AWAY as error:
            self.refused[type(error).__name__] += 1
            await self._drop(channel)
            return False
        self.confirmed.append(body)
        return True

    async def _opened(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None:
                self._connection = await aio_pika.connect(self.url, timeout=5.0)
                self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._channel

    async def _drop(self, channel: AbstractChannel | None) -> None:
        """What failed once is not used again."""
        async with self._opening:
            if channel is self._channel:
                await self.close()


@dataclass(frozen=True, slots=True)
class Published:
    id: str
    type: str
    tenant: str
    position: int


async def declare(url: str, names: QueueNames) -> None:
    """What `waystate broker declare` makes, and a queue that is bound to everything on the exchange."""
    broker = Broker(url, names)
    async with asyncio.timeout(60):
        while True:
            try:
                await broker.declare(topology_of(names))
                break
            except Retry:  # a busy machine is no outage
                await asyncio.sleep(_PAUSE)
    await broker.close()
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        await channel.declare_queue(tap_of(names), durable=True, arguments={"x-queue-type": "quorum"})
    await bind_tap(url, names)


async def bind_tap(url: str, names: QueueNames) -> None:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        await (await channel.get_queue(tap_of(names))).bind(names.events, "#")


async def unbind_all(url: str, names: QueueNames) -> None:
    """Nobody takes what is published: no tap, and nothing behind the exchange for what nobody takes."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        await (await channel.get_queue(tap_of(names))).unbind(names.events, "#")
        await channel.queue_delete(names.unrouted)


async def read_tap(url: str, names: QueueNames) -> list[Published]:
    """Everything that was published so far, in the order in which it came; what was read is gone."""
    heard: list[Published] = []
    for name in (tap_of(names), names.unrouted):
        with suppress(ChannelNotFoundEntity):
            heard += await _read(url, name)
    return heard


async def _read(url: str, name: str) -> list[Published]:
    heard: list[Published] = []
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        queue = await channel.declare_queue(name, passive=True)
        waiting, done = queue.declaration_result.message_count or 0, asyncio.Event()

        async def take(message: AbstractIncomingMessage) -> None:
            headers = message.headers
            position = headers["x-position"]
            assert isinstance(position, int)
            heard.append(Published(message.message_id or "", message.type or "", str(headers["x-tenant-id"]), position))
            if len(heard) >= waiting:
                done.set()

        if waiting:
            await queue.consume(take, no_ack=True)
            await asyncio.wait_for(done.wait(), 60 + waiting / 500)
    return heard


async def depth_of(url: str, queue: str) -> int:
    """Messages that wait, without those that a consumer has in hand."""
    connection = await aio_pika.connect(url, timeout=5.0)
    async with connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


def compare(findings: Findings, events: Rows, heard: Sequence[Published]) -> None:
    """Every committed event was given out, under its id, and the first time in its order."""
    committed = {str(each["id"]): each["position"] for each in events}
    ids = Counter(each.id for each in heard)
    findings.expect("events never published", committed.keys() - ids.keys())
    findings.expect("published from nowhere", ids.keys() - committed.keys())
    findings.expect("published under another position", [each.id for each in heard if committed.get(each.id) != each.position])
    highest, behind, met = 0, [], set[str]()
    for each in heard:
        if each.id not in met and each.position < highest:
            behind.append(each.id)
        met.add(each.id)
        highest = max(highest, each.position)
    findings.expect("order inverted: exchange", behind)
    findings.counts |= {"events published": len(ids), "events published again": len(heard) - len(ids)}
