"""A customer who told WhatsApp that they want no marketing is sent none, until they want it again."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.world import CUSTOMER, Business, World, run_in
from waystate.channels.model import AttemptResult, Outcome, TemplateReport
from waystate.conversations.control import SYSTEM
from waystate.errors import Refused
from waystate.events import outbox
from waystate.events.model import PreferencesChanged
from waystate.ids import new_id
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_preferences
from waystate.preferences import store as preference_store
from waystate.preferences.model import Marketing, PreferenceReport
from waystate.principal import Actor
from waystate.sends.model import Draft, Posted, SendOutcome, Waiting
from waystate.sends.post import post_many
from waystate.sends.release import Releases
from waystate.templates.change import apply_listing
from waystate.work.loops import Hint

OUT, IN = Marketing.OPTED_OUT, Marketing.OPTED_IN
ERROR = {"code": 131050, "title": "Unable to deliver the message."}


async def tell(world: World, tenant: Business, *words: Marketing, wa_id: str = CUSTOMER, ago: float = 0) -> Judged:
    at = world.clock.now - timedelta(minutes=ago)
    reports = [
        PreferenceReport(phone_number_id=tenant.number, marketing=word, at=at + timedelta(seconds=place), wa_id=wa_id)
        for place, word in enumerate(words)
    ]
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_preferences, reports)


async def has_templates(world: World, tenant: Business) -> None:
    listed = [
        TemplateReport(
            business_account_id=tenant.waba,
            at=world.clock.now,
            external_id=f"id.{category}",
            name=category.lower(),
            language="en",
            status="APPROVED",
            category=category,
            components=[{"type": "BODY", "text": "Hello"}],
        )
        for category in ("MARKETING", "UTILITY")
    ]
    async with world.db.tenant(tenant.tenant) as conn:
        await apply_listing(conn, tenant.tenant, tenant.waba, listed, world.clock.now, world.clock.now)


async def send(world: World, tenant: Business, template: str = "marketing", **said: Any) -> SendOutcome | Refused:
    content = {"name": template, "language": {"code": "en"}}
    draft = Draft(
        type="template", content=content, text="Hello", to=CUSTOMER, speaker=SYSTEM, actor=Actor("key", new_id()), **said
    )
    async with world.db.tenant(tenant.tenant) as conn:
        posted = await post_many(conn, tenant.tenant, await world.view(tenant), [draft], world.clock.now)
        await outbox.append_many(conn, tenant.tenant, posted.events)
    return posted.results[0]


async def test_marketing_is_refused_until_they_resume_and_nothing_else_is(world: World, tenant: Business) -> None:
    await has_templates(world, tenant)
    assert isinstance(await send(world, tenant), Posted)
    (event,) = (await tell(world, tenant, OUT)).events
    assert isinstance(event, PreferencesChanged)
    assert (event.marketing, event.wa_id, event.phone_number_id) == ("opted_out", CUSTOMER, tenant.number)
    refused = await send(world, tenant)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.status) == ("marketing_opted_out", 409)
    assert isinstance(await send(world, tenant, "utility"), Posted)
    world.clock.forward(minutes=1)
    await tell(world, tenant, IN)
    assert isinstance(await send(world, tenant), Posted)


async def test_the_newest_word_counts_and_a_copy_is_told_once(world: World, tenant: Business) -> None:
    assert len((await tell(world, tenant, OUT)).events) == 1
    assert (await tell(world, tenant, OUT)).events == []
    assert (await tell(world, tenant, IN, ago=5)).events == [], "an older word that comes late"
    both = await tell(world, tenant, IN, OUT, ago=-1)
    assert both.events == [], "it ends as it was"
    assert (await tell(world, tenant, IN, ago=-0.5)).events == [], "older than the last word, though that changed nothing"
    results = await asyncio.gather(*(tell(world, tenant, IN, ago=-2) for _ in range(4)))
    assert sum(len(each.events) for each in results) == 1


async def test_who_is_not_known_yet_is_not_sent_marketing_either(world: World, tenant: Business) -> None:
    await has_templates(world, tenant)
    await tell(world, tenant, OUT)
    assert isinstance(await send(world, tenant), Refused)
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 0


async def test_what_is_planned_fails_when_its_time_comes(world: World, tenant: Business) -> None:
    await has_templates(world, tenant)
    planned = await send(world, tenant, send_at=world.clock.now + timedelta(hours=1))
    assert isinstance(planned, Waiting)
    await tell(world, tenant, OUT)
    assert isinstance(await send(world, tenant, send_at=world.clock.now + timedelta(hours=1)), Refused)
    world.clock.forward(hours=1)
    await Releases(world.db, world.directory, Hint(), lambda *_: None, world.clock).release_due(tenant.tenant)
    row = await world.row(tenant, "SELECT state, error FROM planned_messages")
    assert (row["state"], row["error"]["code"]) == ("failed", "marketing_opted_out")


async def test_whatsapps_refusal_is_their_word_too(world: World, tenant: Business) -> None:
    await has_templates(world, tenant)
    posted = await send(world, tenant)
    assert isinstance(posted, Posted)
    report = tenant.report("wamid.1", "failed", message_id=posted.message_id, error=ERROR)
    events = (await world.report(tenant, report)).events
    assert [each.marketing for each in events if isinstance(each, PreferencesChanged)] == ["opted_out"]
    assert isinstance(await send(world, tenant), Refused)
    assert (await world.report(tenant, report)).events == []


async def test_an_answer_that_refuses_is_their_word_too(world: World, tenant: Business) -> None:
    await has_templates(world, tenant)
    await send(world, tenant)
    (claimed,) = await world.deliver(tenant)
    await world.settle(tenant, (claimed, AttemptResult(outcome=Outcome.FAILED, error=cast(Any, ERROR))))
    assert isinstance(await send(world, tenant), Refused)


async def test_of_two_contacts_that_are_one_the_word_holds(world: World, tenant: Business) -> None:
    await tell(world, tenant, OUT)
    await world.receive(tenant, tenant.message(wa_id=None, user_id="US.1"))
    await world.receive(tenant, tenant.message(wa_id=CUSTOMER, user_id="US.1"))
    rows = await world.rows(
        tenant,
        "SELECT p.marketing FROM preferences p JOIN contact_identities i USING (tenant_id, contact_id) WHERE i.kind = 'bsuid'",
    )
    assert [each["marketing"] for each in rows] == ["opted_out"]


async def test_another_number_of_the_business_has_not_been_told(world: World, tenant: Business) -> None:
    other = await world.add("other", number="2001", app_id="app-2")
    await has_templates(world, other)
    await tell(world, tenant, OUT)
    assert isinstance(await send(world, other), Posted)


@pytest.mark.parametrize("words", [(OUT, IN), (IN, OUT)])
async def test_of_two_contacts_that_are_one_an_opt_out_of_the_same_moment_holds(
    world: World, tenant: Business, words: tuple[Marketing, Marketing]
) -> None:
    for wa_id, word in zip((CUSTOMER, "491700000077"), words, strict=True):
        await tell(world, tenant, word, wa_id=wa_id)
    rows = await world.rows(tenant, "SELECT contact_id FROM preferences ORDER BY marketing = $1 DESC", words[0])
    kept, merged = (row["contact_id"] for row in rows)
    async with world.db.tenant(tenant.tenant) as conn:
        await preference_store.move_many(conn, tenant.tenant, {merged: kept})
        assert await preference_store.find_opted_out(conn, tenant.tenant, [(tenant.number, kept)])
