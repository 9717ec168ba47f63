"""Replay of dead letters: at the end of the order, with one effect, however often it is asked for."""

import asyncio
from uuid import UUID

import pytest

from tests.letters import ACTOR, as_json, bury, bury_many, edit, replay, replay_many, row_of
from tests.world import Business, World, accepted
from waystate.dead_letters import replay as dead_letters
from waystate.dead_letters import store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.dead_letters.replay import ReplayOutcome, runs_of
from waystate.deliveries.model import Target
from waystate.errors import Conflict, NotFound, Reason, Unprocessable
from waystate.events.model import InboundEnriched, OutboundProcessed
from waystate.ids import new_id

GENESYS = "genesys-conversation"


async def status(world: World, tenant: Business, letter: UUID) -> str:
    return str((await row_of(world, tenant, letter))["status"])


async def test_a_customers_message_is_tracked_by_its_replay(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1", media={"id": "m"}, content={"body": "x"}))
    result = await replay(world, tenant, letter)
    (event,) = result.events
    assert isinstance(event, InboundEnriched)
    file_id = await world.value(tenant, "SELECT id::text FROM media_files")
    assert (event.wamid, event.media, event.content) == ("wamid.1", {"id": "m", "file_id": file_id}, {"body": "x"})
    row = await row_of(world, tenant, letter)
    assert (result.outcome, row["status"], row["retry_count"]) == (ReplayOutcome.REPLAYED, "replayed", 1)
    assert (row["replayed_at"], row["actor_kind"], row["actor_id"]) == (world.clock.now, "key", ACTOR.id)


async def test_twenty_replays_at_once_have_one_effect(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    results = await asyncio.gather(*(replay(world, tenant, letter) for _ in range(20)))
    assert sorted(each.outcome for each in results) == [ReplayOutcome.NOT_OPEN] * 19 + [ReplayOutcome.REPLAYED]
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_what_was_tracked_meanwhile_is_not_tracked_again_and_the_answer_says_so(world: World, tenant: Business) -> None:
    first, twin = await bury_many(world, tenant, *[(Pipeline.INBOUND, tenant.message("wamid.1"))] * 2)
    other = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.2"))
    await world.receive(tenant, tenant.message("wamid.2"))
    results = await replay_many(world, tenant, first, twin, other)
    assert [each.outcome for each in results] == [
        ReplayOutcome.REPLAYED,
        ReplayOutcome.ALREADY_DONE,
        ReplayOutcome.ALREADY_DONE,
    ]
    assert results[1].events == ()
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 2
    assert {await status(world, tenant, each) for each in (first, twin, other)} == {"replayed"}


async def test_an_agents_message_waits_until_its_conversation_is_known(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.OUTBOUND, tenant.reply("g.1", conversation_id=GENESYS))
    early = await replay(world, tenant, letter)
    assert (early.outcome, early.reason) == (ReplayOutcome.FAILED, Reason.MAPPING_NOT_FOUND)
    row = await row_of(world, tenant, letter)
    assert (row["status"], row["retry_count"], row["last_reason"]) == ("open", 1, "mapping_not_found")
    assert "No conversation is known" in row["last_error"]
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = $1", GENESYS)
    (event,) = (await replay(world, tenant, letter)).events
    assert isinstance(event, OutboundProcessed)
    assert event.genesys_message_id == "g.1"
    row = await row_of(world, tenant, letter)
    assert (row["status"], row["retry_count"], row["last_reason"]) == ("replayed", 2, None)


async def test_a_status_is_merged_or_waits_for_its_message(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    known = await bury(world, tenant, Pipeline.STATUS, tenant.report("wamid.out", "read", message_id=claimed.message_id))
    lower = await bury(world, tenant, Pipeline.STATUS, tenant.report("wamid.out", "delivered"))
    unknown = await bury(world, tenant, Pipeline.STATUS, tenant.report("wamid.other", "read"))
    results = await replay_many(world, tenant, known, lower, unknown)
    assert [each.outcome for each in results] == [ReplayOutcome.REPLAYED, ReplayOutcome.ALREADY_DONE, ReplayOutcome.REPLAYED]
    assert await world.value(tenant, "SELECT status FROM messages WHERE wamid = 'wamid.out'") == "read"
    assert await world.value(tenant, "SELECT external_id FROM early_statuses") == "wamid.other"


async def test_what_is_still_unusable_says_which_field_and_is_mended_by_an_edit(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, {"id": "wamid.nobody"})
    result = await replay(world, tenant, letter)
    assert (result.outcome, result.reason) == (ReplayOutcome.FAILED, Reason.INVALID_PAYLOAD)
    assert "wamid" in {each["field"] for each in result.problems}
    with pytest.raises(Unprocessable, match="wa_id or user_id") as refusal:
        await edit(world, tenant, letter, {"wamid": "w", "phone_number_id": "1001", "sent_at": "2026-03-02T12:00:00Z"})
    assert refusal.value.extra["errors"] == [{"field": "wa_id or user_id", "problem": "is missing"}]
    mended = as_json.dump_python(tenant.message("wamid.mended"), mode="json")
    row = await edit(world, tenant, letter, mended)
    assert (row["original_payload"], row["edited_payload"]) == ({"id": "wamid.nobody"}, mended)
    (event,) = (await replay(world, tenant, letter)).events
    assert isinstance(event, InboundEnriched)
    assert event.wamid == "wamid.mended"
    with pytest.raises(Conflict, match="replayed already"):
        await edit(world, tenant, letter, mended)


async def test_one_bad_item_keeps_no_other_back(world: World, tenant: Business) -> None:
    """One that cannot be parsed, one of a foreign number, and one that PostgreSQL refuses, among good ones."""
    await world.add("globex", number="2001")
    payloads = [as_json.dump_python(tenant.message(f"wamid.{n}", wa_id=f"4917{n}"), mode="json") for n in range(7)]
    payloads[1] = {"wamid": 7}
    payloads[3]["phone_number_id"] = "2001"
    payloads[5]["sent_at"] = "9999-12-31T23:59:59-12:00"
    letters = await bury_many(world, tenant, *((Pipeline.INBOUND, each) for each in payloads))
    results = await replay_many(world, tenant, *letters)
    assert [each.outcome is ReplayOutcome.REPLAYED for each in results] == [n not in (1, 3, 5) for n in range(7)]
    reasons = [results[n].reason for n in (1, 3, 5)]
    assert reasons == [Reason.INVALID_PAYLOAD, Reason.UNKNOWN_TENANT, Reason.INVALID_PAYLOAD]
    rows = [await row_of(world, tenant, each) for each in letters]
    assert [row["status"] for row in rows] == ["open" if n in (1, 3, 5) else "replayed" for n in range(7)]
    assert [row["retry_count"] for row in rows] == [1] * 7


async def test_messages_of_queues_are_replayed_in_their_own_shape(world: World, tenant: Business) -> None:
    inbound = {"wa_id": "491700000001", "wamid": "wamid.q", "message_text": "Hi", "timestamp": "2026-03-02T11:00:00Z"}
    letter = await bury(world, tenant, Pipeline.INBOUND, inbound, origin="queue:inbound:1")
    (event,) = (await replay(world, tenant, letter)).events
    assert isinstance(event, InboundEnriched)
    assert (event.phone_number_id, event.message_text) == ("1001", "Hi"), "the default number"

    correlation = {"conversation_id": GENESYS, "whatsapp_message_id": "wamid.q"}
    outbound = {"conversation_id": GENESYS, "genesys_message_id": "g.q", "message_text": "Good day"}
    steps = [
        await bury(world, tenant, Pipeline.CORRELATION, correlation, origin="queue:correlation:1"),
        await bury(world, tenant, Pipeline.OUTBOUND, outbound, origin="queue:outbound:1"),
    ]
    assert [each.outcome for each in await replay_many(world, tenant, *steps)] == [ReplayOutcome.REPLAYED] * 2
    message = str(await world.value(tenant, "SELECT id FROM messages WHERE genesys_message_id = 'g.q'"))
    read = {"wamid": "wamid.out", "status": "read", "timestamp": "2026-03-02T12:00:00Z"}
    unknown = {"message_id": str(new_id()), "wamid": "wamid.x"}
    letters = [
        await bury(world, tenant, Pipeline.STATUS, read, origin="queue:status:1"),
        await bury(world, tenant, Pipeline.STATUS, {"message_id": message, "wamid": "wamid.out"}, origin="queue:results:1"),
        await bury(world, tenant, Pipeline.STATUS, unknown, origin="queue:results:2"),
        await bury(world, tenant, Pipeline.STATUS, {**read, "wamid": "wamid.q", "status": "lost"}, origin="queue:status:2"),
    ]
    results = await replay_many(world, tenant, *letters)
    assert [each.reason for each in results] == [None, None, Reason.MAPPING_NOT_FOUND, Reason.STATE_VIOLATION]
    assert await world.value(tenant, "SELECT status FROM messages WHERE wamid = 'wamid.out'") == "read"


async def test_a_queues_message_that_is_kept_as_failed_is_sent_only_under_a_new_id(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = $1", GENESYS)
    world.clock.forward(hours=25)
    payload = {"conversation_id": GENESYS, "genesys_message_id": "g.late", "message_text": "Good day"}
    letter = await bury(world, tenant, Pipeline.OUTBOUND, payload, origin="queue:outbound:1", reason=Reason.MAPPING_NOT_FOUND)
    for _ in range(2):
        late = await replay(world, tenant, letter)
        assert (late.outcome, late.reason) == (ReplayOutcome.FAILED, Reason.WINDOW_CLOSED)
    await world.receive(tenant, tenant.message())
    assert (await replay(world, tenant, letter)).outcome is ReplayOutcome.FAILED, "its sender was told that it failed"
    await edit(world, tenant, letter, {**payload, "genesys_message_id": "g.new"})
    (event,) = (await replay(world, tenant, letter)).events
    assert isinstance(event, OutboundProcessed)
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE direction = 'outbound'") == 2


async def test_two_operators_and_live_traffic_at_once_do_everything_once(world: World, tenant: Business) -> None:
    """Letters and conversations are locked in different orders by each; nobody may deadlock or double."""
    letters: list[UUID] = []
    for n in range(60):
        message = tenant.message(f"wamid.{n}", wa_id=f"4917{n % 6}")
        letters.append(await bury(world, tenant, Pipeline.INBOUND, message))
    half = [replay_many(world, tenant, *letters), replay_many(world, tenant, *reversed(letters))]
    live = [world.receive(tenant, tenant.message(f"wamid.{n}", wa_id=f"4917{n % 6}")) for n in range(0, 60, 3)]
    first, second, *_ = await asyncio.gather(*half, *live)
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 60
    assert {each.outcome for each in (*first, *second)} <= {
        ReplayOutcome.REPLAYED,
        ReplayOutcome.ALREADY_DONE,
        ReplayOutcome.NOT_OPEN,
    }
    done = [each.id for each in (*first, *second) if each.outcome is not ReplayOutcome.NOT_OPEN]
    assert sorted(done) == sorted(letters)


async def test_replays_and_redeliveries_of_the_same_letters_never_deadlock(world: World, tenant: Business) -> None:
    """A redelivered batch writes its dead letters again, in its own order, while they are replayed in another."""
    await world.receive(tenant, tenant.message())
    buried = [
        DeadLetter(
            pipeline=Pipeline.OUTBOUND,
            reason=Reason.MAPPING_NOT_FOUND,
            error_message="test",
            original_payload=as_json.dump_python(tenant.reply(f"g.{n}", conversation_id="unknown"), mode="json"),
            origin=f"test:{n:02}",
        )
        for n in range(40)
    ]

    async def redeliver(letters: list[DeadLetter]) -> None:
        async with world.db.tenant(tenant.tenant) as conn:
            await store.insert_many(conn, tenant.tenant, letters)

    await redeliver(list(reversed(buried)))
    ids = [row["id"] for row in await world.rows(tenant, "SELECT id FROM dead_letters")]
    for _ in range(10):
        again = [redeliver(buried), redeliver(list(reversed(buried)))]
        results, *_ = await asyncio.gather(replay_many(world, tenant, *ids), *again)
        assert {each.reason for each in results} == {Reason.MAPPING_NOT_FOUND}
    await world.value(tenant, "SELECT pg_stat_force_next_flush()::text")
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await world.value(tenant, query) == 0


async def test_discarded_letters_have_no_effect_any_more(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message())
    other = await world.add("globex", number="2001")
    for business, ids, expected in (
        (other, [letter], [ReplayOutcome.NOT_FOUND]),
        (tenant, [letter, new_id()], [ReplayOutcome.DISCARDED, ReplayOutcome.NOT_FOUND]),
        (tenant, [letter], [ReplayOutcome.NOT_OPEN]),
    ):
        results = await dead_letters.discard_many(business.tenant, ids, "a test", ACTOR, world.db, world.clock)
        assert [each.outcome for each in results] == expected
    row = await row_of(world, tenant, letter)
    assert (row["status"], row["note"], row["discarded_at"]) == ("discarded", "a test", world.clock.now)
    assert (await replay(world, tenant, letter)).outcome is ReplayOutcome.NOT_OPEN
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 0


async def test_another_tenants_letter_is_not_there(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message())
    assert (await replay(world, other, letter)).outcome is ReplayOutcome.NOT_FOUND
    with pytest.raises(NotFound):
        await edit(world, other, letter, {})
    assert await status(world, tenant, letter) == "open"


def test_a_transaction_holds_one_pipelines_letters_and_not_too_many() -> None:
    letters = [{"id": new_id(), "pipeline": name} for name in ("inbound", "inbound", "inbound", "status", "inbound")]
    runs = [(pipeline, len(run)) for pipeline, run in runs_of(letters, 2)]
    assert runs == [(Pipeline.INBOUND, 2), (Pipeline.INBOUND, 1), (Pipeline.STATUS, 1), (Pipeline.INBOUND, 1)]
    assert [each for _, run in runs_of(letters, 2) for each in run] == [each["id"] for each in letters]
