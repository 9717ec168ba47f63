"""A process that ends with sends in hand, and the one that comes after it: nothing is forgotten, nothing is sent twice."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.world import HOLD, LANES, NO_FILES, Business, World, accepted
from waystate.channels.model import AttemptResult
from waystate.deliveries.dispatch import ORPHANS_EVERY, DeliveryWorker
from waystate.deliveries.model import Target
from waystate.deliveries.send import Platforms
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LeaseKeeper

TTL = timedelta(seconds=5)


class Slow:
    """A far side that answers when it is told to."""

    def __init__(self) -> None:
        self.called: list[Any] = []
        self.may_answer = asyncio.Event()

    async def send(self, *, body: Any, **_: Any) -> AttemptResult:
        self.called.append(body)
        await self.may_answer.wait()
        return accepted(f"wamid.{len(self.called)}")

    async def send_message(self, *, body: Any, **_: Any) -> AttemptResult:
        self.called.append(body)
        await self.may_answer.wait()
        return accepted(conversation_id="genesys-conversation")

    send_receipt = send_message


def process(world: World, far: Slow) -> tuple[LeaseKeeper, DeliveryWorker]:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=TTL, kinds=(DELIVERIES,), monotonic=lambda: 0.0)
    platforms = Platforms(far, far)  # type: ignore[arg-type]
    worker = DeliveryWorker(
        world.db,
        world.directory,
        platforms,
        leases,
        Metrics(),
        lambda *_: None,
        world.clock,
        objects=NO_FILES,
        concurrency=8,
        hold=HOLD,
    )
    return leases, worker


async def under_way(far: Slow, number: int) -> None:
    async with asyncio.timeout(5):
        while len(far.called) < number:  # noqa: ASYNC110 - the far side signals nobody
            await asyncio.sleep(0.01)


async def states(world: World, tenant: Business, target: Target) -> Sequence[str]:
    return [row["state"] for row in await world.rows(tenant, "SELECT state FROM deliveries WHERE target = $1", target)]


async def sending(world: World, tenant: Business, far: Slow) -> tuple[LeaseKeeper, DeliveryWorker]:
    """A process that waits for the answer to a message to WhatsApp."""
    await world.correspond(tenant)
    await world.relay(tenant)
    leases, worker = process(world, far)
    await leases.renew()
    await worker.step({tenant.tenant}, sweep=True)
    await under_way(far, 1)
    return leases, worker


@pytest.fixture
async def killed(world: World, tenant: Business) -> Slow:
    """A process that was killed with an answer to WhatsApp in hand."""
    far = Slow()
    _, worker = await sending(world, tenant, far)
    (courier,) = worker._couriers.values()
    assert courier._run is not None
    courier._run.cancel()
    await asyncio.gather(courier._run, return_exceptions=True)
    assert await states(world, tenant, Target.WHATSAPP) == ["sending"]
    return far


async def test_who_takes_the_lanes_over_finds_what_the_killed_one_had_in_hand(
    world: World, tenant: Business, killed: Slow
) -> None:
    world.clock.now += TTL
    far = Slow()
    far.may_answer.set()
    leases, worker = process(world, far)
    await leases.renew()
    assert await states(world, tenant, Target.WHATSAPP) == ["unknown"]
    await worker.step({tenant.tenant}, sweep=True)
    await worker.close()
    assert far.called == [], "it may have left, so it is not sent again"
    row = await world.row(tenant, "SELECT outcome, error->>'code' AS code FROM delivery_attempts WHERE target = 'whatsapp'")
    assert list(row.values()) == ["unknown", "interrupted"]


async def test_what_genesys_was_being_told_is_told_again_after_a_kill(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await world.deliver(tenant)
    assert await states(world, tenant, Target.GENESYS) == ["sending"]
    far = Slow()
    far.may_answer.set()
    leases, worker = process(world, far)
    await leases.renew()
    assert await states(world, tenant, Target.GENESYS) == ["pending"]
    await worker.step({tenant.tenant}, sweep=True)
    await worker.close()
    assert len(far.called) == 1
    assert await states(world, tenant, Target.GENESYS) == ["sent"]


async def test_a_process_that_stops_waits_for_its_answers_and_writes_them_down(world: World, tenant: Business) -> None:
    far = Slow()
    leases, worker = await sending(world, tenant, far)
    assert leases._busy[0](DELIVERIES), "its lane is not given away meanwhile"
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    far.may_answer.set()
    await closing
    assert await states(world, tenant, Target.WHATSAPP) == ["sent"]
    assert leases._busy[0](DELIVERIES) == set()


async def test_what_nobody_has_in_hand_is_found_without_a_restart_and_what_is_in_hand_is_left_alone(
    world: World, tenant: Business
) -> None:
    """An attempt whose COMMIT was never heard of: begun by this process itself, and known to nobody."""
    await world.correspond(tenant)
    await world.relay(tenant)
    customer = "491700000009"
    await world.receive(tenant, tenant.message(wa_id=customer))
    contact = await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE external_id = $1", customer)
    far = Slow()
    leases, worker = process(world, far)
    await leases.renew()
    await world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target <> 'whatsapp'")
    lost = [each for each in await world.claim(tenant) if each.target is Target.WHATSAPP]
    assert len(lost) == 1
    await world.answer(tenant, tenant.reply(recipient_id=str(contact)))
    await world.relay(tenant)
    await world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target <> 'whatsapp'")
    await worker.step({tenant.tenant}, sweep=True)
    await under_way(far, 1)
    world.clock.now += ORPHANS_EVERY * 2
    await leases.renew()
    await worker.step(set(), sweep=False)
    assert sorted(await states(world, tenant, Target.WHATSAPP)) == ["sending", "unknown"]
    far.may_answer.set()
    await worker.close()
    assert sorted(await states(world, tenant, Target.WHATSAPP)) == ["sent", "unknown"]
