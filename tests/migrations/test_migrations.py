import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.databases import temporary_home
from waystate.db import migrate
from waystate.db.checks import check_database, find_head
from waystate.db.pool import Database
from waystate.db.postgres_account import find_account
from waystate.db.postgres_wheel import find_programs
from waystate.db.roles import ROLES, print_roles
from waystate.errors import ConfigError
from waystate.ids import TenantId

PROJECT = Path(__file__).parents[2]
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
"""The oldest server that Waystate supports, where Debian puts it."""


def dump_schema(url: str) -> list[str]:
    """pg_dump's statements without what names the run: its comments and the random key of `\\restrict`."""
    account = find_account()
    with temporary_home() as home:
        pg_dump = find_programs(account, home) / "pg_dump"
        done = account.run([pg_dump, "--schema-only", "--restrict-key=none", "--dbname", url], cwd=Path("/"))
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line and not line.startswith("--")]


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_up_down_up_leaves_the_same_schema(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    before = dump_schema(empty_database_url)
    assert any("CREATE TABLE public.conversations " in line for line in before)
    migrate.downgrade(empty_database_url, "base")
    assert tables(empty_database_url) == {"alembic_version"}
    migrate.upgrade(empty_database_url)
    assert dump_schema(empty_database_url) == before


def test_down_takes_everything_along(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    migrate.downgrade(empty_database_url, "base")
    left = [line for line in dump_schema(empty_database_url) if line.startswith(("CREATE ", "GRANT "))]
    assert [line for line in left if "alembic_version" not in line] == []


def test_each_revision_goes_down_and_up_again(empty_database_url: str) -> None:
    pending = migrate.status(empty_database_url).pending
    for revision in pending:
        migrate.upgrade(empty_database_url, revision)
        after = dump_schema(empty_database_url)
        migrate.downgrade(empty_database_url, "-1")
        migrate.upgrade(empty_database_url, revision)
        assert dump_schema(empty_database_url) == after, revision


def test_status_names_what_is_pending(empty_database_url: str) -> None:
    before = migrate.status(empty_database_url)
    assert (before.current, before.head) == (None, find_head())
    assert before.pending[0] == "0001"
    assert before.pending[-1] == find_head()
    migrate.upgrade(empty_database_url)
    after = migrate.status(empty_database_url)
    assert (after.current, after.pending) == (find_head(), ())


def test_a_revision_from_the_future_is_told(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="newer Waystate"):
        migrate.status(database_url)


def test_a_revision_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE conversations (in_the_way int)")
    with pytest.raises(Exception, match="already exists"):
        migrate.upgrade(empty_database_url)
    assert tables(empty_database_url) <= {"conversations", "alembic_version"}
    assert migrate.status(empty_database_url).current is None


def test_starters_at_the_same_moment_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate.upgrade, empty_database_url) for _ in range(4)]:
            done.result()
    assert migrate.status(empty_database_url).current == find_head()


def test_print_roles_can_be_run_twice_and_names_every_role(empty_database_url: str) -> None:
    script = print_roles("some-login")
    assert all(role in script for role in ROLES)
    with psycopg.connect(empty_database_url) as dba:
        with pytest.raises(psycopg.errors.RaiseException, match="some-login"):
            dba.execute(script)
        dba.rollback()
        dba.execute('CREATE ROLE "some-login"')
        dba.execute(script)
        dba.execute(script)
        dba.rollback()


@contextmanager
def trusting_server(programs: Path) -> Iterator[str]:
    """A server of another version, or one that lets in any login; URL of its superuser."""
    account = find_account()

    def run(program: str, *arguments: str | Path) -> None:
        done = account.run([programs / program, *arguments], cwd=home)
        assert done.returncode == 0, done.stderr + done.stdout

    with temporary_home() as home:
        data, socket = home / "data", home / "socket"
        account.own_directory(data)
        account.own_directory(socket)
        run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--locale=C", "--encoding=UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={socket}"
        run("pg_ctl", "start", "-w", "-D", data, "-l", socket / "log", "-o", options)
        try:
            yield f"postgresql://postgres@/postgres?host={socket}&port=5432"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)


@pytest.fixture(params=["oldest", "embedded"])
def trusting_server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    programs = POSTGRES_15
    if request.param == "embedded":
        programs = find_programs(find_account(), Path("/nonexistent"))
    elif not (POSTGRES_15 / "postgres").exists():
        pytest.skip(f"NOT TESTED ON POSTGRESQL 15: there is none in {POSTGRES_15}. On Debian 12: apt install postgresql-15")
    with trusting_server(programs) as url:
        yield url


async def test_every_supported_server_goes_up_down_up_and_passes_the_checks(trusting_server_url: str) -> None:
    migrate.upgrade(trusting_server_url)
    before = dump_schema(trusting_server_url)
    migrate.downgrade(trusting_server_url, "base")
    assert tables(trusting_server_url) == {"alembic_version"}
    migrate.upgrade(trusting_server_url)
    assert dump_schema(trusting_server_url) == before
    db = await Database.open(trusting_server_url, pool_size=2)
    await check_database(db, connections=20)
    await db.close()


async def test_a_login_that_may_create_no_roles_works_after_a_dba_ran_what_is_printed(trusting_server_url: str) -> None:
    with psycopg.connect(trusting_server_url, autocommit=True) as dba:
        dba.execute("CREATE ROLE limited LOGIN NOSUPERUSER NOCREATEROLE")
        dba.execute("CREATE DATABASE service")
    service = trusting_server_url.replace("/postgres?", "/service?")
    with psycopg.connect(service) as dba:
        dba.execute(print_roles("limited"))
    limited = service.replace("postgres@", "limited@")
    migrate.upgrade(limited)
    db = await Database.open(limited, pool_size=2)
    await check_database(db, connections=20)
    async with db.work() as conn:
        await conn.execute("INSERT INTO tenants (id, name) VALUES ('acme', 'Acme')")
    async with db.tenant(TenantId("acme")) as conn:
        assert await conn.fetchval("SELECT count(*) FROM conversations") == 0
    await db.close()
    migrate.downgrade(limited, "base")
    assert tables(limited) == {"alembic_version"}


def test_the_server_s_process_never_loads_alembic() -> None:
    modules = "waystate.db.pool, waystate.db.checks, waystate.db.migrate"
    code = f"import sys, {modules}; print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
