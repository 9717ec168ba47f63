"""What customers wrote: real webhook bodies, with a running number per customer, for the ledger or for the signed door."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import httpx2

from tests.faults.harness_tenant import APP
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.documents import JsonObject
from waystate.ids import new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer, make_customer, render_inbound
from waystate.simulator.journal import CustomerMessage
from waystate.simulator.sentences import question
from waystate.simulator.webhooks import hex_signature, new_wamid, render_envelope, render_meta_body
from waystate.work.lanes import lane_of

COPIES = 0.05
"""Share of bodies that arrive again: Meta delivers at least once."""
BATCHES = 0.1
"""Share of bodies with several messages."""
_LANES = 64
_BATCH = 1000
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Message:
    """`number` counts this customer's messages from 1: the order that every hop must show."""

    customer: str
    number: int
    wamid: str


@dataclass(frozen=True, slots=True)
class Body:
    raw: bytes
    messages: tuple[Message, ...]


class Authors:
    """Customers `first` to `first + count`, who write what `random` makes them."""

    def __init__(self, config: SimulatorConfig, random: Random, *, count: int, first: int = 0) -> None:
        self._config = config
        self._random = random
        self._people = [make_customer(config, first + index) for index in range(count)]

    def bodies(self, messages: int) -> list[Body]:
        """At least so many messages; copies of a body come somewhere behind it, as redeliveries do."""
        bodies: list[Body] = []
        written = 0
        while written < messages:
            several = self._random.random() < BATCHES
            body = self._body(self._random.randint(2, 6) if several else 1)
            bodies.append(body)
            written += len(body.messages)
        for place in [index for index in range(len(bodies)) if self._random.random() < COPIES]:
            bodies.insert(min(len(bodies), place + self._random.randint(1, 200)), bodies[place])
        return bodies

    def of_each(self, messages: int) -> Iterator[list[Body]]:
        """For each customer their bodies, one message each, in order."""
        for person in self._people:
            yield [self._body(1, person) for _ in range(messages)]

    def _body(self, messages: int, person: Customer | None = None) -> Body:
        written: list[Message] = []
        value: JsonObject = {"contacts": [], "messages": []}
        for _ in range(messages):
            customer = person or self._random.choice(self._people)
            customer.written += 1
            text = question(self._random, customer.written)
            wamid = new_wamid(customer.id, self._random)
            entry = CustomerMessage(
                customer=customer.id, number=customer.written, wamid=wamid, type="text", text=text, at=utc_now()
            )
            one = render_inbound(customer, entry, {"type": "text", "text": {"body": text}})
            value["contacts"] += [each for each in one["contacts"] if each not in value["contacts"]]
            value["messages"] += one["messages"]
            written.append(Message(customer.id, customer.written, wamid))
        return Body(render_meta_body(render_envelope(self._config, value)), tuple(written))


async def fill(db: Database, bodies: Sequence[Body], number: str) -> None:
    """Into the ledger as they are, durable and not yet worked."""
    for start in range(0, len(bodies), _BATCH):
        now = utc_now()
        rows = [
            Received(
                id=new_id(),
                source="whatsapp",
                origin=APP.id,
                lane=lane_of(number, _LANES),
                received_at=now,
                body=body.raw,
            )
            for body in bodies[start : start + _BATCH]
        ]
        async with db.ingest() as conn:
            await ledger_store.append_many(conn, rows)


@dataclass(slots=True)
class Door:
    """Posts signed webhooks as Meta does: in order per customer, and again until the answer is 200."""

    url: str
    acknowledged: list[Body] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    """What came instead of a 200, and how often."""
    is_stopping: bool = False
    """Lines end with the webhook under way."""

    async def post_all(self, lines: Sequence[Sequence[Body]], *, pause: float = 0) -> None:
        """One line a customer, lines side by side, so many seconds between the messages of one."""
        limits = httpx2.Limits(max_connections=len(lines) + 1)
        async with httpx2.AsyncClient(trust_env=False, timeout=10.0, limits=limits) as client:
            await asyncio.gather(*(self._post_line(client, line, pause) for line in lines))

    async def _post_line(self, client: httpx2.AsyncClient, line: Sequence[Body], pause: float) -> None:
        for body in line:
            if self.is_stopping:
                return
            while not await self.post(client, body):  # noqa: ASYNC110 - nobody signals that it may work now
                await asyncio.sleep(_PAUSE)
            await asyncio.sleep(pause)

    async def post(self, client: httpx2.AsyncClient, body: Body) -> bool:
        headers = {
            "content-type": "application/json",
            "x-hub-signature-256": hex_signature(APP.app_secret.encode(), body.raw),
        }
        try:
            answer = await client.post(self.url, content=body.raw, headers=headers)
            outcome = str(answer.status_code)
        except httpx2.TransportError as error:
            outcome = type(error).__name__
        if outcome == "200":
            self.acknowledged.append(body)
            return True
        self.refused[outcome] = self.refused.get(outcome, 0) + 1
        return False
