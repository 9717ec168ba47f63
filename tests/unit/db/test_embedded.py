import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.databases import temporary_home
from waystate.db.embedded import EmbeddedPostgres, find_socket_directory
from waystate.db.failures import is_outage
from waystate.db.pool import Database
from waystate.db.postgres_account import find_account
from waystate.db.postgres_wheel import PROGRAMS, copy_programs, find_site_packages
from waystate.errors import ConfigError

is_root = os.geteuid() == 0
as_root_only = pytest.mark.skipif(not is_root, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    with temporary_home() as home:
        server = EmbeddedPostgres(home)
        server.start()
        yield server
        server.stop("immediate")


def note(server: EmbeddedPostgres, text: str) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.url()) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes")]


def show(server: EmbeddedPostgres, setting: str) -> str:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(f"SHOW {setting}").fetchone()
    assert row is not None
    return str(row[0])


async def test_both_drivers_reach_it_by_the_url(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("waystate",)
    connection_2 = await asyncpg.connect(server.url())
    assert await connection_2.fetchval("SELECT current_database()") == "waystate"
    await connection_2.close()


def test_it_is_durable_and_listens_on_a_socket_only(server: EmbeddedPostgres) -> None:
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
    }
    assert {setting: show(server, setting) for setting in wanted} == wanted


def test_only_its_own_account_can_enter_data_and_socket(server: EmbeddedPostgres) -> None:
    account = find_account()
    for directory in (server.data, server.socket_directory, server.log):
        found = directory.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, account.uid), directory
    assert stat.S_IMODE(server.root.stat().st_mode) & 0o066 == 0


@as_root_only
def test_another_user_of_the_machine_is_turned_away_even_at_an_open_socket(server: EmbeddedPostgres) -> None:
    psql: list[str | Path] = [server.program("psql"), "-X", "-d", server.url(), "-c", "SELECT 1"]
    closed = subprocess.run(psql, user="nobody", cwd="/", capture_output=True, text=True, check=False)
    assert "Permission denied" in closed.stderr
    server.socket_directory.chmod(0o755)
    (server.socket_directory / ".s.PGSQL.5432").chmod(0o777)
    opened = subprocess.run(psql, user="nobody", cwd="/", capture_output=True, text=True, check=False)
    assert "Peer authentication failed" in opened.stderr


def test_a_second_start_adopts_the_running_one(server: EmbeddedPostgres) -> None:
    pid = server.find_pid()
    other = EmbeddedPostgres(server.home)
    assert other.start() == server.url()
    assert other.find_pid() == pid


def test_data_is_there_after_stop_and_start(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    server.stop()
    assert not server.is_running()
    server.stop()  # nothing to do
    server.start()
    assert notes(server) == ["kept"]


def test_it_recovers_when_its_postmaster_is_killed_under_a_busy_session(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    pid = server.find_pid()
    assert pid is not None

    def sleep() -> None:
        with pytest.raises(psycopg.OperationalError), psycopg.connect(server.url()) as connection:
            connection.execute("SELECT pg_sleep(60)")

    session = threading.Thread(target=sleep)
    session.start()
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    server.start()
    session.join()
    assert server.find_pid() not in (None, pid)
    assert notes(server) == ["kept"]


def test_a_pid_file_whose_pid_belongs_to_others_by_now_is_no_hindrance(server: EmbeddedPostgres) -> None:
    note(server, "kept")
    pid_file = server.data / "postmaster.pid"
    lock_file = server.socket_directory / ".s.PGSQL.5432.lock"
    left = pid_file.read_text()
    server.stop()
    for file in (pid_file, lock_file):
        file.write_text(left.replace(left.split("\n")[0], str(os.getpid()), 1))
    assert not server.is_running()
    server.start()
    assert notes(server) == ["kept"]


def test_it_outlives_a_starter_that_is_killed_and_hears_no_ctrl_c() -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from waystate.db.embedded import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).start(); signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "os.killpg(0, signal.SIGINT); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[3]
    with temporary_home() as home:
        starter = subprocess.run([sys.executable, "-c", code, home], cwd=root, start_new_session=True, check=False)
        assert starter.returncode == -signal.SIGKILL
        server = EmbeddedPostgres(home)
        pid = server.find_pid()
        assert pid is not None
        server.start()
        assert server.find_pid() == pid
        server.stop()


def test_starters_at_the_same_moment_get_one_server() -> None:
    with temporary_home() as home, ThreadPoolExecutor(4) as pool:
        urls = {started.result() for started in [pool.submit(EmbeddedPostgres(home).start) for _ in range(4)]}
        assert urls == {EmbeddedPostgres(home).url()}
        note(EmbeddedPostgres(home), "one")
        EmbeddedPostgres(home).stop("immediate")


def test_a_long_home_gets_a_short_socket_that_the_next_start_finds_again() -> None:
    with temporary_home() as parent:
        home = parent / ("long-" * 20) / "with space and 'quote'"
        server = EmbeddedPostgres(home)
        server.start()
        assert len(str(server.socket_directory)) < 50
        assert server.socket_directory == find_socket_directory(home)
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        note(EmbeddedPostgres(home), "found")
        server.stop("immediate")
        shutil.rmtree(server.socket_directory)


@as_root_only
def test_a_home_below_a_closed_directory_is_refused_with_advice() -> None:
    with temporary_home() as parent:
        parent.chmod(0o700)
        (parent / "empty").mkdir()
        for home in (parent / "empty", parent / "home", parent / "far" / "below"):
            for begin in (EmbeddedPostgres(home).start, EmbeddedPostgres(home).use):
                with pytest.raises(ConfigError, match=r"waystate-postgres.*WAYSTATE_HOME"):
                    begin()
            EmbeddedPostgres(home).stop()
        assert list(parent.rglob("*")) == [parent / "empty"]


def test_a_home_that_cannot_be_made_is_refused_with_advice() -> None:
    with temporary_home() as parent:
        (parent / "file").write_text("")
        for home in (parent / "file", parent / "file" / "below"):
            with pytest.raises(ConfigError, match=r"Set WAYSTATE_HOME"):
                EmbeddedPostgres(home).start()


def test_data_of_another_major_version_is_refused_with_advice() -> None:
    with temporary_home() as home:
        server = EmbeddedPostgres(home)
        server.data.mkdir(parents=True)
        (server.data / "PG_VERSION").write_text("17\n")
        with pytest.raises(ConfigError, match=r"PostgreSQL 17.*db upgrade"):
            server.start()


def test_a_setting_that_postgresql_refuses_is_told_with_its_words(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.root / "settings.conf").write_text("work_mem = nonsense\n")
    with pytest.raises(ConfigError, match="work_mem"):
        server.start()
    (server.root / "settings.conf").write_text("work_mem = '9MB'\n")
    server.start()
    assert show(server, "work_mem") == "9MB"


def test_programs_run_from_a_copy_when_their_place_is_closed_to_the_account() -> None:
    account = find_account()
    with temporary_home() as home:
        copy_programs(find_site_packages(), home / "copy")
        assert account.can_run(home / "copy" / PROGRAMS / "initdb")
        size = sum(file.stat().st_size for file in (home / "copy").rglob("*"))
        assert size < 40 << 20


async def test_a_pool_outlives_a_crash_of_the_server_and_every_error_is_an_outage(server: EmbeddedPostgres) -> None:
    db = await Database.open(server.url(), pool_size=3, acquire_timeout=2)
    errors: list[BaseException] = []
    is_over = asyncio.Event()

    async def write() -> int:
        done = 0
        while not is_over.is_set():
            try:
                async with db.login() as conn:
                    await conn.execute("SELECT pg_sleep(0.002)")
                    done += 1
            except Exception as error:
                errors.append(error)
                await asyncio.sleep(0.02)
        return done

    writers = [asyncio.create_task(write()) for _ in range(6)]
    for _ in range(3):
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.start)
    await asyncio.sleep(0.5)
    errors_before_calm = len(errors)
    await asyncio.sleep(0.3)
    is_over.set()
    assert all(done > 0 for done in await asyncio.gather(*writers))
    assert errors
    assert [error for error in errors if not is_outage(error)] == []
    assert len(errors) == errors_before_calm
    await db.close()
