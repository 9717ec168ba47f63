"""T4: tenants that share connections, with requests cut off in mid transaction. The whole of it runs under `make faults`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.db_catalogue.interleaving import interleave, prepare, tenants
from waystate.db.pool import Connection, Database
from waystate.ids import TenantId

NAMES = tenants(50)


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[Database]:
    db = await Database.open(database_url, pool_size=2)
    await prepare(db, NAMES)
    yield db
    await db.close(grace=2)


async def test_interleaved_and_cut_off_requests_never_meet_a_foreign_row(two: Database) -> None:
    seen = await interleave(two, NAMES, 1000, seed=4)
    assert (seen["foreign"], seen["left behind"]) == (0, 0)
    assert seen["done"] > 400
    assert seen["cut off"] > 200
    assert seen["cut off inside"] > 100
    assert seen["written"] >= seen["done"]


class Leaky(Database):
    """One connection keeps the tenant of whoever was there first."""

    @asynccontextmanager
    async def tenant(self, tenant_id: TenantId) -> AsyncIterator[Connection]:  # type: ignore[override]
        async with self.work() as conn:
            first = await conn.fetchval("SELECT nullif(current_setting('waystate.first', true), '')")
            await conn.execute(f"SET waystate.first = '{first or tenant_id}'; SET LOCAL app.tenant_id = '{first or tenant_id}'")
            yield conn


async def test_a_tenant_that_stays_on_a_connection_is_found(database_url: str) -> None:
    db = await Leaky.open(database_url, pool_size=2)
    await prepare(db, NAMES)
    with pytest.raises(BaseExceptionGroup) as caught:
        await interleave(db, NAMES, 100, seed=4)
    assert "row-level security" in str(caught.value.exceptions[0])
    await db.close(grace=2)
