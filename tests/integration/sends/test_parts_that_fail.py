"""A text in parts: none leaves behind one that failed or was withdrawn, wherever each is and whoever says so."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.deliveries.test_withdraw import queued
from tests.integration.planned.test_order import sends_of
from tests.integration.sends.test_release import DAY, release
from tests.world import Business, World, accepted, lost
from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.send import WINDOW_CLOSED
from waystate.errors import Refused
from waystate.state.changes import StatusChange

LONG = "word " * 2000
PARTS = "SELECT id, status, conversation_id FROM messages WHERE metadata->>'part_of' = 'g.long' ORDER BY id"


async def three_parts(world: World, tenant: Business) -> list[UUID]:
    await queued(world, tenant)
    for _ in range(2):
        await world.relay(tenant)
        await world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target = 'whatsapp'")
    await world.answer(tenant, tenant.reply("g.long", conversation_id="genesys-conversation", text=LONG))
    await world.relay(tenant)
    return [row["id"] for row in await world.rows(tenant, PARTS)]


async def statuses(world: World, tenant: Business) -> list[str]:
    return [row["status"] for row in await world.rows(tenant, PARTS)]


@pytest.mark.parametrize("is_unknown", [False, True])
async def test_of_a_text_whose_first_part_is_being_sent_the_rest_is_withdrawn(
    world: World, tenant: Business, is_unknown: bool
) -> None:
    first, *_ = await three_parts(world, tenant)
    (claimed,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    if is_unknown:
        await world.settle(tenant, (claimed, lost()))
    await sends_of(world).withdraw(tenant.tenant, "g.long")
    assert await statuses(world, tenant) == ["queued", "failed", "failed"]
    with pytest.raises(Refused, match="being sent"):
        await sends_of(world).withdraw(tenant.tenant, str(first))


async def test_no_part_leaves_behind_one_that_is_said_by_hand_to_have_failed(world: World, tenant: Business) -> None:
    first, *_ = await three_parts(world, tenant)
    (claimed,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    await world.settle(tenant, (claimed, lost()))
    change = StatusChange(message_id=str(first), status="failed", at=world.clock.now, error={"code": 131026})
    (result,) = await world.change(tenant, change)
    assert not isinstance(result, Refused)
    assert await statuses(world, tenant) == ["failed"] * 3
    assert [each for each in await world.claim(tenant) if each.target == "whatsapp"] == []


async def test_no_part_leaves_behind_one_that_failed_in_the_conversation_before(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await world.receive(tenant, tenant.message())
    for each in await world.deliver(tenant):
        await world.settle(tenant, (each, accepted(conversation_id="genesys-conversation")))
    await world.answer(tenant, tenant.reply("g.long", conversation_id="genesys-conversation", text=LONG))
    await world.relay(tenant)
    (one,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    await world.settle(tenant, (one, accepted("wamid.part.1")))
    world.clock.now += DAY
    (two,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    assert two.is_outside_window
    await world.settle(tenant, (two, AttemptResult(outcome=Outcome.FAILED, error=WINDOW_CLOSED)))
    world.clock.now += 3 * DAY + timedelta(hours=1)
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert len({row["conversation_id"] for row in await world.rows(tenant, PARTS)}) == 2
    await world.report(tenant, tenant.report("wamid.part.1", "failed", error={"code": 131026}))
    assert await statuses(world, tenant) == ["failed"] * 3


async def test_a_long_text_of_blanks_is_refused_with_words(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.answer(tenant, tenant.reply("q.1", conversation_id="genesys-conversation", text=" " * 5000))
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE genesys_message_id = 'q.1'")
    assert (row["status"], row["error"]["code"]) == ("failed", "invalid_payload")
