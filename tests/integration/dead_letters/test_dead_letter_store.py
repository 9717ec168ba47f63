"""Dead letters against PostgreSQL."""

import asyncio
from typing import Any

import pytest

from tests.world import Business, World
from waystate.dead_letters import store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.errors import NotFound, Reason
from waystate.ids import new_id


def letter(origin: str = "ledger:1:0", **said: object) -> DeadLetter:
    given = {
        "pipeline": Pipeline.INBOUND,
        "reason": Reason.INVALID_PAYLOAD,
        "error_message": "no id",
        "original_payload": {"a": [1, None]},
        "origin": origin,
    }
    return DeadLetter(**(given | said))  # type: ignore[arg-type]


async def insert(world: World, tenant: Business, *letters: DeadLetter) -> int:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.insert_many(conn, tenant.tenant, letters)


async def listed(world: World, tenant: Business, **filters: Any) -> list[dict[str, Any]]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.list_page(conn, tenant.tenant, **filters)


async def mark(world: World, tenant: Business, status: str) -> None:
    ids = [each["id"] for each in await listed(world, tenant)]
    async with world.db.tenant(tenant.tenant) as conn:
        await store.mark_many(conn, tenant.tenant, ids, status)


async def test_one_origin_is_one_dead_letter_a_pipeline(world: World, tenant: Business) -> None:
    assert await insert(world, tenant, letter(), letter(), letter("ledger:1:1")) == 2
    assert await insert(world, tenant, letter(error_message="still no id")) == 0
    assert await insert(world, tenant, letter(pipeline=Pipeline.STATUS)) == 1
    assert len(await listed(world, tenant)) == 3
    assert (await listed(world, tenant))[-1]["error_message"] == "still no id"


async def test_twenty_batches_that_meet_the_same_bad_item_write_it_once(world: World, tenant: Business) -> None:
    letters = [letter(f"ledger:1:{n}") for n in range(5)]
    counts = await asyncio.gather(*(insert(world, tenant, *letters) for _ in range(20)))
    assert sum(counts) == 5
    assert len(await listed(world, tenant)) == 5


async def test_a_replayed_letter_that_fails_again_is_open_and_counted(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter())
    await mark(world, tenant, "replayed")
    assert await insert(world, tenant, letter()) == 0
    (again,) = await listed(world, tenant, status="open")
    assert again["retry_count"] == 1
    await insert(world, tenant, letter())
    assert (await listed(world, tenant))[0]["retry_count"] == 1, "a redelivery is no retry"


async def test_they_are_listed_newest_first_in_pages_and_by_filter(world: World, tenant: Business) -> None:
    for number in range(5):
        await insert(world, tenant, letter(str(number), reason=list(Reason)[number % 2], pipeline=list(Pipeline)[number % 3]))
    page = await listed(world, tenant, batch=2)
    assert [each["origin"] for each in page] == ["4", "3"]
    assert [each["origin"] for each in await listed(world, tenant, before=page[-1]["id"])] == ["2", "1", "0"]
    assert [each["origin"] for each in await listed(world, tenant, reason=list(Reason)[1])] == ["3", "1"]
    assert [each["origin"] for each in await listed(world, tenant, pipeline=list(Pipeline)[2])] == ["2"]
    assert await listed(world, tenant, status="replayed") == []
    assert page[0]["original_payload"] == {"a": [1, None]}


async def test_only_open_ones_are_counted(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter("a"), letter("b"))
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.count_open(conn, tenant.tenant) == 2
    await mark(world, tenant, "discarded")
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.count_open(conn, tenant.tenant) == 0


async def test_what_is_not_there_or_is_anothers_cannot_be_locked(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    await insert(world, tenant, letter())
    (mine,) = await listed(world, tenant)
    for wanted, business in ((new_id(), tenant), (mine["id"], other)):
        async with world.db.tenant(business.tenant) as conn:
            with pytest.raises(NotFound):
                await store.lock_one(conn, business.tenant, wanted)
    async with world.db.tenant(tenant.tenant) as conn:
        assert (await store.lock_one(conn, tenant.tenant, mine["id"]))["origin"] == "ledger:1:0"
