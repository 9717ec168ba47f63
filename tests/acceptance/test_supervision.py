"""What the parent of `serve` and the single roles do about what dies, and about a PostgreSQL that is shared."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]
import pytest

from tests.acceptance.fleet import Fleet, fleet
from tests.acceptance.installation import MASTER_KEY
from tests.acceptance.served import free_port
from tests.databases import Databases, find_memory, temporary_home
from tests.servers.forked import PROGRAM
from waystate.child import command_of
from waystate.db.embedded import EmbeddedPostgres
from waystate.processes.supervisor import SOON

READY = 40


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home(find_memory()) as home:
        yield home
        EmbeddedPostgres(home).stop("immediate")


def embedded(home: Path, port: int) -> dict[str, str]:
    return {"WAYSTATE_HOME": str(home), "PORT": str(port)}


def worker_of(parent: int) -> psutil.Process | None:
    """Granian's forked worker has its parent's command line."""
    try:
        process = psutil.Process(parent)
        return next((each for each in process.children() if each.cmdline() == process.cmdline()), None)
    except psutil.NoSuchProcess:
        return None


def wait_until_ready(url: str, processes: Fleet, *names: str) -> None:
    deadline = time.monotonic() + READY
    with httpx2.Client(trust_env=False, timeout=3) as client:
        while time.monotonic() < deadline and all(processes.runs(name) for name in names):
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(f"{url} is not ready: {[processes.log(name).read_text() for name in names]}")


def wait_until_ended(processes: Fleet, name: str) -> None:
    deadline = time.monotonic() + READY
    while processes.runs(name):
        assert time.monotonic() < deadline, processes.log(name).read_text()
        time.sleep(0.05)


def wait_for_line(processes: Fleet, name: str, text: str) -> None:
    deadline = time.monotonic() + READY
    while text not in processes.log(name).read_text():
        assert time.monotonic() < deadline, processes.log(name).read_text()
        time.sleep(0.05)


def test_a_worker_that_dies_again_and_again_is_started_again(databases: Databases, tmp_path: Path) -> None:
    port = free_port()
    with databases.fresh() as url:
        environment = {
            "WAYSTATE_HOME": str(tmp_path),
            "WAYSTATE_MASTER_KEY": MASTER_KEY,
            "DATABASE_URL": url,
            "PORT": str(port),
        }
        with fleet(tmp_path, environment, PROGRAM) as processes:
            processes.start("serve", "serve")
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
            parent = processes.pid("serve")
            files = psutil.Process(parent).num_fds()
            killed: set[int] = set()
            deadline = time.monotonic() + READY
            while len(killed) < 5:
                assert time.monotonic() < deadline
                worker = worker_of(parent)
                if worker is not None and worker.pid not in killed:
                    worker.kill()
                    killed.add(worker.pid)
                time.sleep(0.02)
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
            assert processes.pid("serve") == parent
            assert processes.log("serve").read_text().count("it is started again") == 5
            assert psutil.Process(parent).num_fds() <= files + 2, "nothing is left behind by a restart"
            assert processes.end("serve")[0] == 0


def test_a_worker_that_cannot_start_at_all_ends_it(databases: Databases, tmp_path: Path) -> None:
    port, taken = free_port(), free_port()
    with databases.fresh() as url:
        environment = {"WAYSTATE_HOME": str(tmp_path), "WAYSTATE_MASTER_KEY": MASTER_KEY, "DATABASE_URL": url}
        with fleet(tmp_path, environment, PROGRAM) as processes:
            processes.start("first", "api", PORT=str(port), WEBHOOK_PORT=str(taken))
            wait_until_ready(f"http://127.0.0.1:{taken}/health/live", processes, "first")
            processes.start("second", "api", PORT=str(free_port()), WEBHOOK_PORT=str(taken))
            wait_until_ended(processes, "second")
            assert f"WEBHOOK_PORT {taken} cannot be listened on" in processes.log("second").read_text()


def test_a_database_that_says_nothing_ends_the_start_however_long_it_took(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "WAYSTATE_HOME": str(tmp_path),
            "WAYSTATE_MASTER_KEY": MASTER_KEY,
            "DATABASE_URL": f"postgresql://waystate@127.0.0.1:{silent.getsockname()[1]}/waystate",
            "DB_CONNECT_TIMEOUT": str(SOON + 1),
            "PORT": str(free_port()),
        }
        with fleet(tmp_path, environment, PROGRAM) as processes:
            processes.start("serve", "serve")
            wait_until_ended(processes, "serve")
            said = processes.log("serve").read_text()
            assert f"The database does not answer (nothing within {SOON + 1:g} s)" in said
            assert "it is started again" not in said


def test_serve_starts_its_postgresql_again_when_that_alone_dies(home: Path, tmp_path: Path) -> None:
    port = free_port()
    ready = f"http://127.0.0.1:{port}/health/ready"
    with fleet(tmp_path, embedded(home, port), PROGRAM) as processes:
        processes.start("serve", "serve")
        wait_until_ready(ready, processes, "serve")
        before = EmbeddedPostgres(home).find_pid()
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_for_line(processes, "serve", "it is started again")
        wait_until_ready(ready, processes, "serve")
        assert EmbeddedPostgres(home).find_pid() not in (None, before)
        assert processes.end("serve")[0] == 0
        assert not EmbeddedPostgres(home).is_running(), "it is serve's own"


def test_a_server_that_ends_leaves_postgresql_to_another_on_its_home(home: Path, tmp_path: Path) -> None:
    ports = {"first": free_port(), "second": free_port()}
    with fleet(tmp_path, {"WAYSTATE_HOME": str(home)}, PROGRAM) as processes:
        for name, port in ports.items():
            processes.start(name, "serve", PORT=str(port))
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, name)
        postmaster = EmbeddedPostgres(home).find_pid()
        assert processes.end("second")[0] == 0
        assert "others use it" in processes.log("second").read_text()
        assert EmbeddedPostgres(home).find_pid() == postmaster
        assert httpx2.get(f"http://127.0.0.1:{ports['first']}/health/ready", trust_env=False).status_code == 200
        assert processes.end("first")[0] == 0
        assert not EmbeddedPostgres(home).is_running(), "nobody is left"


def test_a_second_demo_on_the_same_data_is_refused(home: Path) -> None:
    environment = os.environ | {"WAYSTATE_HOME": str(home), "PORT": str(free_port()), "SIMULATOR_PORT": str(free_port())}
    held = os.open(home / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            command_of("demo", "--seconds", "1"), env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(held)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"A demo runs on this data already ({home})" in done.stderr


@pytest.mark.parametrize("command", [["tenant", "list"], ["prepare"]])
def test_a_home_where_nothing_has_run_yet_is_made_by_the_first_command(home: Path, command: list[str]) -> None:
    environment = os.environ | {"WAYSTATE_HOME": str(home)}
    done = subprocess.run(command_of(*command), env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    again = subprocess.run(
        command_of("tenant", "list"), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (again.returncode, again.stdout) == (0, "None.\n")


def test_roles_share_an_embedded_postgresql_that_outlives_each_of_them(home: Path, tmp_path: Path) -> None:
    port = free_port()
    with fleet(tmp_path, embedded(home, port), PROGRAM) as processes:
        for name in ("timers", "work", "relay", "api"):
            processes.start(name, name)
        for name in ("timers", "work", "relay"):
            wait_for_line(processes, name, f"waystate: {name} runs")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "api")
        postmaster = EmbeddedPostgres(home).find_pid()
        for name in ("timers", "work", "relay", "api"):
            assert processes.end(name)[0] == 0
        assert EmbeddedPostgres(home).find_pid() == postmaster
        said = "".join(processes.log(name).read_text() for name in ("timers", "work", "relay", "api"))
        assert "`waystate db stop` ends it" in said


def test_what_prepares_for_a_server_that_its_parent_started_starts_none(home: Path) -> None:
    done = subprocess.run(
        command_of("prepare", "--started"), env=embedded(home, 1), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "The database does not answer" in done.stderr) == (2, True), done.stderr
    assert not (home / "postgres").exists()
