"""What the business writes in WhatsApp's app on a phone: kept with the customer's conversation, sent by nobody, told once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.world import CUSTOMER, Business, World, run_in
from waystate.channels.model import AttemptResult, Outcome
from waystate.deliveries.model import Claimed, Target
from waystate.events.model import MessageEchoed, MessageStatus
from waystate.messages.model import EchoedMessage
from waystate.pipeline.batch import Judged, Taken
from waystate.pipeline.run import run_echoes
from waystate.trace.trace import trace


def echo(tenant: Business, wamid: str, text: str = "Come by", **said: Any) -> EchoedMessage:
    given: dict[str, Any] = {
        "wamid": wamid,
        "phone_number_id": tenant.number,
        "sent_at": tenant.clock.now,
        "wa_id": CUSTOMER,
        "text": text,
        "content": {"body": text},
        "origin": "test",
    }
    return EchoedMessage(**(given | said))


async def tell(world: World, tenant: Business, *echoes: EchoedMessage) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_echoes, echoes)


def attribute(claimed: Claimed) -> str | None:
    metadata = claimed.request["channel"].get("metadata", {})
    found: str | None = metadata.get("customAttributes", {}).get("whatsapp_phone_app_reply")
    return found


async def test_an_echo_is_kept_with_the_open_conversation_and_sent_by_nobody(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.deliver(tenant)
    before = await world.row(tenant, "SELECT id, last_customer_message_at, window_from, controller FROM conversations")
    world.clock.forward(minutes=1)
    judged = await tell(world, tenant, echo(tenant, "wamid.e"))
    (event,) = judged.events
    assert isinstance(event, MessageEchoed)
    assert (event.mapping_id, event.wamid, event.message_text, event.is_new_conversation) == (
        before["id"],
        "wamid.e",
        "Come by",
        False,
    )
    kept = await world.row(tenant, "SELECT direction, status, origin, sender FROM messages WHERE wamid = 'wamid.e'")
    assert (kept["direction"], kept["status"], kept["origin"]) == ("outbound", "sent", "phone_app:test")
    after = await world.row(tenant, "SELECT id, last_customer_message_at, window_from, controller FROM conversations")
    assert after == before
    assert (await world.row(tenant, "SELECT last_message FROM conversations"))["last_message"] == "Come by"
    assert await world.deliver(tenant) == []


async def test_an_echo_again_is_not_kept_again(world: World, tenant: Business) -> None:
    results = await asyncio.gather(*(tell(world, tenant, echo(tenant, "wamid.e"), echo(tenant, "wamid.e")) for _ in range(4)))
    assert sum(len(each.events) for each in results) == 1
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1
    again = await tell(world, tenant, echo(tenant, "wamid.e"))
    assert [verdict.is_repeat for verdict in again.verdicts] == [True]


async def test_where_no_conversation_is_open_one_is_and_the_answer_joins_it(world: World, tenant: Business) -> None:
    (event,) = (await tell(world, tenant, echo(tenant, "wamid.e", contact_name="Ada", user_id="US.1"))).events
    assert isinstance(event, MessageEchoed)
    assert event.is_new_conversation
    opened = await world.row(tenant, "SELECT status, window_from, wa_id, user_id FROM conversations")
    assert opened == {"status": "active", "window_from": None, "wa_id": CUSTOMER, "user_id": "US.1"}
    await world.receive(tenant, tenant.message("wamid.2"))
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 1
    assert await world.value(tenant, "SELECT name FROM contacts") == "Ada"


async def test_its_statuses_advance_it(world: World, tenant: Business) -> None:
    await world.report(tenant, tenant.report("wamid.e", "delivered"))
    await tell(world, tenant, echo(tenant, "wamid.e"))
    advanced = await world.report(tenant, tenant.report("wamid.e", "read"))
    assert [each.status for each in advanced.events if isinstance(each, MessageStatus)] == ["read"]
    assert await world.value(tenant, "SELECT status FROM messages") == "read"
    assert await world.deliver(tenant) == [], "Genesys never knew of it"


async def test_a_status_that_came_before_waits_for_it(world: World, tenant: Business) -> None:
    runner, view = world.runner(), await world.view(tenant)
    taken = [
        Taken(tenant.report("wamid.e", "delivered"), world.clock.now, "t:0"),
        Taken(echo(tenant, "wamid.e"), world.clock.now, "t:1"),
    ]
    await runner.run(tenant.tenant, view, taken)
    assert await world.value(tenant, "SELECT status FROM messages") == "delivered"


async def test_the_newest_is_told_with_the_customers_next_message_once(world: World, tenant: Business) -> None:
    await tell(world, tenant, echo(tenant, "wamid.e2", "Until 6", sent_at=world.clock.now + timedelta(seconds=5)))
    await tell(world, tenant, echo(tenant, "wamid.e1", "Come by"))
    await world.receive(tenant, tenant.message("wamid.old", sent_at=world.clock.now - timedelta(minutes=1)))
    world.clock.forward(minutes=1)
    await world.receive(tenant, tenant.message("wamid.2"), tenant.message("wamid.3"))
    claimed = []
    for _ in range(3):
        (each,) = await world.deliver(tenant)
        assert each.target is Target.GENESYS
        claimed.append(each)
        await world.settle(tenant, (each, sent(each)))
    assert [attribute(each) for each in claimed] == [None, "Until 6", None]
    assert await world.value(tenant, "SELECT count(*) FROM phone_replies") == 0


def sent(claimed: Claimed) -> AttemptResult:
    return AttemptResult(outcome=Outcome.SENT, external_id=f"g.{claimed.message_id}")


@pytest.mark.parametrize("kind", ["edit", "revoke"])
async def test_an_amendment_stays_with_what_it_amends(world: World, tenant: Business, kind: str) -> None:
    (first,) = (await tell(world, tenant, echo(tenant, "wamid.e"))).events
    assert isinstance(first, MessageEchoed)
    await world.close(tenant)
    amended = echo(tenant, "wamid.f", "[edited]", type=kind, content={"original_message_id": "wamid.e"})
    (event,) = (await tell(world, tenant, amended)).events
    assert isinstance(event, MessageEchoed)
    assert (event.mapping_id, event.is_new_conversation) == (first.mapping_id, False)
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 1
    assert await world.value(tenant, "SELECT text FROM phone_replies") == "Come by"
    unknown = echo(tenant, "wamid.g", "[edited]", type=kind, content={"original_message_id": "wamid.nobody-knows"})
    assert len((await tell(world, tenant, unknown)).events) == 1, "nothing is lost"


async def test_its_trace_says_where_it_was_written(world: World, tenant: Business) -> None:
    await tell(world, tenant, echo(tenant, "wamid.e"))
    told = await trace(tenant.tenant, tenant.settings, "wamid.e", world.db, world.clock)
    assert told["why"] == "It was written in WhatsApp's app on a phone and is sent; Waystate did not carry it."
