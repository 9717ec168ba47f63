"""T2 and T3, generated from the catalogue: no table of a tenant shows or takes a row of another, or of nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from tests.databases import Databases
from tests.integration.db_catalogue.catalogue import Connection, tenant_tables
from tests.integration.db_catalogue.filling import fill
from tests.integration.db_catalogue.test_catalogue import GOOD
from tests.integration.db_catalogue.trespass import ME, OTHER, trespasses
from waystate.db.pool import Database
from waystate.db.roles import APP, INGEST, SWEEPER, WORK
from waystate.ids import TenantId

A, B = TenantId(OTHER), TenantId(ME)
POLICY = "tenant_id = nullif(current_setting('app.tenant_id', true), '')"


@pytest.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[tuple[Database, str]]:
    """Two tenants with a row in every table of theirs."""
    with databases.fresh() as url:
        connection = await asyncpg.connect(url)
        await fill(connection, [A, B])
        await connection.close()
        db = await Database.open(url, pool_size=2)
        yield db, url
        await db.close(grace=2)


@asynccontextmanager
async def taken_back(url: str) -> AsyncIterator[Connection]:
    """A superuser's transaction of which nothing stays."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("BEGIN")
        yield connection
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


async def tables(url: str) -> list[str]:
    async with taken_back(url) as connection:
        return await tenant_tables(connection, partitions=False)


async def count(conn: Any, table: str, condition: str = "true") -> int:
    return int(await conn.fetchval(f"SELECT count(*) FROM {table} WHERE {condition}"))


async def test_a_tenant_sees_its_own_rows_of_every_table_and_nobody_elses(filled: tuple[Database, str]) -> None:
    db, url = filled
    for table in await tables(url):
        for tenant in (A, B):
            async with db.tenant(tenant) as conn:
                assert await count(conn, table) > 0, table
                assert await count(conn, table, f"tenant_id <> '{tenant}'") == 0, table


async def test_no_role_reads_or_writes_a_row_of_another_tenant_in_any_way(filled: tuple[Database, str]) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        assert await trespasses(conn) == []


HOLES = {
    "no fence": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "a policy that shows all": "CREATE POLICY hole ON {table} FOR SELECT USING (true)",
    "a policy that takes all": "CREATE POLICY hole ON {table} FOR INSERT WITH CHECK (true)",
    "a policy that changes all": "CREATE POLICY hole ON {table} USING (true) WITH CHECK (true)",
    "a policy that deletes all": "CREATE POLICY hole ON {table} USING (true) WITH CHECK (" + POLICY + ")",
    "rows to give away": "ALTER POLICY tenant_isolation ON {table} WITH CHECK (true)",
    "a role that walks through": "ALTER ROLE waystate_app BYPASSRLS",
    "a role that may empty tables": "GRANT TRUNCATE ON {table} TO waystate_app",
}


@pytest.mark.parametrize("hole", HOLES)
async def test_a_planted_hole_is_found(filled: tuple[Database, str], hole: str) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        await conn.execute(HOLES[hole].format(table="dead_letters"))
        assert await trespasses(conn, roles=[APP], tables=["dead_letters"]) != []


async def test_an_open_policy_is_found_at_every_table(filled: tuple[Database, str]) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        for table in await tables(url):
            await conn.execute(f"CREATE POLICY hole ON {table} USING (true) WITH CHECK (true)")
            found = await trespasses(conn, roles=[APP], tables=[table])
            assert {f"{APP} may read in {table}: 1 rows", f"{APP} may copy_out in {table}: 1 rows"} <= set(found), table
            assert any(f"{APP} may insert in {table}" in each for each in found), found


async def test_a_new_table_is_filled_and_tried_by_itself(filled: tuple[Database, str]) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        await conn.execute(
            f"{GOOD} ALTER TABLE planted ADD kind text NOT NULL CHECK (kind IN ('late', 'early')),"
            " ADD contact_id uuid NOT NULL, ADD ended_at timestamptz, ADD CHECK ((kind = 'late') = (ended_at IS NOT NULL)),"
            " ADD FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id);"
            " GRANT SELECT, INSERT, UPDATE, DELETE ON planted TO waystate_app"
        )
        for tenant in ("initech", "umbrella"):
            await fill(conn, [tenant])
            assert await count(conn, "planted", f"tenant_id = '{tenant}'") == 1
        await conn.execute(
            f"UPDATE planted SET tenant_id = '{A}', contact_id = (SELECT id FROM contacts WHERE tenant_id = '{A}')"
            " WHERE tenant_id = 'initech'"
        )
        await conn.execute(
            f"UPDATE planted SET tenant_id = '{B}', contact_id = (SELECT id FROM contacts WHERE tenant_id = '{B}')"
            " WHERE tenant_id = 'umbrella'"
        )
        assert await trespasses(conn, roles=[APP, WORK], tables=["planted"]) == []
        await conn.execute("ALTER TABLE planted DISABLE ROW LEVEL SECURITY")
        assert len(await trespasses(conn, roles=[APP, WORK], tables=["planted"])) > 10


async def test_a_superuser_walks_through_which_is_why_every_transaction_takes_a_role(filled: tuple[Database, str]) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        (superuser,) = await conn.fetchrow("SELECT current_user")
        assert await trespasses(conn, roles=[f'"{superuser}"'], tables=["contacts"]) != []


@pytest.mark.parametrize("role", [APP, WORK, INGEST, SWEEPER])
@pytest.mark.parametrize("settings", ["", "; SET LOCAL app.tenant_id = ''", "; SET LOCAL app.tenant_id = 'nobody'"])
async def test_without_a_tenant_there_are_no_rows_and_no_errors(filled: tuple[Database, str], role: str, settings: str) -> None:
    """An error only where the role has no right to the table at all."""
    _, url = filled
    async with taken_back(url) as conn:
        for table in await tables(url):
            for privilege, statement in STATEMENTS.items():
                if await conn.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, privilege):
                    await conn.execute(f"SAVEPOINT one; SET LOCAL ROLE {role}{settings}")
                    assert (await conn.execute(statement.format(table=table))).endswith(" 0"), (table, privilege)
                    await conn.execute("ROLLBACK TO SAVEPOINT one")


STATEMENTS = {
    "SELECT": "SELECT * FROM {table}",
    "UPDATE": "UPDATE {table} SET tenant_id = tenant_id",
    "DELETE": "DELETE FROM {table}",
}


async def test_the_applications_role_may_read_every_table_so_that_no_rows_means_something(filled: tuple[Database, str]) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        for table in await tables(url):
            assert await conn.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", APP, table), table
            assert not await conn.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", INGEST, table), table


async def test_what_was_done_can_be_added_to_and_not_taken_back(filled: tuple[Database, str]) -> None:
    db, _ = filled
    for table, statement in (
        ("audit_log", "DELETE FROM audit_log"),
        ("audit_log", "UPDATE audit_log SET action = action"),
        ("message_events", "UPDATE message_events SET status = status"),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"permission denied for table {table}"):
            async with db.tenant(A) as conn:
                await conn.execute(statement)


async def test_the_work_and_pooled_connections_see_no_tenant_either(filled: tuple[Database, str]) -> None:
    """Both connections of the pool were a tenant's before; their setting is then empty, not absent."""
    db, url = filled
    for _ in range(2):
        async with db.tenant(A) as one, db.tenant(B) as two:
            assert await count(one, "messages") > 0
            assert await count(two, "messages") > 0
    names = await tables(url)
    async with db.work() as one, db.work() as two:
        for conn in (one, two):
            for table in names:
                assert await count(conn, table) == 0, table


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


RIGHTS: dict[tuple[str, str], list[str] | None] = {
    (APP, "tenants"): [B],
    (APP, "routes"): None,
    (INGEST, "tenants"): None,
    (INGEST, "routes"): [A, B],
    (WORK, "tenants"): [A, B],
    (WORK, "routes"): [A, B],
    (SWEEPER, "tenants"): None,
    (SWEEPER, "routes"): None,
}
"""Whose rows each role reads in a transaction of B; None: it may not read at all."""


@pytest.mark.parametrize(("role", "table"), RIGHTS)
async def test_of_tenants_and_routes_each_role_reads_what_it_needs(filled: tuple[Database, str], role: str, table: str) -> None:
    _, url = filled
    whose = "id" if table == "tenants" else "tenant_id"
    async with taken_back(url) as conn:
        await conn.execute(
            "INSERT INTO routes (kind, external_id, tenant_id, account_id)"
            f" VALUES ('waba', 'w-1', '{A}', gen_random_uuid()), ('waba', 'w-2', '{B}', gen_random_uuid())"
        )
        await conn.execute(f"SET LOCAL ROLE {role}; SET LOCAL app.tenant_id = '{B}'")
        expected = RIGHTS[role, table]
        if expected is None:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch(f"SELECT {whose} FROM {table}")
            return
        rows = await conn.fetch(f"SELECT DISTINCT {whose} AS whose FROM {table} WHERE {whose} = ANY($1) ORDER BY 1", [A, B])
        assert [row["whose"] for row in rows] == sorted(expected)


@pytest.mark.parametrize("settings", ["", "; SET LOCAL app.tenant_id = ''", "; SET LOCAL app.tenant_id = 'nobody'"])
async def test_an_application_without_a_tenant_sees_no_tenant(filled: tuple[Database, str], settings: str) -> None:
    _, url = filled
    async with taken_back(url) as conn:
        await conn.execute(f"SET LOCAL ROLE {APP}{settings}")
        assert await conn.fetchval("SELECT count(id) FROM tenants") == 0
