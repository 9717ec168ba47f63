from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from waystate.clock import utc_now
from waystate.db.checks import check_clock, check_database, check_role, check_server, check_version, find_head
from waystate.db.pool import Connection, Database
from waystate.errors import ConfigError
from waystate.ids import TenantId

ACME = TenantId("acme")


async def test_a_migrated_database_passes_every_check(db: Database) -> None:
    await check_database(db, connections=20)


async def test_more_connections_than_the_server_has_are_refused(db: Database) -> None:
    async with db.login() as conn:
        with pytest.raises(ConfigError, match="DB_POOL_SIZE"):
            await check_server(conn, connections=100_000)


async def test_a_server_that_may_lose_commits_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
    db = await Database.open(database_url, pool_size=1)
    with pytest.raises(ConfigError, match="synchronous_commit"):
        await check_database(db, connections=1)
    await db.close()


@pytest.mark.parametrize("skew", [timedelta(seconds=-1.5), timedelta(seconds=1.5), timedelta(hours=1)])
async def test_a_clock_that_is_off_by_more_than_a_second_is_refused(db: Database, skew: timedelta) -> None:
    async with db.login() as conn:
        with pytest.raises(ConfigError, match="NTP"):
            await check_clock(conn, lambda: utc_now() + skew)


async def test_a_slow_answer_is_no_skew(db: Database) -> None:
    moments = iter([utc_now() - timedelta(seconds=5), utc_now() + timedelta(seconds=5)])
    async with db.login() as conn:
        await check_clock(conn, lambda: next(moments))


async def test_an_empty_database_is_told_to_migrate(empty_database_url: str) -> None:
    db = await Database.open(empty_database_url, pool_size=1)
    with pytest.raises(ConfigError, match="waystate migrate"):
        await check_database(db, connections=1)
    await db.close()


async def test_an_older_schema_is_refused_and_a_newer_one_is_right_in_a_rolling_deploy(db: Database) -> None:
    async with db.login() as conn:
        await conn.execute("UPDATE alembic_version SET version_num = '0000'")
        with pytest.raises(ConfigError, match=f"needs {find_head()}"):
            await check_version(conn)
        await conn.execute("UPDATE alembic_version SET version_num = '9999'")
        await check_version(conn)


async def test_a_login_that_cannot_take_its_role_is_told_what_to_run(db: Database) -> None:
    @asynccontextmanager
    async def strangers_transaction() -> AsyncIterator[Connection]:
        async with db.login() as conn:
            await conn.execute("CREATE ROLE waystate_test_stranger")
            await conn.execute("SET LOCAL SESSION AUTHORIZATION waystate_test_stranger")
            await conn.execute("SET LOCAL ROLE waystate_app")
            yield conn

    with pytest.raises(ConfigError, match="--print-roles"):
        await check_role(strangers_transaction())


async def test_a_role_that_owns_tables_or_is_superuser_is_refused(db: Database) -> None:
    with pytest.raises(ConfigError, match="exempt from row-level security"):
        await check_role(db.login())
    with pytest.raises(ConfigError, match="owns the table"):
        await check_role(db.owner())
    await check_role(db.tenant(ACME))
