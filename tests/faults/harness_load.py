"""The load of a fleet: customers of several numbers who write over webhooks and over the queue, each by one way alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.harness_backlog import Authors, Body, fill
from tests.faults.harness_fleet import FleetRun
from tests.faults.harness_queue import Line, lines_of
from tests.faults.harness_tenant import number_of
from waystate.db.pool import Database


@dataclass(frozen=True, slots=True)
class Load:
    """`webhooks` by number; `lines` for the queue."""

    webhooks: dict[str, list[Body]]
    lines: list[Line]

    @property
    def bodies(self) -> list[Body]:
        return [body for bodies in [*self.webhooks.values(), *self.lines] for body in bodies]


def make_load(run: FleetRun, *, webhooks: int, queued: int, customers: int, numbers: int = 1) -> Load:
    """So many messages each way, of customers that no other load of the run has."""
    met = run.met
    run.met += 2 * customers
    webhook_share = webhooks / (webhooks + queued)
    over_webhooks = round(customers * webhook_share)
    of_number = max(1, over_webhooks // numbers)
    by_number: dict[str, list[Body]] = {}
    for index in range(numbers if webhooks else 0):
        config = run.simulated.model_copy(update={"phone_number_id": number_of(index)})
        authors = Authors(config, run.random, count=of_number, first=met + index * of_number)
        by_number[number_of(index)] = authors.bodies(webhooks // numbers)
    lines: list[Line] = []
    share = customers - over_webhooks
    for index in range(numbers if queued else 0):
        config = run.simulated.model_copy(update={"phone_number_id": number_of(index)})
        first = met + customers + index * (share // numbers)
        lines += lines_of(config, run.random, messages=queued // numbers, count=max(1, share // numbers), first=first)
    return Load(by_number, lines)


async def lay_up(run: FleetRun, load: Load) -> None:
    """As a backlog: in the ledger and in the queue, before anybody works it."""
    db = await Database.open(run.url, pool_size=1)
    for number, bodies in load.webhooks.items():
        await fill(db, bodies, number)
    await db.close()
    if load.lines:
        assert run.sender is not None
        await run.sender.send_all(load.lines)
    run.bodies += load.bodies


def size_of(bodies: Sequence[Body]) -> int:
    return len({message.wamid for body in bodies for message in body.messages})
