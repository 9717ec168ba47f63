"""A plan keeps all that was asked for: what is said, how it is written, and that it may wait."""

from datetime import timedelta

import pytest

from tests.integration.planned.test_closed_before_it_left import claim
from tests.integration.planned.test_order import PERSON, sends_of
from tests.integration.sends.test_release import DAY, HOUR, SAYS_TEXT, plan, release, silent, state
from tests.world import CUSTOMER, Business, World, refused
from waystate.deliveries.model import Claimed
from waystate.ids import new_id
from waystate.principal import Actor
from waystate.tenants.model import WindowTemplate

SECOND = timedelta(seconds=1)
BY = Actor("key", new_id())


async def fail_first(world: World, tenant: Business) -> Claimed:
    await world.relay(tenant)
    (first,) = await claim(world, tenant)
    await world.settle(tenant, (first, refused()))
    return first


async def resend(world: World, tenant: Business, message: Claimed) -> str:
    return (await sends_of(world).resend(tenant.tenant, str(message.message_id), PERSON, BY)).status


async def requests(world: World, tenant: Business) -> list[Claimed]:
    await world.relay(tenant)
    return await claim(world, tenant)


async def test_an_agents_message_that_is_sent_again_outside_the_window_keeps_what_it_says(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await world.receive(tenant, tenant.message())
    media = {"type": "image", "url": "https://example.org/a.png"}
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, type="image", text="Look", media=media))
    first = await fail_first(world, tenant)
    world.clock.now += 2 * DAY
    assert await resend(world, tenant, first) == "planned"
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    second = await fail_first(world, tenant)
    assert second.request["text"] == first.request["text"]
    assert await resend(world, tenant, second) == "queued"
    (third,) = await requests(world, tenant)
    assert third.request["text"] == first.request["text"]


@pytest.mark.parametrize("components", [[], SAYS_TEXT])
async def test_a_template_of_the_policy_is_sent_again_as_a_template(world: World, components: list[dict[str, object]]) -> None:
    template = WindowTemplate(name="come_back", language="en_US", components=tuple(components))
    tenant = await world.add("acme", number="1001", window_policy="template", window_template=template)
    await silent(world, tenant)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="Your key"))
    first = await fail_first(world, tenant)
    assert await resend(world, tenant, first) == "queued"
    (again,) = await requests(world, tenant)
    assert again.request["template"] == first.request["template"]


async def test_what_is_due_since_the_customer_wrote_in_time_is_sent_however_late(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    planned = await plan(world, tenant)
    world.clock.now += tenant.settings.hold_ttl - SECOND
    await world.receive(tenant, tenant.message())
    world.clock.now += 2 * SECOND
    await release(world, tenant)
    assert await state(world, tenant, planned) == ("released", None)


async def test_what_has_a_time_and_an_open_window_is_sent_however_late(world: World) -> None:
    tenant = await world.add("acme", number="1001", hold_ttl=SECOND)
    await world.receive(tenant, tenant.message())
    planned = await plan(world, tenant, send_at=world.clock.now + HOUR)
    world.clock.now += HOUR + 2 * SECOND
    await release(world, tenant)
    assert await state(world, tenant, planned) == ("released", None)


async def test_what_was_to_be_held_at_its_time_is_held_and_expires(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    planned = await plan(world, tenant, send_at=world.clock.now + HOUR, holds=True)
    world.clock.now += HOUR
    await release(world, tenant)
    assert await state(world, tenant, planned) == ("waiting", None)
    world.clock.now += tenant.settings.hold_ttl
    await release(world, tenant)
    assert await state(world, tenant, planned) == ("failed", "hold_expired")
