"""A customer is asked to write once, whoever wants to say something; where that fails, whoever wrote hears of it."""

from datetime import timedelta

import pytest

from tests.integration.planned.test_closed_before_it_left import claim
from tests.integration.sends.test_release import HOUR, plan, release, said, silent, state
from tests.world import CUSTOMER, Business, World, accepted, refused
from waystate.deliveries.model import Target
from waystate.messages.model import Status, StatusReport
from waystate.tenants.model import WindowTemplate

ASKS = WindowTemplate(name="ask", language="en_US")
DAY = timedelta(days=1)


async def asking(world: World) -> Business:
    tenant = await world.add("acme", number="1001", window_policy="template", window_template=ASKS)
    await silent(world, tenant)
    return tenant


async def statuses(world: World, tenant: Business) -> list[str]:
    rows = await world.rows(tenant, "SELECT status FROM messages WHERE direction = 'outbound' AND type = 'text' ORDER BY id")
    return [row["status"] for row in rows]


async def test_planned_texts_of_different_times_ask_once(world: World) -> None:
    tenant = await asking(world)
    for hours in (1, 2):
        await plan(world, tenant, str(hours), send_at=world.clock.now + hours * HOUR)
    for _ in range(2):
        world.clock.now += HOUR
        await release(world, tenant)
    assert await said(world, tenant) == ["[template ask]"]


async def test_who_was_asked_for_an_agent_is_not_asked_for_the_api_nor_the_other_way(world: World) -> None:
    tenant = await asking(world)
    await plan(world, tenant, "A", send_at=world.clock.now + HOUR)
    world.clock.now += HOUR
    await release(world, tenant)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER))
    await plan(world, tenant, "B", send_at=world.clock.now + HOUR)
    world.clock.now += HOUR
    await release(world, tenant)
    assert await said(world, tenant) == ["[template ask]"]


async def test_what_its_sender_holds_asks_nobody_and_keeps_nobody_from_being_asked(world: World) -> None:
    tenant = await asking(world)
    await plan(world, tenant, "Held")
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER))
    assert await said(world, tenant) == ["[template ask]"]


@pytest.mark.parametrize("is_told_later", [False, True])
async def test_where_the_template_fails_the_texts_that_wait_for_its_answer_fail_and_agents_hear_why(
    world: World, is_told_later: bool
) -> None:
    tenant = await asking(world)
    await world.answer(tenant, tenant.reply("g.1", recipient_id=CUSTOMER))
    await world.answer(tenant, tenant.reply("g.2", recipient_id=CUSTOMER))
    planned = await plan(world, tenant, "Planned", send_at=world.clock.now + HOUR)
    held = await plan(world, tenant, "Held")
    world.clock.now += HOUR
    await release(world, tenant)
    await world.relay(tenant)
    (template,) = await claim(world, tenant)
    if is_told_later:
        await world.settle(tenant, (template, accepted("wamid.template")))
        report = StatusReport(wamid="wamid.template", status=Status.FAILED, at=world.clock.now, error={"code": 131049})
        await world.report(tenant, report)
    else:
        await world.settle(tenant, (template, refused()))
    assert await statuses(world, tenant) == ["failed", "failed"]
    assert await state(world, tenant, planned) == ("failed", "window_template_failed")
    assert await state(world, tenant, held) == ("waiting", None)
    await world.relay(tenant)
    receipts = [each.request for each in await world.claim(tenant) if each.target is Target.GENESYS_RECEIPT]
    assert sorted(each["status"] for each in receipts) == ["Failed", "Failed"]


async def test_who_was_asked_in_vain_is_asked_anew(world: World) -> None:
    tenant = await asking(world)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER))
    await world.relay(tenant)
    (template,) = await claim(world, tenant)
    await world.settle(tenant, (template, refused()))
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER))
    assert await said(world, tenant) == ["[template ask]"] * 2
    assert await statuses(world, tenant) == ["failed", "queued"]


SAYS = WindowTemplate(
    name="say", language="en_US", components=({"type": "body", "parameters": [{"type": "text", "text": "We say: {text}"}]},)
)
ROOM = 1024 - len("We say: ")


async def saying(world: World) -> Business:
    tenant = await world.add("acme", number="1001", window_policy="template", window_template=SAYS)
    await silent(world, tenant)
    return tenant


async def parameters(world: World, tenant: Business) -> list[str]:
    await world.relay(tenant)
    return [each.request["template"]["components"][0]["parameters"][0]["text"] for each in await claim(world, tenant)]


async def test_the_words_around_the_place_count_for_an_agents_text(world: World) -> None:
    tenant = await saying(world)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="x" * (ROOM + 1)))
    assert await parameters(world, tenant) == []
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="x" * ROOM))
    assert [len(each) for each in await parameters(world, tenant)] == [1024]


async def test_a_planned_text_that_does_not_fit_fails_whole_and_a_picture_has_no_place(world: World) -> None:
    tenant = await saying(world)
    at = world.clock.now + HOUR
    long = await plan(world, tenant, "x" * (ROOM + 1), send_at=at)
    picture = await plan(world, tenant, "[image]", type="image", content={"link": "https://example.org/a.png"}, send_at=at)
    short = await plan(world, tenant, "x" * ROOM, send_at=at)
    world.clock.now += HOUR
    await release(world, tenant)
    assert await state(world, tenant, long) == await state(world, tenant, picture) == ("failed", "window_closed")
    assert await state(world, tenant, short) == ("released", None)
    assert [len(each) for each in await parameters(world, tenant)] == [1024]


async def test_an_agents_link_is_in_the_template(world: World) -> None:
    tenant = await saying(world)
    link = {"type": "link", "url": "https://example.org/contract"}
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="Please sign", media=link))
    assert await parameters(world, tenant) == ["We say: Please sign https://example.org/contract"]
