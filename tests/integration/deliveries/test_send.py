"""What becomes of attempts, and what follows for messages, conversations and Genesys."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.world import CUSTOMER, HOLD, LANES, Business, World, accepted, later, lost, refused, wait_for_lock
from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.model import Claimed, Target
from waystate.deliveries.settle import give_up_unknown, recover
from waystate.events.model import ConversationCorrelated

UNKNOWN_TTL = timedelta(minutes=10)


async def of_target(world: World, tenant: Business, target: Target) -> list[Claimed]:
    return [each for each in await world.deliver(tenant) if each.target is target]


@pytest.fixture
async def sending(world: World, tenant: Business) -> Claimed:
    await world.correspond(tenant)
    (claimed,) = await of_target(world, tenant, Target.WHATSAPP)
    return claimed


async def state(world: World, tenant: Business, message_id: UUID) -> tuple[str, str]:
    """Of the message and of its delivery to WhatsApp."""
    row = await world.row(
        tenant,
        "SELECT m.status, d.state FROM messages m JOIN deliveries d ON d.message_id = m.id AND d.target = 'whatsapp'"
        " WHERE m.id = $1",
        message_id,
    )
    return row["status"], row["state"]


async def recovered(world: World, tenant: Business) -> int:
    return await recover(tenant.tenant, tenant.settings, range(LANES), world.db, world.clock, hold=HOLD)


async def test_an_accepted_send_is_sent_and_known_by_its_wamid(world: World, tenant: Business, sending: Claimed) -> None:
    assert sending.request["biz_opaque_callback_data"] == str(sending.message_id)
    assert sending.request["to"] == CUSTOMER
    await world.settle(tenant, (sending, accepted("wamid.out")))
    assert await state(world, tenant, sending.message_id) == ("sent", "sent")
    assert (
        await world.value(tenant, "SELECT message_id FROM message_keys WHERE external_id = 'wamid.out'") == sending.message_id
    )


async def test_a_refused_send_fails_the_message_and_tells_genesys(world: World, tenant: Business, sending: Claimed) -> None:
    settlement = await world.settle(tenant, (sending, refused()))
    assert settlement.dead_letters == [], "the agent is told by a receipt; it needs no operator"
    assert await state(world, tenant, sending.message_id) == ("failed", "failed")
    (receipt,) = await of_target(world, tenant, Target.GENESYS_RECEIPT)
    assert receipt.request["status"] == "Failed"


async def test_a_delivered_message_is_told_to_genesys_once(world: World, tenant: Business, sending: Claimed) -> None:
    await world.settle(tenant, (sending, accepted("wamid.out")))
    for word in ("delivered", "read", "delivered"):
        await world.report(tenant, tenant.report("wamid.out", word))
    (receipt,) = await of_target(world, tenant, Target.GENESYS_RECEIPT)
    assert receipt.request["status"] == "Delivered"
    await world.settle(tenant, (receipt, accepted()))
    assert await world.deliver(tenant) == []


async def test_genesys_answer_correlates_the_conversation_and_processes_the_message(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    (claimed,) = await of_target(world, tenant, Target.GENESYS)
    settlement = await world.settle(tenant, (claimed, accepted("genesys-message", conversation_id="genesys-1")))
    assert [type(event) for event in settlement.correlated] == [ConversationCorrelated]
    assert await world.value(tenant, "SELECT genesys_conversation_id FROM conversations") == "genesys-1"
    assert await world.value(tenant, "SELECT status FROM messages") == "processed"


async def test_what_genesys_refuses_for_good_is_a_dead_letter_once(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    (claimed,) = await of_target(world, tenant, Target.GENESYS)
    for _ in range(2):
        (letter,) = (await world.settle(tenant, (claimed, refused()))).dead_letters
    assert letter.origin == f"delivery:{claimed.message_id}:genesys"
    assert await world.value(tenant, "SELECT status FROM messages") == "failed"
    row = await world.row(tenant, "SELECT pipeline, reason, original_payload->>'message_id' AS id FROM dead_letters")
    assert list(row.values()) == ["deliveries", "delivery_failed", str(claimed.message_id)]


async def test_refused_credentials_hold_the_queue_and_cost_no_message(world: World, tenant: Business, sending: Claimed) -> None:
    auth = AttemptResult(outcome=Outcome.FAILED, http_status=401, error={"kind": "auth", "code": 190})
    await world.settle(tenant, (sending, auth))
    assert await state(world, tenant, sending.message_id) == ("queued", "pending")
    assert await world.claim(tenant) == []
    world.clock.forward(seconds=30)
    (again,) = await world.claim(tenant)
    await world.settle(tenant, (again, accepted("wamid.out")))
    assert await state(world, tenant, sending.message_id) == ("sent", "sent")


async def test_a_busy_platform_is_asked_again_and_nobody_is_told(world: World, tenant: Business, sending: Claimed) -> None:
    settlement = await world.settle(tenant, (sending, later(retry_after=5)))
    assert settlement.advanced.events == []
    world.clock.forward(seconds=5)
    (again,) = await world.claim(tenant)
    assert (again.message_id, again.attempt, again.request) == (sending.message_id, 2, sending.request)


async def test_an_unknown_send_holds_the_customers_next_message_and_then_lets_it_go(
    world: World, tenant: Business, sending: Claimed
) -> None:
    await world.answer(tenant, tenant.reply("g.next", conversation_id="genesys-conversation"))
    await world.settle(tenant, (sending, lost()))
    assert await world.deliver(tenant) == []
    world.clock.now += HOLD
    (following,) = await world.deliver(tenant)
    assert following.message_id != sending.message_id


async def test_a_status_lets_the_held_queue_go_at_once(world: World, tenant: Business, sending: Claimed) -> None:
    await world.answer(tenant, tenant.reply("g.next", conversation_id="genesys-conversation"))
    await world.settle(tenant, (sending, lost()))
    await world.report(tenant, tenant.report("wamid.out", "sent", message_id=sending.message_id))
    assert await state(world, tenant, sending.message_id) == ("sent", "sent")
    assert len(await of_target(world, tenant, Target.WHATSAPP)) == 1


async def test_an_answer_lost_after_its_status_had_come_is_sent(world: World, tenant: Business, sending: Claimed) -> None:
    await world.report(tenant, tenant.report("wamid.out", "delivered", message_id=sending.message_id))
    await world.settle(tenant, (sending, lost()))
    assert await state(world, tenant, sending.message_id) == ("delivered", "sent")


async def test_after_a_take_over_nothing_that_may_have_left_is_sent_again(
    world: World, tenant: Business, sending: Claimed
) -> None:
    assert await recovered(world, tenant) == 1
    assert await state(world, tenant, sending.message_id) == ("queued", "unknown")
    world.clock.forward(hours=1)
    assert await world.claim(tenant) == []


async def test_a_take_over_finds_that_a_status_had_come_before_it(world: World, tenant: Business, sending: Claimed) -> None:
    await world.report(tenant, tenant.report("wamid.out", "sent", message_id=sending.message_id))
    assert await recovered(world, tenant) == 0
    row = await world.row(tenant, "SELECT state, external_id FROM deliveries WHERE target = 'whatsapp'")
    assert list(row.values()) == ["sent", "wamid.out"]


async def test_an_unknown_send_nobody_heard_of_is_failed_and_genesys_is_told(
    world: World, tenant: Business, sending: Claimed
) -> None:
    await world.settle(tenant, (sending, lost()))
    world.clock.now += UNKNOWN_TTL - timedelta(seconds=1)
    assert (await give_up_unknown(tenant.tenant, world.db, world.clock)).events == []
    world.clock.forward(seconds=1)
    await give_up_unknown(tenant.tenant, world.db, world.clock)
    assert await state(world, tenant, sending.message_id) == ("failed", "failed")
    assert (
        await world.value(tenant, "SELECT error->>'code' FROM messages WHERE id = $1", sending.message_id) == "outcome_unknown"
    )
    (receipt,) = await of_target(world, tenant, Target.GENESYS_RECEIPT)
    assert receipt.request["status"] == "Failed"
    await world.report(tenant, tenant.report("wamid.out", "read", message_id=sending.message_id))
    assert (await state(world, tenant, sending.message_id))[0] == "read", "a later status still wins"


async def test_giving_up_while_the_status_comes_does_not_deadlock_and_the_status_wins(
    world: World, tenant: Business, sending: Claimed
) -> None:
    """The status is stopped between its conversation and its message, which is where the other order of locks would bite."""
    await world.settle(tenant, (sending, lost()))
    world.clock.now += UNKNOWN_TTL
    async with world.db.tenant(tenant.tenant) as stop:
        await stop.execute("SELECT id FROM messages WHERE id = $1 FOR UPDATE", sending.message_id)
        told = asyncio.create_task(world.report(tenant, tenant.report("wamid.out", "delivered", message_id=sending.message_id)))
        await wait_for_lock(stop)
        given_up = asyncio.create_task(give_up_unknown(tenant.tenant, world.db, world.clock))
        await wait_for_lock(stop, waiting=2)
    await asyncio.gather(told, given_up)
    assert await state(world, tenant, sending.message_id) == ("delivered", "sent")


async def test_a_take_over_while_the_old_holder_settles_does_not_deadlock(
    world: World, tenant: Business, sending: Claimed
) -> None:
    async with world.db.tenant(tenant.tenant) as stop:
        await stop.execute("SELECT id FROM messages WHERE id = $1 FOR UPDATE", sending.message_id)
        settled = asyncio.create_task(world.settle(tenant, (sending, accepted("wamid.out"))))
        await wait_for_lock(stop)
        taking_over = asyncio.create_task(recovered(world, tenant))
        await wait_for_lock(stop, waiting=2)
    await asyncio.gather(settled, taking_over)
    assert await state(world, tenant, sending.message_id) == ("sent", "sent")


async def test_two_hundred_settlements_and_two_hundred_statuses_at_once_do_not_deadlock(world: World, tenant: Business) -> None:
    """On the same conversations: every writer takes conversations, then messages, in one order."""
    customers = [f"4917{number}" for number in range(10)]
    await world.receive(tenant, *(tenant.message(wa_id=each) for each in customers))
    contacts = [row["id"] for row in await world.rows(tenant, "SELECT id FROM contacts")]
    rounds = 20
    for number in range(rounds):
        replies = [tenant.reply(recipient_id=str(each), conversation_id=f"g-{each}", text=str(number)) for each in contacts]
        await world.answer(tenant, *replies)
    await world.relay(tenant)
    await world.execute(tenant, "UPDATE deliveries SET order_key = event_id::text")
    sends = [each for each in await world.claim(tenant, batch=1000) if each.target is Target.WHATSAPP]
    assert len(sends) == 200
    words = ("sent", "delivered", "read")
    reports = [
        tenant.report(f"wamid.{each.message_id}", words[index % 3], message_id=each.message_id if index % 2 else None)
        for index, each in enumerate(sends)
    ]
    settlements = [
        world.settle(tenant, *((each, accepted(f"wamid.{each.message_id}")) for each in sends[n::200])) for n in range(200)
    ]
    statuses = [world.report(tenant, *reports[n::67]) for n in range(67)] + [
        world.report(tenant, each) for each in reports[:133]
    ]
    await asyncio.gather(*(each for pair in zip(settlements, statuses, strict=True) for each in pair))
    rows = await world.rows(tenant, "SELECT status, wamid FROM messages WHERE direction = 'outbound'")
    assert len(rows) == 200
    assert {row["status"] for row in rows} <= {"sent", "delivered", "read"}
    assert all(row["wamid"] for row in rows)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'whatsapp' AND state = 'sent'") == 200
