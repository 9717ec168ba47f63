"""A holder that slept through its lease: what it still writes is refused, or does no harm."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from tests.bodies import change, envelope
from tests.world import HOLD, LANES, NO_FILES, Business, World, accepted, lost, refused
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.model import Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries.dispatch import LEASE_LOST, ORPHANS_EVERY, Courier, DeliveryWorker
from waystate.deliveries.model import Claimed, Target
from waystate.deliveries.send import Platforms
from waystate.deliveries.settle import recover
from waystate.ids import new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow, Received
from waystate.web.metrics import Metrics
from waystate.webhooks.work import WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work.lanes import lane_of
from waystate.work.leases import DELIVERIES, LEDGER, RELAY, LeaseKeeper

TTL = timedelta(seconds=5)


class Platform:
    """WhatsApp and Genesys as one that counts what reaches it."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.called.append(request.url.path)
        return httpx2.Response(503)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    yield platform
    await platform.http.aclose()


def keeper(world: World) -> LeaseKeeper:
    return LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=TTL, kinds=(LEDGER, DELIVERIES, RELAY), monotonic=lambda: 0.0)


def delivery_worker(world: World, leases: LeaseKeeper, platform: Platform) -> DeliveryWorker:
    return DeliveryWorker(
        world.db,
        world.directory,
        Platforms(GraphClient(platform.http), GenesysClient(platform.http)),
        leases,
        Metrics(),
        lambda *_: None,
        world.clock,
        objects=NO_FILES,
        concurrency=8,
        hold=HOLD,
    )


def pipeline(world: World) -> WebhookPipeline:
    metrics = Metrics()
    return WebhookPipeline(world.db, world.directory, world.runner(), metrics, lanes=LANES)


async def take_over(world: World) -> LeaseKeeper:
    """Time passes, and somebody else holds every lane."""
    world.clock.now += TTL
    newer = keeper(world)
    await newer.renew()
    return newer


async def taken(world: World, business: Business, leases: LeaseKeeper) -> list[LedgerRow]:
    """A row as its lane's holder takes it."""
    row = Received(
        id=new_id(),
        source="whatsapp",
        origin=business.app_id,
        lane=lane_of(business.number, LANES),
        received_at=world.clock.now,
        body=envelope(change(business, business.message("wamid.1"))),
    )
    async with world.db.ingest() as conn:
        await ledger_store.append_many(conn, [row])
    epochs = leases.epochs(LEDGER)
    async with world.db.work() as conn:
        rows = await ledger_store.take_many(conn, list(epochs), world.clock.now, 10)
    return [replace(each, epoch=epochs[each.lane]) for each in rows]


async def ledger_state(world: World) -> str:
    async with world.db.work() as conn:
        (row,) = await ledger_store.list_rows(conn)
    return str(row["state"])


async def sending(world: World, tenant: Business, target: Target) -> Claimed:
    if target is Target.WHATSAPP:
        await world.correspond(tenant)
    else:
        await world.receive(tenant, tenant.message())
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is target]
    return claimed


async def delivery_state(world: World, tenant: Business, target: Target) -> str:
    return str(await world.value(tenant, "SELECT state FROM deliveries WHERE target = $1", target))


async def test_a_ledger_row_is_settled_by_the_holder_of_its_lane_only(world: World, tenant: Business) -> None:
    stale = keeper(world)
    await stale.renew()
    rows = await taken(world, tenant, stale)
    newer = await take_over(world)
    await pipeline(world).set_aside(rows[0], ValueError("a bug"))
    await pipeline(world).work(rows)
    assert await ledger_state(world) == "pending", "refused"
    worker = LedgerWorker(
        world.db, world.directory, pipeline(world), newer, delivery_worker(world, newer, Platform()).hint, world.clock, batch=10
    )
    await worker.step(set(), sweep=True)
    assert await ledger_state(world) == "done"
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_what_is_done_stays_done(world: World, tenant: Business) -> None:
    holder = keeper(world)
    await holder.renew()
    rows = await taken(world, tenant, holder)
    await pipeline(world).work(rows)
    await pipeline(world).set_aside(rows[0], ValueError("a bug"))
    assert await ledger_state(world) == "done"


async def test_rows_taken_under_a_lost_lease_are_not_worked(world: World, tenant: Business) -> None:
    stale = keeper(world)
    await stale.renew()
    worker = LedgerWorker(
        world.db, world.directory, pipeline(world), stale, delivery_worker(world, stale, Platform()).hint, world.clock, batch=10
    )
    await taken(world, tenant, stale)
    await take_over(world)
    assert await worker.step(set(), sweep=True) is False
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 0


async def test_a_claimed_delivery_is_not_sent_after_its_lease_and_goes_back(
    world: World, tenant: Business, platform: Platform
) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    stale = keeper(world)
    await stale.renew()
    view = await world.view(tenant)
    courier = Courier(delivery_worker(world, stale, platform), tenant.tenant, view)
    (claimed,) = await courier.claim(0)
    await take_over(world)
    await recover(tenant.tenant, tenant.settings, range(LANES), world.db, world.clock, hold=HOLD)
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "unknown", "the new holder has to suppose that it left"
    _, result, _ = await courier.attempt(claimed, view)
    assert (platform.called, result.outcome, result.error) == ([], Outcome.RETRY, LEASE_LOST)
    await world.settle(tenant, (claimed, result))
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "pending", "and now it is known that it did not"
    assert await courier.claim(0) == []


async def test_an_answer_that_comes_after_a_take_over_still_counts(world: World, tenant: Business) -> None:
    claimed = await sending(world, tenant, Target.WHATSAPP)
    await recover(tenant.tenant, tenant.settings, range(LANES), world.db, world.clock, hold=HOLD)
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "sent"


async def test_a_refusal_of_an_attempt_that_was_overtaken_ends_nothing(world: World, tenant: Business) -> None:
    first = await sending(world, tenant, Target.GENESYS)
    await recover(tenant.tenant, tenant.settings, range(LANES), world.db, world.clock, hold=HOLD)
    settlement = await world.settle(tenant, (first, refused()))
    assert settlement.dead_letters == []
    (second,) = await world.claim(tenant)
    assert second.attempt == 2
    await world.settle(tenant, (first, refused()))
    assert await delivery_state(world, tenant, Target.GENESYS) == "sending"
    await world.settle(tenant, (second, accepted(conversation_id="genesys-conversation")))
    assert await world.value(tenant, "SELECT status FROM messages") == "processed"
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == 0


async def test_an_attempt_that_nobody_has_in_hand_is_found(world: World, tenant: Business, platform: Platform) -> None:
    """Claimed by one that was stale already and died, or whose COMMIT was never confirmed."""
    leases = keeper(world)
    await leases.renew()
    worker = delivery_worker(world, leases, platform)
    await sending(world, tenant, Target.WHATSAPP)
    await worker.step(set(), sweep=False)
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "sending"
    for _ in range(2):
        world.clock.now += ORPHANS_EVERY / 2
        await leases.renew()
    await worker.step(set(), sweep=False)
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "unknown"
    assert platform.called == []


async def test_a_call_under_way_is_not_taken_for_lost_when_its_own_process_holds_the_lane_again(
    world: World, tenant: Business
) -> None:
    claimed = await sending(world, tenant, Target.WHATSAPP)
    unknown = await recover(
        tenant.tenant, tenant.settings, range(LANES), world.db, world.clock, hold=HOLD, in_hand=[claimed.event_id]
    )
    assert unknown == 0
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "sending"
    await world.settle(tenant, (claimed, lost()))
    assert await delivery_state(world, tenant, Target.WHATSAPP) == "unknown"


async def test_only_the_relay_of_the_newest_epoch_moves_a_cursor(world: World, tenant: Business) -> None:
    stale = keeper(world)
    await stale.renew()
    old = stale.find_epoch(RELAY, tenant.tenant)
    newer = await take_over(world)
    new = newer.find_epoch(RELAY, tenant.tenant)
    assert old is not None
    assert new is not None
    assert old < new
    await world.receive(tenant, tenant.message())
    await world.relay(tenant, epoch=new, batch=1)
    await world.receive(tenant, tenant.message())
    await world.relay(tenant, epoch=old)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 1
    await world.relay(tenant, epoch=new)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 2
