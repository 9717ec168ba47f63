"""The webhook ledger, leases and timers against PostgreSQL."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.world import START, Business, World
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.ledger import store
from waystate.ledger.model import LedgerRow, Received, Settled
from waystate.work import store as work_store

TTL = timedelta(seconds=15)
LANE = [("ledger", 0)]


def received(body: bytes = b"{}", *, lane: int = 0, **said: object) -> Received:
    given = {"id": new_id(), "source": "whatsapp", "origin": "app-1", "lane": lane, "received_at": START, "body": body}
    return Received(**(given | said))  # type: ignore[arg-type]


async def append(db: Database, *rows: Received) -> None:
    async with db.ingest() as conn:
        await store.append_many(conn, rows)


async def take(db: Database, *lanes: int, batch: int = 100) -> list[LedgerRow]:
    async with db.work() as conn:
        return await store.take_many(conn, lanes, START, batch)


async def settle(db: Database, state: str, *rows: LedgerRow) -> None:
    async with db.work() as conn:
        await store.settle_many(conn, [Settled(day=row.day, id=row.id, state=state, outcome={"items": 1}) for row in rows])


async def test_a_body_comes_back_byte_for_byte(db: Database) -> None:
    row = received(b"\x00\xff not even text")
    await append(db, row)
    (taken,) = await take(db, 0)
    assert (taken.id, taken.body, taken.attempts, taken.parent) == (row.id, row.body, 1, None)
    assert (taken.day, taken.received_at, taken.source, taken.origin) == (START.date(), START, "whatsapp", "app-1")


async def test_the_role_that_appends_may_read_nothing(db: Database) -> None:
    await append(db, received())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.ingest() as conn:
            await conn.fetch("SELECT id FROM webhook_ledger")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.ingest() as conn:
            await conn.execute("DELETE FROM webhook_ledger")


async def test_rows_are_taken_by_lane_in_the_order_in_which_they_came(db: Database) -> None:
    """Whatever their ids, which are made by the clocks of several machines."""
    rows = [received(lane=number % 3) for number in range(9)][::-1]
    await append(db, *rows)
    taken = await take(db, 0, 1)
    assert [row.id for row in taken] == [row.id for row in rows if row.lane < 2]
    assert [row.taken for row in taken] == sorted(row.taken for row in taken)


async def test_what_was_taken_and_not_finished_comes_first_and_in_its_old_order(db: Database) -> None:
    rows = [received() for _ in range(4)]
    await append(db, rows[2], rows[3])
    first = await take(db, 0)
    await append(db, rows[0], rows[1])
    assert [row.id for row in await take(db, 0, batch=2)] == [rows[2].id, rows[3].id]
    second = await take(db, 0, batch=1)
    assert (second[0].id, second[0].attempts) == (rows[2].id, 3), "what was there at two deaths is taken alone"
    await settle(db, "done", *first)
    assert [row.id for row in await take(db, 0)] == [rows[0].id, rows[1].id]


async def test_a_second_take_keeps_the_order_of_the_first(db: Database) -> None:
    rows = [received() for _ in range(4)]
    await append(db, rows[2], rows[3])
    first = await take(db, 0)
    await append(db, rows[0], rows[1])
    second = await take(db, 0)
    assert [row.id for row in second] == [rows[index].id for index in (2, 3, 0, 1)]
    assert [row.taken for row in second[:2]] == [row.taken for row in first]
    assert [row.attempts for row in second] == [2, 2, 1, 1]


async def test_a_take_has_a_limit_and_goes_on_behind_it_once_those_are_settled(db: Database) -> None:
    rows = [received() for _ in range(5)]
    await append(db, *rows)
    seen: list[UUID] = []
    while taken := await take(db, 0, batch=2):
        seen += [row.id for row in taken]
        await settle(db, "done", *taken)
    assert seen == [row.id for row in rows]


async def test_a_handed_over_row_is_there_once(db: Database) -> None:
    child = received(lane=3, parent=new_id())
    for _ in range(2):
        async with db.work() as conn:
            await store.hand_over_many(conn, [child])
    (taken,) = await take(db, 3)
    assert taken.parent == child.parent


async def test_rejected_rows_are_listed_newest_first_and_replayed_at_the_end(db: Database) -> None:
    rows = [received() for _ in range(3)]
    await append(db, *rows)
    taken = await take(db, 0)
    await settle(db, "rejected", taken[0], taken[2])
    await settle(db, "done", taken[1])
    async with db.work() as conn:
        assert [row["id"] for row in await store.list_rows(conn, state="rejected")] == [rows[2].id, rows[0].id]
        assert len(await store.list_rows(conn)) == 3
        assert len(await store.list_rows(conn, batch=1)) == 1
        assert await store.count_pending(conn, START) == 0
        assert await store.replay_many(conn, [rows[0].id, rows[1].id]) == [rows[0].id]
        assert await store.count_pending(conn, START) == 1
    (again,) = await take(db, 0)
    assert (again.id, again.attempts) == (rows[0].id, 1)
    assert again.taken > max(row.taken for row in taken)
    async with db.work() as conn:
        last = await store.find_last_rejected(conn)
        assert last == rows[2].id
        assert await store.list_rejected(conn, after=None, until=last, batch=10) == [rows[2].id]
        assert await store.list_rejected(conn, after=last, until=last, batch=10) == []
        assert await store.replay_many(conn, [last]) == [rows[2].id]
        assert await store.find_last_rejected(conn) is None


async def test_a_row_is_found_by_its_day_and_id(db: Database) -> None:
    row = received()
    await append(db, row)
    async with db.work() as conn:
        found = await store.find_row(conn, START.date(), row.id)
        assert await store.find_row(conn, START.date() - timedelta(days=1), row.id) is None
    assert found is not None
    assert (found["state"], found["attempts"], found["origin"]) == ("pending", 0, "app-1")


async def acquire(db: Database, holder: str, *lanes: tuple[str, int], at: float = 0) -> dict[tuple[str, int], int]:
    async with db.work() as conn:
        return await work_store.acquire_leases(conn, holder, lanes, now=START + timedelta(seconds=at), ttl=TTL)


async def test_a_held_lane_is_not_given_to_another_until_it_lapses(db: Database) -> None:
    assert await acquire(db, "a", *LANE) == {LANE[0]: 1}
    assert await acquire(db, "b", *LANE, at=14.9) == {}
    assert await acquire(db, "b", *LANE, at=15) == {LANE[0]: 2}
    assert await acquire(db, "a", *LANE, at=16) == {}


async def test_renewing_in_time_keeps_the_epoch_and_too_late_does_not(db: Database) -> None:
    assert await acquire(db, "a", *LANE) == {LANE[0]: 1}
    assert await acquire(db, "a", *LANE, at=10) == {LANE[0]: 1}
    assert await acquire(db, "a", *LANE, at=24.9) == {LANE[0]: 1}
    assert await acquire(db, "a", *LANE, at=60) == {LANE[0]: 2}, "somebody may have asked meanwhile and seen it free"


async def test_a_released_lane_is_free_at_once_and_its_epoch_still_rises(db: Database) -> None:
    await acquire(db, "a", *LANE)
    async with db.work() as conn:
        await work_store.release_leases(conn, "a", LANE, START)
    assert await acquire(db, "b", *LANE) == {LANE[0]: 2}


async def test_of_a_large_body_only_its_beginning_crosses_to_the_list(db: Database) -> None:
    await append(db, *(received(b"0123456789" * 500_000) for _ in range(3)))
    async with db.work() as conn:
        rows = await store.list_rows(conn)
    assert [(row["bytes"], bytes(row["preview"])) for row in rows] == [(5_000_000, b"0123456789" * 20)] * 3
    assert sum(len(value) for row in rows for value in row.values() if isinstance(value, bytes)) == 600


async def test_ten_that_ask_at_once_share_the_lanes_without_overlap(db: Database) -> None:
    lanes = [(kind, lane) for kind in ("ledger", "relay") for lane in range(16)]
    got = await asyncio.gather(*(acquire(db, f"holder {n}", *lanes) for n in range(10)))
    assert sorted(lane for each in got for lane in each) == sorted(lanes)


async def test_a_timer_fires_once_however_many_ask(db: Database) -> None:
    async def tick(at: float) -> bool:
        async with db.work() as conn:
            return await work_store.tick(conn, "expiry", now=START + timedelta(seconds=at), every=timedelta(minutes=5))

    assert sum(await asyncio.gather(*(tick(0) for _ in range(20)))) == 1
    assert sum(await asyncio.gather(*(tick(299) for _ in range(20)))) == 0
    assert sum(await asyncio.gather(*(tick(300) for _ in range(20)))) == 1


async def test_due_work_names_the_tenants_that_have_some(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001", mapping_ttl=timedelta(hours=1))
    await world.add("initech", number="3001")

    async def due(kind: str, after: timedelta = timedelta(0)) -> dict[str, int]:
        async with world.db.work() as conn:
            return {each.tenant: each.items for each in await work_store.due_work(conn, kind, START + after)}

    for business in (tenant, other):
        await world.receive(business, business.message(), business.message())
    # Two messages, and the window that the first of them opened.
    assert await due("relay") == {"acme": 3, "globex": 3}
    await world.relay(tenant)
    assert await due("relay") == {"globex": 3}
    assert await due("deliveries") == {"acme": 2}
    assert await due("deliveries", -timedelta(seconds=1)) == {}
    await world.claim(tenant)
    assert (await due("deliveries"), await due("unsettled")) == ({"acme": 1}, {"acme": 1})
    assert await due("expiry", timedelta(hours=2)) == {"globex": 1}
    assert await due("expiry", timedelta(hours=73)) == {"acme": 1, "globex": 1}
    await world.report(other, other.report("wamid.unknown", "sent"))
    assert await due("early") == {"globex": 1}
    assert await due("nothing of the kind") == {}
