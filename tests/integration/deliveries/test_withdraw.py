"""What is queued is withdrawn or sent, never both."""

import asyncio
from uuid import UUID

import pytest

from tests.world import Business, World, accepted, refused
from waystate.deliveries.withdraw import fail_displaced, withdraw_many
from waystate.errors import Conflict, NotFound, Refused
from waystate.events import outbox
from waystate.events.model import OutboundProcessed
from waystate.ids import new_id


async def queued(world: World, tenant: Business) -> UUID:
    await world.correspond(tenant)
    await world.relay(tenant)
    (result,) = await world.answer(tenant, tenant.reply("g.w", conversation_id="genesys-conversation"))
    assert isinstance(result, OutboundProcessed)
    assert result.message_id is not None
    return result.message_id


async def withdraw(world: World, tenant: Business, *ids: UUID) -> dict[UUID, Refused]:
    async with world.db.tenant(tenant.tenant) as conn:
        refused, events = await withdraw_many(conn, tenant.tenant, ids, world.clock.now)
        await outbox.append_many(conn, tenant.tenant, events)
    return refused


async def whatsapp_states(world: World, tenant: Business, message: UUID) -> list[str]:
    rows = await world.rows(tenant, "SELECT state FROM deliveries WHERE message_id = $1 AND target = 'whatsapp'", message)
    return [row["state"] for row in rows]


@pytest.mark.parametrize("is_relayed", [True, False])
async def test_a_queued_message_is_withdrawn_before_and_after_it_was_relayed(
    world: World, tenant: Business, is_relayed: bool
) -> None:
    message = await queued(world, tenant)
    if is_relayed:
        await world.relay(tenant)
    assert await withdraw(world, tenant, message) == {}
    await world.relay(tenant)
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", message)
    assert (row["status"], row["error"]["code"]) == ("failed", "withdrawn")
    assert await whatsapp_states(world, tenant, message) == (["failed"] if is_relayed else [])
    written = "SELECT error->>'code' AS code FROM deliveries WHERE target = 'whatsapp' AND message_id = $1"
    assert {each["code"] for each in await world.rows(tenant, written, message)} == ({"withdrawn"} if is_relayed else set())
    assert [each for each in await world.claim(tenant) if each.message_id == message and each.target == "whatsapp"] == []
    receipts = await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'genesys_receipt'")
    assert [each["request"]["status"] for each in receipts if each["request"]["id"] == "g.w"] == ["Failed"]


async def test_what_is_being_sent_is_not_withdrawn(world: World, tenant: Business) -> None:
    message = await queued(world, tenant)
    await world.relay(tenant)
    await world.execute(tenant, "UPDATE deliveries SET state = 'sending', attempts = 1 WHERE message_id = $1", message)
    refused = await withdraw(world, tenant, message)
    assert isinstance(refused[message], Conflict)
    assert refused[message].code == "delivery_under_way"
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", message) == "queued"


async def test_what_is_not_queued_or_not_there_is_not_withdrawn(world: World, tenant: Business) -> None:
    message, nothing = await queued(world, tenant), new_id()
    await withdraw(world, tenant, message)
    refused = await withdraw(world, tenant, message, nothing)
    assert (refused[message].code, refused[nothing].code) == ("not_queued", "message_not_found")
    assert isinstance(refused[nothing], NotFound)


async def test_the_relay_and_a_withdrawal_at_once_leave_nothing_that_is_sent(world: World, tenant: Business) -> None:
    for _ in range(10):
        await world.correspond(tenant)
        (result,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-conversation"))
        assert isinstance(result, OutboundProcessed)
        message = result.message_id
        assert message is not None
        refused, _ = await asyncio.gather(withdraw(world, tenant, message), world.relay(tenant))
        assert refused == {}
        assert await whatsapp_states(world, tenant, message) in ([], ["failed"])


async def test_no_part_of_an_agents_text_is_sent_behind_whoever_takes_the_word(world: World, tenant: Business) -> None:
    await queued(world, tenant)
    await world.answer(tenant, tenant.reply("g.parts", conversation_id="genesys-conversation", text="word " * 2000))
    await world.relay(tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    async with world.db.tenant(tenant.tenant) as conn:
        events = await fail_displaced(conn, tenant.tenant, [(conversation, "genesys")], world.clock.now)
        await outbox.append_many(conn, tenant.tenant, events)
    rows = await world.rows(tenant, "SELECT status FROM messages WHERE metadata->>'part_of' = 'g.parts'")
    assert [row["status"] for row in rows] == ["failed"] * 3


@pytest.mark.parametrize("is_told_later", [False, True])
async def test_no_part_of_a_text_is_sent_after_one_that_failed(world: World, tenant: Business, is_told_later: bool) -> None:
    """Whether the answer to its send says so or a status."""
    await queued(world, tenant)
    await world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target = 'whatsapp'")
    await world.relay(tenant)
    await world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target = 'whatsapp'")
    await world.answer(tenant, tenant.reply("g.long", conversation_id="genesys-conversation", text="word " * 2000))
    await world.relay(tenant)
    (claimed,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    await world.settle(tenant, (claimed, accepted("wamid.part") if is_told_later else refused()))
    if is_told_later:
        await world.report(tenant, tenant.report("wamid.part", "failed", error={"code": 100}))
    rows = await world.rows(
        tenant, "SELECT status, error FROM messages WHERE metadata->>'part_of' = 'g.long' ORDER BY (metadata->>'part')::int"
    )
    assert [row["status"] for row in rows] == ["failed"] * len(rows)
    assert [row["error"]["code"] for row in rows] == [100] + ["earlier_part_failed"] * (len(rows) - 1)
    assert len(rows) == 3
    assert [each for each in await world.claim(tenant) if each.target == "whatsapp"] == []


async def test_who_loses_the_word_says_nothing_more(world: World, tenant: Business) -> None:
    """What a key had queued fails when an agent takes the conversation over."""
    message = await queued(world, tenant)
    await world.relay(tenant)
    key = f"key:{new_id()}"
    await world.execute(tenant, "UPDATE conversations SET control_holder = $1 WHERE controller = 'external'", key)
    await world.execute(tenant, "UPDATE messages SET sender = $1, genesys_message_id = NULL WHERE id = $2", key, message)
    runner = world.runner()
    await runner.answer(
        tenant.tenant,
        await world.view(tenant),
        runner.kinds.works[type(tenant.reply())],
        [tenant.reply("g.agent", conversation_id="genesys-conversation")],
    )
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", message)
    assert (row["status"], row["error"]["code"]) == ("failed", "controller_changed")
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'g.agent'") == "queued"
    assert await world.value(tenant, "SELECT control_holder FROM conversations") == "genesys"
