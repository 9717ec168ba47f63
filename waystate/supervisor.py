"""The parent process of `serve`: prepares the database, runs Granian's worker, restarts it, stops everything clean.

It imports as little as it can: it only waits, and its memory counts.
"""

import os
import signal
import subprocess
import sys

from waystate.config import Config, load_config
from waystate.db.embedded import EmbeddedPostgres
from waystate.errors import ConfigError
from waystate.parentage import die_with_parent

RESPAWN = 0.1
"""Seconds until a dead worker is replaced."""


def run() -> int:
    """Serve until told to stop; the exit code."""
    config = load_config()
    if os.environ.get("WAYSTATE_CHILD") == "1":
        die_with_parent(signal.SIGTERM)
    postgres = None if config.database_url else EmbeddedPostgres(config.home)
    if postgres is not None:
        print("waystate: starting the embedded PostgreSQL", flush=True)
        postgres.start()
    try:
        prepared = subprocess.run([sys.executable, "-m", "waystate", "prepare"], check=False)
        if prepared.returncode != 0:
            return prepared.returncode
        print(f"waystate: serving on http://{config.host}:{config.port} (docs: /docs)", flush=True)
        serve_worker("waystate.app:create", config.host, config.port, config)
    finally:
        if postgres is not None:
            postgres.stop()
    return 0


def serve_worker(target: str, host: str, port: int, config: Config | None = None) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops

    server = Granian(
        target,
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=1,
        loop=Loops.uvloop,
        backlog=2048,
        respawn_failed_workers=True,
        respawn_interval=RESPAWN,
        workers_kill_timeout=int(config.stop_timeout) + 1 if config is not None else 2,
        log_enabled=False,
    )
    server.serve()


def serve_simulator(port: int) -> None:
    if "WAYSTATE_SIMULATOR" not in os.environ:
        raise ConfigError(
            "WAYSTATE_SIMULATOR is not set; write the simulator's configuration as JSON into it (docs/reference/simulator.md), "
            "or run `waystate demo`, which does."
        )
    if os.environ.get("WAYSTATE_CHILD") == "1":
        die_with_parent(signal.SIGTERM)
    serve_worker("waystate.simulator.app:create_from_environment", "127.0.0.1", port)
