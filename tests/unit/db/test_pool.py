import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from waystate.db.failures import is_outage, is_transient
from waystate.db.pool import Connection, Database, load_queries
from waystate.errors import BadRequest, ConfigError
from waystate.ids import TenantId

ACME = TenantId("acme")
OTHER = TenantId("other")


async def add_tenant(db: Database, tenant: TenantId) -> None:
    async with db.work() as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ($1, $1)", tenant)


async def add_contact(conn: Connection, tenant: TenantId) -> None:
    await conn.execute("INSERT INTO contacts (tenant_id, id) VALUES ($1, $2)", tenant, uuid4())


async def count_contacts(db: Database, tenant: TenantId) -> int:
    async with db.tenant(tenant) as conn:
        return int(await conn.fetchval("SELECT count(*) FROM contacts"))


async def state(conn: Connection) -> tuple[str, str | None, bool]:
    """Role and tenant of the connection, and whether a transaction is open on it."""
    row = await conn.fetchrow("SELECT current_user::text, nullif(current_setting('app.tenant_id', true), '')")
    assert row is not None
    return row[0], row[1], conn.is_in_transaction()


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[Database]:
    db = await Database.open(database_url, pool_size=2)
    yield db
    await db.close(grace=2)


async def test_each_transaction_runs_as_its_role(db: Database) -> None:
    async with db.tenant(ACME) as conn:
        assert await state(conn) == ("waystate_app", "acme", True)
    async with db.work() as conn:
        assert await state(conn) == ("waystate_work", None, True)
    async with db.ingest() as conn:
        assert await state(conn) == ("waystate_ingest", None, True)
    async with db.owner() as conn:
        assert await state(conn) == ("waystate_owner", None, True)


async def test_what_a_tenant_writes_is_committed_and_no_other_tenant_sees_it(db: Database) -> None:
    await add_tenant(db, ACME)
    async with db.tenant(ACME) as conn:
        await add_contact(conn, ACME)
    assert await count_contacts(db, ACME) == 1
    assert await count_contacts(db, OTHER) == 0


async def test_an_exception_rolls_back_and_comes_out(db: Database) -> None:
    await add_tenant(db, ACME)
    with pytest.raises(RuntimeError, match="on purpose"):
        async with db.tenant(ACME) as conn:
            await add_contact(conn, ACME)
            raise RuntimeError("on purpose")
    assert await count_contacts(db, ACME) == 0


async def test_a_swallowed_database_error_is_not_mistaken_for_a_commit(db: Database) -> None:
    await add_tenant(db, ACME)

    async def swallow() -> None:
        async with db.tenant(ACME) as conn:
            await add_contact(conn, ACME)
            with pytest.raises(asyncpg.DivisionByZeroError):
                await conn.execute("SELECT 1 / 0")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await swallow()
    assert await count_contacts(db, ACME) == 0


async def test_a_tenant_id_that_is_no_slug_never_reaches_the_database(db: Database) -> None:
    with pytest.raises(BadRequest):
        db.tenant(TenantId("x'; RESET ROLE; --"))


async def test_nothing_stays_on_a_connection_between_transactions(two: Database) -> None:
    async with two.tenant(ACME):
        pass
    async with two.session() as conn:
        role, tenant, is_open = await state(conn)
        assert role not in ("waystate_app", "waystate_work")
        assert (tenant, is_open) == (None, False)


async def test_a_transaction_costs_three_round_trips(db: Database) -> None:
    """BEGIN with role and tenant, the statement, COMMIT; nothing more when the connection goes back."""
    queries: list[str] = []
    async with db.session() as conn:
        await conn.execute("SELECT 1")
        conn.add_query_logger(lambda record: queries.append(record.query))
        pid = conn.get_server_pid()
    async with db.tenant(ACME) as conn:
        assert conn.get_server_pid() == pid
        await conn.fetchval("SELECT 1")
    async with db.session() as conn:
        pass
    assert [query.split(" ")[0] for query in queries] == ["BEGIN", "SELECT", "COMMIT"]


async def test_cancellation_never_leaks_a_tenant_or_a_transaction(two: Database) -> None:
    """300 transactions of 10 tenants on 2 connections, half of them cancelled at a random moment, some of them twice."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    seen: list[tuple[str, str | None, bool]] = []

    async def one(tenant: TenantId, nap: float) -> None:
        async with two.tenant(tenant) as conn:
            assert await state(conn) == ("waystate_app", tenant, True)
            await conn.execute("SELECT pg_sleep($1)", nap)
            assert await state(conn) == ("waystate_app", tenant, True)

    async def look() -> None:
        async with two.session() as conn:
            seen.append(await state(conn))

    async def cancelled(task: "asyncio.Task[None]") -> None:
        for _ in range(dice.choice([1, 1, 2, 3])):
            await asyncio.sleep(dice.random() * 0.01)
            task.cancel()

    running = []
    for number in range(300):
        task = asyncio.create_task(one(TenantId(f"t-{dice.randrange(10)}"), dice.random() * 0.004))
        running += [task, asyncio.create_task(look())]
        if number % 2:
            running.append(asyncio.create_task(cancelled(task)))
        if number % 5 == 0:
            await asyncio.sleep(0.005)
    results = await asyncio.gather(*running, return_exceptions=True)
    failures = [result for result in results if result is not None and not isinstance(result, asyncio.CancelledError)]
    assert failures == [], f"seed {seed}"
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) > 50, f"seed {seed}"
    assert len(seen) == 300
    assert {(tenant, is_open) for _, tenant, is_open in seen} == {(None, False)}, f"seed {seed}"
    in_use, _, allowed = two.connections
    assert (in_use, allowed) == (0, 2)


async def test_a_waiter_that_gives_up_leaves_the_pool_whole(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=1, acquire_timeout=0.1)
    async with db.work():
        with pytest.raises(TimeoutError) as caught:
            async with db.work():
                pass
    assert is_outage(caught.value)
    async with db.work() as conn:
        assert await conn.fetchval("SELECT 1") == 1
    await db.close()


async def test_a_connection_lost_in_mid_transaction_is_an_outage_and_the_next_one_works(two: Database) -> None:
    async def lose(before_next_query: float) -> None:
        async with two.tenant(ACME) as conn:
            async with two.login() as other:
                await other.execute("SELECT pg_terminate_backend($1)", conn.get_server_pid())
            await asyncio.sleep(before_next_query)
            await conn.fetchval("SELECT 1")

    for pause in (0, 0, 0, 0.001, 0.01, 0.1):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await lose(pause)
        assert is_outage(caught.value), repr(caught.value)
    async with two.tenant(ACME) as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_statement_time_out_is_transient_and_no_outage(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=1, statement_timeout=0.05)
    with pytest.raises(asyncpg.QueryCanceledError) as caught:
        async with db.work() as conn:
            await conn.execute("SELECT pg_sleep(5)")
    assert is_transient(caught.value)
    assert not is_outage(caught.value)
    await db.close()


async def test_a_lock_that_is_not_given_is_transient(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=2, lock_timeout=0.05)
    await add_tenant(db, ACME)
    async with db.work() as holder:
        await holder.execute("UPDATE tenants SET name = 'held'")
        with pytest.raises(asyncpg.LockNotAvailableError) as caught:
            async with db.work() as conn:
                await conn.execute("UPDATE tenants SET name = 'wanted'")
    assert is_transient(caught.value)
    await db.close()


async def test_json_goes_in_and_out_as_objects(db: Database) -> None:
    document = {"name": "Zoë", "tags": ["a", 1, None]}
    async with db.work() as conn:
        assert await conn.fetchval("SELECT $1::jsonb", document) == document
        assert await conn.fetchval("SELECT $1::json", document) == document


async def test_an_unreachable_server_is_an_outage_and_a_wrong_database_is_not(database_url: str) -> None:
    with pytest.raises(OSError) as caught:
        await Database.open("postgresql://nobody@127.0.0.1:9/none", connect_timeout=2)
    assert is_outage(caught.value)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        await Database.open(database_url.replace("waystate_test", "no_such"))


async def test_named_queries_give_rows_a_row_a_value_or_a_command_tag(db: Database, tmp_path: Path) -> None:
    (tmp_path / "queries.sql").write_text(
        "-- name: rows\n-- Why.\nSELECT * FROM generate_series(1, :last) AS number;\n"
        "-- name: row^\nSELECT :a::int AS a, :b::int AS b, :a::int AS again;\n"
        "-- name: value$\nSELECT :a::text;\n"
        "-- name: change!\nUPDATE tenants SET name = :name WHERE id = :id;\n"
    )
    queries = load_queries(str(tmp_path / "store.py"))
    await add_tenant(db, ACME)
    async with db.work() as conn:
        assert [row["number"] for row in await queries.rows(conn, last=3)] == [1, 2, 3]
        assert dict(await queries.row(conn, b=2, a=1)) == {"a": 1, "b": 2, "again": 1}
        assert await queries.value(conn, a="x") == "x"
        assert await queries.change(conn, id="acme", name="Acme") == "UPDATE 1"


async def test_ping_and_connections_tell_the_pool_s_state(db: Database) -> None:
    assert 0 < await db.ping() < 5
    async with db.work():
        in_use, is_open, allowed = db.connections
        assert (in_use, allowed) == (1, 4)
        assert is_open >= 1
