"""Replay of refused deliveries: sent again, at the end of the order, and never twice where that would be seen."""

import asyncio
from uuid import UUID

import pytest

from tests.letters import bury, edit, replay, replay_many, row_of
from tests.world import Business, World, accepted, lost, refused, wait_for_lock
from waystate.dead_letters.model import Pipeline
from waystate.dead_letters.replay import ReplayOutcome
from waystate.deliveries.model import Target
from waystate.errors import Reason, Unprocessable
from waystate.ids import new_id
from waystate.messages.model import Status
from waystate.state.changes import StatusChange


async def refuse_at_genesys(world: World, tenant: Business) -> UUID:
    """A customer's message that Genesys refused: its dead letter."""
    await world.receive(tenant, tenant.message())
    (claimed,) = await world.deliver(tenant)
    await world.settle(tenant, (claimed, refused()))
    letter: UUID = await world.value(tenant, "SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1")
    return letter


async def test_a_refused_delivery_is_sent_again_and_a_second_refusal_opens_the_letter_again(
    world: World, tenant: Business
) -> None:
    letter = await refuse_at_genesys(world, tenant)
    assert (await replay(world, tenant, letter)).outcome is ReplayOutcome.REPLAYED
    (again,) = await world.claim(tenant)
    assert again.attempt == 1, "a new delivery"
    before = await world.row(tenant, "SELECT message_id, request FROM deliveries WHERE state = 'failed'")
    assert (again.message_id, again.request) == (before["message_id"], before["request"])
    await world.settle(tenant, (again, refused()))
    row = await world.row(tenant, "SELECT status, retry_count FROM dead_letters")
    assert list(row.values()) == ["open", 1]
    await replay(world, tenant, letter)
    (third,) = await world.claim(tenant)
    await world.settle(tenant, (third, accepted("genesys-message")))
    assert await world.value(tenant, "SELECT status FROM messages") == "processed"
    assert (await row_of(world, tenant, letter))["status"] == "replayed"


@pytest.mark.parametrize("word", [Status.PROCESSED, Status.READ])
async def test_what_somebody_said_is_passed_on_meanwhile_is_not_sent_again(
    world: World, tenant: Business, word: Status
) -> None:
    letter = await refuse_at_genesys(world, tenant)
    message_id = str(await world.value(tenant, "SELECT id FROM messages"))
    await world.change(tenant, StatusChange(message_id=message_id, status=word, at=world.clock.now))
    assert await world.value(tenant, "SELECT status FROM messages") == "processed"
    assert (await replay(world, tenant, letter)).outcome is ReplayOutcome.ALREADY_DONE
    assert await world.claim(tenant) == []


async def test_a_replay_waits_for_who_is_saying_what_became_of_the_message(world: World, tenant: Business) -> None:
    letter = await refuse_at_genesys(world, tenant)
    async with world.db.tenant(tenant.tenant) as conn:
        await conn.execute("UPDATE messages SET status = 'processed'")
        replaying = asyncio.create_task(replay(world, tenant, letter))
        await wait_for_lock(conn)
    assert (await replaying).outcome is ReplayOutcome.ALREADY_DONE
    assert await world.claim(tenant) == []


async def test_a_delivery_goes_behind_everything_of_its_customer(world: World, tenant: Business) -> None:
    first = await refuse_at_genesys(world, tenant)
    second = await refuse_at_genesys(world, tenant)
    await world.receive(tenant, tenant.message("wamid.before"))
    await world.relay(tenant)
    await replay_many(world, tenant, first, second)
    await world.receive(tenant, tenant.message("wamid.after"))
    await world.relay(tenant)
    letters = [(await row_of(world, tenant, each))["original_payload"]["request"] for each in (first, second)]
    replayed = [each["channel"]["messageId"] for each in letters]
    order = []
    while claimed := await world.claim(tenant):
        order += [each.request["channel"]["messageId"] for each in claimed]
        await world.settle(tenant, *((each, accepted()) for each in claimed))
    assert order == ["wamid.before", *replayed, "wamid.after"]


async def test_a_mended_request_is_what_is_sent_but_its_identity_cannot_be_edited(world: World, tenant: Business) -> None:
    letter = await refuse_at_genesys(world, tenant)
    payload = (await row_of(world, tenant, letter))["original_payload"]
    for wrong, name in (
        ({**payload, "message_id": str(new_id())}, "message_id"),
        ({**payload, "request": {**payload["request"], "channel": {}}}, r"request\.channel\.messageId"),
        ({**payload, "request": "x"}, "request"),
    ):
        with pytest.raises(Unprocessable, match=name):
            await edit(world, tenant, letter, wrong)
    await edit(world, tenant, letter, {**payload, "request": {**payload["request"], "text": "mended"}})
    await replay(world, tenant, letter)
    (claimed,) = await world.claim(tenant)
    assert claimed.request["text"] == "mended"


async def test_a_whatsapp_send_nobody_can_tell_of_is_never_repeated(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    payload = {"message_id": str(claimed.message_id), "target": "whatsapp", "request": claimed.request}
    under_way, unknown = [await bury(world, tenant, Pipeline.DELIVERIES, payload) for _ in range(2)]
    assert (await replay(world, tenant, under_way)).outcome is ReplayOutcome.ALREADY_DONE
    await world.settle(tenant, (claimed, lost()))
    doubtful = await replay(world, tenant, unknown)
    assert (doubtful.outcome, doubtful.reason) == (ReplayOutcome.FAILED, Reason.STATE_VIOLATION)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'whatsapp'") == 1
