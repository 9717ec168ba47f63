"""Who has the word when what stood behind others leaves: whoever took it last, and who lost it is not heard any more."""

from datetime import timedelta
from uuid import UUID

from tests.integration.planned.test_order import KEY, post
from tests.integration.sends.test_release import plan, release, silent
from tests.world import Business, World
from waystate.conversations.control import Speaker, SpeakerKind
from waystate.sends.model import Waiting

FIRST, SECOND = (Speaker(SpeakerKind.PERSON, UUID(int=number), True, leads=True) for number in (1, 2))


async def stand_behind(world: World, tenant: Business, *speakers: Speaker) -> None:
    """Each says its number, behind what is held for a customer who has just written."""
    await silent(world, tenant)
    await plan(world, tenant, "held")
    await world.receive(tenant, tenant.message())
    for number, speaker in enumerate(speakers):
        assert isinstance(await post(world, tenant, str(number), speaker), Waiting)


async def leave(world: World, tenant: Business) -> dict[str, str]:
    """Status by text of what the business said."""
    world.clock.now += timedelta(seconds=1)
    await release(world, tenant)
    rows = await world.rows(tenant, "SELECT text, status FROM messages WHERE direction = 'outbound'")
    return {row["text"]: row["status"] for row in rows}


async def holder(world: World, tenant: Business) -> str:
    found: str = await world.value(tenant, "SELECT control_holder FROM conversations")
    return found


async def test_of_two_who_take_the_word_in_one_release_the_last_one_has_it_and_alone_is_heard(
    world: World, tenant: Business
) -> None:
    await stand_behind(world, tenant, KEY, FIRST, SECOND)
    said = await leave(world, tenant)
    assert await holder(world, tenant) == SECOND.holder
    assert said == {"held": "queued", "0": "failed", "1": "failed", "2": "queued"}


async def test_the_epoch_of_the_conversation_is_that_of_the_last_change(world: World, tenant: Business) -> None:
    await stand_behind(world, tenant, KEY, FIRST, SECOND)
    await leave(world, tenant)
    told = await world.rows(tenant, "SELECT data FROM events WHERE type = 'control.changed' ORDER BY position")
    assert [row["data"]["control_epoch"] for row in told] == [1, 2, 3]
    assert await world.value(tenant, "SELECT control_epoch FROM conversations") == 3


async def test_who_took_the_word_before_an_agent_spoke_does_not_take_it_back_when_their_turn_comes(
    world: World, tenant: Business
) -> None:
    await stand_behind(world, tenant, FIRST)
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    await world.answer(tenant, tenant.reply("g.last", text="agent", conversation_id=conversation))
    said = await leave(world, tenant)
    assert await holder(world, tenant) == "genesys"
    assert said["agent"] == "queued"
    assert await world.value(tenant, "SELECT state FROM planned_messages WHERE request->>'text' = '0'") == "failed"
