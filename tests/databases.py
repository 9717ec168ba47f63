"""PostgreSQL for the tests: one server a run (or that of WAYSTATE_TEST_DATABASE_URL), one migrated template, a copy a test."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.issued import leaks_of
from waystate.db import migrate
from waystate.db.embedded import EmbeddedPostgres

_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 4 << 30
"""Bytes: WAL may grow to 2 GB."""
_ROLES_LOCK = 0x726F6C6573
"""Roles belong to the whole server, so test processes that share one make them one after the other."""


def find_memory() -> Path | None:
    """fsync stays on in tests; on a disk it would be most of their time (a fresh database: 400 ms instead of 60)."""
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED
    return _MEMORY if has_room else None


@contextmanager
def temporary_home(parent: Path | None = None) -> Iterator[Path]:
    """A directory that PostgreSQL's account can enter; pytest's own are closed to others."""
    home = Path(tempfile.mkdtemp(prefix="waystate-", dir=parent))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def server_url() -> Iterator[str]:
    """URL of a maintenance database, by a login that may create databases and roles."""
    if given := os.environ.get("WAYSTATE_TEST_DATABASE_URL"):
        yield given
        return
    with temporary_home(find_memory()) as home:
        server = EmbeddedPostgres(home)
        try:
            yield server.start()
        finally:
            server.stop("immediate")


class Databases:
    """Copies of one migrated template."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._name = f"waystate_test_{os.getpid()}"
        self._numbers = count(1)
        self.searching = 0.0
        # A connection stays open: opening one costs more than the statement.
        self._connection = psycopg.connect(server, autocommit=True)

    def make_template(self) -> None:
        self._connection.execute(f"SELECT pg_advisory_lock({_ROLES_LOCK})")
        try:
            self._connection.execute(f'CREATE DATABASE "{self._name}"')
            migrate.upgrade(self._url(self._name))
        finally:
            self._connection.execute(f"SELECT pg_advisory_unlock({_ROLES_LOCK})")

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """URL of a database with the schema and nothing in it, dropped afterwards; a usable secret in it fails the test."""
        with self._created(f'TEMPLATE "{self._name}" STRATEGY FILE_COPY') as url:
            yield url

    @contextmanager
    def empty(self) -> Iterator[str]:
        """URL of a database without even the schema."""
        with self._created("TEMPLATE template0") as url:
            yield url

    def close(self) -> None:
        self._connection.execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')
        self._connection.close()

    @contextmanager
    def _created(self, options: str) -> Iterator[str]:
        name = f"{self._name}_{next(self._numbers)}"
        self._connection.execute(f'CREATE DATABASE "{name}" {options}')
        try:
            yield self._url(name)
            found = self._searched(self._url(name))
            assert found == [], f"what could be used stands in the database: {found}"
        finally:
            self._connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _searched(self, url: str) -> list[str]:
        started = time.monotonic()
        try:
            return leaks_of(url)
        finally:
            self.searching += time.monotonic() - started

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{database}"))
