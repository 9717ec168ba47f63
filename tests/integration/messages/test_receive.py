"""Customers' messages: tracked once, in one open conversation, whatever comes at once or again."""

import asyncio
from datetime import timedelta

from tests.world import CUSTOMER, Business, World
from waystate.events.model import ConversationExpired, Event, InboundEnriched, WindowOpened

TTL = timedelta(hours=72)


async def count(world: World, tenant: Business, table: str, condition: str = "true") -> int:
    number: int = await world.value(tenant, f"SELECT count(*) FROM {table} WHERE {condition}")
    return number


def enriched(events: list[Event]) -> list[InboundEnriched]:
    return [event for event in events if isinstance(event, InboundEnriched)]


async def test_a_first_message_opens_a_conversation_and_says_so(world: World, tenant: Business) -> None:
    message = tenant.message("wamid.1", contact_name="Ada", text="Hello", display_phone_number="+49 30 1234")
    (event,) = enriched(await world.receive(tenant, message))
    assert (event.wamid, event.message_text, event.contact_name, event.wa_id) == ("wamid.1", "Hello", "Ada", CUSTOMER)
    assert (event.is_new_conversation, event.conversation_id) == (True, None)
    row = await world.row(tenant, "SELECT * FROM conversations")
    assert (row["id"], row["contact_id"], row["status"]) == (event.mapping_id, event.contact_id, "active")
    assert (row["last_customer_message_at"], row["last_message"], row["last_message_id"]) == (
        message.sent_at,
        "Hello",
        "wamid.1",
    )
    stored = await world.row(tenant, "SELECT id, conversation_id, status, origin, sender FROM messages")
    assert list(stored.values()) == [event.message_id, event.mapping_id, "received", "test", CUSTOMER]


async def test_a_second_message_joins_the_open_conversation(world: World, tenant: Business) -> None:
    (first,) = enriched(await world.receive(tenant, tenant.message()))
    (second,) = enriched(await world.receive(tenant, tenant.message()))
    assert (second.mapping_id, second.is_new_conversation) == (first.mapping_id, False)


async def test_of_a_batch_only_the_first_message_is_of_a_new_conversation(world: World, tenant: Business) -> None:
    events = enriched(await world.receive(tenant, *(tenant.message(f"wamid.{n}") for n in range(5))))
    assert [event.is_new_conversation for event in events] == [True, False, False, False, False]
    assert [event.wamid for event in events] == [f"wamid.{n}" for n in range(5)]


async def test_with_local_correlation_the_conversation_id_is_ours(world: World) -> None:
    local = await world.add("demo", number="3001", correlation="local")
    (event,) = enriched(await world.receive(local, local.message()))
    assert event.conversation_id == str(event.mapping_id)


async def test_one_webhook_fifty_times_at_once_is_one_row_and_one_event(world: World, tenant: Business) -> None:
    message = tenant.message("wamid.1")
    results = await asyncio.gather(*(world.receive(tenant, message) for _ in range(50)))
    assert sum(len(enriched(events)) for events in results) == 1
    assert await count(world, tenant, "messages") == 1
    assert await count(world, tenant, "events", "type = 'inbound.enriched'") == 1
    assert await count(world, tenant, "events") == 2, "and that the window opened"
    assert await count(world, tenant, "conversations") == 1


async def test_a_batch_with_copies_tracks_each_message_once(world: World, tenant: Business) -> None:
    message = tenant.message("wamid.1")
    assert len(enriched(await world.receive(tenant, message, tenant.message("wamid.2"), message))) == 2
    assert len(await world.receive(tenant, message, tenant.message("wamid.3"))) == 1


async def test_a_redelivery_after_the_close_does_not_reopen_the_conversation(world: World, tenant: Business) -> None:
    message = tenant.message("wamid.1")
    await world.receive(tenant, message)
    await world.close(tenant)
    assert await world.receive(tenant, message) == []
    assert await count(world, tenant, "conversations") == 1
    assert await count(world, tenant, "conversations", "status = 'closed'") == 1


async def test_a_redelivery_that_races_its_first_copy_and_a_close_changes_nothing(world: World, tenant: Business) -> None:
    for round_ in range(10):
        message = tenant.message(f"wamid.{round_}")
        first = asyncio.create_task(world.receive(tenant, message))
        again = [asyncio.create_task(world.receive(tenant, message)) for _ in range(5)]
        events = await first
        closing = asyncio.create_task(world.close(tenant))
        await asyncio.gather(closing, *again)
        assert len(enriched([*events, *(event for task in again for event in task.result())])) == 1
        await world.close(tenant)
    assert await count(world, tenant, "conversations") == 10
    assert await count(world, tenant, "messages") == 10


async def test_a_thousand_parallel_first_messages_make_one_conversation_and_lose_none(world: World, tenant: Business) -> None:
    messages = [tenant.message(f"wamid.{n}") for n in range(1000)]
    batches = [messages[start : start + 5] for start in range(0, 1000, 5)]
    events = [event for got in await asyncio.gather(*(world.receive(tenant, *batch) for batch in batches)) for event in got]
    assert await count(world, tenant, "conversations") == 1
    assert await count(world, tenant, "contacts") == 1
    assert await count(world, tenant, "messages") == 1000
    assert sorted(event.wamid for event in enriched(events)) == sorted(message.wamid for message in messages)
    assert sum(event.is_new_conversation for event in enriched(events)) == 1
    assert len({event.mapping_id for event in events}) == 1


async def test_a_new_customer_met_by_phone_and_by_user_id_at_once_has_one_conversation(world: World, tenant: Business) -> None:
    for round_ in range(5):
        phone, user = f"49151{round_:07}", f"DE.{round_}"
        by_phone = [tenant.message(wa_id=phone) for _ in range(20)]
        by_both = [tenant.message(wa_id=phone, user_id=user) for _ in range(20)]
        batches = [each for pair in zip(by_phone, by_both, strict=True) for each in pair]
        got = await asyncio.gather(*(world.receive(tenant, each) for each in batches))
        events = enriched([event for each in got for event in each])
        assert len(events) == 40
        assert len({event.mapping_id for event in events}) == 1
        assert sum(event.is_new_conversation for event in events) == 1
    assert await count(world, tenant, "contacts") == 5


async def test_a_user_without_a_phone_is_served(world: World, tenant: Business) -> None:
    (first,) = enriched(await world.receive(tenant, tenant.message(wa_id=None, user_id="DE.1")))
    (second,) = enriched(await world.receive(tenant, tenant.message(wa_id="4917", user_id="DE.1")))
    assert first.mapping_id == second.mapping_id
    assert (first.wa_id, second.wa_id) == (None, "4917")
    assert await world.value(tenant, "SELECT wa_id FROM conversations") == "4917"


async def test_an_expired_conversation_is_followed_by_a_new_one(world: World, tenant: Business) -> None:
    (old,) = enriched(await world.receive(tenant, tenant.message()))
    world.clock.now += TTL
    expired, new, window = await world.receive(tenant, tenant.message())
    assert isinstance(expired, ConversationExpired)
    assert isinstance(new, InboundEnriched)
    assert isinstance(window, WindowOpened)
    assert (expired.mapping_id, new.is_new_conversation) == (old.mapping_id, True)
    assert new.mapping_id != old.mapping_id
    statuses = await world.rows(tenant, "SELECT status FROM conversations ORDER BY id")
    assert [row["status"] for row in statuses] == ["expired", "active"]
    types = await world.rows(tenant, "SELECT type FROM events ORDER BY position")
    assert [row["type"] for row in types] == [
        "inbound.enriched",
        "window.opened",
        "conversation.expired",
        "inbound.enriched",
        "window.opened",
    ]


async def test_activity_a_moment_before_the_expiry_keeps_the_conversation(world: World, tenant: Business) -> None:
    (old,) = enriched(await world.receive(tenant, tenant.message()))
    world.clock.now += TTL - timedelta(microseconds=1)
    (new,) = enriched(await world.receive(tenant, tenant.message()))
    assert new.mapping_id == old.mapping_id
    assert await world.value(tenant, "SELECT expires_at FROM conversations") == world.clock.now + TTL


async def test_a_webhook_that_is_days_late_counts_for_the_window_by_the_customers_time(world: World, tenant: Business) -> None:
    sent_at = world.clock.now - timedelta(days=3)
    await world.receive(tenant, tenant.message(sent_at=sent_at))
    row = await world.row(tenant, "SELECT last_customer_message_at, last_activity_at FROM conversations")
    assert list(row.values()) == [sent_at, world.clock.now]


async def test_the_same_wamid_and_customer_in_two_tenants_are_two_worlds(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    (mine,) = enriched(await world.receive(tenant, tenant.message("wamid.same")))
    (theirs,) = enriched(await world.receive(other, other.message("wamid.same")))
    assert mine.contact_id != theirs.contact_id
    assert mine.mapping_id != theirs.mapping_id
    for business, event in ((tenant, mine), (other, theirs)):
        assert await world.value(business, "SELECT id FROM messages WHERE wamid = 'wamid.same'") == event.message_id
