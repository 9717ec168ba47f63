"""Rejected bodies put back to work: all of them in steps, and an answer that does not grow with them."""

import asyncio
from uuid import UUID

import pytest

from tests.world import World
from waystate.audit.model import Actor
from waystate.ids import new_id
from waystate.ledger import store
from waystate.ledger.model import Received
from waystate.principal import OPERATOR
from waystate.webhooks.intake import NAMED, replay_all, replay_many

BY: Actor = OPERATOR


async def rejected(world: World, rows: int) -> list[UUID]:
    made = [
        Received(id=new_id(), source="whatsapp", origin="app-1", lane=n % 8, received_at=world.clock.now, body=b"{}")
        for n in range(rows)
    ]
    async with world.db.ingest() as conn:
        await store.append_many(conn, made)
    async with world.db.work() as conn:
        await conn.execute("UPDATE webhook_ledger SET state = 'rejected', outcome = '{}'")
    return [row.id for row in made]


async def counts(world: World) -> dict[str, int]:
    async with world.db.work() as conn:
        rows = await conn.fetch("SELECT state, count(*) AS rows FROM webhook_ledger GROUP BY state")
    return {row["state"]: row["rows"] for row in rows}


async def test_all_are_put_back_in_steps_and_the_answer_names_the_first(world: World) -> None:
    ids = await rejected(world, NAMED + 205)
    replayed = await replay_all(world.db, BY, world.clock, step=100)
    assert (replayed.count, list(replayed.ids)) == (NAMED + 205, ids[:NAMED])
    assert await counts(world) == {"pending": NAMED + 205}
    async with world.db.work(tenant_id="platform") as conn:
        entries = await conn.fetch("SELECT details FROM audit_log WHERE tenant_id = 'platform' ORDER BY position")
    assert [each["details"]["count"] for each in entries] == [*[100] * 12, 5], "one for each transaction"
    assert (await replay_all(world.db, BY, world.clock)).count == 0


async def test_a_replay_of_all_ends_however_fast_they_are_rejected_again(world: World) -> None:
    await rejected(world, 50)

    async def reject() -> None:
        while True:
            async with world.db.work() as conn:
                await conn.execute("UPDATE webhook_ledger SET state = 'rejected', outcome = '{}' WHERE state = 'pending'")

    rejecting = asyncio.create_task(reject())
    try:
        async with asyncio.timeout(20):
            assert (await replay_all(world.db, BY, world.clock, step=10)).count == 50
    finally:
        rejecting.cancel()
        await asyncio.gather(rejecting, return_exceptions=True)


@pytest.mark.parametrize("step", [1, 3, 4, 100])
async def test_whatever_the_step_each_is_put_back_once(world: World, step: int) -> None:
    ids = await rejected(world, 12)
    assert list((await replay_all(world.db, BY, world.clock, step=step)).ids) == ids


async def test_those_that_are_named_are_put_back_and_told(world: World) -> None:
    ids = await rejected(world, 3)
    replayed = await replay_many(world.db, BY, world.clock, [ids[2], ids[0], new_id()])
    assert (replayed.count, list(replayed.ids)) == (2, [ids[0], ids[2]])
    assert await counts(world) == {"pending": 2, "rejected": 1}
