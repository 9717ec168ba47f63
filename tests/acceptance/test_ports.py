"""A port is one process's alone: who finds it taken says so and starts nothing; who has it keeps it while workers change."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]
import pytest

from tests.acceptance.fleet import Fleet, fleet
from tests.acceptance.installation import MASTER_KEY, SIMULATED, until
from tests.acceptance.served import free_port
from tests.acceptance.terminal import run_command
from tests.acceptance.test_supervision import embedded, home, wait_until_ended, wait_until_ready, worker_of
from tests.databases import Databases
from waystate.simulator.app import CONFIG_VARIABLE
from waystate.simulator.config import SimulatorConfig

__all__ = ["home"]

NOBODY = 65534
LISTEN_ON_80 = f"""
import os
import socket
from waystate.errors import ConfigError
from waystate.ports import Port, listen
socket.getaddrinfo("127.0.0.1", 80)  # what it imports is not everybody's to read
if os.geteuid() == 0:
    os.seteuid({NOBODY})
try:
    listen([Port("PORT", "127.0.0.1", 80)])
except ConfigError as error:
    print(error)
"""


@contextmanager
def taken(port: int = 0) -> Iterator[int]:
    """A port that its holder would share with whoever asks for that."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield holder.getsockname()[1]


def free_pair() -> int:
    """The first of two free ports that follow each other."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if port < 65535 and probe.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


def the_one_left(processes: Fleet, *names: str) -> str:
    """Which one runs, when all others have ended."""
    deadline = time.monotonic() + 20
    while len(left := [name for name in names if processes.runs(name)]) > 1:
        assert time.monotonic() < deadline, f"{left} all run"
        time.sleep(0.05)
    (one,) = left
    return one


async def refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """The one sentence of a start that began nothing."""
    home = folder / "home"
    simulated = SimulatorConfig(**{**SIMULATED, "whatsapp_webhook_url": "http://x", "genesys_webhook_url": "http://x"})
    environment = {"WAYSTATE_HOME": str(home), CONFIG_VARIABLE: simulated.model_dump_json()}
    async with asyncio.timeout(20):
        code, output, errors = await run_command(environment | settings, *arguments)
    assert (code, output) == (2, ""), errors
    assert errors.startswith("waystate: ")
    assert errors.endswith(".\n")
    assert errors.count("\n") == 1, errors
    assert not home.exists(), "nothing was begun"
    return errors.removeprefix("waystate: ").removesuffix("\n")


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("serve", "PORT"),
        ("serve", "WEBHOOK_PORT"),
        ("api", "PORT"),
        ("api", "WEBHOOK_PORT"),
        ("work", "HEALTH_PORT"),
        ("relay", "HEALTH_PORT"),
        ("timers", "HEALTH_PORT"),
        ("demo", "PORT"),
        ("demo", "WEBHOOK_PORT"),
        ("demo", "SIMULATOR_PORT"),
    ],
)
async def test_a_port_that_is_taken_ends_the_start_with_one_sentence(tmp_path: Path, command: str, setting: str) -> None:
    with taken() as port:
        others = {"PORT": str(free_pair())} if setting != "PORT" else {}
        said = await refusal(tmp_path, command, **{**others, setting: str(port)})
    assert said == (
        f"{setting} {port} cannot be listened on at 127.0.0.1 (Address already in use); "
        f"stop what uses it, or choose another port with {setting}."
    )


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *((command, option) for command in ("serve", "api", "demo") for option in ("--port", "--webhook-port")),
        *((command, "--health-port") for command in ("work", "relay", "timers")),
        ("demo", "--simulator-port"),
    ],
)
async def test_an_option_wins_over_the_variable_of_its_port(tmp_path: Path, command: str, option: str) -> None:
    setting = option.removeprefix("--").replace("-", "_").upper()
    with taken() as port:
        settings = {"PORT": str(free_pair())} | {setting: str(free_port())}
        said = await refusal(tmp_path, command, option, str(port), **settings)
    assert said.startswith(f"{setting} {port} cannot be listened on at 127.0.0.1 (Address already in use)")


async def test_the_port_of_the_simulator_is_the_one_after_port_and_its_sentence_says_so(tmp_path: Path) -> None:
    port = free_pair()
    with taken(port + 1):
        said = await refusal(tmp_path, "demo", PORT=str(port))
    assert said.startswith(f"SIMULATOR_PORT {port + 1} (unset, so it is PORT + 1) cannot be listened on")
    assert said.endswith("choose another port with SIMULATOR_PORT.")


async def test_the_simulator_alone_names_its_option(tmp_path: Path) -> None:
    with taken() as port:
        said = await refusal(tmp_path, "simulate", "--port", str(port))
    assert said.startswith(f"--port {port} cannot be listened on at 127.0.0.1 (Address already in use)")
    assert said.endswith("choose another port with --port.")


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (["serve"], {"PORT": "0"}, "PORT is '0', which cannot be used; write a TCP port from 1 to 65535"),
        (["simulate", "--port", "0"], {}, "--port 0 is not a TCP port; set --port to one from 1 to 65535."),
        (["demo"], {"PORT": "65535"}, "SIMULATOR_PORT 65536 (unset, so it is PORT + 1) is not a TCP port; set SIMULATOR_PORT"),
        (["serve"], {"PORT": "3999", "WEBHOOK_PORT": "3999"}, "WEBHOOK_PORT and PORT are both 3999; give the webhooks a port"),
        (["demo"], {"PORT": "3998", "WEBHOOK_PORT": "3999"}, "SIMULATOR_PORT 3999 (unset, so it is PORT + 1) and WEBHOOK_PORT"),
        (["demo"], {"PORT": "3998", "SIMULATOR_PORT": "3998"}, "SIMULATOR_PORT 3998 and PORT 3998 are the same port; set"),
        (
            ["api"],
            {"HOST": "192.0.2.1"},
            "PORT 3005 cannot be listened on at 192.0.2.1 (Cannot assign requested address); set HOST",
        ),
        (["work"], {"HOST": "192.0.2.1", "HEALTH_PORT": "3999"}, "HEALTH_PORT 3999 cannot be listened on at 192.0.2.1 (Cannot"),
        (["api"], {"HOST": "nowhere.invalid"}, "PORT 3005 cannot be listened on at nowhere.invalid ("),
    ],
)
async def test_a_port_that_cannot_be_is_told_in_one_sentence(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    assert (await refusal(tmp_path, *arguments, **settings)).startswith(sentence)


def test_a_port_that_needs_a_privilege_is_told_in_one_sentence() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("every port is anybody's here")
    done = subprocess.run([sys.executable, "-c", LISTEN_ON_80], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "PORT 80 cannot be listened on at 127.0.0.1 (Permission denied); "
        "choose a port from 1024 on with PORT, or give Waystate the right to listen below.\n"
    )


def test_of_two_that_start_at_the_same_moment_one_serves(databases: Databases, tmp_path: Path) -> None:
    port, webhooks = free_port(), free_port()
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, PORT=str(port))) as processes:
        names = ("one", "two", "three")
        for name in names:
            processes.start(name, "api", WEBHOOK_PORT=str(webhooks))
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes)
        winner = the_one_left(processes, *names)
        for name in {*names} - {winner}:
            said = processes.log(name).read_text()
            assert said.startswith(f"waystate: PORT {port} cannot be listened on"), said
            assert said.count("\n") == 1
        with pytest.raises(OSError, match="in use"), taken(port):
            pass
        with pytest.raises(OSError, match="in use"), taken(webhooks):
            pass
        assert processes.end(winner)[0] == 0


def test_who_calls_between_two_workers_waits_and_is_answered(databases: Databases, tmp_path: Path) -> None:
    port, webhooks = free_port(), free_port()
    settings = {"PORT": str(port), "WEBHOOK_PORT": str(webhooks)}
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, **settings)) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
        for _ in range(2):
            worker = worker_of(processes.pid("serve"))
            assert worker is not None
            worker.kill()
            psutil.wait_procs([worker], timeout=10)
            with httpx2.Client(trust_env=False, timeout=30) as client:
                for each in (port, webhooks):
                    assert client.get(f"http://127.0.0.1:{each}/health/live").status_code == 200
        assert processes.end("serve")[0] == 0


async def test_who_stops_takes_no_more_while_it_finishes_what_it_has(databases: Databases, tmp_path: Path) -> None:
    port, webhooks = free_port(), free_port()
    settings = {"PORT": str(port), "WEBHOOK_PORT": str(webhooks)}
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, **settings)) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
        reader, writer = await asyncio.open_connection("127.0.0.1", webhooks)
        writer.write(b"POST /webhooks/whatsapp/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.3)
        processes.send("serve", signal.SIGTERM)

        async def both_refuse() -> bool:
            with socket.socket() as one, socket.socket() as two:
                return bool(one.connect_ex(("127.0.0.1", port)) and two.connect_ex(("127.0.0.1", webhooks)))

        await until(both_refuse, timeout=5)
        assert processes.runs("serve"), "what it has in hand is not finished"
        writer.write(b"}")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 401 "), "it is finished, and refused for its signature alone"
        wait_until_ended(processes, "serve")


def test_a_restart_takes_the_port_again_at_once_whatever_was_left_behind(home: Path, tmp_path: Path) -> None:
    port = free_port()
    ready = f"http://127.0.0.1:{port}/health/ready"
    with fleet(tmp_path, embedded(home, port)) as processes:
        processes.start("killed", "serve")
        wait_until_ready(ready, processes, "killed")
        processes.send("killed", signal.SIGKILL)
        wait_until_ended(processes, "killed")
        processes.start("stopped", "serve")
        wait_until_ready(ready, processes, "stopped")
        # Who closes first remembers a connection for a minute.
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert caller.recv(1)
            assert processes.end("stopped")[0] == 0
        processes.start("again", "serve")
        wait_until_ready(ready, processes, "again")
        assert processes.end("again")[0] == 0


async def test_ipv6_serves_and_says_where_in_brackets(databases: Databases, tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    port, health = free_port(), free_port()
    settings = {"HOST": "::1", "PORT": str(port), "HEALTH_PORT": str(health)}
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, **settings)) as processes:
        processes.start("api", "api")
        processes.start("timers", "timers")
        wait_until_ready(f"http://[::1]:{port}/health/ready", processes, "api")
        wait_until_ready(f"http://[::1]:{health}/health/live", processes, "timers")
        assert f"the API is on http://[::1]:{port} " in processes.log("api").read_text()
        processes.start("second", "api")
        wait_until_ended(processes, "second")
        assert f"PORT {port} cannot be listened on at ::1 (" in processes.log("second").read_text()
        assert (processes.end("api")[0], processes.end("timers")[0]) == (0, 0)


def attached(url: str, home: Path, **settings: str) -> dict[str, str]:
    return {"WAYSTATE_HOME": str(home), "WAYSTATE_MASTER_KEY": MASTER_KEY, "DATABASE_URL": url, **settings}


def test_a_role_that_starts_twice_on_one_health_port_runs_once(databases: Databases, tmp_path: Path) -> None:
    port = free_port()
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, HEALTH_PORT=str(port))) as processes:
        for name in ("work", "relay", "timers"):
            processes.start(name, name)
        wait_until_ready(f"http://127.0.0.1:{port}/health/live", processes)
        assert processes.end(the_one_left(processes, "work", "relay", "timers"))[0] == 0
