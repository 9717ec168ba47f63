"""A new kind of item is one row: from it follow its runs, its dead letters, their replays and its queue."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.letters import ACTOR
from tests.world import LANES, Business, World
from waystate.broker.consumer import QueueMessage
from waystate.broker.publisher import Outgoing
from waystate.broker.queues import QueuePipeline
from waystate.dead_letters import replay as deeds
from waystate.dead_letters.model import Pipeline
from waystate.dead_letters.replay import ReplayOutcome, Result
from waystate.errors import Unprocessable
from waystate.events.model import ConversationCorrelated
from waystate.messages.model import Correlation
from waystate.pipeline.batch import Batch, Judged, Taken
from waystate.pipeline.items import Id, Kind, Kinds, Payload
from waystate.pipeline.replay import Replays, check_edited
from waystate.pipeline.run import KINDS, Runner, run_correlations
from waystate.web.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A flow hands a customer to an agent's conversation."""

    wamid: str
    agents: str
    origin: str = ""


class HandoverPayload(Payload):
    """As it comes by a queue."""

    wamid: Id
    agents: Id

    def to_item(self, origin: str, received_at: datetime) -> Handover:
        return Handover(wamid=self.wamid, agents=self.agents, origin=origin)


async def run_handovers(batch: Batch, handovers: Sequence[Handover]) -> Judged:
    return await run_correlations(
        batch, [Correlation(conversation_id=each.agents, whatsapp_message_id=each.wamid) for each in handovers]
    )


HANDOVER = Kind(
    name="handover",
    item=Handover,
    work=run_handovers,
    pipeline=Pipeline.CORRELATION,
    queued=HandoverPayload,
    told_by="agents",
    needed=(("wamid",), ("agents",)),
)
WITH_HANDOVERS = Kinds(*KINDS, HANDOVER)


@pytest.fixture
def runner(world: World) -> Runner:
    metrics = Metrics()
    return Runner(world.db, metrics, lambda *_: None, world.clock, lanes=LANES, kinds=WITH_HANDOVERS)


async def run(runner: Runner, world: World, tenant: Business, *items: object) -> list[bool]:
    """Whether each came to something."""
    taken = [Taken(item, world.clock.now, f"test:{place}") for place, item in enumerate(items)]
    verdicts = await runner.run(tenant.tenant, await world.view(tenant), taken)
    return [verdict.error is None for verdict in verdicts]


async def agents_conversation(world: World, tenant: Business) -> str | None:
    conversation: str | None = await world.value(tenant, "SELECT genesys_conversation_id FROM conversations")
    return conversation


async def replay(world: World, tenant: Business) -> Result:
    letter = await world.value(tenant, "SELECT id FROM dead_letters WHERE status = 'open'")
    pipelines = Replays(world.directory, lanes=LANES, kinds=WITH_HANDOVERS)
    (result,) = await deeds.replay_many(tenant.tenant, [letter], ACTOR, world.db, world.clock, pipelines=pipelines)
    return result


async def test_it_is_run_after_the_messages_that_it_came_before(world: World, tenant: Business, runner: Runner) -> None:
    assert await run(runner, world, tenant, Handover(wamid="wamid.1", agents="agents-1"), tenant.message("wamid.1")) == [
        True,
        True,
    ]
    assert await agents_conversation(world, tenant) == "agents-1"


async def test_a_dead_letter_keeps_it_and_a_replay_runs_it(world: World, tenant: Business, runner: Runner) -> None:
    assert await run(runner, world, tenant, Handover(wamid="wamid.1", agents="agents-1"), tenant.message("wamid.2")) == [
        False,
        True,
    ]
    letter = await world.row(tenant, "SELECT * FROM dead_letters")
    assert (letter["pipeline"], letter["reason"]) == ("correlation", "mapping_not_found")
    assert letter["original_payload"] == {"wamid": "wamid.1", "agents": "agents-1", "origin": ""}
    assert (await replay(world, tenant)).outcome is ReplayOutcome.FAILED
    await world.receive(tenant, tenant.message("wamid.1"))
    result = await replay(world, tenant)
    assert result.outcome is ReplayOutcome.REPLAYED
    assert [type(event) for event in result.events] == [ConversationCorrelated]
    assert await agents_conversation(world, tenant) == "agents-1"


async def test_an_edit_that_it_cannot_take_is_refused_by_the_field(world: World, tenant: Business, runner: Runner) -> None:
    await run(runner, world, tenant, Handover(wamid="wamid.1", agents="agents-1"))
    letter = await world.row(tenant, "SELECT * FROM dead_letters")

    async def edit(payload: dict[str, str]) -> None:
        def check(row: deeds.Row, edited: dict[str, str]) -> None:
            check_edited(row, edited, WITH_HANDOVERS)

        await deeds.edit(tenant.tenant, letter["id"], payload, ACTOR, world.db, world.clock, check=check)

    with pytest.raises(Unprocessable) as refusal:
        await edit({"wamid": "", "agents": "agents-1"})
    assert refusal.value.extra["errors"] == [{"field": "wamid", "problem": "is missing"}]
    await edit({"wamid": "wamid.2", "agents": "agents-1"})


async def test_its_queue_reads_it(world: World, tenant: Business, runner: Runner) -> None:
    async def park(letters: Sequence[Outgoing]) -> None:
        assert not letters

    await world.receive(tenant, tenant.message("wamid.1"))
    queue = QueuePipeline(world.db, world.directory, runner, lambda _: None, park, world.clock)
    bodies: list[dict[str, str]] = [{"wamid": "wamid.1", "agents": "agents-1"}, {"wamid": "wamid.1"}]
    said = [QueueMessage(queue="handovers", id=str(n), body=json.dumps(body).encode()) for n, body in enumerate(bodies)]
    await queue.work("handover", said)
    assert await agents_conversation(world, tenant) == "agents-1"
    letter = await world.row(tenant, "SELECT * FROM dead_letters")
    assert (letter["pipeline"], letter["reason"], letter["origin"]) == ("correlation", "invalid_payload", "queue:handovers:1")
    assert "agents" in letter["error_message"]
