"""Dead letters against PostgreSQL."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.world import START, Business, World
from waystate.dead_letters import store
from waystate.dead_letters.model import DeadLetter, Filter, Pipeline
from waystate.errors import Conflict, NotFound, Reason
from waystate.ids import new_id, time_of
from waystate.principal import Actor

ACTOR = Actor("key", new_id())


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


async def listed(world: World, tenant: Business, *, status: str | None = None, **filters: Any) -> list[dict[str, Any]]:
    page = {key: filters.pop(key) for key in ("before", "batch") if key in filters}
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.list_page(conn, tenant.tenant, Filter(**filters), status=status, **page)


async def settle(world: World, tenant: Business, status: str) -> None:
    ids = [each["id"] for each in await listed(world, tenant)]
    async with world.db.tenant(tenant.tenant) as conn:
        if status == "replayed":
            await store.mark_replayed(conn, tenant.tenant, ids, ACTOR, world.clock.now)
        else:
            await store.mark_discarded(conn, tenant.tenant, ids, "not ours", ACTOR, world.clock.now)


async def test_one_origin_is_one_dead_letter_a_pipeline(world: World, tenant: Business) -> None:
    assert await insert(world, tenant, letter(), letter(), letter("ledger:1:1")) == 2
    assert await insert(world, tenant, letter(error_message="still no id")) == 0
    assert await insert(world, tenant, letter(pipeline=Pipeline.STATUS)) == 1
    assert len(await listed(world, tenant)) == 3
    assert (await listed(world, tenant))[-1]["error_message"] == "still no id"


async def test_batches_that_meet_the_same_bad_items_in_any_order_write_them_once(world: World, tenant: Business) -> None:
    letters = [letter(f"ledger:1:{n}") for n in range(5)]
    counts = await asyncio.gather(*(insert(world, tenant, *(letters if n % 2 else reversed(letters))) for n in range(20)))
    assert sum(counts) == 5
    assert len(await listed(world, tenant)) == 5


async def test_a_replayed_letter_that_fails_again_is_open_and_counted(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter())
    await settle(world, tenant, "replayed")
    (replayed,) = await listed(world, tenant, status="replayed")
    assert (replayed["replayed_at"], replayed["actor_kind"], replayed["actor_id"]) == (START, "key", ACTOR.id)
    assert await insert(world, tenant, letter()) == 0
    (again,) = await listed(world, tenant, status="open")
    assert (again["retry_count"], again["replayed_at"]) == (1, None)
    await insert(world, tenant, letter())
    assert (await listed(world, tenant))[0]["retry_count"] == 1, "a redelivery is no retry"


async def test_a_discarded_letter_stays_so_when_its_item_comes_again(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter())
    await settle(world, tenant, "discarded")
    await insert(world, tenant, letter())
    (row,) = await listed(world, tenant)
    assert (row["status"], row["note"], row["discarded_at"]) == ("discarded", "not ours", START)


async def test_they_are_listed_newest_first_in_pages_and_by_filter(world: World, tenant: Business) -> None:
    for number in range(5):
        await insert(world, tenant, letter(str(number), reason=list(Reason)[number % 2], pipeline=list(Pipeline)[number % 3]))
        await asyncio.sleep(0.002)
    for status in (None, "open"):
        page = await listed(world, tenant, status=status, batch=2)
        assert [each["origin"] for each in page] == ["4", "3"]
        rest = await listed(world, tenant, status=status, before=page[-1]["id"])
        assert [each["origin"] for each in rest] == ["2", "1", "0"]
        by_reason = await listed(world, tenant, status=status, reason=list(Reason)[1])
        assert [each["origin"] for each in by_reason] == ["3", "1"]
        by_pipeline = await listed(world, tenant, status=status, pipeline=list(Pipeline)[2])
        assert [each["origin"] for each in by_pipeline] == ["2"]
        moment = time_of(rest[0]["id"])
        assert [each["origin"] for each in await listed(world, tenant, status=status, since=moment)] == ["4", "3", "2"]
        assert [each["origin"] for each in await listed(world, tenant, status=status, until=moment)] == ["1", "0"]
        ancient = moment - timedelta(days=365 * 60)
        assert len(await listed(world, tenant, status=status, since=ancient)) == 5
        assert await listed(world, tenant, status=status, until=ancient) == []
    assert await listed(world, tenant, status="replayed") == []
    assert page[0]["original_payload"] == {"a": [1, None]}


async def test_open_ones_are_found_oldest_first_from_behind_a_cursor(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(letter(str(number)) for number in range(5)))
    ids = [each["id"] for each in reversed(await listed(world, tenant))]
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.find_open(conn, tenant.tenant, Filter(), batch=3) == ids[:3]
        assert await store.find_open(conn, tenant.tenant, Filter(), after=ids[2]) == ids[3:]
        assert await store.find_open(conn, tenant.tenant, Filter(reason=Reason.LOCK_TIMEOUT)) == []


async def test_only_open_ones_are_counted_and_settled(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter("a"), letter("b"))
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.count_open(conn, tenant.tenant) == 2
    await settle(world, tenant, "discarded")
    await settle(world, tenant, "replayed")
    assert {each["status"] for each in await listed(world, tenant)} == {"discarded"}
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.count_open(conn, tenant.tenant) == 0
        with pytest.raises(Conflict):
            await store.lock_open(conn, tenant.tenant, (await store.list_page(conn, tenant.tenant))[0]["id"])


async def test_an_edit_keeps_the_original_and_the_original_again_is_none(world: World, tenant: Business) -> None:
    await insert(world, tenant, letter())
    (row,) = await listed(world, tenant)
    for payload, kept in (({"a": 2}, {"a": 2}), ({"a": [1, None]}, None)):
        async with world.db.tenant(tenant.tenant) as conn:
            await store.edit_one(conn, tenant.tenant, row["id"], payload, ACTOR, world.clock.now)
            after = await store.get_one(conn, tenant.tenant, row["id"])
        assert (after["original_payload"], after["edited_payload"], after["edited_at"]) == ({"a": [1, None]}, kept, START)


async def test_what_is_not_there_or_is_anothers_cannot_be_read_or_locked(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    await insert(world, tenant, letter())
    (mine,) = await listed(world, tenant)
    for wanted, business in ((new_id(), tenant), (mine["id"], other)):
        async with world.db.tenant(business.tenant) as conn:
            with pytest.raises(NotFound):
                await store.lock_open(conn, business.tenant, wanted)
            with pytest.raises(NotFound):
                await store.get_one(conn, business.tenant, wanted)
            assert await store.lock_many(conn, business.tenant, [wanted]) == {}
    async with world.db.tenant(tenant.tenant) as conn:
        assert (await store.lock_open(conn, tenant.tenant, mine["id"]))["origin"] == "ledger:1:0"
