"""What the window closed on before it left is held, with all that stands behind it, and offered to WhatsApp once at most."""

from typing import Any

import pytest

from tests.integration.planned.test_order import post
from tests.integration.sends.test_release import DAY, release, releases, silent
from tests.world import CUSTOMER, AttemptResult, Business, Outcome, World, accepted
from waystate.channels.attempts import FailureKind
from waystate.deliveries.model import Claimed, Target
from waystate.deliveries.send import WINDOW_CLOSED
from waystate.ids import new_id
from waystate.sends.model import Posted

CLOSED = AttemptResult(outcome=Outcome.FAILED, error=WINDOW_CLOSED)
TWO_PARTS = "one " * 1024 + "two " * 1024
HALF_A_MINUTE = DAY / 2880


async def claim(world: World, tenant: Business) -> list[Claimed]:
    return [each for each in await world.claim(tenant) if each.target is Target.WHATSAPP]


async def leave(world: World, tenant: Business) -> list[str]:
    """All that may leave is accepted, one after the other; what their customer reads."""
    read: list[str] = []
    await world.relay(tenant)
    while claimed := await claim(world, tenant):
        for each in claimed:
            read.append(words_of(each.request))
            await world.settle(tenant, (each, accepted(f"wamid.{new_id()}")))
    return read


def words_of(request: dict[str, Any]) -> str:
    return str(request["text"]["body"])[:3] if request["type"] == "text" else str(request["type"])


async def holding(world: World) -> Business:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await world.receive(tenant, tenant.message())
    return tenant


async def test_the_parts_of_a_text_stay_in_order_when_the_customer_writes_between_two_claims(world: World) -> None:
    tenant = await holding(world)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text=TWO_PARTS))
    await world.relay(tenant)
    world.clock.now += DAY
    (first,) = await claim(world, tenant)
    await world.settle(tenant, (first, CLOSED))
    assert await world.value(tenant, "SELECT count(*) FROM planned_messages WHERE state = 'waiting'") == 2
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await leave(world, tenant) == ["one", "two"]


async def test_a_template_behind_it_leaves(world: World) -> None:
    tenant = await holding(world)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="one"))
    template = {"name": "news", "language": {"code": "en_US"}}
    assert isinstance(await post(world, tenant, "[template news]", type="template", content=template), Posted)
    await world.relay(tenant)
    world.clock.now += DAY
    (first,) = await claim(world, tenant)
    await world.settle(tenant, (first, CLOSED))
    assert await leave(world, tenant) == ["template"]


async def test_what_was_said_first_is_first_though_it_was_held_last(world: World) -> None:
    tenant = await holding(world)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="one"))
    await world.relay(tenant)
    world.clock.now += DAY
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="two"))
    (first,) = await claim(world, tenant)
    await world.settle(tenant, (first, CLOSED))
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await leave(world, tenant) == ["one", "two"]


async def test_what_whatsapp_refuses_for_the_window_while_it_looks_open_is_not_offered_again(world: World) -> None:
    tenant = await holding(world)
    await world.answer(tenant, tenant.reply("g.1", recipient_id=CUSTOMER, text="one"))
    error = {"code": 131047, "title": "Re-engagement message", "kind": FailureKind.WINDOW.value}
    calls = 0
    for _ in range(3):
        await world.relay(tenant)
        for each in await claim(world, tenant):
            calls += 1
            await world.settle(tenant, (each, AttemptResult(outcome=Outcome.FAILED, http_status=400, error=error)))
        world.clock.now += HALF_A_MINUTE
        await releases(world).make_due(tenant.tenant)
        await release(world, tenant)
    assert calls == 1
    assert await world.value(tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "failed"


@pytest.mark.parametrize("policy", ["refuse", "template"])
async def test_where_nothing_is_held_what_stands_behind_waits_for_its_own_look(world: World, policy: str) -> None:
    template = {"name": "news", "language": "en_US"}
    tenant = await world.add("acme", number="1001", window_policy=policy, window_template=template)
    await silent(world, tenant)
    await world.receive(tenant, tenant.message())
    for text in ("one", "two"):
        await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text=text))
    await world.relay(tenant)
    world.clock.now += DAY
    (first,) = await claim(world, tenant)
    await world.settle(tenant, (first, CLOSED))
    (second,) = await claim(world, tenant)
    assert second.is_outside_window
