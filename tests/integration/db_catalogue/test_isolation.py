"""T2 and T3, generated from the catalogue: no table of a tenant shows or takes a row of another, or of nobody."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from tests.databases import Databases
from tests.integration.db_catalogue.catalogue import Connection, tenant_tables
from tests.world import Business, World, accepted, refused
from waystate.access import store as access_store
from waystate.db.pool import Connection as PoolConnection
from waystate.db.pool import Database
from waystate.deliveries.model import Target
from waystate.ids import TenantId

A, B = TenantId("acme"), TenantId("globex")
ONLY_ADDED_TO = {"message_events": "history is written once"}

AsTenant = Callable[[], AbstractAsyncContextManager[PoolConnection]]


@pytest.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[tuple[Database, str]]:
    """Two tenants with a row in every table of theirs."""
    with databases.fresh() as url:
        db = await Database.open(url, pool_size=2)
        world = World(db)
        for tenant, number in ((A, "1001"), (B, "2001")):
            await fill(world, await world.add(tenant, number=number))
        yield db, url
        await db.close(grace=2)


async def fill(world: World, business: Business) -> None:
    await world.correspond(business)
    for claimed in await world.deliver(business):
        await world.settle(business, (claimed, accepted("wamid.out") if claimed.target is Target.WHATSAPP else accepted()))
    await world.report(business, business.report("wamid.out", "read"), business.report("wamid.nobody", "sent"))
    await world.receive(business, business.message(wa_id="4930"))
    await world.settle(business, *((claimed, refused()) for claimed in await world.deliver(business)))
    async with world.db.tenant(business.tenant) as conn:
        await access_store.create_key(conn, business.tenant, "a key", world.clock.now)


async def tables(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return await tenant_tables(connection, partitions=False)
    finally:
        await connection.close()


async def count(conn: PoolConnection, table: str, condition: str = "true") -> int:
    number: int = await conn.fetchval(f"SELECT count(*) FROM {table} WHERE {condition}")
    return number


async def test_a_tenant_sees_its_own_rows_of_every_table_and_nobody_elses(filled: tuple[Database, str]) -> None:
    db, url = filled
    for table in await tables(url):
        for tenant in (A, B):
            async with db.tenant(tenant) as conn:
                assert await count(conn, table) > 0, f"`fill` must put a row into {table}, so that its fence is tested"
                assert await count(conn, table, f"tenant_id <> '{tenant}'") == 0, table


@asynccontextmanager
async def nobody(url: str, *settings: str) -> AsyncIterator[Connection]:
    """The tenants' role on a connection of its own, without a tenant."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("BEGIN; SET LOCAL ROLE waystate_app" + "".join(f"; {each}" for each in settings))
        yield connection
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


@pytest.mark.parametrize("settings", [[], ["SET LOCAL app.tenant_id = ''"], ["SET LOCAL app.tenant_id = 'nobody'"]])
async def test_without_a_tenant_there_are_no_rows_and_no_errors(filled: tuple[Database, str], settings: list[str]) -> None:
    _, url = filled
    async with nobody(url, *settings) as conn:
        for table in await tables(url):
            assert await count(conn, table) == 0, table
            assert await conn.execute(f"DELETE FROM {table}") == "DELETE 0"
            if table not in ONLY_ADDED_TO:
                assert await conn.execute(f"UPDATE {table} SET tenant_id = tenant_id") == "UPDATE 0"


async def test_the_work_and_pooled_connections_see_no_tenant_either(filled: tuple[Database, str]) -> None:
    """Both connections of the pool were a tenant's before; their setting is then empty, not absent."""
    db, url = filled
    for _ in range(2):
        async with db.tenant(A) as one, db.tenant(B) as two:
            assert await count(one, "messages") > 0
            assert await count(two, "messages") > 0
    async with db.work() as one, db.work() as two:
        for conn in (one, two):
            for table in await tables(url):
                assert await count(conn, table) == 0, table


async def test_the_ingest_role_cannot_even_ask(filled: tuple[Database, str]) -> None:
    db, url = filled
    for table in await tables(url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.ingest() as conn:
                await count(conn, table)


async def test_rows_of_another_tenant_can_neither_be_changed_nor_deleted(filled: tuple[Database, str]) -> None:
    db, url = filled
    for table in await tables(url):
        async with db.tenant(B) as conn:
            assert await conn.execute(f"DELETE FROM {table} WHERE tenant_id = '{A}'") == "DELETE 0", table
            if table not in ONLY_ADDED_TO:
                assert await conn.execute(f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{A}'") == "UPDATE 0", (
                    table
                )
        async with db.tenant(A) as conn:
            assert await count(conn, table) > 0


async def test_a_row_can_neither_be_written_for_another_tenant_nor_given_to_it(filled: tuple[Database, str]) -> None:
    db, url = filled
    for table in await tables(url):
        async with db.tenant(A) as conn:
            row = await conn.fetchval(f"SELECT to_jsonb(t) FROM {table} t LIMIT 1")
            generated = await conn.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attgenerated <> ''", table
            )
        columns = ", ".join(sorted(set(row) - {each["attname"] for each in generated}))
        copy = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1::jsonb)"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with db.tenant(B) as conn:
                await conn.execute(copy, row)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.tenant(A) as conn:
                await conn.execute(f"UPDATE {table} SET tenant_id = '{B}'")


async def test_one_connection_under_many_tenants_never_shows_a_foreign_row(filled: tuple[Database, str]) -> None:
    db, _ = filled
    for number in range(200):
        tenant = (A, B)[number % 2]
        async with db.tenant(tenant) as conn:
            found = await conn.fetch("SELECT DISTINCT tenant_id FROM messages")
            assert [row["tenant_id"] for row in found] == [tenant]


async def test_a_transaction_that_breaks_off_leaves_no_tenant_behind(filled: tuple[Database, str]) -> None:
    db, _ = filled
    for _ in range(20):
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with db.tenant(A) as conn:
                await conn.execute("SELECT 1/0")
        async with db.work() as conn:
            assert await count(conn, "messages") == 0
