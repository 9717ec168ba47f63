"""A status that is reported by hand: every direction, status and word. What is answered is what holds afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.world import HOLD, LANES, Business, World, later, lost, wait_for_lock
from waystate.db.pool import Database
from waystate.deliveries.model import Target
from waystate.deliveries.plan import DeliverySink
from waystate.deliveries.settle import recover
from waystate.errors import Conflict, Refused, Unprocessable
from waystate.events import outbox
from waystate.messages.model import Direction, Status
from waystate.messages.status import parse_status, words_of
from waystate.state.changes import Changed, StatusChange
from waystate.state.track import Tracked, Tracking

REACHED = {
    Direction.INBOUND: (Status.RECEIVED, Status.PROCESSED, Status.FAILED),
    Direction.OUTBOUND: (Status.QUEUED, Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED),
}
WORDS = sorted({*words_of(Direction.INBOUND), *words_of(Direction.OUTBOUND), "gone", "DELIVERED", "warning"})
TABLE = [(direction, current, word) for direction, reached in REACHED.items() for current in reached for word in WORDS]


@pytest.fixture
async def tenant(world: World) -> Business:
    business = await world.add("acme", number="1001", with_genesys=False)
    await world.receive(business, business.message())
    return business


async def message_in(world: World, tenant: Business, direction: Direction, status: Status) -> Tracked:
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    tracking = Tracking(conversation_id=conversation, direction=direction, status=status)
    (tracked,) = await world.track(tenant, tracking)
    assert isinstance(tracked, Tracked)
    return tracked


async def changed(
    world: World, tenant: Business, tracked: Tracked, word: str, *, error: dict[str, Any] | None = None
) -> Changed | Refused:
    change = StatusChange(message_id=str(tracked.message_id), status=word, at=world.clock.now, error=error)
    result: Changed | Refused
    (result,) = await world.change(tenant, change)
    return result


async def test_an_answer_says_what_the_message_is_whatever_word_it_was_asked_with(world: World, tenant: Business) -> None:
    seen: dict[str, set[Any]] = {"200": set(), "409": set(), "422": set()}
    for direction, current, word in TABLE:
        tracked = await message_in(world, tenant, direction, current)
        result = await changed(world, tenant, tracked, word)
        now = await world.value(tenant, "SELECT status FROM messages WHERE id = $1", tracked.message_id)
        meant = parse_status(word, direction)
        case = (direction.value, current.value, word)
        if meant is None:
            assert isinstance(result, Unprocessable), case
            seen["422"].add(case)
        elif isinstance(result, Changed):
            assert result.status == now == meant, case
            seen["200"].add(case)
        else:
            assert isinstance(result, Conflict), case
            assert now == current, case
            assert meant != current, case
            seen["409"].add(case)
    assert ("inbound", "received", "delivered") in seen["200"]
    assert ("outbound", "delivered", "sent") in seen["409"]
    assert ("inbound", "received", "queued") in seen["422"]
    assert sum(map(len, seen.values())) == len(TABLE)


@pytest.mark.parametrize("direction", Direction)
async def test_the_words_that_a_refusal_offers_are_the_words_that_are_taken(
    world: World, tenant: Business, direction: Direction
) -> None:
    first = REACHED[direction][0]
    refused = await changed(world, tenant, await message_in(world, tenant, direction, first), "gone")
    assert isinstance(refused, Unprocessable)
    offered = refused.detail.partition("Send one of: ")[2].rstrip(".").split(", ")
    assert len(offered) >= 6
    for word in WORDS:
        result = await changed(world, tenant, await message_in(world, tenant, direction, first), word)
        assert isinstance(result, Unprocessable) == (word.lower() not in offered), word


async def test_what_may_follow_is_what_is_taken(world: World, tenant: Business) -> None:
    for direction, current, word in TABLE:
        result = await changed(world, tenant, await message_in(world, tenant, direction, current), word)
        if isinstance(result, Conflict):
            for follows in result.extra["valid_next_states"]:
                again = await changed(world, tenant, await message_in(world, tenant, direction, current), follows)
                assert isinstance(again, Changed), (direction, current, follows)
            assert result.extra["valid_next_states"] or "final" in result.detail


async def test_a_refused_status_changes_nothing(world: World, tenant: Business) -> None:
    for direction, current, word in TABLE:
        tracked = await message_in(world, tenant, direction, current)
        before = await world.row(tenant, "SELECT * FROM messages WHERE id = $1", tracked.message_id)
        world.clock.forward(seconds=1)
        if isinstance(await changed(world, tenant, tracked, word), Refused):
            assert await world.row(tenant, "SELECT * FROM messages WHERE id = $1", tracked.message_id) == before, word


async def test_a_failure_keeps_its_first_error_and_says_so(world: World, tenant: Business) -> None:
    tracked = await message_in(world, tenant, Direction.OUTBOUND, Status.SENT)
    answers = [
        await changed(world, tenant, tracked, "failed", error=error) for error in ({"code": 1}, {"code": 1}, None, {"code": 2})
    ]
    assert [type(each) for each in answers] == [Changed, Changed, Changed, Conflict]
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", tracked.message_id)
    assert (row["status"], row["error"]) == ("failed", {"code": 1})


@pytest.fixture
async def carrying(world: World) -> Business:
    return await world.add("carrier", number="1002")


async def inbound_and_outbound(world: World, tenant: Business) -> list[Any]:
    await world.correspond(tenant)
    await world.receive(tenant, tenant.message())
    return [row["id"] for row in await world.rows(tenant, "SELECT id FROM messages WHERE status IN ('queued', 'received')")]


@pytest.mark.parametrize("stage", ["recorded", "planned", "claimed", "to be tried again"])
async def test_what_waystate_is_about_to_pass_on_takes_no_status_by_hand(world: World, carrying: Business, stage: str) -> None:
    """200 would be untrue: it leaves all the same."""
    waiting = await inbound_and_outbound(world, carrying)
    assert len(waiting) == 2
    if stage == "planned":
        await world.relay(carrying)
    if stage in ("claimed", "to be tried again"):
        claimed = await world.deliver(carrying)
        assert {each.message_id for each in claimed} == set(waiting)
        if stage == "to be tried again":
            await world.settle(carrying, *[(each, later()) for each in claimed])
    before = await world.rows(carrying, "SELECT * FROM messages ORDER BY id")
    for message_id in waiting:
        for word in ("delivered", "failed", "read"):
            refused = await changed(world, carrying, Tracked(message_id, False, Status.QUEUED), word)
            assert isinstance(refused, Conflict), word
            assert refused.code == "delivery_under_way"
    assert await world.rows(carrying, "SELECT * FROM messages ORDER BY id") == before


async def test_what_was_never_to_be_passed_on_takes_a_status_by_hand(world: World, tenant: Business) -> None:
    """It came while nobody was there to pass it on to, and somebody is now."""
    await world.relay(tenant)
    await world.add("acme", number="1001", with_genesys=True)
    await world.relay(tenant)
    message_id = await world.value(tenant, "SELECT id FROM messages")
    assert isinstance(await changed(world, tenant, Tracked(message_id, False, Status.QUEUED), "processed"), Changed)


async def test_of_an_unknown_send_whoever_knows_may_say_what_became(world: World, carrying: Business) -> None:
    await world.correspond(carrying)
    (claimed,) = [each for each in await world.deliver(carrying) if each.target is Target.WHATSAPP]
    await world.settle(carrying, (claimed, lost()))
    assert isinstance(await changed(world, carrying, Tracked(claimed.message_id, False, Status.QUEUED), "delivered"), Changed)
    assert await world.value(carrying, "SELECT state FROM deliveries WHERE target = 'whatsapp'") == "sent"


async def test_a_message_that_somebody_else_carries_takes_every_status(world: World) -> None:
    tenant = await world.add("external", number="1003", sender="external")
    await world.receive(tenant, tenant.message("wamid.in"))
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    await world.answer(tenant, tenant.reply("g.1", conversation_id=conversation))
    await world.relay(tenant)
    for row in await world.rows(tenant, "SELECT id FROM messages"):
        assert isinstance(await changed(world, tenant, Tracked(row["id"], False, Status.QUEUED), "delivered"), Changed)


async def test_what_is_said_to_have_failed_is_not_sent_by_an_answer_that_comes_late(world: World, carrying: Business) -> None:
    """One process was slow, another took over and does not know; a person says that it failed; the first one is told 429."""
    await world.correspond(carrying)
    (claimed,) = [each for each in await world.deliver(carrying) if each.target is Target.WHATSAPP]
    world.clock.forward(seconds=10)
    assert await recover(carrying.tenant, carrying.settings, range(LANES), world.db, world.clock, hold=HOLD) == 1
    tracked = Tracked(claimed.message_id, False, Status.QUEUED)
    assert isinstance(await changed(world, carrying, tracked, "failed", error={"code": "asked_the_customer"}), Changed)
    await world.settle(carrying, (claimed, later()))
    world.clock.forward(minutes=2)
    assert [each for each in await world.claim(carrying) if each.target is Target.WHATSAPP] == []


async def test_a_failure_said_again_without_an_error_keeps_the_first_ones(world: World, tenant: Business) -> None:
    tracked = await message_in(world, tenant, Direction.OUTBOUND, Status.SENT)
    before = world.clock.now
    world.clock.forward(minutes=1)
    assert isinstance(await changed(world, tenant, tracked, "failed", error={"code": 131026}), Changed)
    change = StatusChange(message_id=str(tracked.message_id), status="failed", at=before)
    assert isinstance((await world.change(tenant, change))[0], Changed)
    assert await world.value(tenant, "SELECT error FROM messages WHERE id = $1", tracked.message_id) == {"code": 131026}


@pytest.mark.parametrize("table", ["deliveries", "sink_cursors"])
async def test_a_relay_that_commits_meanwhile_is_not_overlooked(
    world: World, carrying: Business, database_url: str, table: str
) -> None:
    """The relay commits between the two looks, at its cursor and at the deliveries; a lock request holds the gap open."""
    await world.correspond(carrying)
    message_id = await world.value(carrying, "SELECT id FROM messages WHERE direction = 'outbound'")
    sink = DeliverySink(world.directory, LANES)
    async with opened(database_url) as other, other.login() as watch:

        async def lock_the_second_look() -> None:
            async with other.login() as conn:
                await conn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

        async with other.tenant(carrying.tenant) as conn:
            window = await outbox.read_after(conn, carrying.tenant, sink.name, epoch=1, batch=100, types=sink.types)
            assert window.position is not None
            await sink(conn, carrying.tenant, window.stamped)
            await outbox.move_cursor(conn, carrying.tenant, sink.name, window.position, epoch=1)
            locking = asyncio.create_task(lock_the_second_look())
            await wait_for_lock(watch, waiting=1)
            asking = asyncio.create_task(changed(world, carrying, Tracked(message_id, False, Status.QUEUED), "failed"))
            await wait_for_lock(watch, waiting=2)
        await locking
        answer = await asking
    assert isinstance(answer, Conflict)
    assert await world.value(carrying, "SELECT status FROM messages WHERE id = $1", message_id) == "queued"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    db = await Database.open(url, pool_size=3, statement_timeout=10)
    try:
        yield db
    finally:
        await db.close()
