"""R17: dead letters replayed after a fix, by several hands at once: each done once, at the end of its customer's order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from uuid import UUID

import pytest

from tests.faults.harness_record import Record
from tests.letters import bury_many, replay_many
from tests.world import Business, World, accepted, refused
from waystate.db.pool import Database
from waystate.dead_letters.model import Pipeline
from waystate.dead_letters.replay import ReplayOutcome
from waystate.deliveries.model import Claimed, Target
from waystate.errors import Reason, Rejected

SEED = 17
SETTLED = {ReplayOutcome.REPLAYED, ReplayOutcome.ALREADY_DONE, ReplayOutcome.NOT_OPEN}


async def test_a_hundred_dead_letters_are_replayed_once_each_in_their_customers_order(
    db: Database, records: list[Record]
) -> None:
    await replayed(World(db), records, letters=100, customers=10)


@pytest.mark.faults
async def test_a_thousand_dead_letters_are_replayed_once_each_in_their_customers_order(
    db: Database, records: list[Record]
) -> None:
    await replayed(World(db), records, letters=1000, customers=40)


async def replayed(world: World, records: list[Record], *, letters: int, customers: int) -> None:
    record = Record(name="dead-letters", seed=SEED)
    records.append(record)
    tenant = await world.add("acme", number="1001")
    people = [f"4917{number:07}" for number in range(customers)]
    await refuse_at_genesys(world, tenant, people, letters // 2)
    await lose_agents_messages(world, tenant, people, letters // 2)
    ids = [row["id"] for row in await world.rows(tenant, "SELECT id FROM dead_letters ORDER BY id")]
    assert len(ids) == letters
    before = await wanted_order(world, tenant)

    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = 'genesys-' || wa_id")
    for person in people:
        await world.receive(tenant, tenant.message(f"wamid.before-{person}", wa_id=person))
    await world.relay(tenant, batch=10_000)
    await by_several_hands(world, tenant, ids, people, Random(SEED))
    sent = await send_everything(world, tenant)

    record.figures = {"seconds": record.seconds(), "dead letters": letters, "customers": customers}
    record.counts = {"replayed": await world.value(tenant, "SELECT count(*) FROM dead_letters WHERE status = 'replayed'")}
    record.problems = problems(before, sent, people)
    record.is_complete = True
    assert record.problems == []
    assert record.counts["replayed"] == letters
    assert await world.value(tenant, "SELECT max(retry_count) FROM dead_letters") == 1
    actors = await world.rows(tenant, "SELECT DISTINCT actor_kind FROM dead_letters")
    assert [row["actor_kind"] for row in actors] == ["key"]


async def refuse_at_genesys(world: World, tenant: Business, people: Sequence[str], count: int) -> None:
    """Each a customer's message, by turns; Genesys refuses them all."""
    messages = [tenant.message(f"wamid.refused-{n}", wa_id=people[n % len(people)]) for n in range(count)]
    await world.receive(tenant, *messages)
    await world.relay(tenant, batch=10_000)
    while claimed := await world.claim(tenant):
        await world.settle(tenant, *((each, refused()) for each in claimed))


async def lose_agents_messages(world: World, tenant: Business, people: Sequence[str], count: int) -> None:
    """Each names a conversation that Genesys' answer has not correlated yet."""
    messages = [tenant.reply(f"lost-{n}", conversation_id=f"genesys-{people[n % len(people)]}") for n in range(count)]
    assert all(isinstance(each, Rejected) for each in await world.answer(tenant, *messages))
    letters = [(Pipeline.OUTBOUND, message) for message in messages]
    await bury_many(world, tenant, *letters, reason=Reason.MAPPING_NOT_FOUND)


async def wanted_order(world: World, tenant: Business) -> dict[str, list[str]]:
    """For each order of sending, what its dead letters name, oldest first."""
    order: dict[str, list[str]] = {}
    for row in await world.rows(tenant, "SELECT pipeline, original_payload AS payload FROM dead_letters ORDER BY id"):
        if row["pipeline"] == Pipeline.DELIVERIES:
            name = row["payload"]["request"]["channel"]["messageId"]
            people = await world.rows(tenant, "SELECT sender FROM messages WHERE id = $1", UUID(row["payload"]["message_id"]))
            order.setdefault(f"genesys {people[0]['sender']}", []).append(name)
        else:
            person = row["payload"]["conversation_id"].removeprefix("genesys-")
            order.setdefault(f"whatsapp {person}", []).append(row["payload"]["genesys_message_id"])
    return order


async def by_several_hands(world: World, tenant: Business, ids: Sequence[UUID], people: Sequence[str], random: Random) -> None:
    """Two operators, one of whom dies halfway, customers who write meanwhile, and everybody clicks once more."""

    async def live() -> None:
        for number in range(20):
            await world.receive(tenant, tenant.message(f"wamid.live-{number}", wa_id=random.choice(people)))

    # With every connection open, so that they meet.
    await asyncio.gather(*(world.rows(tenant, "SELECT pg_sleep(0.05)") for _ in range(4)))
    dying = asyncio.create_task(replay_many(world, tenant, *ids))
    writing = asyncio.create_task(live())
    await asyncio.sleep(random.uniform(0.001, 0.004))
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    results = await asyncio.gather(*(replay_many(world, tenant, *ids) for _ in range(2)))
    await writing
    again = await replay_many(world, tenant, *ids)
    assert {each.outcome for each in again} == {ReplayOutcome.NOT_OPEN}
    assert {each.outcome for result in results for each in result} <= SETTLED
    await world.relay(tenant, batch=10_000)


async def send_everything(world: World, tenant: Business) -> dict[str, list[str]]:
    """What was accepted, in its order, by target and customer."""
    sent: dict[str, list[str]] = {}
    while claimed := await world.claim(tenant, batch=1000):
        for each in claimed:
            name, order = await named(world, tenant, each)
            sent.setdefault(order, []).append(name)
        answers = [
            accepted(f"wamid.out.{each.message_id}") if each.target is Target.WHATSAPP else accepted() for each in claimed
        ]
        await world.settle(tenant, *zip(claimed, answers, strict=True))
        await world.relay(tenant, batch=10_000)
    return sent


async def named(world: World, tenant: Business, claimed: Claimed) -> tuple[str, str]:
    row = await world.row(
        tenant,
        "SELECT coalesce(m.wamid, m.genesys_message_id) AS name, m.genesys_message_id, c.wa_id FROM messages m"
        " JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id WHERE m.id = $1",
        claimed.message_id,
    )
    name = row["genesys_message_id"] if claimed.target is Target.WHATSAPP else row["name"]
    return name, f"{claimed.target} {row['wa_id']}"


def problems(wanted: dict[str, list[str]], sent: dict[str, list[str]], people: Sequence[str]) -> list[str]:
    """In each order: everything wanted once and in its order, and behind what was there before the replay began."""
    found: list[str] = []
    for order, names in wanted.items():
        got = sent.get(order, [])
        replays = [name for name in got if name in set(names)]
        if replays != names:
            found.append(f"{order}: {len(names)} wanted, {len(replays)} sent, {len(set(replays))} of them different")
        target, person = order.split()
        if target == "genesys" and person in people and got[:1] != [f"wamid.before-{person}"]:
            found.append(f"{order}: a replay went before what was there")
    return found
