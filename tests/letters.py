"""Dead letters in tests: buried as the pipelines do it, and replayed."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from tests.world import LANES, Business, World
from waystate.dead_letters import replay as deeds
from waystate.dead_letters import store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.dead_letters.replay import Result
from waystate.errors import Reason
from waystate.ids import new_id
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport
from waystate.pipeline.replay import Replays, check_edited
from waystate.principal import Actor

ACTOR = Actor("key", new_id())
as_json: TypeAdapter[Any] = TypeAdapter(InboundMessage | OutboundMessage | StatusReport)


async def bury_many(world: World, tenant: Business, *letters: tuple[Pipeline, object], **said: Any) -> list[UUID]:
    """The payloads as the pipelines keep them; the ids of the dead letters, in order."""
    buried = [
        DeadLetter(
            pipeline=pipeline,
            reason=said.get("reason", Reason.DATABASE_ERROR),
            error_message="test",
            original_payload=payload if isinstance(payload, dict) else as_json.dump_python(payload, mode="json"),
            origin=said.get("origin", f"test:{new_id()}"),
        )
        for pipeline, payload in letters
    ]
    async with world.db.tenant(tenant.tenant) as conn:
        await store.insert_many(conn, tenant.tenant, buried)
        return [row["id"] for row in reversed(await store.list_page(conn, tenant.tenant, batch=len(buried)))]


async def bury(world: World, tenant: Business, pipeline: Pipeline, payload: object, **said: Any) -> UUID:
    (letter,) = await bury_many(world, tenant, (pipeline, payload), **said)
    return letter


async def replay_many(world: World, tenant: Business, *ids: UUID) -> list[Result]:
    pipelines = Replays(world.directory, lanes=LANES)
    return await deeds.replay_many(tenant.tenant, ids, ACTOR, world.db, world.clock, pipelines=pipelines)


async def replay(world: World, tenant: Business, letter: UUID) -> Result:
    (result,) = await replay_many(world, tenant, letter)
    return result


async def edit(world: World, tenant: Business, letter: UUID, payload: Any) -> dict[str, Any]:
    return await deeds.edit(tenant.tenant, letter, payload, ACTOR, world.db, world.clock, check=check_edited)


async def row_of(world: World, tenant: Business, letter: UUID) -> dict[str, Any]:
    return await world.row(tenant, "SELECT * FROM dead_letters WHERE id = $1", letter)
