"""The planner's statistics of tables that grow."""

from waystate.db import partitions
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.tenants import store
from waystate.tenants.model import Tenant


async def add_tenants(db: Database, first: int, last: int) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TenantId(f"t-{n}"), name="T") for n in range(first, last)])
        await conn.execute("SELECT pg_stat_force_next_flush()")  # else the counters are up to a second late


async def analyze(db: Database) -> list[str]:
    async with db.owner() as conn:
        return await partitions.analyze_grown(conn)


async def test_a_table_is_analysed_once_it_has_more_than_tripled(db: Database) -> None:
    assert await analyze(db) == []
    await add_tenants(db, 0, 600)
    assert await analyze(db) == ["tenants"]
    await add_tenants(db, 600, 1100)
    assert await analyze(db) == [], "each row is written twice, which is less than twice what it held"
    await add_tenants(db, 1100, 1300)
    assert await analyze(db) == ["tenants"]
