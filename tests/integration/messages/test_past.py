"""Messages of before a number came here: kept in chunks of any order, once, and nobody is told."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.world import CUSTOMER, Business, World, run_in
from waystate.deliveries.model import Target
from waystate.events.model import ContactNamed
from waystate.messages.model import AddressBookEntry, Direction, PastMessage, Status
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_address_book, run_history
from waystate.trace.trace import trace


def past(tenant: Business, wamid: str, days: float, **said: Any) -> PastMessage:
    given: dict[str, Any] = {
        "wamid": wamid,
        "phone_number_id": tenant.number,
        "direction": Direction.INBOUND,
        "status": Status.PROCESSED,
        "sent_at": tenant.clock.now - timedelta(days=days),
        "wa_id": CUSTOMER,
        "text": f"said {wamid}",
        "origin": "test",
    }
    return PastMessage(**(given | said))


async def tell(world: World, tenant: Business, *messages: PastMessage) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_history, messages)


async def name(world: World, tenant: Business, *names: str, wa_id: str = CUSTOMER) -> Judged:
    entries = [
        AddressBookEntry(phone_number_id=tenant.number, wa_id=wa_id, name=each, at=world.clock.now + timedelta(seconds=place))
        for place, each in enumerate(names)
    ]
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_address_book, entries)


async def test_chunks_in_any_order_make_one_closed_conversation_of_which_nobody_is_told(world: World, tenant: Business) -> None:
    ours = past(tenant, "wamid.3", 1, direction=Direction.OUTBOUND, status=Status.READ)
    assert (await tell(world, tenant, past(tenant, "wamid.2", 2), ours)).events == []
    assert (await tell(world, tenant, past(tenant, "wamid.1", 100), past(tenant, "wamid.2", 2))).events == []
    conversation = await world.row(
        tenant, "SELECT status, close_reason, window_from, last_customer_message_at, last_message FROM conversations"
    )
    assert conversation == {
        "status": "closed",
        "close_reason": "history",
        "window_from": None,
        "last_customer_message_at": None,
        "last_message": "said wamid.3",
    }
    rows = await world.rows(tenant, "SELECT wamid, direction, status, sent_at FROM messages ORDER BY sent_at")
    assert [(each["wamid"], each["direction"], each["status"]) for each in rows] == [
        ("wamid.1", "inbound", "processed"),
        ("wamid.2", "inbound", "processed"),
        ("wamid.3", "outbound", "read"),
    ]
    assert await world.value(tenant, "SELECT count(*) FROM events") == 0
    assert await world.deliver(tenant) == []


async def test_what_is_known_stays_as_it_is(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1", text="as it came"))
    before = await world.rows(tenant, "SELECT * FROM messages")
    judged = await tell(world, tenant, past(tenant, "wamid.1", 0))
    assert [verdict.is_repeat for verdict in judged.verdicts] == [True]
    assert await world.rows(tenant, "SELECT * FROM messages") == before
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 1


async def test_chunks_at_once_lose_nothing_and_double_nothing(world: World, tenant: Business) -> None:
    messages = [past(tenant, f"wamid.{n}", n + 1, wa_id=f"49170000000{n % 3}") for n in range(12)]
    await asyncio.gather(
        tell(world, tenant, *messages[:8]), tell(world, tenant, *messages[4:]), tell(world, tenant, *reversed(messages))
    )
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 12
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 3


async def test_the_past_is_never_the_latest_conversation_of_a_customer(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.9"))
    newest = await world.value(tenant, "SELECT id FROM conversations")
    await world.close(tenant)
    await tell(world, tenant, past(tenant, "wamid.1", 1))
    assert await world.value(tenant, "SELECT id FROM conversations ORDER BY id DESC LIMIT 1") == newest
    await world.receive(tenant, tenant.message("wamid.10"))
    assert await world.value(tenant, "SELECT count(*) FROM conversations WHERE status = 'active'") == 1
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 1


async def test_a_file_that_is_told_later_takes_its_place_in_either_order(world: World, tenant: Business) -> None:
    for order, wamid in ((1, "wamid.a"), (-1, "wamid.b")):
        place = past(tenant, wamid, 1, type="media_placeholder", text="[media]")
        file = past(tenant, wamid, 1, type="image", text="[image]", content={"id": "7"}, media={"id": "7"})
        for each in (place, file)[::order]:
            await tell(world, tenant, each)
        row = await world.row(tenant, "SELECT type, text, media FROM messages WHERE wamid = $1", wamid)
        assert row == {"type": "image", "text": "[image]", "media": {"id": "7"}}, wamid


async def test_a_status_of_what_was_sent_long_ago_advances_it(world: World, tenant: Business) -> None:
    await tell(world, tenant, past(tenant, "wamid.1", 1, direction=Direction.OUTBOUND, status=Status.DELIVERED))
    await world.report(tenant, tenant.report("wamid.1", "read"))
    assert await world.value(tenant, "SELECT status FROM messages") == "read"
    assert await world.deliver(tenant) == []


async def test_a_name_of_the_address_book_is_for_those_without_one(world: World, tenant: Business) -> None:
    unknown = await name(world, tenant, "Nobody yet")
    assert unknown.events == []
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 0
    await world.receive(tenant, tenant.message("wamid.1", contact_name=None))
    (event,) = (await name(world, tenant, "Old", "Ada from work")).events
    assert isinstance(event, ContactNamed)
    assert event.contact_name == "Ada from work"
    assert (await name(world, tenant, "Other")).events == []
    assert await world.value(tenant, "SELECT name FROM contacts") == "Ada from work"
    world.clock.forward(minutes=1)
    await world.receive(tenant, tenant.message("wamid.2", contact_name="Ada"))
    assert await world.value(tenant, "SELECT name FROM contacts") == "Ada", "what they call themselves counts more"
    assert (await name(world, tenant, "Ada from work")).events == []


async def test_what_comes_as_a_message_after_all_reaches_an_agent(world: World, tenant: Business) -> None:
    await tell(world, tenant, past(tenant, "wamid.1", 0.1), past(tenant, "wamid.0", 30))
    assert (await tell(world, tenant, past(tenant, "wamid.1", 0.1))).verdicts[0].is_repeat
    (first, *_) = await world.receive(tenant, tenant.message("wamid.1"))
    assert first.type == "inbound.enriched"
    assert [each.target for each in await world.deliver(tenant)] == [Target.GENESYS]
    assert await world.receive(tenant, tenant.message("wamid.0")) == [], "of a month ago"
    world.clock.forward(days=8)
    again = past(tenant, "wamid.1", 8.1)
    assert (await tell(world, tenant, again)).verdicts[0].is_repeat
    told = await trace(tenant.tenant, tenant.settings, "wamid.1", world.db, world.clock)
    assert told["deliveries"]
