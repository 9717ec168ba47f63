"""The timeline of accounts as the database keeps it: once, of the right number, with what is so of the number since."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.world import Business, World, run_in
from waystate.account_events import store
from waystate.account_events.model import AccountEvent, AccountFilter
from waystate.channels.model import AccountReport, Severity
from waystate.events.model import AccountChanged
from waystate.ids import new_id
from waystate.pipeline.batch import Judged, Taken
from waystate.pipeline.run import run_account_reports
from waystate.tenants import store as tenant_store
from waystate.tenants.model import NumberFacts
from waystate.web.metrics import Metrics


def report(tenant: Business, at: datetime | None = None, **said: Any) -> AccountReport:
    given: dict[str, Any] = {
        "field": "phone_number_quality_update",
        "at": at or tenant.clock.now,
        "sentence": "The number's quality is low.",
        "severity": Severity.WARNING,
        "business_account_id": tenant.waba,
        "digest": str(new_id()),
        "value": {"event": "FLAGGED"},
        "origin": f"test:{new_id()}",
    }
    return AccountReport(**(given | said))


async def tell(world: World, tenant: Business, *reports: AccountReport) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_account_reports, reports)


async def listed(world: World, tenant: Business, **wanted: Any) -> list[AccountEvent]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.list_page(conn, tenant.tenant, AccountFilter(**wanted), account_of_number=tenant.waba)


async def facts(world: World, tenant: Business) -> NumberFacts:
    async with world.db.tenant(tenant.tenant) as conn:
        return (await tenant_store.list_facts(conn, tenant.tenant))[tenant.number]


async def test_what_is_said_is_kept_once_and_told_once(world: World, tenant: Business) -> None:
    said = report(tenant, digest="a", phone_number_id=tenant.number, event="FLAGGED")
    judged = await tell(world, tenant, said, said)
    (event,) = judged.events
    assert isinstance(event, AccountChanged)
    assert (event.phone_number_id, event.event, event.severity, event.sentence) == (
        tenant.number,
        "FLAGGED",
        "warning",
        said.sentence,
    )
    again = await tell(world, tenant, said)
    assert again.events == []
    assert [verdict.is_repeat for verdict in again.verdicts] == [True]
    (kept,) = await listed(world, tenant)
    assert (kept.id, kept.value, kept.at) == (event.account_event_id, said.value, said.at)


async def test_copies_at_once_are_one(world: World, tenant: Business) -> None:
    said = [report(tenant, digest=f"d{n}") for n in range(6)]
    results = await asyncio.gather(
        tell(world, tenant, *said), tell(world, tenant, *reversed(said)), *(tell(world, tenant, each) for each in said)
    )
    assert sum(len(each.events) for each in results) == 6
    assert len(await listed(world, tenant)) == 6


async def test_a_number_is_known_by_how_it_is_displayed(world: World, tenant: Business) -> None:
    shown = await world.value(tenant, "SELECT display_phone_number FROM whatsapp_accounts")
    spelled = f"+{' '.join(shown)}"
    await tell(world, tenant, report(tenant, display_phone_number=spelled), report(tenant, display_phone_number="999"))
    assert [each.phone_number_id for each in await listed(world, tenant)] == [None, tenant.number]


async def test_the_newest_word_is_the_fact_in_whatever_order_it_comes(world: World, tenant: Business) -> None:
    at = world.clock.now
    newer = report(tenant, at, phone_number_id=tenant.number, quality="UNFLAGGED", messaging_limit="TIER_1K")
    older = report(tenant, at - timedelta(hours=1), phone_number_id=tenant.number, quality="FLAGGED")
    await tell(world, tenant, newer)
    await tell(world, tenant, older)
    assert await facts(world, tenant) == NumberFacts(tenant.number, "UNFLAGGED", at, "TIER_1K", at)
    limit = report(tenant, at + timedelta(hours=1), messaging_limit="2000")
    await tell(world, tenant, limit)
    assert (await facts(world, tenant))[1:] == ("UNFLAGGED", at, "2000", limit.at), "of the whole account is of each number"
    elsewhere = report(tenant, at + timedelta(hours=2), messaging_limit="5", display_phone_number="999")
    await tell(world, tenant, elsewhere)
    assert (await facts(world, tenant)).messaging_limit == "2000", "of a number that is not known, it is nobody's"


async def test_a_list_shows_what_is_asked_for(world: World, tenant: Business) -> None:
    await tell(
        world,
        tenant,
        report(tenant, digest="1", phone_number_id=tenant.number, severity=Severity.INFO, field="security"),
        report(tenant, digest="2", severity=Severity.WARNING),
        report(tenant, digest="3", phone_number_id="2002", severity=Severity.CRITICAL),
    )

    async def digests(**wanted: Any) -> str:
        return "".join(each.digest for each in await listed(world, tenant, **wanted))

    assert await digests() == "321"
    assert await digests(severity=Severity.WARNING) == "32"
    assert await digests(field="security") == "1"
    assert await digests(phone_number_id=tenant.number) == "21", "what is of the whole account concerns its number"
    assert await digests(business_account_id="other") == ""


async def test_another_tenant_sees_nothing(world: World, tenant: Business) -> None:
    other = await world.add("other", number="2001", app_id="app-2")
    await tell(world, tenant, report(tenant, digest="same", quality="FLAGGED"))
    assert await listed(world, other) == []
    assert len((await tell(world, other, report(other, digest="same"))).events) == 1


async def test_what_is_said_is_counted_by_how_bad_it_is(world: World, tenant: Business) -> None:
    metrics = Metrics()
    taken = [Taken(report(tenant, severity=Severity.CRITICAL), world.clock.now, f"test:{n}") for n in range(2)]
    await world.runner(metrics).run(tenant.tenant, await world.view(tenant), taken)
    assert b'waystate_account_events_total{severity="critical"} 2.0' in metrics.render()
