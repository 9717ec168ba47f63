"""Agents' messages: checked against their conversation, queued once, kept as failed where they cannot go out."""

import asyncio
from datetime import timedelta

import pytest

from tests.world import CUSTOMER, Business, World
from waystate.deliveries.receipts import receipt_status
from waystate.errors import Reason, Rejected
from waystate.events.model import ConversationCorrelated, MessageStatus, OutboundProcessed, OutboundRefused
from waystate.ids import new_id
from waystate.messages.model import OutboundMessage

GENESYS = "genesys-1"


@pytest.fixture
async def correlated(world: World, tenant: Business) -> Business:
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = $1", GENESYS)
    return tenant


async def refusal(world: World, tenant: Business, message: OutboundMessage) -> OutboundRefused:
    (result,) = await world.answer(tenant, message)
    assert isinstance(result, OutboundRefused)
    return result


async def test_a_reply_is_queued_for_the_customer(world: World, correlated: Business) -> None:
    (result,) = await world.answer(correlated, correlated.reply("g.1", conversation_id=GENESYS))
    assert isinstance(result, OutboundProcessed)
    assert (result.wa_id, result.message_text, result.conversation_id) == (CUSTOMER, "Good morning", GENESYS)
    row = await world.row(correlated, "SELECT id, status, genesys_message_id, wamid FROM messages WHERE direction = 'outbound'")
    assert row == {"id": result.message_id, "status": "queued", "genesys_message_id": "g.1", "wamid": None}
    assert await world.value(correlated, "SELECT last_message_id FROM conversations") == "g.1"


async def test_our_own_conversation_id_is_accepted_too(world: World, correlated: Business) -> None:
    own = await world.value(correlated, "SELECT id FROM conversations")
    (result,) = await world.answer(correlated, correlated.reply(conversation_id=str(own)))
    assert isinstance(result, OutboundProcessed)
    assert result.conversation_id == GENESYS
    assert await world.value(correlated, "SELECT genesys_conversation_id FROM conversations") == GENESYS


async def test_a_reply_keeps_the_conversation_alive_but_not_the_customer_window(world: World, correlated: Business) -> None:
    opened = world.clock.now
    world.clock.forward(hours=20)
    await world.answer(correlated, correlated.reply(conversation_id=GENESYS))
    row = await world.row(correlated, "SELECT expires_at, last_customer_message_at FROM conversations")
    assert list(row.values()) == [world.clock.now + timedelta(hours=72), opened]


async def test_a_repeat_is_the_same_message(world: World, correlated: Business) -> None:
    message = correlated.reply("g.1", conversation_id=GENESYS)
    first = await world.answer(correlated, message, message)
    again = await asyncio.gather(*(world.answer(correlated, message) for _ in range(20)))
    assert [type(each) for each in first] == [OutboundProcessed, type(None)]
    assert again == [[None]] * 20
    assert await world.value(correlated, "SELECT count(*) FROM messages WHERE direction = 'outbound'") == 1
    assert await world.value(correlated, "SELECT count(*) FROM events WHERE type = 'outbound.processed'") == 1


async def test_an_unknown_conversation_is_rejected_alone(world: World, correlated: Business) -> None:
    good, bad = correlated.reply(conversation_id=GENESYS), correlated.reply("g.bad", conversation_id="genesys-9")
    results = await world.answer(correlated, bad, good)
    assert isinstance(results[0], Rejected)
    assert results[0].reason is Reason.MAPPING_NOT_FOUND
    assert isinstance(results[1], OutboundProcessed)
    assert await world.value(correlated, "SELECT count(*) FROM message_keys WHERE external_id = 'g.bad'") == 0, (
        "it can be replayed once the conversation is known"
    )


async def test_a_message_to_a_closed_conversation_is_kept_as_failed(world: World, correlated: Business) -> None:
    await world.close(correlated)
    event = await refusal(world, correlated, correlated.reply("g.1", conversation_id=GENESYS))
    assert event.code == Reason.MAPPING_STATUS_CLOSED
    row = await world.row(correlated, "SELECT status, error, failed_at FROM messages WHERE direction = 'outbound'")
    assert (row["status"], row["error"]["code"], row["failed_at"]) == ("failed", "mapping_status_closed", world.clock.now)
    assert await world.value(correlated, "SELECT status FROM conversations") == "closed"


async def test_a_message_to_an_overdue_conversation_is_kept_as_failed(world: World, correlated: Business) -> None:
    world.clock.forward(hours=72)
    assert (await refusal(world, correlated, correlated.reply(conversation_id=GENESYS))).code == Reason.MAPPING_STATUS_EXPIRED
    assert await world.value(correlated, "SELECT expires_at FROM conversations") == world.clock.now, "it revives nothing"


async def test_outside_the_customer_window_no_free_text_goes_out(world: World, correlated: Business) -> None:
    world.clock.forward(hours=24)
    assert (await refusal(world, correlated, correlated.reply(conversation_id=GENESYS))).code == Reason.WINDOW_CLOSED
    await world.receive(correlated, correlated.message())
    (result,) = await world.answer(correlated, correlated.reply(conversation_id=GENESYS))
    assert isinstance(result, OutboundProcessed)


async def test_a_long_text_goes_out_in_parts_of_which_the_last_has_genesys_id(world: World, correlated: Business) -> None:
    text = " ".join(f"word{number}" for number in range(1500))
    reply = correlated.reply(conversation_id=GENESYS, text=text)
    (result,) = await world.answer(correlated, reply)
    assert isinstance(result, OutboundProcessed)
    rows = await world.rows(correlated, "SELECT * FROM messages WHERE direction = 'outbound' ORDER BY id")
    assert " ".join(row["text"] for row in rows) == text
    assert max(len(row["text"]) for row in rows) <= 4096
    assert [row["genesys_message_id"] for row in rows] == [None] * (len(rows) - 1) + [reply.genesys_message_id]
    assert result.message_id == rows[-1]["id"]
    events = await world.rows(correlated, "SELECT message_id FROM events WHERE type = 'outbound.processed' ORDER BY position")
    assert [row["message_id"] for row in events] == [row["id"] for row in rows], "they leave in their order"
    assert await world.answer(correlated, reply) == [None]
    assert await world.value(correlated, "SELECT count(*) FROM messages WHERE direction = 'outbound'") == len(rows)


async def receipts(world: World, tenant: Business, *reports: tuple[int, str]) -> list[str]:
    """What Genesys is told of an agent's message in three parts, of which statuses are reported one after the other."""
    await world.answer(tenant, tenant.reply("g.long", conversation_id=GENESYS, text="a " * 6000))
    parts = await world.rows(tenant, "SELECT id FROM messages WHERE direction = 'outbound' ORDER BY id")
    assert len(parts) == 3
    told: list[str] = []
    for place, word in reports:
        await world.report(tenant, tenant.report(f"wamid.{place}", word, message_id=parts[place]["id"]))
        stamped = [each.event for each in await world.relay(tenant) if isinstance(each.event, MessageStatus)]
        said = [receipt for each in stamped if (receipt := receipt_status(each, "all")) is not None]
        assert all(each.genesys_message_id == "g.long" for each in stamped if receipt_status(each, "all") is not None)
        told += said
    made = "SELECT request ->> 'id' AS id, message_id FROM deliveries WHERE target = 'genesys_receipt'"
    assert all(each == {"id": "g.long", "message_id": parts[-1]["id"]} for each in await world.rows(tenant, made))
    return told


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ([(2, "delivered")], []),
        ([(0, "delivered"), (2, "delivered")], []),
        ([(0, "delivered"), (2, "read"), (1, "delivered")], ["Delivered"]),
        ([(2, "delivered"), (1, "read"), (0, "sent"), (0, "delivered"), (0, "read")], ["Sent", "Delivered"]),
        ([(0, "delivered"), (1, "delivered"), (2, "delivered"), (0, "failed")], ["Delivered", "Failed"]),
        ([(0, "failed"), (1, "failed"), (2, "delivered")], ["Failed"]),
        ([(2, "delivered"), (1, "delivered"), (0, "failed"), (0, "read")], ["Failed", "Delivered"]),
    ],
)
async def test_of_a_message_in_parts_genesys_hears_when_all_arrived_or_one_failed(
    world: World, correlated: Business, reports: list[tuple[int, str]], told: list[str]
) -> None:
    assert await receipts(world, correlated, *reports) == told


async def test_of_parts_that_all_arrive_at_once_genesys_hears_once(world: World, correlated: Business) -> None:
    await world.answer(correlated, correlated.reply("g.long", conversation_id=GENESYS, text="a " * 6000))
    parts = await world.rows(correlated, "SELECT id FROM messages WHERE direction = 'outbound' ORDER BY id DESC")
    arrived = [correlated.report(f"wamid.{each['id']}", "delivered", message_id=each["id"]) for each in parts]
    await world.report(correlated, *arrived)
    told = [receipt_status(each.event, "final") for each in await world.relay(correlated)]
    assert [each for each in told if each] == ["Delivered"]


async def test_of_parts_that_arrive_side_by_side_genesys_hears_once(world: World, correlated: Business) -> None:
    for round in range(5):
        reply = correlated.reply(f"g.long.{round}", conversation_id=GENESYS, text="a " * 6000)
        await world.answer(correlated, reply)
        await world.relay(correlated)
        sql = "SELECT id FROM messages WHERE metadata ->> 'part_of' = $1"
        parts = await world.rows(correlated, sql, reply.genesys_message_id)
        arrived = [correlated.report(f"wamid.{each['id']}", "delivered", message_id=each["id"]) for each in parts]
        await asyncio.gather(*(world.report(correlated, each) for each in arrived))
        told = [receipt_status(each.event, "final") for each in await world.relay(correlated)]
        assert [each for each in told if each] == ["Delivered"]


async def test_what_looks_like_a_part_and_is_none_of_genesys_is_not_told(world: World, correlated: Business) -> None:
    """A long text that somebody here sent again is in parts too, under an id of ours."""
    await world.answer(correlated, correlated.reply("g.copied", conversation_id=GENESYS))
    await world.execute(
        correlated,
        'UPDATE messages SET genesys_message_id = NULL, metadata = \'{"part_of": "019c1420-7b10-7e02-a3c4-1d2e3f405162"}\''
        " WHERE genesys_message_id = 'g.copied'",
    )
    copy = await world.value(correlated, "SELECT id FROM messages WHERE direction = 'outbound'")
    await world.report(correlated, correlated.report("wamid.copy", "failed", message_id=copy))
    assert [receipt_status(each.event, "all") for each in await world.relay(correlated)].count(None) > 0
    assert await world.value(correlated, "SELECT count(*) FROM deliveries WHERE target = 'genesys_receipt'") == 0


async def test_an_agent_who_answers_has_the_word_and_it_is_told_once(world: World, correlated: Business) -> None:
    await world.answer(correlated, correlated.reply(conversation_id=GENESYS), correlated.reply("g.2", conversation_id=GENESYS))
    await world.answer(correlated, correlated.reply("g.3", conversation_id=GENESYS))
    row = await world.row(correlated, "SELECT controller, control_holder, control_epoch FROM conversations")
    assert (row["controller"], row["control_holder"], row["control_epoch"]) == ("external", "genesys", 1)
    told = await world.rows(correlated, "SELECT data FROM events WHERE type = 'control.changed'")
    assert [(each["data"]["holder"], each["data"]["former_holder"]) for each in told] == [("genesys", None)]


async def test_an_agent_does_not_speak_where_a_person_here_does(world: World, correlated: Business) -> None:
    await world.execute(
        correlated,
        "UPDATE conversations SET controller = 'agent', control_holder = 'person:1', assigned_user_id = $1",
        new_id(),
    )
    event = await refusal(world, correlated, correlated.reply(conversation_id=GENESYS))
    assert event.code == Reason.NOT_IN_CONTROL
    assert "an agent speaks with the customer" in event.reason


async def test_a_message_that_overtakes_our_deliverys_answer_finds_its_customer_and_correlates(
    world: World, tenant: Business
) -> None:
    await world.receive(tenant, tenant.message())
    contact = await world.value(tenant, "SELECT id FROM contacts")
    (result,) = await world.answer(tenant, tenant.reply(conversation_id=GENESYS, recipient_id=str(contact)))
    assert isinstance(result, OutboundProcessed)
    assert result.conversation_id == GENESYS
    assert await world.value(tenant, "SELECT genesys_conversation_id FROM conversations") == GENESYS
    types = await world.rows(tenant, "SELECT type FROM events ORDER BY position")
    assert [row["type"] for row in types] == [
        *("inbound.enriched", "window.opened", "control.changed"),
        *("outbound.processed", "conversation.correlated"),
    ]
    assert (await world.relay(tenant))[-1].event.type == ConversationCorrelated.model_fields["type"].default


async def test_the_customer_is_found_by_phone_where_genesys_knows_the_phone(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    (result,) = await world.answer(tenant, tenant.reply(conversation_id=GENESYS, recipient_id=CUSTOMER))
    assert isinstance(result, OutboundProcessed)


@pytest.mark.parametrize("said", [{"recipient_id": str(new_id())}, {"recipient_id": "x"}, {"integration_id": "another"}])
async def test_somebody_unknown_is_not_guessed(world: World, tenant: Business, said: dict[str, str]) -> None:
    await world.receive(tenant, tenant.message())
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    (result,) = await world.answer(tenant, tenant.reply(conversation_id=GENESYS, **({"recipient_id": contact} | said)))
    assert isinstance(result, Rejected)


async def test_a_batch_is_answered_in_order_and_queued_in_order(world: World, correlated: Business) -> None:
    replies = [correlated.reply(f"g.{n}", conversation_id=GENESYS) for n in range(10)]
    results = await world.answer(correlated, *replies)
    assert [each.genesys_message_id for each in results if isinstance(each, OutboundProcessed)] == [f"g.{n}" for n in range(10)]
    rows = await world.rows(
        correlated, "SELECT data->>'genesys_message_id' AS id FROM events WHERE type LIKE 'outbound.%' ORDER BY position"
    )
    assert [row["id"] for row in rows] == [f"g.{n}" for n in range(10)]


async def test_replies_of_many_agents_at_once_are_all_kept(world: World, correlated: Business) -> None:
    replies = [correlated.reply(conversation_id=GENESYS) for _ in range(60)]
    results = await asyncio.gather(*(world.answer(correlated, *replies[n : n + 3]) for n in range(0, 60, 3)))
    assert all(isinstance(each, OutboundProcessed) for got in results for each in got)
