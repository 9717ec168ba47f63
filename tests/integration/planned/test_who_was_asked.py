"""Whether a customer was asked to write: what waits for the answer to a template waits for that one, and none that failed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.planned.test_order import sends_of
from tests.integration.sends.test_release import HOUR, plan, release, silent
from tests.world import Business, World, accepted
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Tenant, WindowTemplate

NEWS = WindowTemplate(name="news", language="en_US")


async def asking(world: World, policy: str = "template") -> Business:
    tenant = await world.add("acme", number="1001", window_policy=policy, window_template=NEWS, mapping_ttl=timedelta(days=9))
    await silent(world, tenant)
    return tenant


async def set_policy(world: World, tenant: Business, policy: str) -> Business:
    settings = tenant.settings.model_copy(update={"window_policy": policy})
    async with world.db.work() as conn:
        await tenant_store.upsert_many(conn, [Tenant(id=tenant.tenant, name="acme", settings=settings)])
    world.directory.clear()
    return replace(tenant, settings=settings)


async def write(world: World, tenant: Business, text: str) -> None:
    conversation = await world.value(tenant, "SELECT id FROM conversations ORDER BY id DESC LIMIT 1")
    await world.answer(tenant, tenant.reply(text=text, conversation_id=str(conversation)))


async def ask_leaves(world: World, tenant: Business, wamid: str) -> None:
    (ask,) = [each for each in await world.deliver(tenant) if each.target == "whatsapp"]
    await world.settle(tenant, (ask, accepted(wamid)))


async def asks(world: World, tenant: Business) -> list[str]:
    rows = await world.rows(tenant, "SELECT status FROM messages WHERE type = 'template' ORDER BY id")
    return [row["status"] for row in rows]


async def status(world: World, tenant: Business, text: str) -> str:
    found: str = await world.value(tenant, "SELECT status FROM messages WHERE text = $1", text)
    return found


@pytest.mark.parametrize("words", [["failed"], ["failed", "failed"], ["failed", "sent"], ["sent", "failed"]])
@pytest.mark.parametrize("is_early", [False, True])
async def test_texts_fail_with_the_template_however_its_statuses_come(world: World, words: list[str], is_early: bool) -> None:
    tenant = await asking(world)
    await write(world, tenant, "text")
    (ask,) = [each for each in await world.deliver(tenant) if each.target == "whatsapp"]
    reports = [
        tenant.report("wamid.ask", word, at=world.clock.now + timedelta(seconds=place), error={"code": 131026})
        for place, word in enumerate(words)
    ]
    if is_early:
        await world.report(tenant, *reports)
    await world.settle(tenant, (ask, accepted("wamid.ask")))
    if not is_early:
        await world.report(tenant, *reports)
    assert await status(world, tenant, "text") == "failed"
    assert await world.value(tenant, "SELECT state FROM planned_messages") == "failed"


@pytest.mark.parametrize("is_planned", [False, True])
async def test_who_was_never_asked_is_asked_once_the_policy_is_to_ask(world: World, is_planned: bool) -> None:
    tenant = await asking(world, "hold")
    await write(world, tenant, "first")
    if is_planned:
        await plan(world, tenant, "second", send_at=world.clock.now + HOUR)
    tenant = await set_policy(world, tenant, "template")
    if is_planned:
        world.clock.now += HOUR
        await release(world, tenant)
    else:
        await write(world, tenant, "second")
    assert await asks(world, tenant) == ["queued"]


async def test_the_failure_of_an_earlier_template_fails_nothing_that_waits_for_another(world: World) -> None:
    tenant = await asking(world)
    await write(world, tenant, "first")
    await ask_leaves(world, tenant, "wamid.ask.1")
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    for each in await world.deliver(tenant):
        await world.settle(tenant, (each, accepted("wamid.first" if each.target == "whatsapp" else "g")))
    world.clock.forward(hours=30)
    await write(world, tenant, "second")
    await ask_leaves(world, tenant, "wamid.ask.2")
    late = tenant.report("wamid.ask.1", "failed", at=world.clock.now - timedelta(hours=30), error={"code": 131026})
    await world.report(tenant, late)
    assert await status(world, tenant, "second") == "queued"


async def test_what_another_policy_holds_fails_by_no_template(world: World) -> None:
    tenant = await asking(world)
    await write(world, tenant, "asked")
    await ask_leaves(world, tenant, "wamid.ask")
    tenant = await set_policy(world, tenant, "hold")
    await write(world, tenant, "held")
    await world.report(tenant, tenant.report("wamid.ask", "failed", error={"code": 131026}))
    assert (await status(world, tenant, "asked"), await status(world, tenant, "held")) == ("failed", "queued")


async def test_a_template_that_is_withdrawn_has_asked_nobody(world: World) -> None:
    tenant = await asking(world)
    await write(world, tenant, "first")
    ask = await world.value(tenant, "SELECT id FROM messages WHERE type = 'template'")
    await sends_of(world).withdraw(tenant.tenant, str(ask))
    assert await status(world, tenant, "first") == "failed"
    await write(world, tenant, "second")
    assert await asks(world, tenant) == ["failed", "queued"]
