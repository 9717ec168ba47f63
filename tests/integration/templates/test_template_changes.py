"""Templates as the database keeps them: by webhooks, by listings, both at once, and out of the way of other tenants."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.letters import replay
from tests.world import LANES, Business, World, run_in, wait_for_lock
from waystate.channels.model import TemplateReport
from waystate.channels.whatsapp.parse import parse_webhook
from waystate.dead_letters.replay import ReplayOutcome
from waystate.events.model import TemplateChanged
from waystate.ids import new_id
from waystate.pipeline.batch import Judged, Taken
from waystate.pipeline.beside import run_templates
from waystate.pipeline.run import KINDS, Runner
from waystate.templates import store
from waystate.templates.change import Listing, apply_listing
from waystate.templates.model import LAG, SETTLED, Template
from waystate.templates.store import TemplateFilter
from waystate.web.metrics import Metrics

BODY = {"type": "BODY", "text": "Hi {{1}}"}


def report(tenant: Business, name: str = "hello", at: datetime | None = None, **said: Any) -> TemplateReport:
    given = {"business_account_id": tenant.waba, "at": at or tenant.clock.now, "name": name, "language": "en_US"}
    return TemplateReport(**({"external_id": f"id.{name}", "origin": f"test:{new_id()}"} | given | said))


async def tell(world: World, tenant: Business, *reports: TemplateReport) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_templates, reports)


async def listing(world: World, tenant: Business, *reports: TemplateReport, at: datetime | None = None) -> Listing:
    async with world.db.tenant(tenant.tenant) as conn:
        return await apply_listing(conn, tenant.tenant, tenant.waba, reports, at or world.clock.now, world.clock.now)


async def known(world: World, tenant: Business, **wanted: Any) -> dict[str, Template]:
    async with world.db.tenant(tenant.tenant) as conn:
        page = await store.list_page(conn, tenant.tenant, [tenant.waba], TemplateFilter(**wanted))
    return {each.name: each for each in page}


async def due_in(world: World, tenant: Business) -> timedelta:
    due: datetime = await world.value(tenant, "SELECT due_at FROM template_syncs")
    return due - world.clock.now


async def test_a_listing_is_kept_and_what_it_shows_no_more_is_marked(world: World, tenant: Business) -> None:
    whole = report(tenant, status="APPROVED", category="UTILITY", quality="GREEN", components=[BODY], parameter_format="NAMED")
    first = await listing(world, tenant, whole, report(tenant, "other", status="PENDING", components=[]))
    assert first[:4] == (2, 2, 0, 0)
    assert [(each.name, each.status, each.previous_status) for each in first.events] == [
        ("hello", "APPROVED", None),
        ("other", "PENDING", None),
    ]
    kept = (await known(world, tenant))["hello"]
    assert (kept.category, kept.quality, kept.parameter_format, kept.components) == ("UTILITY", "GREEN", "NAMED", [BODY])
    assert kept.synced_at == world.clock.now
    world.clock.forward(hours=1)
    second = await listing(world, tenant, whole)
    assert second[:4] == (1, 0, 0, 1)
    after = await known(world, tenant)
    assert (after["other"].status, after["hello"].id) == ("DELETED", kept.id)
    assert after["hello"].synced_at == world.clock.now
    older = [whole, report(tenant, "other", status="APPROVED", components=[])]
    at = world.clock.now - timedelta(minutes=30)
    assert (await listing(world, tenant, *older, at=at))[:4] == (2, 0, 0, 0)
    after = await known(world, tenant)
    assert (after["other"].status, after["hello"].synced_at) == ("DELETED", world.clock.now), "it began before the last one"


async def test_a_webhook_changes_a_template_once_and_is_told(world: World, tenant: Business) -> None:
    await listing(world, tenant, report(tenant, status="APPROVED", components=[BODY]))
    world.clock.forward(minutes=5)
    paused = report(tenant, status="PAUSED", reason="FIRST_PAUSE")
    judged = await tell(world, tenant, paused, paused)
    (event,) = judged.events
    assert isinstance(event, TemplateChanged)
    assert (event.name, event.status, event.previous_status, event.are_components_changed) == (
        "hello",
        "PAUSED",
        "APPROVED",
        False,
    )
    assert [each.is_repeat for each in judged.verdicts] == [False, True]
    assert await world.value(tenant, "SELECT count(*) FROM events WHERE type = 'template.changed'") == 1
    late = await tell(world, tenant, report(tenant, at=world.clock.now - timedelta(minutes=4), status="APPROVED"))
    assert (late.events, late.verdicts[0].is_repeat) == ([], True)
    assert (await known(world, tenant))["hello"].status == "PAUSED"


async def test_an_unknown_template_is_kept_and_its_account_listed_soon(world: World, tenant: Business) -> None:
    await listing(world, tenant)
    assert await due_in(world, tenant) >= timedelta(hours=1)
    await tell(world, tenant, report(tenant, status="APPROVED"))
    made = (await known(world, tenant))["hello"]
    assert (made.status, made.components, made.external_id) == ("APPROVED", None, "id.hello")
    assert await due_in(world, tenant) == SETTLED
    world.clock.forward(seconds=SETTLED.total_seconds())
    result = await listing(world, tenant, report(tenant, status="APPROVED", components=[BODY]))
    assert result[:4] == (1, 0, 1, 0)
    assert (await known(world, tenant))["hello"].id == made.id


async def test_a_template_named_by_its_id_alone_is_found_or_waited_for(world: World, tenant: Business) -> None:
    await listing(world, tenant, report(tenant, status="APPROVED", components=[BODY]))
    nameless: dict[str, Any] = {"name": None, "language": None, "status": "PAUSED"}
    judged = await tell(world, tenant, report(tenant, external_id="id.hello", **nameless))
    assert [each.status for each in judged.events if isinstance(each, TemplateChanged)] == ["PAUSED"]
    (verdict,) = (await tell(world, tenant, report(tenant, external_id="id.new", **nameless))).verdicts
    assert (verdict.error, verdict.aside and verdict.aside[0]) == (None, "template")
    assert await due_in(world, tenant) == SETTLED


async def test_the_same_name_and_id_in_another_account_is_another_template(world: World, tenant: Business) -> None:
    other = await world.add("other", number="2001", app_id="app-2")
    await listing(world, tenant, report(tenant, status="APPROVED", components=[BODY]))
    await listing(world, other, report(other, status="APPROVED", components=[BODY]))
    await tell(world, tenant, report(tenant, status="PAUSED"))
    assert (await known(world, other))["hello"].status == "APPROVED"
    assert (await known(world, tenant))["hello"].status == "PAUSED"


async def test_webhooks_and_listings_at_once_lose_nothing(world: World, tenant: Business) -> None:
    at = world.clock.now
    words = [report(tenant, f"t{n}", at + LAG * 2 + timedelta(seconds=n), status="PAUSED") for n in range(6)]
    shown = [report(tenant, f"t{n}", at, status="APPROVED", components=[BODY]) for n in range(6)]
    await asyncio.gather(
        *(tell(world, tenant, each) for each in words),
        *(listing(world, tenant, *shown, at=at + timedelta(seconds=n)) for n in range(3)),
        *(tell(world, tenant, each) for each in reversed(words)),
    )
    found = await known(world, tenant)
    assert {each.status for each in found.values()} == {"PAUSED"}
    assert {len(each.components or []) for each in found.values()} == {1}
    assert len(found) == 6


async def test_who_writes_an_accounts_templates_waits_for_who_does(world: World, tenant: Business) -> None:
    await listing(world, tenant)
    world.clock.forward(minutes=5)
    async with world.db.tenant(tenant.tenant) as conn:
        await store.lock_accounts(conn, tenant.tenant, [tenant.waba], world.clock.now)
        telling = asyncio.create_task(tell(world, tenant, report(tenant, status="PAUSED")))
        await wait_for_lock(conn)
        shown = [report(tenant, status="APPROVED", components=[BODY])]
        await apply_listing(conn, tenant.tenant, tenant.waba, shown, world.clock.now, world.clock.now)
    assert [each.error for each in (await telling).verdicts] == [None]
    made = (await known(world, tenant))["hello"]
    assert (made.status, made.components) == ("PAUSED", [BODY])


async def test_a_webhook_body_finds_its_way_to_the_template(world: World, tenant: Business) -> None:
    value = {"event": "APPROVED", "message_template_id": 7, "message_template_name": "hi", "message_template_language": "en-US"}
    time = round(world.clock.now.timestamp())
    change = {"field": "message_template_status_update", "value": value}
    document = {"entry": [{"id": tenant.waba, "time": time, "changes": [change]}]}
    (item,) = parse_webhook(json.dumps(document).encode(), world.clock.now, "ledger:x").items
    await tell(world, tenant, item.value)
    made = (await known(world, tenant))["hi"]
    assert (made.external_id, made.language, made.status) == ("7", "en_US", "APPROVED")


async def test_a_report_of_another_account_is_a_dead_letter_until_the_account_is_added(world: World, tenant: Business) -> None:
    foreign = report(tenant, business_account_id="foreign", status="APPROVED")
    (verdict,) = (await tell(world, tenant, foreign)).verdicts
    assert "none of this tenant's" in str(verdict.error)
    kind = KINDS.of(foreign)
    kept = kind.keep(foreign)
    assert KINDS.read_letter(kind.pipeline, kept, origin="ledger:x", received_at=world.clock.now) == foreign
    view = await world.directory.get_tenant(tenant.tenant)
    runner = Runner(world.db, Metrics(), lambda *_: None, world.clock, lanes=LANES)
    await runner.run(tenant.tenant, view, [Taken(foreign, world.clock.now, foreign.origin)])
    letter = await world.value(tenant, "SELECT id FROM dead_letters WHERE pipeline = 'templates'")
    assert (await replay(world, tenant, letter)).outcome is ReplayOutcome.FAILED


async def test_senders_find_templates_by_name_and_language_in_either_spelling(world: World, tenant: Business) -> None:
    await listing(world, tenant, report(tenant, status="APPROVED", components=[BODY]), report(tenant, language="pt_BR"))
    asked = [("hello", "en_US"), ("hello", "pt-BR"), ("hello", "de"), ("none", "en_US")]
    async with world.db.tenant(tenant.tenant) as conn:
        found = await store.find_many(conn, tenant.tenant, tenant.waba, asked)
        names = await store.list_names(conn, tenant.tenant, tenant.waba)
    assert {key: each.language for key, each in found.items()} == {("hello", "en_US"): "en_US", ("hello", "pt-BR"): "pt_BR"}
    assert names == {"hello": ["en_US", "pt_BR"]}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["b", "a2", "a1"]),
        ({"prefix": "a"}, ["a2", "a1"]),
        ({"prefix": "%"}, []),
        ({"status": "PAUSED"}, ["a2"]),
        ({"category": "MARKETING"}, ["b"]),
        ({"language": "de"}, ["a1"]),
    ],
)
async def test_a_list_shows_what_is_asked_for(world: World, tenant: Business, wanted: dict[str, str], names: list[str]) -> None:
    await listing(
        world,
        tenant,
        report(tenant, "a1", language="de", status="APPROVED"),
        report(tenant, "a2", status="PAUSED"),
        report(tenant, "b", status="APPROVED", category="MARKETING"),
    )
    assert list(await known(world, tenant, **wanted)) == names
