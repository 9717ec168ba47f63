"""The customer window, 24 hours from the customer's newest sign: how it opens, what is told of it, and whose it is."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.test_timers import Told, timers_of
from tests.world import CUSTOMER, START, Business, World, wait_for_lock
from waystate.conversations import store
from waystate.conversations.model import window_closes_at
from waystate.conversations.store import Window
from waystate.events.model import Event, WindowOpened
from waystate.ids import new_id
from waystate.messages import receive as inbound
from waystate.messages.model import Direction, InboundMessage, Status
from waystate.state.track import Tracking

DAY = timedelta(hours=24)
TICK = timedelta(microseconds=1)


def opened(events: Sequence[Event]) -> list[WindowOpened]:
    return [event for event in events if isinstance(event, WindowOpened)]


async def receive(world: World, tenant: Business, **said: Any) -> list[WindowOpened]:
    return opened(await world.receive(tenant, tenant.message(**said)))


async def window(world: World, tenant: Business) -> tuple[datetime | None, datetime | None, str | None]:
    row = await world.row(tenant, "SELECT window_from, window_since, window_told FROM conversations ORDER BY id DESC LIMIT 1")
    return row["window_from"], row["window_since"], row["window_told"]


async def tell(world: World) -> None:
    await timers_of(world, Told()).tell_windows()


async def told(world: World, tenant: Business) -> list[tuple[str, UUID]]:
    """What was told of windows, by its last word, and of which conversation."""
    rows = await world.rows(
        tenant, "SELECT type, conversation_id FROM events WHERE starts_with(type, 'window.') ORDER BY position"
    )
    return [(row["type"].removeprefix("window."), row["conversation_id"]) for row in rows]


async def words(world: World, tenant: Business) -> list[str]:
    return [word for word, _ in await told(world, tenant)]


async def find_window(world: World, tenant: Business, contact: UUID, number: str | None = None) -> datetime | None:
    key = (number or tenant.number, contact)
    async with world.db.tenant(tenant.tenant) as conn:
        return (await store.find_windows(conn, tenant.tenant, [key, ("9", contact)])).get(key)


async def signal(world: World, tenant: Business, *signs: tuple[UUID, datetime]) -> list[Window]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.signal_window(conn, tenant.tenant, signs, world.clock.now)


async def test_a_customers_first_message_opens_the_window_and_says_until_when(world: World, tenant: Business) -> None:
    sent_at = world.clock.now - timedelta(minutes=5)
    (event,) = await receive(world, tenant, sent_at=sent_at)
    assert (event.closes_at, event.at, event.wa_id) == (sent_at + DAY, world.clock.now, CUSTOMER)
    assert event.mapping_id == await world.value(tenant, "SELECT id FROM conversations")
    assert await window(world, tenant) == (sent_at, world.clock.now, None)


async def test_of_a_batch_one_window_opens_and_closes_by_the_newest_message(world: World, tenant: Business) -> None:
    older = tenant.message(sent_at=world.clock.now - timedelta(minutes=2))
    (event,) = opened(await world.receive(tenant, tenant.message(), older))
    assert event.closes_at == world.clock.now + DAY


async def test_a_message_in_the_open_window_moves_it_and_opens_nothing(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    assert await receive(world, tenant) == [], "not in the same instant either"
    world.clock.now += DAY - TICK
    assert await receive(world, tenant) == []
    assert (await window(world, tenant))[0] == world.clock.now


async def test_a_message_after_24_hours_opens_it_again(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    world.clock.now += DAY
    (event,) = await receive(world, tenant)
    assert event.closes_at == world.clock.now + DAY
    assert await window(world, tenant) == (world.clock.now, world.clock.now, None)


@pytest.mark.parametrize("age", [DAY, timedelta(days=3)], ids=str)
async def test_an_old_message_opens_no_window_and_its_end_is_not_told(world: World, tenant: Business, age: timedelta) -> None:
    assert await receive(world, tenant, sent_at=world.clock.now - age) == []
    assert await window(world, tenant) == (world.clock.now - age, None, "closed")
    await tell(world)
    assert await words(world, tenant) == []


async def test_a_late_message_turns_no_window_back(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    before = await window(world, tenant)
    world.clock.forward(minutes=1)
    assert await receive(world, tenant, sent_at=START - timedelta(hours=30)) == []
    assert (await window(world, tenant))[0] == before[0]


async def test_a_message_of_the_future_opens_no_more_than_24_hours(world: World, tenant: Business) -> None:
    (event,) = await receive(world, tenant, sent_at=world.clock.now + timedelta(days=365))
    assert event.closes_at == world.clock.now + DAY


async def test_an_agents_message_moves_no_window(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    before = await window(world, tenant)
    world.clock.forward(hours=2)
    await world.answer(tenant, tenant.reply(conversation_id="genesys-conversation"))
    assert await window(world, tenant) == before


async def test_what_a_customer_wrote_elsewhere_and_is_recorded_here_opens_the_window(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    world.clock.now += DAY
    await world.track(tenant, *(recorded(conversation, each) for each in (Direction.OUTBOUND, Direction.INBOUND)))
    await world.track(tenant, recorded(conversation, Direction.INBOUND))
    assert await window(world, tenant) == (world.clock.now, world.clock.now - TICK, None)
    assert await words(world, tenant) == ["opened", "opened"]


def recorded(conversation: UUID, direction: Direction) -> Tracking:
    status = Status.RECEIVED if direction is Direction.INBOUND else Status.SENT
    return Tracking(conversation_id=str(conversation), direction=direction, status=status, wamid=f"wamid.{new_id()}")


async def test_the_end_is_told_once_an_hour_before_and_once_when_it_comes(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    world.clock.now += DAY - timedelta(hours=1) - TICK
    await tell(world)
    assert await words(world, tenant) == ["opened"]
    world.clock.now += TICK
    for _ in range(3):
        await tell(world)
        world.clock.forward(minutes=10)
    assert await words(world, tenant) == ["opened", "expiring"]
    world.clock.now = START + DAY
    for _ in range(3):
        await tell(world)
        world.clock.forward(days=1)
    assert await words(world, tenant) == ["opened", "expiring", "closed"]
    closes = await world.rows(tenant, "SELECT data->>'closes_at' AS at FROM events WHERE starts_with(type, 'window.')")
    assert {datetime.fromisoformat(row["at"]) for row in closes} == {START + DAY}


async def test_a_message_in_the_last_hour_is_told_of_anew_when_that_window_ends(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    world.clock.now += DAY - timedelta(minutes=30)
    await tell(world)
    await receive(world, tenant)
    assert (await window(world, tenant))[2] is None
    await tell(world)
    world.clock.now += DAY
    await tell(world)
    assert await words(world, tenant) == ["opened", "expiring", "closed"]


async def test_an_end_that_was_slept_through_is_told_as_closed_alone(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    world.clock.forward(days=5)
    await tell(world)
    assert await words(world, tenant) == ["opened", "closed"]


async def test_the_end_of_a_window_that_went_on_in_another_conversation_is_nobodys_concern(
    world: World, tenant: Business
) -> None:
    await receive(world, tenant)
    await world.close(tenant)
    world.clock.forward(hours=1)
    await receive(world, tenant)
    await receive(world, tenant, phone_number_id="1002")
    first, second, elsewhere = [conversation for _, conversation in await told(world, tenant)]
    world.clock.now = START + DAY
    await tell(world)
    assert sorted((await told(world, tenant))[3:]) == sorted([("expiring", second), ("expiring", elsewhere)])
    assert await world.value(tenant, "SELECT window_told FROM conversations WHERE id = $1", first) == "closed"
    world.clock.forward(hours=1)
    await tell(world)
    assert {each for word, each in await told(world, tenant) if word == "closed"} == {second, elsewhere}


async def test_two_timers_at_once_tell_each_end_once(world: World, tenant: Business) -> None:
    for customer in range(40):
        await receive(world, tenant, wa_id=f"49170{customer:07}")
    world.clock.now += DAY
    await asyncio.gather(*(tell(world) for _ in range(4)))
    assert Counter(await words(world, tenant)) == {"opened": 40, "closed": 40}


async def test_the_timer_waits_for_nobody_and_comes_again(world: World, tenant: Business) -> None:
    """A customer's message that is being worked on keeps its window."""
    await receive(world, tenant)
    world.clock.now += DAY
    async with world.db.tenant(tenant.tenant) as conn:
        await conn.execute("SELECT FROM conversations FOR NO KEY UPDATE")
        await tell(world)
    assert await words(world, tenant) == ["opened"]
    await tell(world)
    assert await words(world, tenant) == ["opened", "closed"]


async def test_another_sign_of_the_customer_opens_and_moves_the_window(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    world.clock.now += DAY
    (one,) = await signal(world, tenant, (conversation, world.clock.now), (conversation, world.clock.now - TICK))
    assert (one.mapping_id, one.wa_id, one.window_from) == (conversation, CUSTOMER, world.clock.now)
    assert await window(world, tenant) == (world.clock.now, world.clock.now, None)
    world.clock.forward(hours=1)
    assert await signal(world, tenant, (conversation, world.clock.now)) == []
    assert await window(world, tenant) == (world.clock.now, world.clock.now - timedelta(hours=1), None)
    await signal(world, tenant, (conversation, world.clock.now - DAY), (conversation, world.clock.now - timedelta(hours=3)))
    assert (await window(world, tenant))[0] == world.clock.now
    assert await world.value(tenant, "SELECT last_customer_message_at FROM conversations") == START


async def test_a_window_is_the_contacts_on_the_number_in_whichever_conversation(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    contact = await world.value(tenant, "SELECT contact_id FROM conversations")
    await world.close(tenant)
    assert await find_window(world, tenant, contact) == START
    world.clock.forward(hours=2)
    await receive(world, tenant)
    await world.close(tenant)
    assert await find_window(world, tenant, contact) == world.clock.now
    assert await find_window(world, tenant, contact, "1002") is None
    assert window_closes_at(await find_window(world, tenant, contact)) == world.clock.now + DAY


async def test_of_two_merged_conversations_the_one_that_stays_has_the_later_window(world: World, tenant: Business) -> None:
    await receive(world, tenant, wa_id=None, user_id="DE.1")
    called = await world.value(tenant, "SELECT id FROM conversations")
    world.clock.forward(hours=1)
    await receive(world, tenant, wa_id="4917")
    world.clock.forward(hours=1)
    await signal(world, tenant, (called, world.clock.now))
    at = world.clock.now
    world.clock.forward(hours=1)
    # An old message shows that the two are one: it moves no window itself.
    await receive(world, tenant, wa_id="4917", user_id="DE.1", sent_at=START - timedelta(days=2))
    rows = await world.rows(tenant, "SELECT status, window_from, window_told FROM conversations ORDER BY status")
    assert [(row["status"], row["window_from"], row["window_told"]) for row in rows] == [
        ("active", at, None),
        ("closed", at, "closed"),
    ]
    world.clock.now = at + DAY
    await tell(world)
    assert (await words(world, tenant))[2:] == ["closed"]


async def test_what_every_message_writes_stays_heap_only(world: World, tenant: Business) -> None:
    """An index's columns, and those in its condition, must not change with every message."""
    await receive(world, tenant)
    async with world.db.owner() as conn:
        watched = await conn.fetch(
            "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(string_to_array(i.indkey::text, ' ')::int[]) AS k (n)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n WHERE i.indrelid = 'conversations'::regclass"
        )
        conditions = await conn.fetch(
            "SELECT pg_get_expr(indpred, indrelid) AS said FROM pg_index WHERE indrelid = 'conversations'::regclass"
            " AND indpred IS NOT NULL"
        )
    named = {row["attname"] for row in watched} | {word for row in conditions for word in row["said"].split()}
    assert not {each for each in named if each.strip("()") in ("window_from", "window_since", "last_activity_at", "expires_at")}


async def test_a_message_in_an_open_window_costs_no_further_statement(world: World, tenant: Business) -> None:
    async def statements(message: InboundMessage) -> list[str]:
        asked: list[str] = []
        async with world.db.tenant(tenant.tenant) as conn:
            with conn.query_logger(lambda record: asked.append(record.query)):
                await inbound.track(conn, tenant.tenant, tenant.settings, [message], world.clock.now)
        return asked

    await world.receive(tenant, tenant.message())
    world.clock.forward(hours=1)
    in_window = await statements(tenant.message())
    assert len(in_window) == 4, "claim, find the contact, touch the conversation, insert"
    world.clock.forward(days=1)
    assert len(await statements(tenant.message())) == 5, "and make due what is held"


async def test_a_message_that_races_another_sign_opens_the_window_once(world: World, tenant: Business) -> None:
    await receive(world, tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    world.clock.now += DAY
    async with world.db.tenant(tenant.tenant) as conn:
        first = await store.signal_window(conn, tenant.tenant, [(conversation, world.clock.now)], world.clock.now)
        message = asyncio.create_task(receive(world, tenant, sent_at=world.clock.now - TICK))
        await wait_for_lock(conn)
    assert (len(first), await message) == (1, [])
