"""What happens because time passes."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.world import CUSTOMER, LANES, Business, World, accepted, lost, run_in
from waystate.deliveries.model import Target
from waystate.ids import TenantId, id_at
from waystate.messages.model import Amendment, EchoedMessage, InboundMessage
from waystate.pipeline.run import run_echoes, run_inbound
from waystate.timers import Timers
from waystate.web.metrics import Metrics, parse_metrics
from waystate.work import store as work_store
from waystate.work.loops import Hint


class Told:
    """What the timers tell the rest of the process."""

    def __init__(self) -> None:
        self.changed: list[TenantId] = []
        self.relay = Hint()
        self.metrics = Metrics()

    def note(self, tenant: TenantId, _: object) -> None:
        self.changed.append(tenant)


@pytest.fixture
def told() -> Told:
    return Told()


def timers_of(world: World, told: Told) -> Timers:
    return Timers(world.db, world.directory, told.metrics, told.relay, told.note, world.clock, lanes=LANES)


@pytest.fixture
def timers(world: World, told: Told) -> Timers:
    return timers_of(world, told)


async def test_overdue_conversations_are_expired_with_an_event_in_every_tenant(
    world: World, tenant: Business, timers: Timers, told: Told
) -> None:
    other = await world.add("globex", number="2001", mapping_ttl=timedelta(days=30))
    for business in (tenant, other):
        await world.receive(business, business.message(wa_id="4917"), business.message(wa_id="4930"))
    world.clock.forward(hours=72)
    await timers.expire()
    assert await world.value(tenant, "SELECT count(*) FROM conversations WHERE status = 'expired'") == 2
    assert await world.value(tenant, "SELECT count(*) FROM events WHERE type = 'conversation.expired'") == 2
    assert await world.value(other, "SELECT count(*) FROM conversations WHERE status = 'active'") == 2
    assert told.changed == [tenant.tenant]
    assert await told.relay.wait(0.01) == {tenant.tenant}


async def test_a_status_and_the_answer_that_crossed_are_paired(world: World, tenant: Business, timers: Timers) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    # The status finds no message and is about to wait; the answer commits first and finds nothing waiting.
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    await world.execute(
        tenant,
        "INSERT INTO early_statuses (tenant_id, external_id, status, at, source, id, origin, received_at)"
        " VALUES ('acme', 'wamid.out', 'delivered', $1, 'whatsapp', gen_random_uuid(), 'test', $1)",
        world.clock.now,
    )
    await timers.pair_early()
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", claimed.message_id) == "delivered"
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 0


async def test_a_status_waits_for_a_message_that_is_told_of_much_later(world: World, tenant: Business, timers: Timers) -> None:
    await world.report(tenant, tenant.report("wamid.in", "read"), tenant.report("wamid.of-another-app", "sent"))
    for _ in range(3):
        await timers.pair_early()
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 2
    await world.receive(tenant, tenant.message("wamid.in"))
    await timers.pair_early()
    assert await world.value(tenant, "SELECT external_id FROM early_statuses") == "wamid.of-another-app"


async def test_early_statuses_nobody_sent_age_out_with_the_ledger(world: World, tenant: Business, timers: Timers) -> None:
    await world.report(tenant, tenant.report("wamid.of-another-app", "sent"))
    world.clock.forward(days=8)
    await timers.pair_early()
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 1
    world.clock.forward(seconds=1)
    await timers.pair_early()
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 0


async def test_what_is_said_of_messages_that_never_come_ages_out(world: World, tenant: Business, timers: Timers) -> None:
    def of(wamid: str) -> list[InboundMessage]:
        said: dict[str, Any] = {"wamid": wamid, "type": "text", "text": "second", "content": {"body": "second"}}
        amends = [Amendment(kind="edit", **said), Amendment(kind="revoke", **said), Amendment(wamid=wamid, kind="reaction")]
        return [tenant.message(f"{each.kind}.{wamid}", type=each.kind, amends=each) for each in amends]

    async def kept() -> list[str]:
        sql = "SELECT wamid FROM message_versions UNION ALL SELECT wamid FROM message_reactions"
        sql += " UNION ALL SELECT wamid FROM business_reactions ORDER BY 1"
        return [row["wamid"] for row in await world.rows(tenant, sql)]

    async def awaited() -> int:
        count: int = await world.value(tenant, "SELECT count(*) FROM awaited_messages")
        return count

    own = {"type": "reaction", "content": {"message_id": "wamid.never", "emoji": "👍"}}
    echo = EchoedMessage(wamid="own", phone_number_id=tenant.number, wa_id=CUSTOMER, sent_at=world.clock.now, **own)
    early = [*of("wamid.never"), *of("wamid.late")]
    await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, early)
    await run_in(world.db, world.directory, world.clock, tenant.tenant, run_echoes, [echo])
    late = tenant.message("wamid.late")
    await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, [late])
    assert await awaited() == 2
    # The original of the one that came is its first version.
    assert await kept() == ["wamid.late"] * 4 + ["wamid.never"] * 4
    world.clock.forward(days=8)
    await timers.drop_awaited()
    assert await awaited() == 2
    world.clock.forward(seconds=1)
    await timers.drop_awaited()
    assert await awaited() == 0
    assert await kept() == ["wamid.late"] * 4


async def test_an_accounts_timeline_reaches_back_as_far_as_its_tenant_says(
    world: World, tenant: Business, timers: Timers
) -> None:
    async def add(days: float) -> None:
        at = world.clock.now - timedelta(days=days)
        await world.execute(
            tenant,
            "INSERT INTO account_events (tenant_id, id, field, severity, sentence, value, at, digest)"
            " VALUES ('acme', $1, 'flows', 'info', 'Said.', '{}', $2, $3)",
            id_at(at, 0),
            at,
            str(days),
        )

    for days in (1, 399, 401, 900):
        await add(days)
    await timers.drop_account_events()
    assert [row["digest"] for row in await world.rows(tenant, "SELECT digest FROM account_events ORDER BY id")] == ["399", "1"]


async def test_unknown_sends_are_given_up(world: World, tenant: Business, timers: Timers, told: Told) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, lost()))
    world.clock.forward(minutes=10)
    with capture_logs() as lines:
        await timers.give_up_unknown()
        await timers.give_up_unknown()
    said = [each for each in lines if "outcome_unknown" in each["event"]]
    assert [(each["log_level"], each["count"]) for each in said] == [("warning", 1)], "once, and not of nothing"
    assert parse_metrics(told.metrics.render().decode())["waystate_outcome_unknown_total", ()] == 1
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", claimed.message_id) == "failed"
    assert tenant.tenant in await told.relay.wait(0.01)


async def test_three_replicas_fire_each_tick_once(world: World, tenant: Business, told: Told) -> None:
    """R20: 100 ticks, each asked for by three at once."""
    replicas = [timers_of(world, told) for _ in range(3)]
    fired: Counter[str] = Counter()
    for _ in range(100):
        for names in await asyncio.gather(*(replica.fire_due() for replica in replicas)):
            fired.update(names)
        world.clock.forward(seconds=1)
    often = {"early_statuses": 100, "unknown_sends": 20, "statistics": 20, "missing_deliveries": 4}
    often |= {"windows": 4, "planned": 100, "held": 4, "agent_leases": 2}
    seldom = ("expiry", "partitions", "suspects", "audit_heads", "idempotency", "awaited", "account_events")
    assert fired == often | dict.fromkeys(seldom, 1)


async def test_partitions_are_made_ahead_and_rows_without_one_raise_an_alarm(
    world: World, tenant: Business, timers: Timers, told: Told
) -> None:
    await timers.make_partitions()
    names = await world.rows(tenant, "SELECT inhrelid::regclass::text AS name FROM pg_inherits")
    assert {"messages_202603", "messages_202606", "events_20260302", "webhook_ledger_20260305"} <= {
        row["name"] for row in names
    }
    await timers.make_partitions()
    assert parse_metrics(told.metrics.render().decode())["waystate_default_partition_rows", ()] == 0


async def test_counts_of_suspects_are_dropped_when_nothing_can_come_of_them_any_more(world: World, timers: Timers) -> None:
    async def suspect(name: str) -> int:
        async with world.db.work() as conn:
            key = (f"suspect:{name}", 0)
            return (await work_store.acquire_leases(conn, "h", [key], now=world.clock(), ttl=timedelta(seconds=-1)))[key]

    assert (await suspect("old"), await suspect("old")) == (1, 2)
    world.clock.forward(days=7)
    await suspect("young")
    world.clock.forward(days=2)
    await timers.drop_suspects()
    assert (await suspect("old"), await suspect("young")) == (1, 2)
