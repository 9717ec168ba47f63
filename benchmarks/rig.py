"""What a run stands on: one temporary folder, one PostgreSQL, and every process that was started. Closing it ends them all."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from waystate.db import migrate
from waystate.db.embedded import SUPERUSER, EmbeddedPostgres

STOP_TIMEOUT = 15.0
"""Seconds for a process to end by itself."""


class Rig:
    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path()
        self.postgres: EmbeddedPostgres

    def __enter__(self) -> Self:
        with self._stack:
            self.folder = Path(tempfile.mkdtemp(prefix="waystate-bench-"))
            self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            # PostgreSQL's own account must be able to enter.
            self.folder.chmod(0o711)
            self.postgres = EmbeddedPostgres(self.folder / "server")
            self._stack.callback(self.postgres.stop, "immediate")
            self.postgres.start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A second Ctrl-C must not leave anything running behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._stack.close()
        finally:
            signal.signal(signal.SIGINT, before)

    @property
    def socket_directory(self) -> str:
        return str(self.postgres.socket_directory)

    @property
    def postgres_pid(self) -> int:
        pid = self.postgres.find_pid()
        assert pid is not None, "it runs as long as the rig is open"
        return pid

    @property
    def login(self) -> str:
        return SUPERUSER

    def make_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def make_database(self, name: str) -> str:
        """An empty one; its URL."""
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.postgres.url(name)

    def make_waystate_database(self, name: str) -> str:
        url = self.make_database(name)
        migrate.upgrade(url)
        return url

    def server_version(self) -> str:
        with psycopg.connect(self.postgres.url("postgres")) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "unknown"

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """A process in a session of its own, so that Ctrl-C reaches it through us only; its output goes to the rig's folder."""
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            command,
            cwd=cwd or self.folder,
            env=bare_environment() | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        self._stack.callback(stop, process)
        return process

    def last_words(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace").strip()[-1000:]


def stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def bare_environment() -> dict[str, str]:
    """Without the user's own settings of Waystate, PostgreSQL or Node."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
