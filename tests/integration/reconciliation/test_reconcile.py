"""What Genesys tells when it is asked: ends that nobody told of, and what agents wrote while nobody here could take it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.bodies import agent_says
from tests.integration.deliveries.test_genesys_budget import set_integration
from tests.integration.reconciliation.far_side import CONVERSATION, GenesysSide
from tests.world import LANES, Business, World, run_in
from waystate.channels.genesys.client import GenesysClient
from waystate.conversations.model import ConversationEnd
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.dead_letters.replay import ReplayOutcome, replay_many
from waystate.errors import Reason
from waystate.ids import new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received
from waystate.messages.model import Correlation
from waystate.pipeline.ends import run_ends
from waystate.pipeline.replay import Replays
from waystate.principal import OPERATOR
from waystate.reconciliation.reconcile import Reconciliation
from waystate.web.metrics import Metrics
from waystate.webhooks.work import WebhookPipeline
from waystate.work.lanes import lane_of

PATH = f"/api/v2/conversations/messages/{CONVERSATION}"


@pytest.fixture
async def far() -> GenesysSide:
    return GenesysSide()


@pytest.fixture
async def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def reconciliation(world: World, far: GenesysSide, metrics: Metrics) -> AsyncIterator[Reconciliation]:
    async with far.client() as http:
        yield Reconciliation(world.db, world.directory, GenesysClient(http), metrics, lambda *_: None, world.clock, lanes=LANES)


@pytest.fixture
async def talk(world: World, tenant: Business) -> None:
    """A conversation that Genesys knows, in which a customer wrote and an agent answered."""
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.correlate(tenant, Correlation(conversation_id=CONVERSATION, whatsapp_message_id="wamid.1"))
    world.clock.forward(seconds=30)
    await world.answer(tenant, tenant.reply("known", conversation_id=CONVERSATION))


async def conversation(world: World, business: Business) -> tuple[str, str | None]:
    row = await world.row(business, "SELECT status, close_reason FROM conversations ORDER BY id DESC LIMIT 1")
    return row["status"], row["close_reason"]


async def letters(world: World, business: Business) -> list[dict[str, Any]]:
    return await world.rows(business, "SELECT id, status, reason, original_payload FROM dead_letters ORDER BY id")


async def told(world: World, business: Business, kind: str) -> list[dict[str, Any]]:
    rows = await world.rows(business, "SELECT data FROM events WHERE type = $1 ORDER BY position", kind)
    return [row["data"] for row in rows]


@pytest.mark.usefixtures("talk")
async def test_a_silent_conversation_is_asked_about_once_and_then_seldom(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("known", world.clock.now, "Good morning")
    for minutes, asked in ((59, 0), (2, 1), (30, 1), (60, 1), (300, 2)):
        world.clock.forward(minutes=minutes)
        await reconciliation.reconcile_all()
        assert far.asked.total() == asked, minutes
    assert await conversation(world, tenant) == ("active", None)
    assert await letters(world, tenant) == []


@pytest.mark.usefixtures("talk")
async def test_what_ended_without_a_word_is_closed(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.ended = world.clock.forward(minutes=10)
    world.clock.forward(minutes=60)
    await reconciliation.reconcile_all()
    assert await conversation(world, tenant) == ("closed", "genesys_ended")
    (event,) = await told(world, tenant, "conversation.closed")
    assert event["reason"] == "genesys_ended"
    await reconciliation.reconcile_all()
    assert len(await told(world, tenant, "conversation.closed")) == 1


@pytest.mark.usefixtures("talk")
async def test_what_genesys_does_not_know_three_times_is_closed_with_its_own_reason(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation, metrics: Metrics
) -> None:
    far.conversations.clear()
    for status in ("active", "active", "closed"):
        world.clock.forward(minutes=61)
        await reconciliation.reconcile_all()
        assert (await conversation(world, tenant))[0] == status
    assert (await conversation(world, tenant))[1] == "genesys_unknown"
    assert metrics.genesys_checks_total.labels("unknown")._value.get() == 3


@pytest.mark.parametrize("status", [401, 403, 429, 500])
@pytest.mark.usefixtures("talk")
async def test_a_refusal_closes_nothing_and_the_rest_of_the_round_is_spared(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation, status: int
) -> None:
    await add_conversations(world, tenant, far, 3)
    far.status = status
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert far.asked.total() <= 2  # a refused token is renewed once
    far.status = 200
    await reconciliation.reconcile_all()
    assert len(far.asked) == 4


async def add_conversations(world: World, business: Business, far: GenesysSide, count: int) -> None:
    for number in range(count):
        wamid, name = f"wamid.other.{number}", f"conversation-{number}"
        await world.receive(business, business.message(wamid, wa_id=f"4917000001{number:02}"))
        await world.correlate(business, Correlation(conversation_id=name, whatsapp_message_id=wamid))
        far.conversations.add(name)


async def test_a_round_asks_no_more_than_a_share_of_the_clients_requests(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    await add_conversations(world, tenant, far, 40)
    world.clock.forward(minutes=61)
    asked: list[int] = []
    for _ in range(4):
        await reconciliation.reconcile_all()
        asked.append(far.asked.total())
    assert asked == [15, 30, 40, 40]  # of 300 a minute
    assert set(far.asked.values()) == {1}


async def test_tenants_that_share_a_client_share_its_questions(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    other = await world.add("other", number="2002")
    await set_integration(world, other, client_id=f"client-{tenant.number}")
    await add_conversations(world, tenant, far, 20)
    await add_conversations(world, other, far, 20)
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert far.asked.total() == 15


@pytest.mark.usefixtures("talk")
async def test_more_missed_messages_than_a_round_may_ask_for_are_found_in_several(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    await reconciliation.beat()
    world.clock.forward(minutes=5)
    for number in range(40):
        far.say(f"lost.{number}", world.clock.now, f"Line {number}")
    far.ended = world.clock.now
    await reconciliation.beat()
    world.clock.forward(minutes=4)
    for found, status in ((14, "active"), (28, "active"), (40, "closed")):
        await reconciliation.reconcile_all()
        assert (len(await letters(world, tenant)), (await conversation(world, tenant))[0]) == (found, status)
    assert far.asked.total() == 43
    await reconciliation.reconcile_all()
    assert len(await letters(world, tenant)) == 40


@pytest.mark.usefixtures("talk")
async def test_what_is_asked_for_in_vain_keeps_nothing_from_being_found(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    await reconciliation.beat()
    world.clock.forward(minutes=5)
    far.echoes = {f"echo.{number}" for number in range(20)}
    for name in sorted(far.echoes):
        far.say(name, world.clock.now, "Hers")
    world.clock.forward(seconds=1)
    far.say("lost", world.clock.now, "Here it is.")
    await reconciliation.beat()
    world.clock.forward(minutes=4)
    for asked in (15, 23, 23):
        await reconciliation.reconcile_all()
        assert far.asked.total() == asked
    assert [each["original_payload"]["text"] for each in await letters(world, tenant)] == ["Here it is."]


@pytest.mark.usefixtures("talk")
async def test_what_an_agent_wrote_while_nobody_was_here_is_shown_and_sent_by_a_replay_alone(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation, metrics: Metrics
) -> None:
    far.say("known", world.clock.now, "Good morning")
    assert not await reconciliation.beat()
    world.clock.forward(minutes=5)
    far.say("lost", world.clock.now, "It left our warehouse this morning.")
    far.say("hers", world.clock.now, "Thanks", purpose="customer")
    world.clock.forward(minutes=5)
    assert await reconciliation.beat()
    await reconciliation.reconcile_all()
    assert far.asked.total() == 0  # Genesys may still be trying
    world.clock.forward(minutes=4)
    for _ in range(2):
        await reconciliation.reconcile_all()
    assert far.asked == {PATH: 1, f"{PATH}/messages/lost": 1}
    (letter,) = await letters(world, tenant)
    assert (letter["reason"], letter["original_payload"]["text"]) == (
        "missed_genesys_message",
        "It left our warehouse this morning.",
    )
    (event,) = await told(world, tenant, "message.missed")
    assert (event["genesys_message_id"], event["message_text"]) == ("lost", "It left our warehouse this morning.")
    assert metrics.genesys_gaps_total._value.get() == 1
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE genesys_message_id = 'lost'") == 0
    await replay(world, tenant, letter["id"])
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'lost'") == "queued"


@pytest.mark.usefixtures("talk")
async def test_what_a_missed_message_offers_is_told_as_text_and_sent_as_buttons(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    await reconciliation.beat()
    world.clock.forward(minutes=5)
    far.say("lost", world.clock.now, "Which?")
    far.contents["lost"] = [{"contentType": "QuickReply", "quickReply": {"text": each, "payload": each}} for each in ("A", "B")]
    await reconciliation.beat()
    world.clock.forward(minutes=4)
    await reconciliation.reconcile_all()
    (event,) = await told(world, tenant, "message.missed")
    assert event["message_text"] == "Which?\n1. A\n2. B"
    (letter,) = await letters(world, tenant)
    await replay(world, tenant, letter["id"])
    await world.relay(tenant)
    bodies = [row["request"] for row in await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'whatsapp'")]
    (made,) = [each for each in bodies if each["type"] == "interactive"]
    assert [each["reply"]["title"] for each in made["interactive"]["action"]["buttons"]] == ["A", "B"]


async def replay(world: World, business: Business, letter: UUID) -> None:
    """As a person does: it must be sent then."""
    replays = Replays(world.directory, lanes=LANES)
    (result,) = await replay_many(business.tenant, [letter], OPERATOR, world.db, world.clock, pipelines=replays)
    assert result.outcome is ReplayOutcome.REPLAYED, result.message


@pytest.mark.usefixtures("talk")
async def test_what_was_missed_in_a_conversation_that_ended_meanwhile_is_found_and_can_still_be_sent(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("lost", world.clock.forward(minutes=1), "Goodbye")
    far.ended = world.clock.forward(minutes=1)
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert await conversation(world, tenant) == ("closed", "genesys_ended")
    (letter,) = await letters(world, tenant)
    await replay(world, tenant, letter["id"])
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'lost'") == "queued"


@pytest.mark.usefixtures("talk")
async def test_an_end_that_was_told_lets_the_last_messages_be_looked_for_once(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("lost", world.clock.forward(minutes=1), "Goodbye")
    far.ended = world.clock.forward(minutes=1)
    end = ConversationEnd(conversation_id=CONVERSATION, ended_at=far.ended)
    judged = await run_in(world.db, world.directory, world.clock, tenant.tenant, run_ends, [end])
    assert judged.verdicts[0].message == "The conversation is closed."
    for minutes, asked in ((1, 0), (3, 2), (61, 2)):
        world.clock.forward(minutes=minutes)
        await reconciliation.reconcile_all()
        assert far.asked.total() == asked
    assert len(await letters(world, tenant)) == 1


@pytest.mark.usefixtures("talk")
async def test_what_came_and_is_not_worked_yet_is_not_missing(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("waiting", world.clock.forward(minutes=1), "Wait")
    body = agent_says(tenant, "waiting", conversation=CONVERSATION)
    lane = lane_of(tenant.integration, LANES)
    world.clock.forward(minutes=61)
    row = Received(id=new_id(), source="genesys", origin=tenant.integration, lane=lane, received_at=world.clock.now, body=body)
    async with world.db.ingest() as conn:
        await ledger_store.append_many(conn, [row])
    await reconciliation.reconcile_all()
    assert await letters(world, tenant) == []
    async with world.db.work() as conn:
        (taken,) = await ledger_store.take_many(conn, range(LANES), world.clock.now, 10)
    await WebhookPipeline(world.db, world.directory, world.runner(), Metrics(), lanes=LANES).work([taken])
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert await letters(world, tenant) == []
    assert far.asked == {PATH: 2}


@pytest.mark.usefixtures("talk")
async def test_what_came_and_could_not_be_used_is_no_second_letter(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("buried", world.clock.forward(minutes=1), "Hello")
    letter = DeadLetter(
        pipeline=Pipeline.OUTBOUND,
        reason=Reason.MAPPING_NOT_FOUND,
        error_message="not known",
        original_payload={"genesys_message_id": "buried"},
        origin="ledger:1:0",
    )
    async with world.db.tenant(tenant.tenant) as conn:
        await dead_letter_store.insert_many(conn, tenant.tenant, [letter])
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert len(await letters(world, tenant)) == 1


@pytest.mark.usefixtures("talk")
async def test_what_another_program_sends_is_not_asked_about(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    await world.execute(tenant, "UPDATE genesys_integrations SET sender = 'external'")
    world.directory.clear()
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert far.asked.total() == 0


@pytest.mark.usefixtures("talk")
async def test_a_message_of_before_the_conversation_is_not_missing(
    world: World, tenant: Business, far: GenesysSide, reconciliation: Reconciliation
) -> None:
    far.say("former", world.clock.now - timedelta(hours=1), "Of another conversation under the same id")
    world.clock.forward(minutes=61)
    await reconciliation.reconcile_all()
    assert far.asked == {PATH: 1}
