"""Simulated WhatsApp users: who they are, and how their messages leave for Waystate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.errors import BadRequest
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.journal import CustomerMessage, Journal
from waystate.simulator.lines import Lines
from waystate.simulator.sentences import full_name, question
from waystate.simulator.webhooks import MetaWebhooks, find_text, new_wamid, render_envelope, render_meta_body, without_none

_FIRST_AREA, _AREAS, _NUMBERS = 201, 780, 100
MOST = _AREAS * _NUMBERS
WINDOW = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class Customer:
    """`id` is the phone, or the business-scoped user id of one who shows no phone; that id everybody has.

    `referred_at` is when an advertisement led to a message that is not answered yet, `entry_point_ends` when what follows from
    it is no longer free.
    """

    id: str
    wa_id: str | None
    user_id: str
    name: str
    written: int = 0
    wrote_at: datetime | None = None
    referred_at: datetime | None = None
    entry_point_ends: datetime | None = None

    def may_get_free_text(self, at: datetime) -> bool:
        """Not before they wrote for the first time, and not a day after the last."""
        return self.wrote_at is not None and at - self.wrote_at < WINDOW

    @property
    def username(self) -> str | None:
        return None if self.wa_id else "@" + self.name.lower().replace(" ", ".")


class Customers:
    """The n-th customer is the same person in every run with the same seed."""

    def __init__(
        self, config: SimulatorConfig, journal: Journal, webhooks: MetaWebhooks, lines: Lines, clock: Clock, random: Random
    ) -> None:
        self._config = config
        self._journal = journal
        self._webhooks = webhooks
        self._lines = lines
        self._clock = clock
        self._random = random
        self._by_index: dict[int, Customer] = {}
        self._by_id: dict[str, Customer] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def waiting(self) -> int:
        """Messages that were written and not yet taken by Waystate."""
        return self._lines.waiting

    def find(self, identity: str) -> Customer | None:
        return self._by_id.get(identity)

    def all(self) -> list[Customer]:
        return list({customer.id: customer for customer in self._by_id.values()}.values())

    def numbered(self, index: int) -> Customer:
        customer = self._by_index.get(index)
        if customer is None:
            customer = self._by_index[index] = self._add(make_customer(self._config, index))
        return customer

    def get_or_add(self, identity: str, name: str | None) -> Customer:
        """By phone or by business-scoped user id; one that nobody has met yet joins."""
        customer = self.find(identity)
        if customer is None:
            wa_id = identity if identity.isdigit() else None
            user_id = make_user_id(self._config, identity) if wa_id else identity
            default = full_name(Random(f"{self._config.seed}/{identity}"))
            customer = self._add(Customer(id=identity, wa_id=wa_id, user_id=user_id, name=name or default))
        if name:
            customer.name = name
        return customer

    def write(
        self, customer: Customer, text: str | None = None, message: JsonObject | None = None, wamid: str | None = None
    ) -> CustomerMessage:
        """Put one message into the customer's line; `message` is a WhatsApp message object of any type, without ids."""
        customer.written += 1
        customer.wrote_at = self._clock()
        if message is None:
            body = question(self._random, customer.written) if text is None else text
            message = {"type": "text", "text": {"body": body}}
        entry = CustomerMessage(
            customer=customer.id,
            number=customer.written,
            wamid=wamid or new_wamid(customer.id, self._random),
            type=message["type"],
            text=find_text(message),
            at=customer.wrote_at,
        )
        if "referral" in message:
            customer.referred_at = entry.at
        self._journal.add_written(entry)
        value = render_inbound(customer, entry, message)
        self._lines.append(customer.id, partial(self._deliver, entry, render_meta_body(render_envelope(self._config, value))))
        return entry

    async def _deliver(self, entry: CustomerMessage, body: bytes) -> None:
        entry.accepted = await self._webhooks.deliver(body)

    def _add(self, customer: Customer) -> Customer:
        for identity in (customer.wa_id, customer.user_id):
            if identity is not None:
                self._by_id[identity] = customer
        return customer


def make_customer(config: SimulatorConfig, index: int) -> Customer:
    """Phones are of the 555-01xx range that is kept for fiction."""
    if index >= MOST:
        raise BadRequest("too_many_customers", f"There are numbers for {MOST} customers. Ask for fewer.")
    random = Random(f"{config.seed}/{index}")
    has_phone = random.random() >= config.bsuid_only_share
    area, number = divmod(index, _NUMBERS)
    wa_id = f"1{_FIRST_AREA + area}55501{number:02d}" if has_phone else None
    user_id = make_user_id(config, wa_id or str(index))
    return Customer(id=wa_id or user_id, wa_id=wa_id, user_id=user_id, name=full_name(random))


def render_echo(config: SimulatorConfig, customer: Customer, wamid: str, text: str, at: datetime) -> JsonObject:
    """A message that the business wrote to the customer in WhatsApp's app on its phone."""
    echo = {
        "from": config.display_phone_number,
        "to": customer.wa_id,
        "to_user_id": customer.user_id,
        "id": wamid,
        "timestamp": str(int(at.timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    contact = without_none({"profile": {"name": customer.name}, "wa_id": customer.wa_id, "user_id": customer.user_id})
    return {"contacts": [contact], "message_echoes": [without_none(echo)]}


def make_user_id(config: SimulatorConfig, identity: str) -> str:
    """Always the same for one customer of one business."""
    return f"US.{Random(f'{config.seed}/{config.waba_id}/{identity}').randrange(10**19, 10**20)}"


def render_inbound(customer: Customer, entry: CustomerMessage, message: JsonObject) -> JsonObject:
    profile = without_none({"name": customer.name, "username": customer.username})
    contact = without_none({"profile": profile, "wa_id": customer.wa_id, "user_id": customer.user_id})
    ids = without_none({"from": customer.wa_id, "from_user_id": customer.user_id})
    stamped = {**ids, "id": entry.wamid, "timestamp": str(int(entry.at.timestamp())), **message}
    return {"contacts": [contact], "messages": [stamped]}
