"""The seeds' State Manager as the other side: its own database on the same PostgreSQL, its own Redis without persistence."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from benchmarks.machine import ROOT
from benchmarks.rig import Rig, free_port
from benchmarks.server import wait_for_answer

INSTALL_TIMEOUT = 180
_FOLDER = "seed-state-manager"


class Peer:
    """Raises `Unavailable` when it cannot be found or installed."""

    def __init__(self, rig: Rig, customers: int) -> None:
        source = find_folder()
        if source is None:
            raise Unavailable(f"no folder {_FOLDER} in WAYSTATE_PEERS (default ../shared/peers beside the project)")
        folder = rig.make_folder("peer")
        for file in source.iterdir():
            shutil.copyfile(file, folder / file.name)
        install(folder)
        self.database_url = rig.make_database("peer")
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute((source / "schema.sql").read_bytes())
            connection.execute(
                "INSERT INTO conversation_mappings (tenant_id, wa_id, conversation_id) "
                "SELECT 'bench', '919' || lpad(n::text, 9, '0'), gen_random_uuid()::text FROM generate_series(0, %s) AS n",
                [customers - 1],
            )
            connection.execute("ANALYZE")
        redis_port, self.port = free_port(), free_port()
        redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        cache = rig.start("redis", redis, environment={})
        environment = {
            "NODE_ENV": "production",
            # A folder as host means the socket there: the same way to the database as Waystate's.
            "DB_HOST": rig.socket_directory,
            "DB_USER": rig.login,
            "DB_NAME": "peer",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(redis_port),
            "PORT": str(self.port),
        }
        self.process = rig.start("peer", ["node", "server.js"], environment=environment, cwd=folder)
        wait_for_answer(rig, "peer", self.process, self.port, "/health")
        self.pids = self.process.pid, cache.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def conversation_ids(self) -> list[str]:
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute("SELECT conversation_id FROM conversation_mappings ORDER BY wa_id").fetchall()
        return [row[0] for row in rows]

    def track(self, conversations: list[str], wamids: list[str]) -> None:
        """Messages as its own INSERT writes them, so that there is something to PATCH."""
        with psycopg.connect(self.database_url) as connection, connection.cursor() as cursor:
            columns = "tenant_id, conversation_id, meta_message_id, direction, status, message_type"
            with cursor.copy(f"COPY message_tracking ({columns}) FROM STDIN") as copy:
                for n, wamid in enumerate(wamids):
                    copy.write_row(("bench", conversations[n % len(conversations)], wamid, "outbound", "sent", "text"))
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("ANALYZE message_tracking")


class Unavailable(Exception):
    """The other side cannot be measured; the message says why."""


def find_folder() -> Path | None:
    peers = Path(os.environ.get("WAYSTATE_PEERS") or ROOT.parent / "shared" / "peers")
    folder = peers / _FOLDER
    return folder if (folder / "server.js").exists() else None


def install(folder: Path) -> None:
    command = ["npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm install took more than {INSTALL_TIMEOUT} s") from None
    if done.returncode != 0:
        raise Unavailable(f"npm install failed: {done.stderr.strip()[-300:]}")
