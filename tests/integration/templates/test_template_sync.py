"""Templates are asked of WhatsApp as often as it needs and no more, and a listing that fails takes nothing away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.templates.far_side import ListingSide, entry
from tests.world import Business, World
from waystate.channels.whatsapp.client import GraphClient
from waystate.clock import iso
from waystate.templates import store
from waystate.templates.model import STALE, TemplateSync
from waystate.templates.store import TemplateFilter
from waystate.templates.sync import HELPED, LOOK_EVERY, TemplateRounds, TemplateSend, TemplateSyncs, judge_known
from waystate.tenants import store as tenant_store
from waystate.tenants.model import TenantStatus, WhatsAppAccount
from waystate.work.loops import Hint

REFUSED = (401, {"code": 190, "message": "Error validating access token", "type": "OAuthException"})


class Place:
    """Processes that share a database, and WhatsApp's side of their listings."""

    def __init__(self, world: World, side: ListingSide, graph: GraphClient) -> None:
        self.world, self.side, self.graph = world, side, graph
        self.relay = Hint()
        self.syncs = self.process()

    def process(self) -> TemplateSyncs:
        return TemplateSyncs(self.world.db, self.world.directory, self.graph, self.relay, self.world.clock)

    async def known(self, tenant: Business) -> dict[tuple[str, str], str | None]:
        async with self.world.db.tenant(tenant.tenant) as conn:
            page = await store.list_page(conn, tenant.tenant, [tenant.waba], TemplateFilter())
        return {each.key: each.status for each in page}

    async def sync_of(self, tenant: Business) -> TemplateSync:
        async with self.world.db.tenant(tenant.tenant) as conn:
            return (await store.list_syncs(conn, tenant.tenant, [tenant.waba]))[tenant.waba]

    async def judge(self, tenant: Business, name: str = "hello", language: str = "en_US", *values: str) -> list[str]:
        parameters = [{"type": "text", "text": value} for value in values]
        components = [{"type": "body", "parameters": parameters}] if parameters else None
        await self.syncs.find_or_sync(tenant.tenant, tenant.waba, [(name, language)])
        sends = [TemplateSend(tenant.waba, name, language, components)]
        async with self.world.db.tenant(tenant.tenant) as conn:
            (verdict,) = await judge_known(conn, tenant.tenant, sends, self.world.clock())
        return verdict.problems


@pytest.fixture
async def place(world: World) -> AsyncIterator[Place]:
    side = ListingSide()
    async with side.client() as http:
        yield Place(world, side, GraphClient(http))


async def add_number(world: World, tenant: Business, number: str, **said: Any) -> None:
    account = WhatsAppAccount.model_validate(
        {
            "phone_number_id": number,
            "display_phone_number": "+49 30 1235",
            "business_account_id": tenant.waba,
            "meta_app_id": tenant.app_id,
            "access_token": "other-token",
        }
        | said
    )
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await tenant_store.upsert_accounts(conn, world.vault, tenant.tenant, [account])
    world.directory.clear()


async def test_an_account_is_listed_page_by_page_and_only_where_it_is(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry(f"t{n}") for n in range(7)]
    place.side.page = 3
    (synced,) = await place.syncs.sync_many(tenant.tenant, [tenant.waba, tenant.waba])
    assert synced.listing is not None
    assert synced.listing[:4] == (7, 7, 0, 0)
    assert place.side.asked == [(tenant.waba, ""), (tenant.waba, "3"), (tenant.waba, "6")]
    assert place.side.hosts == {"graph.facebook.com"}, "the address of the next page leads elsewhere"
    assert len(await place.known(tenant)) == 7
    assert await place.relay.wait(0.01) == {tenant.tenant}


async def test_a_listing_that_fails_takes_nothing_away_and_says_why(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry()]
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    first = place.world.clock.now
    place.world.clock.forward(hours=1)
    place.side.refusals["token"] = REFUSED
    (failed,) = await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    assert failed.error is not None
    assert failed.error["code"] == 190
    sync = await place.sync_of(tenant)
    assert (sync.synced_at, sync.error and sync.error["code"]) == (first, 190)
    assert sync.due_at == place.world.clock.now + timedelta(hours=1), "until somebody mends a token, it is refused"
    assert await place.known(tenant) == {("hello", "en_US"): "APPROVED"}
    place.side.refusals.clear()
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    assert (await place.sync_of(tenant)).error is None


async def test_a_list_whose_templates_cannot_be_read_deletes_none(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry()]
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    place.world.clock.forward(hours=1)
    place.side.templates[tenant.waba] = [{"title": "hello"}]
    (failed,) = await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    assert failed.error is not None
    assert await place.known(tenant) == {("hello", "en_US"): "APPROVED"}


async def test_another_numbers_token_is_tried_where_one_is_refused(place: Place, tenant: Business) -> None:
    await add_number(place.world, tenant, "1002")
    place.side.templates[tenant.waba] = [entry()]
    place.side.refusals["token"] = REFUSED
    (synced,) = await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    assert (synced.error, len(place.side.asked)) == (None, 2)


async def test_due_accounts_are_listed_once_by_whichever_process_comes_first(place: Place, tenant: Business) -> None:
    await add_number(place.world, tenant, "1002", access_token="token")
    other = await place.world.add("globex", number="2001")
    place.side.templates = {tenant.waba: [entry()], other.waba: [entry("other")]}
    processes = [place.process() for _ in range(3)]
    done = await asyncio.gather(*(each.sync_due() for each in processes))
    assert sorted(place.side.asked) == sorted([(tenant.waba, ""), (other.waba, "")])
    assert sum(map(len, done)) == 2
    place.world.clock.forward(minutes=59)
    assert await place.syncs.sync_due() == []
    place.world.clock.forward(minutes=12)
    assert len(await place.syncs.sync_due()) == 2


async def test_a_suspended_tenants_accounts_are_not_asked_for(place: Place, tenant: Business) -> None:
    async with place.world.db.work() as conn:
        await tenant_store.change_status(conn, [tenant.tenant], TenantStatus.SUSPENDED)
    place.world.directory.clear()
    (synced,) = await place.syncs.sync_due()
    assert synced.error is not None
    assert synced.error["code"] == "no_active_account"
    assert place.side.asked == []


async def test_callers_at_once_share_one_listing(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry()]
    place.side.gate.clear()
    callers = [asyncio.create_task(place.judge(tenant, "hello", "en_US", "Ada")) for _ in range(20)]
    await place.side.reached(1)
    await asyncio.sleep(0.1)
    callers[0].cancel()
    place.side.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results[1:] == [[]] * 19
    assert isinstance(results[0], asyncio.CancelledError)
    assert len(place.side.asked) == 1


async def test_what_is_missing_is_asked_for_once_a_minute_and_then_refused(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry("order_update")]
    (problem,) = await place.judge(tenant, "order_updat")
    assert problem.endswith("Similar names: order_update.")
    (problem,) = await place.judge(tenant, "order_update", "de")
    assert "but in en_US" in problem
    place.side.templates[tenant.waba].append(entry("order_update", "de", "Hallo"))
    assert len(await place.judge(tenant, "order_update", "de")) == 1
    assert len(place.side.asked) == 1
    place.world.clock.forward(seconds=STALE.total_seconds())
    assert await place.judge(tenant, "order_update", "de") == []
    assert await place.judge(tenant, "order_update", "en-US", "Ada") == []
    assert len(place.side.asked) == 2


async def test_similar_names_are_looked_for_a_few_times_a_call(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry(f"t{n}") for n in range(100)]
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    sends = [TemplateSend(tenant.waba, f"tt{n // 2}", "en_US") for n in range(100)]
    async with place.world.db.tenant(tenant.tenant) as conn:
        verdicts = await judge_known(conn, tenant.tenant, sends, place.world.clock())
    helped = ["Similar names" in problem for verdict in verdicts for problem in verdict.problems]
    assert (len(helped), helped.index(False), sum(helped)) == (100, 2 * HELPED, 2 * HELPED)


async def test_a_list_that_is_not_of_now_says_of_when_it_is(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry("order_update")]
    listed = place.world.clock()
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    sends = [TemplateSend(tenant.waba, "order_gone", "en_US")]
    problems = []
    for minutes in (0, 30):
        place.world.clock.forward(minutes=minutes)
        async with place.world.db.tenant(tenant.tenant) as conn:
            (verdict,) = await judge_known(conn, tenant.tenant, sends, place.world.clock())
        problems += verdict.problems
    assert [f"(as of {iso(listed)})" in each for each in problems] == [False, True]


async def test_a_paused_template_is_asked_for_before_it_is_refused(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry(text="Hi", status="PAUSED")]
    (problem,) = await place.judge(tenant)
    assert "is PAUSED since 2026-03-02T11:59:00.000Z" in problem
    place.side.templates[tenant.waba] = [entry(text="Hi")]
    place.world.clock.forward(minutes=5)
    assert await place.judge(tenant) == []


async def test_what_could_not_be_listed_is_for_whatsapp_to_decide(place: Place, tenant: Business) -> None:
    place.side.refusals["token"] = REFUSED
    assert await place.judge(tenant, "anything") == []
    assert await place.judge(tenant, "anything") == []
    assert len(place.side.asked) == 1, "it is not asked for at each send"
    place.side.refusals.clear()
    place.world.clock.forward(minutes=2)
    assert len(await place.judge(tenant, "anything")) == 1


async def test_while_another_process_asks_an_unknown_template_is_let_through(place: Place, tenant: Business) -> None:
    await place.syncs.sync_many(tenant.tenant, [tenant.waba])
    place.world.clock.forward(minutes=2)
    place.side.gate.clear()
    elsewhere = asyncio.create_task(place.process().sync_many(tenant.tenant, [tenant.waba]))
    await place.side.reached(2)
    assert await place.judge(tenant, "new") == []
    place.side.gate.set()
    await elsewhere
    assert len(await place.judge(tenant, "new")) == 1


async def test_parameters_are_judged_by_the_definition_that_was_listed(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry()]
    assert await place.judge(tenant, "hello", "en_US", "Ada") == []
    assert await place.judge(tenant) == ["Body: 1 parameter is needed ({{1}}), 0 are given."]


async def test_the_rounds_list_what_is_due_and_stop_at_once(place: Place, tenant: Business) -> None:
    place.side.templates[tenant.waba] = [entry()]
    place.side.gate.clear()
    rounds = TemplateRounds(place.syncs)
    running = asyncio.create_task(rounds.run())
    await place.side.reached(1)
    rounds.stop()
    await asyncio.wait_for(running, 1)
    await place.syncs.close()
    assert await place.known(tenant) == {}
    due: datetime = (await place.sync_of(tenant)).due_at
    assert timedelta(0) < due - place.world.clock.now <= timedelta(minutes=10)
    place.side.gate.set()
    place.world.clock.forward(minutes=10, seconds=LOOK_EVERY.total_seconds())
    assert len(await place.syncs.sync_due()) == 1
