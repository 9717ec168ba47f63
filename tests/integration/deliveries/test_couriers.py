"""What a courier says of its sends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from structlog.testing import capture_logs

from tests.world import HOLD, LANES, NO_FILES, Business, World, accepted, lost
from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.send import Platforms
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LeaseKeeper


class FarSide:
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: AttemptResult) -> None:
        self._answers = list(answers)

    async def send(self, **_: Any) -> AttemptResult:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@asynccontextmanager
async def courier(world: World, whatsapp: FarSide) -> AsyncIterator[DeliveryWorker]:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(hours=15), kinds=(DELIVERIES,))
    await leases.renew()
    platforms = Platforms(whatsapp, FarSide(accepted()))  # type: ignore[arg-type]
    metrics = Metrics()
    worker = DeliveryWorker(
        world.db,
        world.directory,
        platforms,
        leases,
        metrics,
        lambda *_: None,
        world.clock,
        objects=NO_FILES,
        concurrency=8,
        hold=HOLD,
    )
    yield worker
    await worker.close()


async def carry(worker: DeliveryWorker, tenant: Business) -> list[Any]:
    """Let the courier send what is due; what it said."""
    with capture_logs() as lines:
        await worker.step({tenant.tenant}, sweep=True)
        await worker.close()
    return lines


async def test_a_courier_says_what_it_lost(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    async with courier(world, FarSide(lost())) as worker:
        lines = await carry(worker, tenant)
    assert [each["count"] for each in lines if "unknown until a status tells" in each["event"]] == [1]


async def test_refused_credentials_are_said_once_for_an_account(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    for customer in ("491700000002", "491700000003"):
        await world.receive(tenant, tenant.message(wa_id=customer))
        await world.answer(tenant, tenant.reply(recipient_id=str(await contact_of(world, tenant, customer))))
    await world.relay(tenant)
    refused = AttemptResult(outcome=Outcome.FAILED, http_status=401, error={"kind": "auth", "code": 190})
    async with courier(world, FarSide(refused)) as worker:
        lines = await carry(worker, tenant)
    said = [each for each in lines if "queue is held" in each["event"]]
    assert [each["account"] for each in said] == [tenant.number]
    assert "waystate tenant check" in said[0]["event"]
    waiting = await world.rows(tenant, "SELECT attempts FROM deliveries WHERE target = 'whatsapp' AND state = 'pending'")
    assert [row["attempts"] for row in waiting] == [1, 1, 1], "each found out, none paid for it"


async def contact_of(world: World, tenant: Business, phone: str) -> UUID:
    found: UUID = await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE external_id = $1", phone)
    return found
