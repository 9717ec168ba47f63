"""A status that is reported by hand: every direction, status and word. What is answered is what holds afterwards."""

from typing import Any

import pytest

from tests.world import Business, World
from waystate.errors import Conflict, Refused, Unprocessable
from waystate.messages.model import Direction, Status
from waystate.messages.status import parse_status, words_of
from waystate.messages.track import Tracked, Tracking, track_many
from waystate.state.conversations import Changed, StatusChange, change_many

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
    (tracked,) = await track_many(tenant.tenant, tenant.settings, [tracking], world.db, world.clock)
    assert isinstance(tracked, Tracked)
    return tracked


async def changed(world: World, tenant: Business, tracked: Tracked, word: str) -> Changed | Refused:
    change = StatusChange(message_id=str(tracked.message_id), status=word, at=world.clock.now)
    (result,), _ = await change_many(tenant.tenant, [change], world.db, world.clock)
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
