"""Replay of dead letters: at the end of the order, with one effect, however often it is asked for."""

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.world import Business, World, accepted, refused
from waystate.dead_letters import store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.deliveries.model import Target
from waystate.errors import Conflict, NotFound, Reason, Unprocessable
from waystate.events.model import Event, InboundEnriched, OutboundProcessed
from waystate.ids import new_id
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport
from waystate.pipelines.dead_letters import replay

GENESYS = "genesys-conversation"
as_json: TypeAdapter[Any] = TypeAdapter(InboundMessage | OutboundMessage | StatusReport)


async def bury(world: World, tenant: Business, pipeline: Pipeline, payload: object) -> Any:
    """The payload as the pipelines keep it; the id of the dead letter."""
    kept = payload if isinstance(payload, dict) else as_json.dump_python(payload, mode="json")
    letter = DeadLetter(
        pipeline=pipeline, reason=Reason.DATABASE_ERROR, error_message="test", original_payload=kept, origin=str(new_id())
    )
    async with world.db.tenant(tenant.tenant) as conn:
        await store.insert_many(conn, tenant.tenant, [letter])
        return (await store.list_page(conn, tenant.tenant, batch=1))[0]["id"]


async def replayed(world: World, tenant: Business, letter: Any) -> list[Event]:
    return await replay(tenant.tenant, await world.view(tenant), letter, world.db, world.clock)


async def status(world: World, tenant: Business, letter: Any) -> str:
    found: str = await world.value(tenant, "SELECT status FROM dead_letters WHERE id = $1", letter)
    return found


async def test_a_customers_message_is_tracked_by_its_replay(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1", media={"id": "m"}, content={"body": "x"}))
    (event,) = await replayed(world, tenant, letter)
    assert isinstance(event, InboundEnriched)
    assert (event.wamid, event.media, event.content) == ("wamid.1", {"id": "m"}, {"body": "x"})
    assert await status(world, tenant, letter) == "replayed"


async def test_twenty_replays_at_once_have_one_effect(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    results = await asyncio.gather(*(replayed(world, tenant, letter) for _ in range(20)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Conflict"] * 19 + ["list"]
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_what_was_tracked_meanwhile_is_not_tracked_again(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    await world.receive(tenant, tenant.message("wamid.1"))
    assert await replayed(world, tenant, letter) == []
    assert await status(world, tenant, letter) == "replayed"


async def test_an_agents_message_waits_until_its_conversation_is_known(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.OUTBOUND, tenant.reply("g.1", conversation_id=GENESYS))
    with pytest.raises(Conflict, match="It would be a dead letter again"):
        await replayed(world, tenant, letter)
    assert await status(world, tenant, letter) == "open"
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = $1", GENESYS)
    (event,) = await replayed(world, tenant, letter)
    assert isinstance(event, OutboundProcessed)
    assert event.genesys_message_id == "g.1"


async def test_a_status_is_merged_or_waits_for_its_message(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    known = await bury(world, tenant, Pipeline.STATUS, tenant.report("wamid.out", "read", message_id=claimed.message_id))
    unknown = await bury(world, tenant, Pipeline.STATUS, tenant.report("wamid.other", "read"))
    assert len(await replayed(world, tenant, known)) == 1
    assert await replayed(world, tenant, unknown) == []
    assert await world.value(tenant, "SELECT status FROM messages WHERE wamid = 'wamid.out'") == "read"
    assert await world.value(tenant, "SELECT external_id FROM early_statuses") == "wamid.other"


async def test_a_delivery_is_tried_again_and_a_second_refusal_opens_the_letter_again(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    (claimed,) = await world.deliver(tenant)
    await world.settle(tenant, (claimed, refused()))
    letter = await world.value(tenant, "SELECT id FROM dead_letters")
    assert await replayed(world, tenant, letter) == []
    (again,) = await world.claim(tenant)
    assert (again.event_id, again.attempt) == (claimed.event_id, 2)
    await world.settle(tenant, (again, refused()))
    row = await world.row(tenant, "SELECT status, retry_count FROM dead_letters")
    assert list(row.values()) == ["open", 1]
    await replayed(world, tenant, letter)
    (third,) = await world.claim(tenant)
    await world.settle(tenant, (third, accepted("genesys-message")))
    assert await world.value(tenant, "SELECT status FROM messages") == "processed"
    assert await status(world, tenant, letter) == "replayed"


async def test_what_is_still_unusable_says_what_is_wrong_and_stays_open(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, {"id": "wamid.nobody"})
    with pytest.raises(Unprocessable, match="wamid"):
        await replayed(world, tenant, letter)
    assert await status(world, tenant, letter) == "open"


async def test_another_tenants_letter_is_not_there(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message())
    with pytest.raises(NotFound):
        await replayed(world, other, letter)
