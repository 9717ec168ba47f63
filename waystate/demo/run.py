"""Starts the server and the simulator, plays conversations, shows them, and stops everything clean."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from types import FrameType

import httpx2
from rich.console import Console
from rich.live import Live

from waystate.config import Config, load_config
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.opening import make_home
from waystate.db.pool import Database
from waystate.demo import tenant
from waystate.demo.display import Figures, RateWindow, Snapshot, render_line, render_table
from waystate.demo.processes import Child, Processes, Tally
from waystate.errors import ConfigError, WaystateError
from waystate.ports import Port, address_of, listen, listen_on_any, ports_of
from waystate.processes.prepare import prepare
from waystate.simulator.mix import WITHOUT_FILES
from waystate.vault.sealing import load_vault
from waystate.web.facts import names_loopback
from waystate.web.metrics import parse_metrics

FAULTS = {
    "duplicates": 0.2,
    "reordering": 0.3,
    "early_statuses": 0.3,
    "throttle": 0.05,
    "lost_answers": 0.05,
    "html_500_after": 0.03,
    "edge_5xx_after": 0.03,
    "graph_131000_after": 0.03,
}
"""None that leaves a message unknown for good: what WhatsApp had not taken is not sent again."""
FILES = 0.05
"""The share of customers' messages that brings a picture, a voice message or a document, and of agents' that attach one."""
STRUCTURED = 0.05
"""The share of agents' answers that is a bot's: buttons, a card, a list."""
ENDS = 0.1
"""The share of agents' answers, from the fifth to a customer on, after which the agent ends the conversation."""
SIMULATOR_PORT = "SIMULATOR_PORT"
PLAIN_EVERY = 5
"""Seconds between plain lines."""


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


class ServerEnded(WaystateError):
    pass


def run(*, customers: int, rate: float, faults: bool, seconds: float | None) -> int:
    os.environ.setdefault("TRUSTED_MODE", "loopback")
    os.environ["EGRESS_HOSTS"] = ",".join(filter(None, (os.environ.get("EGRESS_HOSTS"), "127.0.0.1")))
    config = load_config()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    console = Console()
    try:
        with _running(config, console) as (base_url, simulator_url, demo_file, processes):
            load = {"customers": customers, "rate": rate, "files": FILES, "groups": 1, "mix": WITHOUT_FILES}
            httpx2.post(f"{simulator_url}/simulator/load", json=load, timeout=10).raise_for_status()
            if faults:
                httpx2.put(f"{simulator_url}/simulator/faults", json=FAULTS, timeout=10).raise_for_status()
            _show(console, processes, base_url, simulator_url, demo_file, seconds)
    except Stopped:
        pass
    console.print("waystate: stopped; the data stays, the next start goes on with it")
    return 0


@contextmanager
def _running(config: Config, console: Console) -> Iterator[tuple[str, str, Path, Processes]]:
    listeners = _listen(config)
    only = _lock(config)
    far = listeners.pop(SIMULATOR_PORT)
    simulator_port = far.getsockname()[1]
    base_url = _url(config.host, config.port)
    simulator_url = _url("127.0.0.1", simulator_port)
    demo_file = config.home / "demo.json"
    postgres = None if config.database_url else EmbeddedPostgres(config.home)
    simulator = Child("the simulator", ["simulate", "--port", str(simulator_port)], {}, listeners=[far])
    # Its journal is in its memory: started anew it would know nothing of what it sent.
    far_side = Processes([simulator], console.print)
    processes = Processes(_children(config, list(listeners.values())), console.print)
    try:
        if postgres is not None:
            console.print("waystate: starting the embedded PostgreSQL (the first start takes some seconds)")
            postgres.use()
            postgres.start()
        prepare(is_started=True)
        kept = tenant.load_or_make_secrets(demo_file)
        asyncio.run(_set_up(config, postgres, simulator_url, kept))
        tenant.write_demo_file(demo_file, base_url, simulator_url, kept)
        pace = {
            "agent_reply_delay": 0.5,
            "agent_file_share": FILES,
            "agent_structured_share": STRUCTURED,
            "agent_end_share": ENDS,
            "agent_end_after": 5,
            "rules": {"messages_per_second": tenant.MESSAGES_PER_SECOND},
        }
        simulation = tenant.simulator_config(base_url, kept, seed=int(time.time()), own_url=simulator_url, **pace)
        simulator.environment["WAYSTATE_SIMULATOR"] = simulation.model_dump_json()
        far_side.start()
        processes.start()
        for url in (f"{simulator_url}/simulator/state", f"{base_url}/health"):
            _wait_for(url, [*far_side.children, *processes.children], config)
        console.print(
            f"waystate: serving on {base_url}; WhatsApp and Genesys are simulated on {simulator_url} (SIMULATOR_PORT)",
            soft_wrap=True,
        )
        if not console.is_terminal:
            # On a terminal the table says it all the time.
            console.print(f"waystate: API docs {base_url}/docs; keys and secrets {demo_file}", soft_wrap=True)
        yield base_url, simulator_url, demo_file, processes
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        processes.end()
        far_side.end()
        os.close(only)
        if postgres is not None:
            postgres.stop_if_unused()


def _lock(config: Config) -> int:
    """A descriptor that keeps other demos from this data: a second one would take the first one's accounts over."""
    make_home(config)
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(config.home / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            f"A demo runs on this data already ({config.home}). Stop it, or set WAYSTATE_HOME to another folder."
        ) from None
    return descriptor


def _listen(config: Config) -> dict[str, socket]:
    """Before anything is started, so that whoever finds a port taken has changed nothing."""
    chosen = config.simulator_port
    far = Port(SIMULATOR_PORT, "127.0.0.1", chosen or config.port + 1, "" if chosen else "unset, so it is PORT + 1")
    return listen([*ports_of(config, None), far])


def _children(config: Config, listeners: list[socket]) -> list[Child]:
    """With a RabbitMQ and a Redis of one's own it is an installation of several processes; else one process is all of it."""
    shared = {"STOP_TIMEOUT": "3"}
    base_url = _url(config.host, config.port)
    if config.public_url is None and names_loopback(base_url.removeprefix("http://").encode()):
        # Simulated agents load customers' files there.
        shared["PUBLIC_URL"] = base_url
    metrics = f"{base_url}/metrics"
    if config.amqp_url is None or config.redis_url is None:
        return [Child("serve", ["serve"], shared | {"WAYSTATE_LOG_TO_FILE": "waystate"}, metrics, listeners)]
    if "DB_POOL_SIZE" not in os.environ:
        shared["DB_POOL_SIZE"] = "8"
    children = [Child("api", ["api"], shared | {"WAYSTATE_LOG_TO_FILE": "api"}, metrics, listeners)]
    for name, command in (("work-1", "work"), ("work-2", "work"), ("relay", "relay"), ("timers", "timers")):
        health = listen_on_any(config.host)
        port = health.getsockname()[1]
        environment = shared | {"WAYSTATE_LOG_TO_FILE": name, "HEALTH_PORT": str(port)}
        children.append(Child(name, [command], environment, f"{_url(config.host, port)}/metrics", [health]))
    return children


def _url(host: str, port: int) -> str:
    """Returns where what listens at `host` is reached from this machine."""
    return f"http://{address_of({'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host), port)}"


def _show(
    console: Console, processes: Processes, base_url: str, simulator_url: str, demo_file: Path, seconds: float | None
) -> None:
    window, tally = RateWindow(), Tally()
    started = time.monotonic()
    shown = str(demo_file)
    with httpx2.Client(timeout=5) as http, Live(console=console, auto_refresh=False, transient=False) as live:
        last_line = 0.0
        while True:
            elapsed = time.monotonic() - started
            processes.look()
            figures = _figures(http, window, tally, processes, simulator_url)
            if figures is not None and console.is_terminal:
                live.update(render_table(figures, base_url, shown, elapsed), refresh=True)
            elif figures is not None and elapsed - last_line >= PLAIN_EVERY:
                last_line = elapsed
                print(render_line(figures, elapsed), flush=True)
            if seconds is not None and elapsed >= seconds:
                return
            time.sleep(1)


def _figures(http: httpx2.Client, window: RateWindow, tally: Tally, processes: Processes, simulator_url: str) -> Figures | None:
    """None while the far side does not answer; a process that is being restarted is shown as it last was."""
    for child in processes.children:
        if child.metrics_url is not None:
            with suppress(httpx2.HTTPError):
                tally.add(child.name, parse_metrics(http.get(child.metrics_url).text))
    try:
        state = http.get(f"{simulator_url}/simulator/state").json()
    except httpx2.HTTPError:
        return None
    return window.add(Snapshot(time.monotonic(), tally.total(), state))


async def _set_up(config: Config, postgres: EmbeddedPostgres | None, simulator_url: str, kept: dict[str, str]) -> None:
    url = config.database_url or (postgres.url() if postgres is not None else "")
    db = await Database.open(url, pool_size=2)
    try:
        await tenant.set_up(db, load_vault(config), simulator_url, kept)
    finally:
        await db.close()


def _wait_for(url: str, children: list[Child], config: Config) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        dead = next((child for child in children if child.process is not None and child.process.poll() is not None), None)
        if dead is not None:
            raise ServerEnded(f"{dead.name} ended while it started; its reason is above, or in {config.home / 'log'}.")
        with suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise ServerEnded(f"{url} did not answer within 30 s; the logs are in {config.home / 'log'}.")


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped
