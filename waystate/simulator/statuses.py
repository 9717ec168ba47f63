"""What becomes of a send: the status webhooks that follow it.

Source: developers.facebook.com, WhatsApp Cloud API, status messages webhook reference.
"""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.customers import Customer
from waystate.simulator.faults import Faults
from waystate.simulator.groups import SimulatedGroup, render_group_statuses
from waystate.simulator.journal import Journal
from waystate.simulator.lines import Tasks
from waystate.simulator.pricing import Price
from waystate.simulator.refusals import render_failure
from waystate.simulator.webhooks import MetaWebhooks, render_envelope, render_meta_body, without_none

UNDELIVERABLE = render_failure(131026, "Message Undeliverable.")
_LONGEST_EARLY_WAIT = 2.0  # seconds the answer to a send waits for its early statuses


@dataclass(frozen=True, slots=True)
class Journey:
    """What is to become of a send: `failure` is the error with which it fails after it was accepted."""

    wamid: str
    type: str
    opaque: str | None
    price: Price | None
    failure: JsonObject | None


class Statuses:
    def __init__(
        self,
        config: SimulatorConfig,
        journal: Journal,
        webhooks: MetaWebhooks,
        tasks: Tasks,
        faults: Faults,
        clock: Clock,
        random: Random,
    ) -> None:
        self._config = config
        self._journal = journal
        self._webhooks = webhooks
        self._tasks = tasks
        self._faults = faults
        self._clock = clock
        self._random = random

    async def report(self, customer: Customer | SimulatedGroup, journey: Journey) -> None:
        """Start the statuses of a send. It returns at once, or, with `early_statuses`, when the early ones have arrived."""
        schedule = self._schedule(journey)
        early = self._random.randint(1, len(schedule)) if self._faults.strikes("early_statuses") else 0
        now = self._clock().timestamp()
        tasks: list[asyncio.Task[Any]] = []
        for place, (delay, at, status) in enumerate(schedule):
            render = render_group_status if isinstance(customer, SimulatedGroup) else render_status
            report = render(customer, journey, status, int(now + at))  # type: ignore[arg-type]
            body = render_meta_body(render_envelope(self._config, report))
            tasks.append(self._tasks.start(self._deliver(status, body, 0.0 if place < early else delay)))
        if early:
            await asyncio.wait(tasks[:early], timeout=_LONGEST_EARLY_WAIT)

    def _schedule(self, journey: Journey) -> list[tuple[float, float, str]]:
        """(seconds until it leaves, seconds until it happens, status), in the order of leaving."""
        steps = [(self._vary(delay), status) for delay, status in self._steps(journey)]
        leaving = sorted(delay for delay, _ in steps)
        if self._faults.strikes("reordering"):
            self._random.shuffle(leaving)
        return sorted((leaves, happens, status) for leaves, (happens, status) in zip(leaving, steps, strict=True))

    def _steps(self, journey: Journey) -> list[tuple[float, str]]:
        config = self._config
        if journey.failure is not None:
            return [(config.sent_delay, "failed")]
        if self._faults.strikes("undeliverable"):
            return [(config.sent_delay, "sent"), (config.delivered_delay, "failed")]
        if journey.type == "reaction":
            return [(config.sent_delay, "sent")]
        steps = [(config.sent_delay, "sent"), (config.delivered_delay, "delivered")]
        if self._random.random() < config.read_share:
            steps.append((config.read_delay, "read"))
        return steps

    def _vary(self, delay: float) -> float:
        return delay * self._random.uniform(0.5, 1.5)

    async def _deliver(self, status: str, body: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        self._journal.tally[f"status_{status}"] += 1
        if not await self._webhooks.deliver(body):
            self._journal.tally["statuses_lost"] += 1


def render_status(customer: Customer, journey: Journey, status: str, at: int) -> JsonObject:
    """`pricing` comes with `sent` and `delivered`, a conversation only with `sent` and only where it is free."""
    report: JsonObject = {
        "id": journey.wamid,
        "status": status,
        "timestamp": str(at),
        "recipient_id": customer.wa_id,
        "recipient_user_id": customer.user_id,
        "biz_opaque_callback_data": journey.opaque,
    }
    if journey.price is not None and status in ("sent", "delivered"):
        report["pricing"] = journey.price.render()
        report["conversation"] = journey.price.render_conversation(journey.wamid) if status == "sent" else None
    if status == "failed":
        report["errors"] = [journey.failure or UNDELIVERABLE]
    contact = without_none({"wa_id": customer.wa_id, "user_id": customer.user_id})
    return {"contacts": [contact], "statuses": [without_none(report)]}


def render_group_status(group: SimulatedGroup, journey: Journey, status: str, at: int) -> JsonObject:
    """What failed for the message fails it whole; `undeliverable` is a failure of each person's own."""
    said: JsonObject = {}
    if journey.price is not None and status in ("sent", "delivered"):
        said["pricing"] = journey.price.render()
    if status == "failed":
        said["errors"] = [journey.failure or UNDELIVERABLE]
    is_whole = status == "sent" or journey.failure is not None
    return render_group_statuses(group, journey.wamid, journey.opaque, status, at, said, is_whole=is_whole)
