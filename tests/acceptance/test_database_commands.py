"""`waystate db`: the lines of docs/how-to/operate.md as printed, on the embedded database and on a PostgreSQL of one's own."""

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.fleet import fleet
from tests.acceptance.served import free_port
from tests.acceptance.terminal import beside, run_and_wait
from tests.acceptance.test_supervision import embedded, home, wait_until_ready
from tests.databases import Databases, find_memory, temporary_home
from tests.servers.forked import PROGRAM
from waystate.db import backup, migrate
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.postgres_wheel import find_programs_of
from waystate.db.server_upgrade import old_server

__all__ = ["home"]

COUNTS = ("tenants", "contacts", "conversations", "messages", "message_events", "audit_log", "sink_cursors")


def run(environment: dict[str, str], *arguments: str | Path, code: int = 0) -> tuple[str, str]:
    ended, output, errors = run_and_wait(environment, *map(str, arguments), timeout=120)
    assert ended == code, output + errors
    assert "Traceback" not in errors, errors
    return output, errors


def counts(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTS}  # type: ignore


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[dict[str, str], Path]]:
    """A home with an embedded database, a tenant, and messages in it."""
    with temporary_home(find_memory()) as home:
        environment = {"WAYSTATE_HOME": str(home)}
        run(environment, "tenant", "create", "acme")
        run(environment, "seed", "acme", "--contacts", "20", "--messages-per-contact", "5")
        yield environment, home
        EmbeddedPostgres(home).stop("immediate")


def test_a_backup_restored_into_an_empty_home_is_the_same_and_served(
    seeded: tuple[dict[str, str], Path], home: Path, tmp_path: Path
) -> None:
    environment, source = seeded
    file = tmp_path / "all.dump"
    said, progress = run(environment, "db", "backup", file)
    assert said.startswith(f"{file} has the whole database, {file.stat().st_size:,} bytes. Keep {source}/keys with it")
    assert re.search(r"Tables written: (\d+) of \1$", progress.strip())
    assert file.stat().st_mode & 0o777 == 0o600
    before = counts(EmbeddedPostgres(source).url())
    assert before["messages"] >= 50

    port = free_port()
    settings = embedded(home, port)
    said, _ = run(settings, "db", "restore", file)
    assert re.match(rf"Restored \d+ tables from {file}\.\n.*{home}/keys/master.key", said)
    (home / "keys").mkdir()
    (home / "keys" / "master.key").write_bytes((source / "keys" / "master.key").read_bytes())
    (home / "keys" / "master.key").chmod(0o600)
    assert counts(EmbeddedPostgres(home).url()) == before
    with psycopg.connect(EmbeddedPostgres(home).url()) as old, psycopg.connect(EmbeddedPostgres(source).url()) as new:
        assert shape(old) == shape(new)
    with fleet(home, settings) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
        assert processes.end("serve")[0] == 0


def shape(connection: "psycopg.Connection[tuple[object, ...]]") -> list[object]:
    """Owners, rights and row-level security of everything, and the indexes."""
    owned = connection.execute(
        "SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, c.relrowsecurity, c.relforcerowsecurity "
        "FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    functions = connection.execute(
        "SELECT proname, pg_get_userbyid(proowner), proacl::text, prosrc FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    policies = connection.execute("SELECT tablename, policyname, roles::text, qual FROM pg_policies ORDER BY 1, 2").fetchall()
    schema = connection.execute("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'").fetchall()
    # What a restore gives its own login on the schema, a superuser has anyway.
    rights = sorted(each for each in str(schema[0][0]).strip("{}").split(",") if not each.startswith("postgres="))
    return [owned, functions, policies, rights]


def test_what_cannot_be_backed_up_or_restored_is_said_in_one_sentence(
    seeded: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    environment, _ = seeded
    file, other = tmp_path / "all.dump", tmp_path / "other.dump"
    run(environment, "db", "backup", file)
    before = file.read_bytes()
    assert "is there already, and is not overwritten" in run(environment, "db", "backup", file, code=2)[1]
    assert file.read_bytes() == before
    assert "cannot be written" in run(environment, "db", "backup", tmp_path / "no" / "x.dump", code=2)[1]
    assert "has content already" in run(environment, "db", "restore", file, code=2)[1]
    other.write_bytes(b"not a dump")
    assert "is no backup of Waystate" in run(environment, "db", "restore", other, "--replace", code=2)[1]
    assert "is no file" in run(environment, "db", "restore", tmp_path / "none", code=2)[1]
    # Cut off in the middle, all is as it was.
    other.write_bytes(before[: len(before) // 2])
    was = counts(EmbeddedPostgres(Path(environment["WAYSTATE_HOME"])).url())
    assert "failed, and nothing was changed" in run(environment, "db", "restore", other, "--replace", code=2)[1]
    assert counts(EmbeddedPostgres(Path(environment["WAYSTATE_HOME"])).url()) == was
    assert not list(tmp_path.glob("*.part"))
    # A home that is none is not made by looking.
    nowhere = {"WAYSTATE_HOME": str(tmp_path / "nowhere")}
    for command in (("psql", "-c", "SELECT 1"), ("backup", tmp_path / "x.dump"), ("upgrade",)):
        assert "There is no database in" in run(nowhere, "db", *command, code=2)[1]
    assert not (tmp_path / "nowhere").exists()


def test_psql_opens_the_home_s_database_also_a_stopped_one(seeded: tuple[dict[str, str], Path]) -> None:
    environment, home = seeded
    EmbeddedPostgres(home).stop()
    said, started = run(environment, "db", "psql", "-Atc", "SELECT count(*) > 50, current_database() FROM messages")
    assert (said, started) == (
        "t|waystate\n",
        "waystate: starting the embedded PostgreSQL; it stays, `waystate db stop` ends it\n",
    )
    own = "SELECT current_user, count(*) > 50, count(DISTINCT tenant_id) FROM messages"
    assert run(environment, "db", "psql", "--tenant", "acme", "-Atc", own) == ("waystate_app|t|1\n", "")
    assert run(environment, "db", "psql", "--tenant", "nobody", "-Atc", own)[0] == "waystate_app|f|0\n"
    assert "nothere" in run(environment, "db", "psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT nothere", code=1)[1]


def test_a_server_in_use_is_stopped_by_force_alone(home: Path, tmp_path: Path) -> None:
    port = free_port()
    settings = embedded(home, port)
    postgres = EmbeddedPostgres(home)
    assert run(settings, "db", "stop")[0] == "It is not running.\n"
    # It is named by what was typed.
    with fleet(tmp_path, settings, PROGRAM) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
        postmaster = postgres.find_pid()
        said = run(settings, "db", "stop", code=2)[1]
        assert re.search(r"in use by process \d+ \(.*waystate serve\), .*\d+ session\(s\) of waystate", said), said
        assert "--force" in said
        assert postgres.find_pid() == postmaster
        assert run(settings, "db", "stop", "--force")[0] == "Stopped.\n"
        assert postgres.find_pid() != postmaster
        processes.end("serve")
    with psycopg.connect(postgres.start(), application_name="a report\x1b"):
        assert "in use by 1 session(s) of a report" in run(settings, "db", "stop", code=2)[1]
        assert postgres.is_running()
    assert run(settings, "db", "stop")[0] == "Stopped.\n"
    assert not postgres.is_running()


def test_a_postgresql_of_ones_own_is_backed_up_restored_and_opened(databases: Databases, tmp_path: Path) -> None:
    file = tmp_path / "own.dump"
    with databases.fresh() as source, databases.empty() as target:
        environment = beside(source, tmp_path)
        run(environment, "tenant", "create", "acme")
        run(environment, "seed", "acme", "--contacts", "10")
        assert "Keep WAYSTATE_MASTER_KEY with it" in run(environment, "db", "backup", file)[0]
        with psycopg.connect(source, application_name="waystate"):
            assert "Stop all its processes" in run(environment, "db", "restore", file, "--replace", code=2)[1]
        assert "Run `waystate db upgrade`" in run(beside(target, tmp_path), "db", "restore", file)[0]
        assert counts(target) == counts(source)
        # What came after the backup is gone after it is restored over that.
        run(environment, "tenant", "create", "globex")
        run(environment, "db", "restore", file, "--replace")
        assert counts(target) == counts(source)
        assert run(beside(target, tmp_path), "db", "psql", "-Atc", "SELECT id FROM tenants WHERE id = 'acme'")[0] == "acme\n"
        assert run(beside(target, tmp_path), "db", "upgrade")[0].startswith("The schema is at its newest revision, ")


def test_a_login_that_does_not_see_everything_is_told_to_name_another(
    seeded: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    environment, home = seeded
    postgres = EmbeddedPostgres(home)
    url = postgres.start()
    with (postgres.root / "pg_ident.conf").open("a") as mapped:
        mapped.write(f'waystate "{pwd.getpwuid(os.geteuid()).pw_name}" waystate_blind\n')
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE waystate_blind LOGIN")
        connection.execute("SELECT pg_reload_conf()")
    said = run(environment, "db", "backup", tmp_path / "x.dump", "--user", "waystate_blind", code=2)[1]
    assert "The login waystate_blind does not see all rows" in said
    assert "--user" in said
    assert list(tmp_path.iterdir()) == []


def test_another_login_and_its_password_are_never_arguments() -> None:
    url = "postgresql://waystate:s%3Acret@db.internal:6432/waystate?sslmode=require"
    command, environment = backup.command_of("pg_dump", url=url)
    assert environment["PGPASSWORD"] == "s:cret"
    assert "cret" not in " ".join(command)
    assert {"host=db.internal", "port=6432", "user=waystate", "dbname=waystate", "sslmode=require"} <= set(command[-1].split())
    command, environment = backup.command_of("pg_dump", url=backup.as_user(url, "o'admin@x"))
    assert "PGPASSWORD" not in environment or environment["PGPASSWORD"] == os.environ["PGPASSWORD"]
    assert r"user=o\'admin@x" in command[-1]


def test_the_schema_is_upgraded_and_said_so(databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        migrate.downgrade(url, "-2")
        before, head = migrate.status(url).current, migrate.status(url).head
        said, _ = run(beside(url, tmp_path), "db", "upgrade")
        assert said == f"The schema is upgraded from revision {before} to {head}.\n"


def test_data_of_an_older_postgresql_is_taken_over(home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    programs = find_programs_of("16", postgres.account)
    assert programs is not None, "the wheel brings it"
    environment = {"WAYSTATE_HOME": str(home)}
    run(environment, "tenant", "create", "acme")
    run(environment, "seed", "acme", "--contacts", "10")
    before = counts(postgres.url())
    older(postgres, programs, home / "new.dump")
    assert "Run `waystate db upgrade`" in run(environment, "tenant", "list", code=2)[1]
    said, _ = run(environment, "db", "upgrade")
    assert said.startswith("The embedded server is upgraded from PostgreSQL 16 to 18. The old data stay in ")
    assert (home / "postgres" / "data.16" / "PG_VERSION").read_text() == "16\n"
    assert counts(postgres.start()) == before
    assert not (home / "upgrading").exists()
    assert run(environment, "db", "upgrade")[0].startswith("The embedded server is PostgreSQL 18 already.\n")


def older(postgres: EmbeddedPostgres, programs: Path, dump: Path) -> None:
    """The same database, written by that older server."""
    backup.back_up(postgres.url(), dump, lambda *_: None)
    postgres.stop()
    postgres.data.rename(postgres.data.with_name("data.18"))
    postgres.account.own_directory(postgres.data)
    made = postgres.account.run(
        [programs / "initdb", "-D", postgres.data, "-U", "postgres", "--auth=peer", "--encoding=UTF8", "--locale=C"],
        cwd=postgres.root,
    )
    assert made.returncode == 0, made.stderr
    with old_server(postgres, programs) as url:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE waystate")
        backup.restore(url, dump, replace=False, told=lambda *_: None)
