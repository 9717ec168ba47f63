"""Starts what a command stands for: prepares the database, runs the roles, restarts what dies, stops everything clean.

The parent process imports as little as it can: it only waits, and its memory counts.
"""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from socket import socket
from typing import Any

from waystate.child import command_of, die_with_parent, ending_of, has_child_come_up
from waystate.config import Config, ProcessRole, load_config
from waystate.db.embedded import EmbeddedPostgres
from waystate.errors import ConfigError
from waystate.ports import BACKLOG, Port, address_of, close, for_granian, listen, ports_of, spoken

RESPAWN = 0.1
"""Seconds until a dead worker is replaced, doubled up to `LONGEST` while it dies again soon."""
LONGEST = 1.0
SOON = 5.0
KEEP_ALIVE = 75.0
"""Seconds that the simulator keeps an idle connection."""
LOOK = 1.0
"""Seconds between looks whether the embedded PostgreSQL still runs."""


def run(role: ProcessRole | None = None) -> int:
    """One role, or all of them in one (`serve`), until told to stop; the exit code."""
    config = load_config()
    if os.environ.get("WAYSTATE_CHILD") == "1":
        die_with_parent(signal.SIGTERM)
    listeners = listen(ports_of(config, role))
    postgres = None if config.database_url else EmbeddedPostgres(config.home)
    if postgres is not None:
        _bring_up(postgres, role)
    try:
        # Of a database of one's own nothing is to be prepared: it is checked where it is opened, which halves a role's start.
        if postgres is not None and (failed := subprocess.run(command_of("prepare", "--started"), check=False).returncode):
            return failed
        return _run_prepared(config, role, listeners)
    finally:
        # Roles leave it to those that come after them; `serve` alone ends it, unless somebody else uses it by then.
        if postgres is not None and role is None and not postgres.stop_if_unused():
            print("waystate: the embedded PostgreSQL stays, since others use it; `waystate db stop` ends it", flush=True)


def _bring_up(postgres: EmbeddedPostgres, role: ProcessRole | None) -> None:
    if postgres.is_running():
        print("waystate: using the embedded PostgreSQL that runs on this home", flush=True)
    elif role is None:
        print("waystate: starting the embedded PostgreSQL", flush=True)
    else:
        print("waystate: starting the embedded PostgreSQL; it stays for other roles, `waystate db stop` ends it", flush=True)
    postgres.use()
    postgres.start()
    threading.Thread(target=_keep_running, args=(postgres,), name="postgres keeper", daemon=True).start()


def _keep_running(postgres: EmbeddedPostgres) -> None:
    """Its own restart after a crash of a backend is not meant: this is for a postmaster that is gone."""
    while True:
        time.sleep(LOOK)
        with suppress(Exception):
            if not postgres.is_running():
                print("waystate: the embedded PostgreSQL is gone; it is started again", flush=True)
                postgres.start()


def _run_prepared(config: Config, role: ProcessRole | None, listeners: Mapping[str, socket]) -> int:
    if role is None or role is ProcessRole.API:
        load = partial(_load, config, role, listeners.get("WEBHOOK_PORT"))
        return serve_worker(load, listeners, "PORT", config)
    from waystate.processes.worker import run as run_role

    return run_role(config, role, listeners.get("HEALTH_PORT"))


def _load(config: Config, role: ProcessRole | None, webhooks: socket | None) -> Any:
    """Only the worker imports all that the application needs."""
    from waystate.processes.worker import create

    return create(config, role, webhooks)


def serve_worker(load: Callable[[], Any], listeners: Mapping[str, socket], setting: str, config: Config | None = None) -> int:
    """Serve what `load` builds on the socket of `setting`, until told to stop; the exit code."""
    from granian.constants import Interfaces, Loops

    # Workers have their sockets, and the memory by which they tell that they are up, from their parent.
    multiprocessing.set_start_method("fork", force=True)
    server = _respawning(listeners, setting)(
        "",
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=int(config.stop_timeout) + 1 if config is not None else 2,
        log_enabled=False,
        **spoken(config.keep_alive if config is not None else KEEP_ALIVE),
    )

    def load_in_worker() -> Any:
        # A killed parent would leave a worker that goes on answering on the port.
        die_with_parent()
        # There it is Granian's to close.
        listeners[setting].detach()
        return load()

    # Granian's own loader would put the current directory first on the path, and run what lies there.
    server.serve(target_loader=load_in_worker, wrap_loader=False)
    return int(server.exit_code)


def _respawning(listeners: Mapping[str, socket], setting: str) -> Any:
    """Granian's server gives up at the second death within 5.5 s; this one goes on, and rests a little in between.

    Its workers share our socket: what connects between two of them waits. Granian's own each had one of the same port.
    """
    from granian.server.mp import MPServer

    class Server(MPServer):
        exit_code = 0
        pause = RESPAWN
        started_at = time.monotonic()

        def _init_shared_socket(self) -> None:
            self._sso = None
            self._shd = for_granian(listeners[setting].fileno())

        def _drop_shared_socket(self) -> None:
            """Who stops takes no more, on none of its ports, while its worker finishes what it has in hand."""
            close(listeners.values())

        def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
            code, lasted = self.wrks[workers[0]].inner.exitcode or 0, time.monotonic() - self.started_at
            if code > 0 and not has_child_come_up():
                # It never came up: that is the settings' fault, and its own sentence has told which.
                self.exit_code = code
                self.signal_handler_interrupt()  # type: ignore[no-untyped-call]
                return
            self.pause = RESPAWN if lasted > SOON else min(2 * self.pause, LONGEST)
            print(f"waystate: the worker ended ({ending_of(code)}); it is started again", flush=True)
            time.sleep(self.pause)
            self.started_at = time.monotonic()
            if not self.interrupt_signal:
                super()._respawn_workers(workers, spawn_target, target_loader, delay)
                self.respawned_wrks.clear()

    return Server


def serve_simulator(port: int) -> int:
    if "WAYSTATE_SIMULATOR" not in os.environ:
        raise ConfigError(
            "WAYSTATE_SIMULATOR is not set; write the simulator's configuration as JSON into it (docs/reference/simulator.md), "
            "or run `waystate demo`, which does."
        )
    if os.environ.get("WAYSTATE_CHILD") == "1":
        die_with_parent(signal.SIGTERM)
    listeners = listen([Port("--port", "127.0.0.1", port)])
    return serve_worker(partial(_load_simulator, port), listeners, "--port")


def _load_simulator(port: int) -> Any:
    from waystate.simulator.app import create_from_environment

    app = create_from_environment()
    print(f"waystate: WhatsApp and Genesys are simulated on http://{address_of('127.0.0.1', port)}", flush=True)
    return app
