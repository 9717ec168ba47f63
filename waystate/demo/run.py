"""Starts the server and the simulator, plays conversations, shows them, and stops everything clean."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import httpx2
from rich.console import Console
from rich.live import Live

from waystate.config import Config, load_config
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.pool import Database
from waystate.demo import tenant
from waystate.demo.display import Figures, Snapshot, Window, render_line, render_table
from waystate.errors import ConfigError, WaystateError
from waystate.preparation import prepare
from waystate.vault import load_or_create_master_key, vault_of
from waystate.web.metrics import parse_metrics

FAULTS = {
    "duplicates": 0.2,
    "reordering": 0.3,
    "early_statuses": 0.3,
    "throttle": 0.05,
    "server_errors": 0.05,
    "lost_answers": 0.05,
}
PLAIN_EVERY = 5
"""Seconds between plain lines."""


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


class ServerEnded(WaystateError):
    pass


def run(*, customers: int, rate: float, faults: bool, seconds: float | None) -> int:
    os.environ.setdefault("TRUSTED_MODE", "loopback")
    config = load_config()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    console = Console()
    try:
        with _running(config, console) as (base_url, simulator_url, demo_file):
            load = {"customers": customers, "rate": rate}
            httpx2.post(f"{simulator_url}/simulator/load", json=load, timeout=10).raise_for_status()
            if faults:
                httpx2.put(f"{simulator_url}/simulator/faults", json=FAULTS, timeout=10).raise_for_status()
            _show(console, base_url, simulator_url, demo_file, seconds)
    except Stopped:
        pass
    console.print("waystate: stopped; the data stays, the next start goes on with it")
    return 0


@contextmanager
def _running(config: Config, console: Console) -> Iterator[tuple[str, str, Path]]:
    _check_port(config)
    base_url = f"http://127.0.0.1:{config.port}"
    simulator_port = _free_port(config.port + 1)
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    demo_file = config.home / "demo.json"
    postgres = None if config.database_url else EmbeddedPostgres(config.home)
    children: list[subprocess.Popen[bytes]] = []
    try:
        if postgres is not None:
            console.print("waystate: starting the embedded PostgreSQL (the first start takes some seconds)")
            postgres.start()
        prepare()
        kept = tenant.load_or_make_secrets(demo_file)
        asyncio.run(_set_up(config, postgres, simulator_url, kept))
        tenant.write_demo_file(demo_file, base_url, kept)
        simulation = tenant.simulator_config(base_url, kept, seed=int(time.time()), agent_reply_delay=0.5)
        children.append(_child(["simulate", "--port", str(simulator_port)], WAYSTATE_SIMULATOR=simulation.model_dump_json()))
        children.append(_child(["serve"], WAYSTATE_LOG_TO_FILE="1", STOP_TIMEOUT="3"))
        for url in (f"{simulator_url}/simulator/state", f"{base_url}/health"):
            _wait_for(url, children, config)
        yield base_url, simulator_url, demo_file
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        _end(children)
        if postgres is not None:
            postgres.stop()


def _show(console: Console, base_url: str, simulator_url: str, demo_file: Path, seconds: float | None) -> None:
    window = Window()
    started = time.monotonic()
    shown = str(demo_file)
    with httpx2.Client(timeout=5) as http, Live(console=console, auto_refresh=False, transient=False) as live:
        last_line = 0.0
        while True:
            elapsed = time.monotonic() - started
            figures = _figures(http, window, base_url, simulator_url)
            if figures is not None and console.is_terminal:
                live.update(render_table(figures, base_url, shown, elapsed), refresh=True)
            elif figures is not None and elapsed - last_line >= PLAIN_EVERY:
                last_line = elapsed
                print(render_line(figures, elapsed), flush=True)
            if seconds is not None and elapsed >= seconds:
                return
            time.sleep(1)


def _figures(http: httpx2.Client, window: Window, base_url: str, simulator_url: str) -> Figures | None:
    """None while the server does not answer, as during a restart."""
    try:
        metrics = parse_metrics(http.get(f"{base_url}/metrics").text)
        state = http.get(f"{simulator_url}/simulator/state").json()
    except httpx2.HTTPError:
        return None
    return window.add(Snapshot(time.monotonic(), metrics, state))


async def _set_up(config: Config, postgres: EmbeddedPostgres | None, simulator_url: str, kept: dict[str, str]) -> None:
    url = config.database_url or (postgres.url() if postgres is not None else "")
    db = await Database.open(url, pool_size=2)
    try:
        await tenant.set_up(db, vault_of(load_or_create_master_key(config)), simulator_url, kept)
    finally:
        await db.close()


def _child(arguments: list[str], **environment: str) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches the demo alone, which then ends its children in order."""
    return subprocess.Popen(
        [sys.executable, "-m", "waystate", *arguments],
        env=os.environ | environment | {"WAYSTATE_CHILD": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(timeout=4)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_for(url: str, children: list[subprocess.Popen[bytes]], config: Config) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in children):
            raise ServerEnded(f"the server ended while it started; its reason is in {config.home / 'log' / 'waystate.log'}.")
        with suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise ServerEnded(f"{url} did not answer within 30 s; the log is {config.home / 'log' / 'waystate.log'}.")


def _check_port(config: Config) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise ConfigError(
                f"Port {config.port} is in use ({error.strerror}). Stop what uses it, or choose another: PORT=3010 make run."
            ) from error


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ConfigError("No free port is left on 127.0.0.1 for the simulator.")


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped
