"""What a process remembers of tenants is never the reason that something is lost: a second process has just changed it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.bodies import agent_says, change, envelope
from tests.world import HOLD, LANES, NO_FILES, Business, World, accepted
from waystate.broker.consumer import QueueMessage
from waystate.broker.publisher import Outgoing
from waystate.broker.queues import QueuePipeline
from waystate.cache.process import ProcessCache
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.model import ACCOUNT_MISSING, Target
from waystate.deliveries.plan import DeliverySink
from waystate.deliveries.send import Platforms
from waystate.events import outbox
from waystate.events.sinks import relay
from waystate.ids import TenantId, new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import LedgerRow, Received
from waystate.principal import OPERATOR
from waystate.state.lookups import LookUps
from waystate.tenants import store
from waystate.tenants.erasure.erase import Eraser
from waystate.tenants.model import MetaApp, RouteKind, Tenant, TenantSettings, TenantStatus
from waystate.tenants.routing import Directory
from waystate.web.metrics import Metrics
from waystate.webhooks.work import TenantsFailed, WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work.lanes import lane_of
from waystate.work.leases import DELIVERIES, LeaseKeeper
from waystate.work.loops import Hint

SECOND = "9001"


class Stopped:
    """A monotonic clock that stands: nothing that is remembered grows old by itself."""

    def __call__(self) -> float:
        return 0.0


class Other:
    """Another process on the same database, which remembers for ever what nobody takes from it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.directory = Directory(world.db, world.vault, monotonic=Stopped())

    async def remember(self, business: Business) -> None:
        assert await self.directory.find_tenant(business.tenant) is not None

    async def relay(self, business: Business) -> None:
        await relay(self.world.db, business.tenant, DeliverySink(self.directory, LANES), epoch=1, batch=100)

    def pipeline(self) -> WebhookPipeline:
        metrics = Metrics()
        return WebhookPipeline(self.world.db, self.directory, self.world.runner(), metrics, lanes=LANES)

    async def take(self) -> list[LedgerRow]:
        async with self.world.db.work() as conn:
            rows = await ledger_store.take_many(conn, range(LANES), self.world.clock.now, 100)
            await self.directory.refresh(conn)
        return rows


@pytest.fixture
async def tenant(world: World) -> Business:
    return await world.add("acme", number="1001")


@pytest.fixture
async def other(world: World, tenant: Business) -> Other:
    process = Other(world)
    await process.remember(tenant)
    return process


async def with_second_number(world: World, tenant: Business, **changes: Any) -> Business:
    """The same tenant's second number, without an integration of its own."""
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        (known,) = await store.accounts_of(conn, world.vault, tenant.tenant)
        second = known.model_copy(
            update={"phone_number_id": SECOND, "genesys_integration_id": None, "is_default": False, "id": new_id()} | changes
        )
        await store.upsert_accounts(conn, world.vault, tenant.tenant, [second])
    return Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)


async def change_account(world: World, tenant: Business, **changes: Any) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        (known,) = await store.accounts_of(conn, world.vault, tenant.tenant)
        await store.upsert_accounts(conn, world.vault, tenant.tenant, [known.model_copy(update=changes)])


async def append(world: World, business: Business, wamid: str) -> UUID:
    row = Received(
        id=new_id(),
        source="whatsapp",
        origin=business.app_id,
        lane=lane_of(business.number, LANES),
        received_at=world.clock.now,
        body=envelope(change(business, business.message(wamid))),
    )
    async with world.db.ingest() as conn:
        await ledger_store.append_many(conn, [row])
    return row.id


async def rejected(world: World) -> list[dict[str, Any]]:
    async with world.db.work() as conn:
        return await ledger_store.list_rows(conn, state="rejected")


async def targets(world: World, tenant: Business) -> list[tuple[str, str]]:
    rows = await world.rows(tenant, "SELECT target, account FROM deliveries ORDER BY position")
    return [(row["target"], row["account"]) for row in rows]


async def test_a_relay_delivers_for_a_number_that_was_added_a_moment_ago(world: World, tenant: Business, other: Other) -> None:
    second = await with_second_number(world, tenant)
    await world.receive(second, second.message())
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    async with world.db.tenant(tenant.tenant) as conn:
        assert await outbox.get_head(conn, tenant.tenant) == 2
    reply = second.reply(conversation_id=str(await world.value(tenant, "SELECT id FROM conversations")), recipient_id=contact)
    await world.answer(second, reply)
    await other.relay(tenant)
    assert await targets(world, tenant) == [(Target.WHATSAPP, SECOND)]


async def test_a_relay_heeds_a_sender_that_was_changed_a_moment_ago(world: World, tenant: Business, other: Other) -> None:
    await change_account(world, tenant, sender="external")
    await world.receive(tenant, tenant.message())
    await other.relay(tenant)
    assert await targets(world, tenant) == [], "somebody else sends it, and Waystate would be the second"
    await change_account(world, tenant, sender="waystate")
    await world.receive(tenant, tenant.message())
    await other.relay(tenant)
    assert await targets(world, tenant) == [(Target.GENESYS, tenant.integration)]


async def test_a_relay_heeds_an_integration_that_was_linked_a_moment_ago(world: World) -> None:
    alone = await world.add("alone", number="3001", with_genesys=False)
    other = Other(world)
    await other.remember(alone)
    await world.add("alone", number="3001")
    await world.receive(alone, alone.message())
    await other.relay(alone)
    assert await targets(world, alone) == [(Target.GENESYS, "integration-3001")]


async def test_a_relay_heeds_settings_that_were_changed_a_moment_ago(world: World, tenant: Business, other: Other) -> None:
    kept = Tenant(id=tenant.tenant, name="acme", settings=TenantSettings(genesys_identity="wa_id"))
    async with world.db.work() as conn:
        await store.upsert_many(conn, [kept])
    await world.receive(tenant, tenant.message(wa_id="491711111111"))
    await other.relay(tenant)
    request = await world.value(tenant, "SELECT request FROM deliveries")
    assert request["channel"]["from"]["id"] == "491711111111"


async def test_what_came_before_its_number_was_taken_away_is_told_and_can_be_sent_later(
    world: World, tenant: Business, other: Other
) -> None:
    await world.receive(tenant, tenant.message())
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_accounts(conn, tenant.tenant, [tenant.number])
    await other.relay(tenant)
    message = await world.row(tenant, "SELECT status, error FROM messages")
    assert (message["status"], message["error"]["code"]) == ("failed", ACCOUNT_MISSING)
    letter = await world.row(tenant, "SELECT pipeline, reason, original_payload FROM dead_letters")
    assert (letter["pipeline"], letter["reason"]) == ("deliveries", "delivery_failed")
    assert letter["original_payload"]["request"]["text"] == "Hello"


async def test_an_agents_message_whose_number_was_taken_away_is_failed(world: World, tenant: Business, other: Other) -> None:
    await world.correspond(tenant)
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_accounts(conn, tenant.tenant, [tenant.number])
    await other.relay(tenant)
    message = await world.row(tenant, "SELECT status, error FROM messages WHERE direction = 'outbound'")
    assert (message["status"], message["error"]["code"]) == ("failed", ACCOUNT_MISSING)


async def fail_or_wait(world: World, tenant: Business, relaying: Other) -> tuple[dict[str, str], int]:
    """A customer's and an agent's message, then the number is taken away: status by direction, and dead letters."""
    await world.receive(tenant, tenant.message())
    await world.relay(tenant)
    await world.receive(tenant, tenant.message("wamid.on.its.way"))
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    await world.answer(tenant, tenant.reply(conversation_id=conversation))
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_accounts(conn, tenant.tenant, [tenant.number])
    await relaying.relay(tenant)
    rows = await world.rows(tenant, "SELECT direction, status FROM messages WHERE wamid IS DISTINCT FROM 'wamid.in.1'")
    letters: int = await world.value(tenant, "SELECT count(*) FROM dead_letters")
    return {row["direction"]: row["status"] for row in rows}, letters


async def test_what_others_send_does_not_fail_with_the_number_that_was_taken_away(world: World) -> None:
    external = await world.add("external", number="3001", sender="external")
    told = await fail_or_wait(world, external, Other(world))
    assert told == ({"inbound": "received", "outbound": "queued"}, 0), "Waystate never sent for it"


async def test_what_nobody_sends_to_genesys_does_not_fail_with_the_number_that_was_taken_away(world: World) -> None:
    alone = await world.add("alone", number="3001", with_genesys=False)
    told = await fail_or_wait(world, alone, Other(world))
    assert told == ({"inbound": "received", "outbound": "failed"}, 0), "the answer alone was Waystate's to send"


async def test_a_number_that_came_back_and_went_again_fails_what_its_last_sender_would_have_sent(world: World) -> None:
    once = await world.add("once", number="3001", sender="external")
    async with world.db.work(tenant_id=once.tenant) as conn:
        await store.remove_accounts(conn, once.tenant, [once.number])
    again = await world.add("once", number="3001", sender="waystate")
    told = await fail_or_wait(world, again, Other(world))
    assert told == ({"inbound": "failed", "outbound": "failed"}, 1)


class Recorder:
    """A far side that says yes, and keeps through which number it was asked."""

    def __init__(self) -> None:
        self.numbers: list[str] = []

    async def send(self, *, phone_number_id: str, **_: Any) -> Any:
        self.numbers.append(phone_number_id)
        return accepted(f"wamid.out.{len(self.numbers)}")


async def courier_of(world: World, directory: Directory, far: Recorder) -> DeliveryWorker:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(seconds=15), kinds=(DELIVERIES,))
    await leases.renew()
    platforms = Platforms(far, far)  # type: ignore[arg-type]
    metrics = Metrics()
    said: Any = {"objects": NO_FILES, "concurrency": 8, "hold": HOLD}
    return DeliveryWorker(world.db, directory, platforms, leases, metrics, lambda *_: None, world.clock, **said)


async def test_a_courier_sends_through_a_number_that_was_added_a_moment_ago(
    world: World, tenant: Business, other: Other
) -> None:
    far = Recorder()
    worker = await courier_of(world, other.directory, far)
    second = await with_second_number(world, tenant)
    await world.receive(second, second.message())
    await world.answer(second, second.reply(conversation_id=str(await world.value(tenant, "SELECT id FROM conversations"))))
    await world.relay(tenant)
    await worker.step({tenant.tenant}, sweep=True)
    await worker.close()
    assert far.numbers == [SECOND]
    assert await world.value(tenant, "SELECT state FROM deliveries") == "sent"


async def test_a_courier_sends_nothing_for_a_tenant_that_was_suspended_a_moment_ago(
    world: World, tenant: Business, other: Other
) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    assert await other.directory.find_status(tenant.tenant) is TenantStatus.ACTIVE
    far = Recorder()
    worker = await courier_of(world, other.directory, far)
    async with world.db.work() as conn:
        await store.change_status(conn, [tenant.tenant], TenantStatus.SUSPENDED)
    await worker.step({tenant.tenant}, sweep=True)
    await worker.close()
    assert far.numbers == []
    assert await world.value(tenant, "SELECT state FROM deliveries WHERE target = 'whatsapp'") == "pending"


async def test_a_webhook_of_a_number_that_was_added_a_moment_ago_is_worked(
    world: World, tenant: Business, other: Other
) -> None:
    assert await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [SECOND]) == {}
    second = await with_second_number(world, tenant)
    await append(world, second, "wamid.first")
    await other.pipeline().work(await other.take())
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1
    assert await rejected(world) == []


async def test_a_number_that_moved_to_another_tenant_a_moment_ago_is_theirs(
    world: World, tenant: Business, other: Other
) -> None:
    await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [tenant.number])
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_accounts(conn, tenant.tenant, [tenant.number])
    globex = await world.add("globex", number=tenant.number, with_genesys=False)
    await append(world, globex, "wamid.first")
    await other.pipeline().work(await other.take())
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 0
    assert await world.value(globex, "SELECT count(*) FROM messages") == 1


async def test_rejected_webhooks_are_worked_by_themselves_in_their_order_when_their_number_appears(
    world: World, tenant: Business, other: Other
) -> None:
    unknown = Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)
    for n in range(5):
        await append(world, unknown, f"wamid.{n}")
    await other.pipeline().work(await other.take())
    assert [row["outcome"]["unrouted"] for row in await rejected(world)] == [[f"phone_number_id:{SECOND}"]] * 5
    second = await with_second_number(world, tenant)
    await append(world, second, "wamid.later")
    await other.pipeline().work(await other.take())
    rows = await world.rows(tenant, "SELECT wamid FROM messages ORDER BY id")
    assert [row["wamid"] for row in rows] == [*(f"wamid.{n}" for n in range(5)), "wamid.later"]
    assert await rejected(world) == []


async def test_rejected_webhooks_are_worked_when_their_accounts_app_is_corrected(
    world: World, tenant: Business, other: Other
) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.upsert_meta_apps(conn, world.vault, [MetaApp(id="app-2", app_secret="s" * 16, verify_token="v")])
    moved = Business(tenant.tenant, tenant.settings, "app-2", tenant.number, tenant.waba, tenant.integration, world.clock)
    await append(world, moved, "wamid.first")
    await other.pipeline().work(await other.take())
    assert len(await rejected(world)) == 1
    await change_account(world, tenant, meta_app_id="app-2")
    await other.pipeline().work(await other.take())
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_a_number_that_appears_while_its_webhook_is_being_rejected_is_not_missed(
    world: World, tenant: Business, other: Other
) -> None:
    unknown = Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)
    await append(world, unknown, "wamid.first")
    rows = await other.take()
    # After the batch was taken, and judged by what was then: whoever adds the number finds nothing rejected to replay.
    await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [SECOND])
    await with_second_number(world, tenant)
    await other.pipeline().work(rows)
    assert await rejected(world) == []
    await other.pipeline().work(await other.take())
    assert await rejected(world) == []
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


@pytest.mark.parametrize("is_heard", [False, True], ids=["unheard", "heard of"])
async def test_what_was_rejected_before_is_worked_before_what_was_in_hand_when_its_number_appeared(
    world: World, tenant: Business, other: Other, is_heard: bool
) -> None:
    unknown = Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)
    pipeline = other.pipeline()
    await append(world, unknown, "wamid.first")
    await pipeline.work(await other.take())
    await append(world, unknown, "wamid.second")
    rows = await other.take()
    working = asyncio.create_task(pipeline.work(rows)) if is_heard else None
    await with_second_number(world, tenant)
    if working is None:
        await pipeline.work(rows)
    else:
        other.directory.clear()
        await working
    await pipeline.work(await other.take())
    await pipeline.work(await other.take())
    got = await world.rows(tenant, "SELECT wamid FROM messages ORDER BY id")
    assert [row["wamid"] for row in got] == ["wamid.first", "wamid.second"]


async def test_a_batch_is_worked_however_often_others_change_the_directory(
    world: World, tenant: Business, other: Other
) -> None:
    """Two at a time that never stop: what does not concern a row is no reason to give it back."""
    globex = await world.add("globex", number="2001")
    pipeline = other.pipeline()

    async def hear() -> None:
        while True:
            other.directory.clear()
            await asyncio.sleep(0)

    async def change() -> None:
        for n in range(100_000):
            async with world.db.work() as conn:
                await store.upsert_many(conn, [Tenant(id=globex.tenant, name=f"name {n}")])

    disturbing = [asyncio.create_task(hear()), asyncio.create_task(change())]
    try:
        for n in range(5):
            await append(world, tenant, f"wamid.{n}")
            await pipeline.work(await other.take())
            assert await world.value(tenant, "SELECT count(*) FROM messages") == n + 1
    finally:
        for each in disturbing:
            each.cancel()
        await asyncio.gather(*disturbing, return_exceptions=True)


async def test_a_row_that_may_be_somebodys_by_now_holds_up_no_other(world: World, tenant: Business, other: Other) -> None:
    unknown = Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)
    globex = await world.add("globex", number="2001")
    doubtful = await append(world, unknown, "wamid.doubtful")
    await append(world, globex, "wamid.known")
    rows = await other.take()
    await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [SECOND])
    await with_second_number(world, tenant)
    await other.pipeline().work(rows)
    assert [row["wamid"] for row in await world.rows(globex, "SELECT wamid FROM messages")] == ["wamid.known"]
    assert [row.id for row in await other.take()] == [doubtful], "the other is done"


async def test_a_number_that_appears_unheard_is_worked_behind_what_was_rejected_before(
    world: World, tenant: Business, other: Other
) -> None:
    """Its route is read for the first time after the rows were taken, so no memory tells that it is new."""
    unknown = Business(tenant.tenant, tenant.settings, tenant.app_id, SECOND, tenant.waba, tenant.integration, world.clock)
    await append(world, unknown, "wamid.first")
    await other.pipeline().work(await other.take())
    await append(world, unknown, "wamid.second")
    rows = await other.take()
    await with_second_number(world, tenant)
    fresh = Other(world)
    await fresh.pipeline().work(rows)
    while rows := await fresh.take():
        await fresh.pipeline().work(rows)
    got = await world.rows(tenant, "SELECT wamid FROM messages ORDER BY id")
    assert [row["wamid"] for row in got] == ["wamid.first", "wamid.second"]


async def append_agents(world: World, business: Business, genesys_id: str) -> UUID:
    row = Received(
        id=new_id(),
        source="genesys",
        origin=business.integration,
        lane=lane_of(business.integration, LANES),
        received_at=world.clock.now,
        body=agent_says(business, genesys_id, to="nobody"),
    )
    async with world.db.ingest() as conn:
        await ledger_store.append_many(conn, [row])
    return row.id


async def outcomes(world: World) -> dict[UUID, tuple[str, str | None]]:
    async with world.db.work() as conn:
        rows = await ledger_store.list_rows(conn)
    return {row["id"]: (row["state"], (row["outcome"] or {}).get("reason")) for row in rows}


async def erase(world: World, business: Business) -> None:
    async with world.db.work() as conn:
        await store.change_status(conn, [business.tenant], TenantStatus.SUSPENDED)
    await Eraser(world.db, world.clock).run(business.tenant, OPERATOR)


async def _without(world: World, business: Business, what: str) -> None:
    match what:
        case "the integration":
            await _remove_integration(world, business)
        case "the number":
            await _remove_number(world, business)
        case "the tenant, suspended":
            await _suspend(world, business)
        case "the tenant":
            await erase(world, business)


GONE = ["the integration", "the number", "the tenant, suspended", "the tenant"]


@pytest.mark.parametrize("remembered", ["nothing", "the routes", "the routes and the tenant"])
@pytest.mark.parametrize("what", GONE)
async def test_what_goes_between_take_and_work_stops_nobody_else_and_nothing_is_lost(
    world: World, tenant: Business, other: Other, what: str, remembered: str
) -> None:
    going = await world.add("going", number="2001")
    first = await append(world, going, "wamid.going")
    agents = await append_agents(world, going, "genesys.going")
    staying = await append(world, tenant, "wamid.staying")
    rows = await other.take()
    if remembered != "nothing":
        await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [going.number])
        await other.directory.routes_of(RouteKind.GENESYS_INTEGRATION, [going.integration])
    if remembered == "the routes and the tenant":
        await other.remember(going)
    await _without(world, going, what)
    with suppress(TenantsFailed):
        await other.pipeline().work(rows)
    assert (await outcomes(world))[staying] == ("done", None)
    assert await world.value(tenant, "SELECT wamid FROM messages") == "wamid.staying"
    while rows := await other.take():
        await other.pipeline().work(rows)
    told = await outcomes(world)
    assert {told[first][0], told[agents][0]} <= {"done", "rejected"}
    letters = await world.rows(going, "SELECT reason FROM dead_letters")
    messages = await world.rows(going, "SELECT wamid FROM messages")
    assert told[first] == ("rejected", "unknown_tenant") or [each["wamid"] for each in messages] == ["wamid.going"]
    assert told[agents] == ("rejected", "unknown_tenant") or [each["reason"] for each in letters] == ["mapping_not_found"]


async def test_a_ledger_worker_judges_by_a_memory_younger_than_its_rows(world: World, tenant: Business, other: Other) -> None:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(seconds=15))
    await leases.renew()
    worker = LedgerWorker(world.db, other.directory, other.pipeline(), leases, Hint(), world.clock, batch=10)
    await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [SECOND])
    second = await with_second_number(world, tenant)
    await append(world, second, "wamid.first")
    await worker.step(set(), sweep=True)
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_a_queues_message_on_a_number_that_was_added_a_moment_ago_is_worked(
    world: World, tenant: Business, other: Other
) -> None:
    parked: list[Outgoing] = []

    async def park(letters: Sequence[Outgoing]) -> None:
        parked.extend(letters)

    runner = world.runner()
    pipeline = QueuePipeline(world.db, other.directory, runner, lambda _: None, park, world.clock)
    assert await other.directory.routes_of(RouteKind.PHONE_NUMBER_ID, [SECOND]) == {}
    await with_second_number(world, tenant)
    body = {"wa_id": "491700000001", "wamid": "wamid.queued", "message_text": "Hello", "phone_number_id": SECOND}
    body |= {"timestamp": world.clock.now.isoformat()}
    await pipeline.work("inbound", [QueueMessage(queue="inbound", id="1", body=json.dumps(body).encode())])
    assert parked == []
    assert await world.value(tenant, "SELECT wamid FROM messages") == "wamid.queued"


async def test_a_look_up_on_a_number_that_was_added_a_moment_ago_is_answered(
    world: World, tenant: Business, other: Other
) -> None:
    cache: ProcessCache[bytes] = ProcessCache(size=10, ttl=5.0, monotonic=Stopped())
    lookups = LookUps(world.db, other.directory, Hint(), world.clock, cache=cache, forget=lambda *_: None)
    await with_second_number(world, tenant)
    assert b'"phoneNumberId":"9001"' in await lookups.get_mapping(tenant.tenant, "491700000001", SECOND)


CHANGES: dict[str, Callable[[World, Business], Awaitable[Any]]] = {
    "an account": lambda world, tenant: change_account(world, tenant, sender="external"),
    "a number more": with_second_number,
}


async def _remove_number(world: World, tenant: Business) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_accounts(conn, tenant.tenant, [tenant.number])


async def _remove_integration(world: World, tenant: Business) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.remove_integrations(conn, tenant.tenant, [tenant.integration])


async def _change_settings(world: World, tenant: Business) -> None:
    async with world.db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=tenant.tenant, name="renamed")])


async def _add_tenant(world: World, _: Business) -> None:
    async with world.db.work() as conn:
        await store.insert_many(conn, [Tenant(id=TenantId("new"), name="new")])


async def _suspend(world: World, tenant: Business) -> None:
    async with world.db.work() as conn:
        await store.change_status(conn, [tenant.tenant], TenantStatus.SUSPENDED)


async def _change_app(world: World, _: Business) -> None:
    async with world.db.work() as conn:
        await store.upsert_meta_apps(conn, world.vault, [MetaApp(id="app-1", app_secret="other" * 4, verify_token="v")])


CHANGES |= {
    "a number less": _remove_number,
    "an integration less": _remove_integration,
    "settings": _change_settings,
    "a tenant more": _add_tenant,
    "a status": _suspend,
    "a Meta app": _change_app,
}


@pytest.mark.parametrize("what", CHANGES)
async def test_every_change_of_the_directory_raises_its_revision(world: World, tenant: Business, what: str) -> None:
    async with world.db.work() as conn:
        before = await store.get_revision(conn)
    await CHANGES[what](world, tenant)
    async with world.db.work() as conn:
        assert await store.get_revision(conn) > before
