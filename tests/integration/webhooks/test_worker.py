"""The loops over the ledger and the outbox, step by step."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.bodies import change, envelope
from tests.world import LANES, Business, World
from waystate.deliveries.plan import RelayWorker
from waystate.errors import Reason
from waystate.ids import new_id
from waystate.ledger import store
from waystate.ledger.model import IN_COMPANY, Received
from waystate.vault.sealing import vault_of
from waystate.web.metrics import Metrics
from waystate.webhooks.tries import MAX_FAILURES
from waystate.webhooks.work import MAX_ATTEMPTS, WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work.lanes import lane_of
from waystate.work.leases import LeaseKeeper
from waystate.work.loops import Hint


@pytest.fixture
async def leases(world: World) -> LeaseKeeper:
    # Longer than a test takes on a busy machine: the lease of a process runs by its own clock too.
    return LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(minutes=10))


def ledger_worker(world: World, leases: LeaseKeeper, relay: Hint | None = None, *, batch: int = 100) -> LedgerWorker:
    metrics = Metrics()
    pipeline = WebhookPipeline(world.db, world.directory, world.runner(metrics=metrics), metrics, lanes=LANES)
    return LedgerWorker(world.db, world.directory, pipeline, leases, relay or Hint(), world.clock, batch=batch)


async def append(world: World, business: Business, *wamids: str) -> None:
    rows = [
        Received(
            id=new_id(),
            source="whatsapp",
            origin=business.app_id,
            lane=lane_of(business.number, LANES),
            received_at=world.clock.now,
            body=envelope(change(business, business.message(wamid))),
        )
        for wamid in wamids
    ]
    async with world.db.ingest() as conn:
        await store.append_many(conn, rows)


async def die_at_work(world: World, times: int) -> None:
    """What a process leaves that took everything there is and died."""
    for _ in range(times):
        async with world.db.work() as conn:
            await store.take_many(conn, range(LANES), world.clock.now, 1000)


async def tracked(world: World, business: Business) -> list[str]:
    return [row["wamid"] for row in await world.rows(business, "SELECT wamid FROM messages ORDER BY id")]


async def states(world: World) -> list[str]:
    async with world.db.work() as conn:
        return [row["state"] for row in reversed(await store.list_rows(conn, batch=1000))]


async def test_without_a_lease_nothing_is_worked(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    await append(world, tenant, "wamid.1")
    assert await ledger_worker(world, leases).step(set(), sweep=True) is False
    assert await states(world) == ["pending"]


async def test_rows_are_worked_in_order_and_the_relay_is_told(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    hint = Hint()
    await append(world, tenant, *(f"wamid.{n}" for n in range(5)))
    await leases.renew()
    worker = ledger_worker(world, leases, hint, batch=2)
    while await worker.step(set(), sweep=True):
        pass
    assert await tracked(world, tenant) == [f"wamid.{n}" for n in range(5)]
    assert await states(world) == ["done"] * 5
    assert await hint.wait(0.01) == {tenant.tenant}


async def test_after_one_death_the_batch_is_simply_worked_again(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    await append(world, tenant, "wamid.1", "wamid.2", "wamid.3")
    await die_at_work(world, 1)
    await leases.renew()
    await ledger_worker(world, leases).step(set(), sweep=True)
    assert await states(world) == ["done"] * 3


async def test_rows_that_were_there_at_repeated_deaths_are_worked_one_at_a_time(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    await append(world, tenant, "wamid.1", "wamid.2", "wamid.3")
    await die_at_work(world, IN_COMPANY)
    await append(world, tenant, "wamid.4", "wamid.5")
    await leases.renew()
    worker = ledger_worker(world, leases)
    seen = []
    while await worker.step(set(), sweep=True):
        seen.append((await states(world)).count("done"))
    assert seen == [1, 2, 3, 5]
    assert await tracked(world, tenant) == [f"wamid.{n}" for n in range(1, 6)]


async def test_a_killer_is_set_aside_and_its_neighbours_are_worked(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    await append(world, tenant, "wamid.killer", "wamid.1", "wamid.2")
    await die_at_work(world, MAX_ATTEMPTS)
    await leases.renew()
    worker = ledger_worker(world, leases)
    while await worker.step(set(), sweep=True):
        pass
    assert await states(world) == ["rejected", "done", "done"]
    assert await tracked(world, tenant) == ["wamid.1", "wamid.2"]


async def test_a_tenant_whose_secrets_do_not_open_stops_only_its_own_rows(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    world.vault, vault = vault_of(bytes(32)), world.vault
    broken = await world.add("broken", number="6001", app_id="app-6")
    world.vault = vault
    await append(world, tenant, "wamid.1")
    await append(world, broken, "wamid.2")
    await append(world, tenant, "wamid.3")
    await leases.renew()
    worker = ledger_worker(world, leases)
    for _ in range(3 + MAX_FAILURES):
        with suppress(Exception):
            await worker.step(set(), sweep=True)
    assert await tracked(world, tenant) == ["wamid.1", "wamid.3"]
    assert await states(world) == ["done", "rejected", "done"]
    async with world.db.work() as conn:
        (row,) = await store.list_rows(conn, state="rejected")
    assert row["outcome"]["reason"] == Reason.DATABASE_ERROR


async def with_broken(world: World, tenant: Business) -> tuple[Business, Callable[[], Awaitable[Any]]]:
    """A tenant in another lane whose secrets do not open, and what mends it."""
    number = next(n for n in map(str, range(6001, 6100)) if lane_of(n, LANES) != lane_of(tenant.number, LANES))
    world.vault, vault = vault_of(bytes(32)), world.vault
    broken = await world.add("broken", number=number, app_id="app-6")
    world.vault = vault

    async def mend() -> None:
        async with world.db.work(tenant_id=broken.tenant) as conn:
            await conn.execute("DELETE FROM whatsapp_accounts")
            await conn.execute("DELETE FROM genesys_integrations")
            await conn.execute("DELETE FROM meta_apps WHERE id = 'app-6'")
        await world.add("broken", number=number, app_id="app-6")

    return broken, mend


async def test_others_are_worked_at_once_while_a_tenant_cannot_be(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    broken, _ = await with_broken(world, tenant)
    await append(world, broken, "wamid.broken")
    await append(world, tenant, "wamid.1")
    await leases.renew()
    worker = ledger_worker(world, leases)
    assert await worker.step(set(), sweep=True) is True, "no rest because of it"
    assert await states(world) == ["pending", "done"]
    for n in range(2, 5):
        await append(world, tenant, f"wamid.{n}")
        await worker.step(set(), sweep=False)
        assert await tracked(world, tenant) == [f"wamid.{each}" for each in range(1, n + 1)]


async def test_a_broken_tenants_backlog_is_set_aside_after_a_few_tries_and_not_each_row_after_its_own(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken, _ = await with_broken(world, tenant)
    await append(world, broken, *(f"wamid.{n}" for n in range(20)))
    await leases.renew()
    worker = ledger_worker(world, leases)
    for _ in range(1 + MAX_FAILURES):
        await worker.step(set(), sweep=True)
    assert await states(world) == ["rejected"] * 20


async def test_a_tenant_that_is_mended_gets_everything_in_its_order(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken, mend = await with_broken(world, tenant)
    await append(world, broken, "wamid.1", "wamid.2")
    await leases.renew()
    worker = ledger_worker(world, leases)
    await worker.step(set(), sweep=True)
    await append(world, broken, "wamid.3")
    await worker.step(set(), sweep=True)
    assert await states(world) == ["pending"] * 3
    await mend()
    for _ in range(4):
        await worker.step(set(), sweep=True)
    assert await tracked(world, broken) == ["wamid.1", "wamid.2", "wamid.3"]
    assert await states(world) == ["done"] * 3


async def append_of_two(world: World, one: Business, other: Business) -> None:
    """One body with a message of each, in the lane of `one`."""
    row = Received(
        id=new_id(),
        source="whatsapp",
        origin=one.app_id,
        lane=lane_of(one.number, LANES),
        received_at=world.clock.now,
        body=envelope(change(one, one.message("wamid.one")), change(other, other.message("wamid.other"))),
    )
    async with world.db.ingest() as conn:
        await store.append_many(conn, [row])


def other_lane(tenant: Business) -> str:
    return next(n for n in map(str, range(7000, 7100)) if lane_of(n, LANES) != lane_of(tenant.number, LANES))


async def with_broken_beside(world: World, tenant: Business) -> Business:
    """A tenant under the app of `tenant`, in another lane, whose secrets do not open."""
    broken = await world.add("beside", number=other_lane(tenant))
    await set_token(world, broken, b"broken")
    return broken


async def set_token(world: World, business: Business, sealed: bytes) -> bytes:
    """The former one."""
    async with world.db.work(tenant_id=business.tenant) as conn:
        before: bytes = await conn.fetchval("SELECT access_token FROM whatsapp_accounts")
        await conn.execute("UPDATE whatsapp_accounts SET access_token = $1", sealed)
        await conn.execute("UPDATE directory SET revision = revision + 1")
    return before


async def test_a_tenants_fault_does_not_keep_another_tenants_share_of_its_body(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken = await with_broken_beside(world, tenant)
    await append_of_two(world, broken, tenant)
    await leases.renew()
    worker = ledger_worker(world, leases)
    await worker.step(set(), sweep=True)
    await worker.step(set(), sweep=False)
    assert await tracked(world, tenant) == ["wamid.other"], "it does not even wait"
    for _ in range(2 * MAX_FAILURES):
        await worker.step(set(), sweep=True)
    assert sorted(await states(world)) == ["done", "rejected"]
    assert await tracked(world, tenant) == ["wamid.other"]


async def test_what_lacked_a_route_beside_a_broken_tenant_is_worked_when_its_route_appears(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken = await with_broken_beside(world, tenant)
    number = next(n for n in map(str, range(8000, 8100)) if lane_of(n, LANES) == lane_of(broken.number, LANES))
    await append_of_two(world, broken, replace(broken, number=number, waba=f"waba-{number}"))
    await leases.renew()
    worker = ledger_worker(world, leases)
    for _ in range(2 * MAX_FAILURES):
        await worker.step(set(), sweep=True)
    async with world.db.work() as conn:
        (row,) = await store.list_rows(conn, state="rejected")
    assert row["outcome"]["reason"] == Reason.DATABASE_ERROR
    assert [each["reason"] for each in row["outcome"]["rejected"]] == [Reason.DATABASE_ERROR, Reason.UNKNOWN_TENANT]
    late = await world.add("late", number=number)
    for _ in range(2 * MAX_FAILURES):
        await worker.step(set(), sweep=True)
    assert await tracked(world, late) == ["wamid.other"]


async def test_a_tenant_that_fails_for_a_moment_is_waited_for_though_another_failed_for_good(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken = await with_broken_beside(world, tenant)
    await append(world, broken, "wamid.1")
    await leases.renew()
    worker = ledger_worker(world, leases)
    for _ in range(1 + MAX_FAILURES):
        await worker.step(set(), sweep=True)
    assert await states(world) == ["rejected"]
    good = await set_token(world, tenant, b"broken")
    await append(world, tenant, "wamid.2")
    for _ in range(MAX_FAILURES - 1):
        await worker.step(set(), sweep=True)
    await set_token(world, tenant, good)
    await worker.step(set(), sweep=True)
    assert await tracked(world, tenant) == ["wamid.2"]


async def test_tenants_that_fail_at_once_are_each_given_their_own_tries(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    broken = await with_broken_beside(world, tenant)
    await append(world, broken, "wamid.1")
    await leases.renew()
    worker = ledger_worker(world, leases)
    for _ in range(MAX_FAILURES - 1):
        await worker.step(set(), sweep=True)
    good = await set_token(world, tenant, b"broken")
    await append(world, tenant, "wamid.2")
    for _ in range(2):
        await worker.step(set(), sweep=True)
    assert await states(world) == ["rejected", "pending"]
    await set_token(world, tenant, good)
    await worker.step(set(), sweep=True)
    assert await states(world) == ["rejected", "done"]


async def test_processes_that_end_while_a_tenant_is_waited_for_do_not_count_as_deaths(
    world: World, tenant: Business, leases: LeaseKeeper
) -> None:
    good = await set_token(world, tenant, b"broken")
    await append(world, tenant, "wamid.1", "wamid.2")
    await leases.renew()
    for _ in range(MAX_ATTEMPTS + 2):
        worker = ledger_worker(world, leases)
        await worker.step(set(), sweep=True)
        await worker.step(set(), sweep=True)
    assert await states(world) == ["pending"] * 2
    await set_token(world, tenant, good)
    await ledger_worker(world, leases).step(set(), sweep=True)
    assert await tracked(world, tenant) == ["wamid.1", "wamid.2"]


async def test_what_waits_for_its_tenant_and_then_fails_in_another_way_stops_no_other_lane_for_long(
    world: World, tenant: Business, leases: LeaseKeeper, database_url: str
) -> None:
    other = await world.add("other", number=other_lane(tenant))
    good = await set_token(world, tenant, b"broken")
    await append(world, tenant, "wamid.1")
    await leases.renew()
    worker = ledger_worker(world, leases)
    await worker.step(set(), sweep=True)
    assert await states(world) == ["pending"]
    conn = await asyncpg.connect(database_url)
    await conn.execute(
        "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'planted' USING ERRCODE = '22000'; END $$;"
        "CREATE TRIGGER planted BEFORE UPDATE ON webhook_ledger FOR EACH ROW WHEN (NEW.state = 'done' AND NEW.body LIKE "
        "'%wamid.1\"%') EXECUTE FUNCTION planted()"
    )
    await conn.close()
    await set_token(world, tenant, good)
    await append(world, other, "wamid.2")
    raised = 0
    for _ in range(MAX_FAILURES + 1):
        try:
            await worker.step(set(), sweep=True)
        except asyncpg.DataError:
            raised += 1
    assert raised == MAX_FAILURES - 1, "the last time it is set aside"
    assert await states(world) == ["rejected", "done"]
    assert await tracked(world, other) == ["wamid.2"]


async def test_the_relay_serves_every_tenant_that_has_new_events(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    other = await world.add("globex", number="2001")
    hint = Hint()
    worker = RelayWorker(world.db, world.directory, leases, hint, world.clock, lanes=LANES, batch=2)
    for business in (tenant, other):
        await world.receive(business, *(business.message() for _ in range(3)))
    await worker.step(set(), sweep=True)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 0, "not without a lease"
    await leases.renew()
    await worker.step(set(), sweep=True)
    assert await hint.wait(0.01) == {tenant.tenant, other.tenant}
    assert await worker.hint.wait(0.01) == {tenant.tenant, other.tenant}, "more is waiting than a batch"
    await worker.step({tenant.tenant, other.tenant}, sweep=False)
    for business in (tenant, other):
        assert await world.value(business, "SELECT count(*) FROM deliveries") == 3


async def test_a_relay_that_lost_its_lanes_makes_no_deliveries(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    await world.receive(tenant, tenant.message())
    await leases.renew()
    stale = RelayWorker(world.db, world.directory, leases, Hint(), world.clock, lanes=LANES, batch=1)
    await stale.step(set(), sweep=True)
    world.clock.forward(minutes=11)
    newer = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(seconds=15))
    await newer.renew()
    await world.receive(tenant, tenant.message(), tenant.message())
    await RelayWorker(world.db, world.directory, newer, Hint(), world.clock, lanes=LANES, batch=1).step(set(), sweep=True)
    await stale.step(set(), sweep=True)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries") == 2


async def test_a_tenants_backlog_is_not_the_others_wait(world: World, tenant: Business, leases: LeaseKeeper) -> None:
    quiet = await world.add("globex", number="2003")
    assert lane_of(quiet.number, LANES) != lane_of(tenant.number, LANES)
    await append(world, tenant, *(f"wamid.{n}" for n in range(20)))
    await leases.renew()
    worker = ledger_worker(world, leases, batch=4)
    await worker.step(set(), sweep=True)
    await append(world, quiet, "wamid.quiet")
    await worker.step(set(), sweep=True)
    assert (await tracked(world, quiet), len(await tracked(world, tenant))) == (["wamid.quiet"], 4)
    while await worker.step(set(), sweep=True):
        pass
    assert await tracked(world, tenant) == [f"wamid.{n}" for n in range(20)]
