"""`waystate` as people run it: processes of their own, on free ports."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.acceptance.installation import MASTER_KEY
from tests.servers.forked import Process, start
from waystate.simulator.app import CONFIG_VARIABLE
from waystate.simulator.config import SimulatorConfig

_START_TIMEOUT, _STOP_TIMEOUT = 30, 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(database_url: str, home: Path, port: int, program: Sequence[str] | None = None, **settings: str) -> Iterator[str]:
    """The address of `waystate serve`, once it is ready. When asked to end, it must end by itself and well.

    `program` is what is typed before `serve`, where it is to be started from nothing.
    """
    environment = {
        "WAYSTATE_HOME": str(home),
        "WAYSTATE_MASTER_KEY": MASTER_KEY,
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "EGRESS_HOSTS": "127.0.0.1, localhost",
        "TEMPLATE_INTERVAL": "0",
        **settings,
    }
    with _running(["serve"], environment, home / "serve.log", program) as process:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/health/ready", home / "serve.log")
        yield f"http://localhost:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(_STOP_TIMEOUT) == 0, (home / "serve.log").read_text()


@contextmanager
def simulated(config: SimulatorConfig, home: Path, port: int) -> Iterator[str]:
    """The address of `waystate simulate`."""
    environment = {CONFIG_VARIABLE: config.model_dump_json()}
    with _running(["simulate", "--port", str(port)], environment, home / "simulate.log") as process:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/simulator/state", home / "simulate.log")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(
    arguments: list[str], environment: Mapping[str, str], log: Path, program: Sequence[str] | None = None
) -> Iterator[Process]:
    log.unlink(missing_ok=True)
    process = start(arguments, environment, log, program)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_STOP_TIMEOUT)


def _wait_until_ready(process: Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    with httpx2.Client(trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError(f"it did not come up: {log.read_text()}")
