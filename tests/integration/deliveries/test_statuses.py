"""Reported statuses: by our id, by wamid, or early; in any order; and never in another tenant's message."""

import asyncio
import random
from uuid import UUID

import pytest

from tests.world import Business, World, accepted, later, lost, refused
from waystate.channels.model import AttemptResult
from waystate.deliveries.model import Target
from waystate.deliveries.settle import give_up_unknown
from waystate.events.model import MessagePayment, MessageStatus
from waystate.ids import new_id
from waystate.messages.status import payment_status
from waystate.trace.trace import trace


async def send(world: World, tenant: Business, wamid: str | None = None) -> UUID:
    """A message for WhatsApp, sent if it has a wamid."""
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    if wamid is not None:
        await world.settle(tenant, (claimed, accepted(wamid)))
    return claimed.message_id


async def message(world: World, tenant: Business, message_id: UUID) -> dict[str, object]:
    return await world.row(
        tenant, "SELECT status, wamid, delivered_at, read_at, failed_at, error FROM messages WHERE id = $1", message_id
    )


async def test_a_status_finds_its_message_by_wamid(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant, "wamid.out")
    world.clock.forward(seconds=3)
    advanced = await world.report(tenant, tenant.report("wamid.out", "delivered"))
    (event,) = advanced.events
    assert isinstance(event, MessageStatus)
    assert (event.message_id, event.previous, event.status, event.wamid) == (message_id, "sent", "delivered", "wamid.out")
    found = await message(world, tenant, message_id)
    assert (found["status"], found["delivered_at"]) == ("delivered", world.clock.now)


async def test_a_status_that_overtook_the_sends_answer_finds_its_message_by_our_id(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant)
    advanced = await world.report(tenant, tenant.report("wamid.out", "sent", message_id=message_id))
    assert advanced.early == []
    assert (await message(world, tenant, message_id))["wamid"] == "wamid.out", "and tells the wamid"
    advanced = await world.report(tenant, tenant.report("wamid.out", "delivered"))
    assert [event.message_id for event in advanced.events] == [message_id]


async def test_an_echoed_id_that_is_not_ours_does_not_hide_the_wamid(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant, "wamid.out")
    advanced = await world.report(tenant, tenant.report("wamid.out", "delivered", message_id=new_id()))
    assert [event.message_id for event in advanced.events] == [message_id]


async def test_a_status_whose_message_is_not_known_yet_waits_and_is_merged_with_the_answer(
    world: World, tenant: Business
) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    reports = [tenant.report("wamid.out", word) for word in ("read", "delivered", "sent")]
    advanced = await world.report(tenant, *reports)
    assert (advanced.early, advanced.events) == (reports, [])
    settlement = await world.settle(tenant, (claimed, accepted("wamid.out")))
    assert [event.status for event in settlement.advanced.events if isinstance(event, MessageStatus)] == ["sent", "read"]
    found = await message(world, tenant, claimed.message_id)
    assert (found["status"], found["delivered_at"]) == ("read", world.clock.now)
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 0


async def test_what_whatsapp_charges_is_kept_also_of_a_status_that_came_early(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    early, later = ({"pricing": {"category": category}} for category in ("service", "utility"))
    await world.report(tenant, tenant.report("wamid.out", "sent", details=early))
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    await world.report(tenant, tenant.report("wamid.out", "delivered", details=later))
    rows = await world.rows(tenant, "SELECT status, details FROM message_events WHERE source = 'whatsapp' ORDER BY id")
    assert {"sent": early, "delivered": later}.items() <= {
        row["status"]: row["details"] for row in rows if row["details"]
    }.items()


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_payments_status_is_history_and_told_once_and_moves_nothing(
    world: World, tenant: Business, is_early: bool
) -> None:
    """`is_early`: it comes before the send's answer, with no id of ours."""
    payment = {"reference_id": "order-1", "amount": {"value": 21000, "offset": 100}, "currency": "INR"}
    reports = [
        tenant.report("wamid.out", payment_status(word), details={"payment": payment})
        for word in ("pending", "Failed", "captured")
    ]
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    if is_early:
        advanced = await world.report(tenant, *reports)
        assert (advanced.early, advanced.events) == (reports, [])
        events = (await world.settle(tenant, (claimed, accepted("wamid.out")))).advanced.events
    else:
        await world.settle(tenant, (claimed, accepted("wamid.out")))
        events = (await world.report(tenant, *reports)).events
    told = [each for each in events if isinstance(each, MessagePayment)]
    assert [(each.status, each.payment) for each in told] == [(word, payment) for word in ("pending", "failed", "captured")]
    assert (await world.report(tenant, *reports)).events == []
    found = await message(world, tenant, claimed.message_id)
    assert (found["status"], found["failed_at"], found["error"]) == ("sent", None, None)
    traced = await trace(tenant.tenant, tenant.settings, "wamid.out", world.db, world.clock)
    shown = {each["status"]: each for each in traced["statuses"] if each["payment"]}
    assert set(shown) == {"payment_pending", "payment_failed", "payment_captured"}
    assert {(each["applied"], each["whyNot"]) for each in shown.values()} == {(False, "it is the payment's, not the message's")}
    # The message fails in the same second: that is another thing, and counts.
    await world.report(tenant, tenant.report("wamid.out", "failed", error={"code": 131026}))
    assert (await message(world, tenant, claimed.message_id))["status"] == "failed"


async def test_a_payment_of_a_message_on_its_way_does_not_prove_its_delivery(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant)
    report = tenant.report("wamid.out", payment_status("captured"), message_id=message_id)
    advanced = await world.report(tenant, report)
    assert (advanced.arrived, [type(each) for each in advanced.events]) == ({}, [MessagePayment])
    assert (await message(world, tenant, message_id))["status"] == "queued"


async def test_an_unknown_word_is_history_and_nothing_else(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant, "wamid.out")
    before = await message(world, tenant, message_id)
    advanced = await world.report(tenant, tenant.report("wamid.out", "warped"))
    assert advanced.events == []
    assert await message(world, tenant, message_id) == before
    history = await world.row(tenant, "SELECT applied, why_not FROM message_events WHERE status = 'warped'")
    assert (history["applied"], history["why_not"]) == (False, "'warped' is no status of an outbound message")


async def test_a_failure_keeps_its_error_and_a_read_clears_it(world: World, tenant: Business) -> None:
    message_id = await send(world, tenant, "wamid.out")
    await world.report(tenant, tenant.report("wamid.out", "failed", error={"code": 131026}))
    found = await message(world, tenant, message_id)
    assert (found["status"], found["error"]) == ("failed", {"code": 131026})
    await world.report(tenant, tenant.report("wamid.out", "delivered"))
    assert (await message(world, tenant, message_id))["status"] == "failed"
    await world.report(tenant, tenant.report("wamid.out", "read"))
    found = await message(world, tenant, message_id)
    assert (found["status"], found["failed_at"], found["error"]) == ("read", None, None)


@pytest.mark.parametrize("seed", range(3))
async def test_shuffled_doubled_and_parallel_reports_end_in_the_same_state(world: World, tenant: Business, seed: int) -> None:
    message_id = await send(world, tenant, "wamid.out")
    reports = []
    for word in ("sent", "delivered", "failed", "read"):
        world.clock.forward(seconds=1)
        reports += [tenant.report("wamid.out", word)] * 5
    random.Random(seed).shuffle(reports)
    await asyncio.gather(*(world.report(tenant, *reports[start : start + 2]) for start in range(0, len(reports), 2)))
    at = {each.status: each.at for each in reports}
    found = await message(world, tenant, message_id)
    assert (found["status"], found["delivered_at"], found["read_at"]) == ("read", at["delivered"], at["read"])
    assert (found["failed_at"], found["error"]) == (None, None)
    assert await world.value(tenant, "SELECT count(*) FROM message_events WHERE source = 'whatsapp'") == 4


async def test_the_same_wamid_in_two_tenants_moves_only_the_reported_one(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    mine = await send(world, tenant, "wamid.same")
    theirs = await send(world, other, "wamid.same")
    await world.report(tenant, tenant.report("wamid.same", "read"))
    assert (await message(world, tenant, mine))["status"] == "read"
    assert (await message(world, other, theirs))["status"] == "sent"


async def test_another_tenants_message_id_is_no_message(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    mine = await send(world, tenant, "wamid.mine")
    advanced = await world.report(other, other.report("wamid.mine", "read", message_id=mine))
    assert len(advanced.early) == 1
    assert (await message(world, tenant, mine))["status"] == "sent"


async def test_a_status_settles_a_send_whose_answer_was_lost(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, lost()))
    assert await world.value(tenant, "SELECT state FROM deliveries WHERE target = 'whatsapp'") == "unknown"
    await world.report(tenant, tenant.report("wamid.out", "delivered", message_id=claimed.message_id))
    row = await world.row(tenant, "SELECT state, external_id FROM deliveries WHERE target = 'whatsapp'")
    assert list(row.values()) == ["sent", "wamid.out"]
    assert (await message(world, tenant, claimed.message_id))["wamid"] == "wamid.out"


@pytest.mark.parametrize("word", ["sent", "delivered", "failed"])
async def test_a_status_of_a_send_taken_for_not_done_keeps_it_from_being_made_again(
    world: World, tenant: Business, word: str
) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, later()))
    await world.report(tenant, tenant.report("wamid.out", word, message_id=claimed.message_id))
    world.clock.forward(minutes=5)
    assert [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP] == []
    row = await world.row(tenant, "SELECT state, external_id FROM deliveries WHERE target = 'whatsapp'")
    assert (row["state"], row["external_id"]) == ("sent", "wamid.out")


@pytest.mark.parametrize("word", ["sent", "delivered", "failed"])
@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("answer", [later(), lost(), refused()], ids=["put off", "lost", "refused"])
async def test_a_status_that_overtook_the_sends_answer_is_believed_more_than_the_answer(
    world: World, tenant: Business, word: str, attempt: int, answer: AttemptResult
) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    if attempt == 2:
        await world.settle(tenant, (claimed, later()))
        world.clock.forward(minutes=1)
        (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.report(tenant, tenant.report("wamid.out", word, message_id=claimed.message_id))
    await world.settle(tenant, (claimed, answer))
    world.clock.forward(minutes=5)
    assert [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP] == []
    assert await world.row(tenant, "SELECT state, external_id FROM deliveries WHERE target = 'whatsapp'") == {
        "state": "sent",
        "external_id": "wamid.out",
    }
    assert (await message(world, tenant, claimed.message_id))["status"] == word


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "failed"])
async def test_a_status_after_a_send_was_given_up_wins(world: World, tenant: Business, word: str) -> None:
    """That it failed was Waystate's own guess; WhatsApp knows."""
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, lost()))
    world.clock.forward(minutes=11)
    await give_up_unknown(tenant.tenant, world.db, world.clock)
    found = await message(world, tenant, claimed.message_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "outcome_unknown")  # type: ignore[index]
    await world.report(tenant, tenant.report("wamid.out", word, message_id=claimed.message_id))
    found = await message(world, tenant, claimed.message_id)
    assert found["status"] == word
    assert found["error"] is None
    assert (found["failed_at"] is None) == (word != "failed")
