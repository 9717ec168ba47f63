"""What failed is sent again once, whichever of its copies is named and wherever they wait; and not where it cannot be sent."""

from typing import Any
from uuid import UUID

import pytest

from tests.integration.planned.test_order import KEY, post, sends_of
from tests.integration.sends.test_release import DAY, HOUR, plan, release, said, silent, state
from tests.world import Business, World, refused
from waystate.errors import Refused
from waystate.ids import new_id
from waystate.principal import Actor
from waystate.sends.bodies import MessageAnswer
from waystate.sends.model import Posted


async def fail(world: World, tenant: Business) -> None:
    """WhatsApp refuses whatever leaves."""
    for each in await world.deliver(tenant):
        if each.target == "whatsapp":
            await world.settle(tenant, (each, refused()))


async def failed(world: World, tenant: Business) -> UUID:
    await world.receive(tenant, tenant.message())
    posted = await post(world, tenant, "Pay me")
    assert isinstance(posted, Posted)
    await fail(world, tenant)
    return posted.message_id


async def resend(world: World, tenant: Business, message: object) -> MessageAnswer:
    return await sends_of(world).resend(tenant.tenant, str(message), KEY, Actor("key", new_id()))


async def test_a_resend_that_waits_is_not_made_twice_and_neither_is_one_that_left(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    message = await failed(world, tenant)
    world.clock.now += DAY + HOUR
    assert (await resend(world, tenant, message)).status == "planned"
    with pytest.raises(Refused, match="sent again already"):
        await resend(world, tenant, message)
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    with pytest.raises(Refused, match="sent again already"):
        await resend(world, tenant, message)
    assert (await said(world, tenant)).count("Pay me") == 2, "the first, which failed, and its one copy"


async def test_a_resend_that_was_withdrawn_may_be_made_again(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    message = await failed(world, tenant)
    world.clock.now += DAY + HOUR
    copy = await resend(world, tenant, message)
    await sends_of(world).withdraw(tenant.tenant, str(copy.id))
    assert (await resend(world, tenant, message)).id != copy.id


async def test_a_copy_that_failed_and_its_original_are_not_both_sent_again(world: World, tenant: Business) -> None:
    message = await failed(world, tenant)
    copy = await resend(world, tenant, message)
    await fail(world, tenant)
    again = await resend(world, tenant, message)
    with pytest.raises(Refused, match="sent again already"):
        await resend(world, tenant, copy.id)
    await fail(world, tenant)
    third = await resend(world, tenant, again.id)
    for each in (message, copy.id, again.id):
        with pytest.raises(Refused, match="sent again already"):
            await resend(world, tenant, each)
    assert third.resendOf == again.id


async def test_what_was_planned_and_failed_is_sent_again_once(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    planned = await plan(world, tenant, "held")
    with pytest.raises(Refused, match="The message is planned"):
        await resend(world, tenant, planned)
    world.clock.now += 8 * DAY
    await release(world, tenant)
    assert (await state(world, tenant, planned))[0] == "failed"
    (answer,) = await sends_of(world).read(tenant.tenant, [str(planned)])
    assert answer.failedAt is not None
    await world.receive(tenant, tenant.message())
    copy = await resend(world, tenant, planned)
    assert (copy.status, copy.text, copy.resendOf) == ("queued", "held", planned)
    with pytest.raises(Refused, match="sent again already"):
        await resend(world, tenant, planned)


@pytest.mark.parametrize(
    "words",
    [
        {"text": None, "unshowable": "The message is empty."},
        {"text": None, "type": "structured", "content": {"content": []}},
        {"text": " "},
    ],
)
async def test_what_cannot_be_sent_is_not_taken_to_fail_a_moment_later(
    world: World, tenant: Business, words: dict[str, Any]
) -> None:
    await silent(world, tenant)
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    await world.answer(tenant, tenant.reply("g.odd", conversation_id=conversation, **words))
    await world.receive(tenant, tenant.message())
    with pytest.raises(Refused) as error:
        await resend(world, tenant, "g.odd")
    assert error.value.code == "invalid_payload"
