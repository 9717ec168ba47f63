"""Embedded PostgreSQL: the server that Waystate runs itself when no DATABASE_URL is set.

Under WAYSTATE_HOME: `postgres/` has its configuration (ours); `postgres/data`, `postgres/socket` and `log/postgres` belong to
the server (0700). It listens on that socket only, and lets in only its own account and ours (peer). It may outlive us: the next
start adopts it.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]

from waystate.db.pool import load_queries
from waystate.db.postgres_account import PostgresAccount, find_account
from waystate.db.postgres_wheel import MAJOR, find_programs
from waystate.documents import shorten
from waystate.errors import ConfigError

_queries = load_queries(__file__)
SUPERUSER = "postgres"
DATABASE = "waystate"
_START_TIMEOUT = 120
"""Seconds: after a crash up to 2 GB of WAL are replayed first."""
_ORPHANS_TIMEOUT = 10
_LONGEST_SOCKET = 100
"""Bytes: the kernel's limit is 108 on Linux, 104 elsewhere."""
_SOCKET = ".s.PGSQL.5432"

StopMode = Literal["fast", "immediate"]


class EmbeddedPostgres:
    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().resolve()
        self.root = self.home / "postgres"
        self.data = self.root / "data"
        self.log = self.home / "log" / "postgres"
        self.socket_directory = find_socket_directory(self.home)
        self._use: int | None = None

    def url(self, database: str = DATABASE) -> str:
        """For asyncpg and psycopg alike."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.socket_directory), safe='')}&port=5432"

    def start(self) -> str:
        """Start the server, or adopt the one that runs on this home; its URL. Blocks: seconds at first, then under one."""
        self.make_home()
        with self._locked():
            self._make_directories()
            self._bring_up()
            try:
                self._create_database()
            except ConfigError:
                if self.is_running():
                    raise
                self._bring_up()  # the one that was to be adopted went away meanwhile
                self._create_database()
        return self.url()

    def make_home(self) -> None:
        """Unless it is there. `ConfigError`, and nothing is made, where it cannot be, or the server could not come to it."""
        try:
            if self.root.is_dir():
                return
            above = next(each for each in self.home.parents if each.is_dir())
            if self.account.is_other and not self.account.can_enter(above):
                raise self._closed()
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.home} cannot be made or entered ({error.strerror}). Set WAYSTATE_HOME to one of your own."
            ) from None

    def use(self) -> None:
        """Until this process ends it counts among those that use the server. The kernel takes it back, however that comes."""
        if self._use is None:
            self.make_home()
            self._use = os.open(self.home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def stop_if_unused(self) -> bool:
        """Whether it was stopped: not while another process uses it."""
        if self._use is not None:
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        self.stop()
        return True

    def stop_unused(self) -> None:
        """For who does not use it: stop it, or raise `ConfigError` with the names of those who do."""
        self.use()
        users = [*self._find_users(), *self._find_sessions()]
        if users or not self.stop_if_unused():
            names = ", ".join(users) or "another process"
            raise ConfigError(
                f"The embedded PostgreSQL is in use by {names}. End that first, or stop it all the same: --force."
            )

    def stop(self, mode: StopMode = "fast") -> None:
        """`fast` ends transactions and writes a checkpoint; `immediate` is a crash on purpose. Does nothing when none runs."""
        if not self.root.exists():
            return
        with self._locked():
            if self.find_pid() is not None:
                self._run("pg_ctl", "stop", "-w", "-D", self.data, "-m", mode, "-t", str(_START_TIMEOUT))

    def is_running(self) -> bool:
        return self.find_pid() is not None

    def find_pid(self) -> int | None:
        """The postmaster that runs on our data; the pid file of a dead one does not count."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if self._is_ours(psutil.Process(pid)) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def find_version(self) -> str | None:
        """The major version of PostgreSQL that wrote the data; None where there are none."""
        file = self.data / "PG_VERSION"
        return file.read_text().strip() if file.exists() else None

    @contextmanager
    def prepared(self) -> Iterator[dict[str, Path]]:
        """Where everything is, for a server of another version, while nobody can start ours."""
        with self._locked():
            if self.is_running():
                raise ConfigError(f"A server runs on {self.data}. Run `waystate db stop` first.")
            self._make_directories()
            self._clear_leftovers()
            yield self._write_configuration()

    def program(self, name: str) -> Path:
        """`psql`, `pg_dump`, … of the server's own version."""
        return self._programs / name

    @cached_property
    def account(self) -> PostgresAccount:
        return find_account()

    @cached_property
    def _programs(self) -> Path:
        return find_programs(self.account, self.root)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One start or stop at a time; the lock goes with its process, however that ends."""
        lock = os.open(self.home / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            # A child forked meanwhile shares the lock; closing alone would leave it with the child.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _bring_up(self) -> None:
        if self.find_pid() is not None:
            return
        self._clear_leftovers()
        if self.find_version() is None:
            self._initialise()
        self._check_version()
        self._write_configuration()
        self._launch()

    def _make_directories(self) -> None:
        entry = 0o711 if self.account.is_other else 0o700
        for directory in (self.root, self.log.parent):
            directory.mkdir(exist_ok=True)
            directory.chmod(entry)
        if self.account.is_other and not self.account.can_enter(self.root):
            self.home.chmod(self.home.stat().st_mode & 0o7777 | 0o011)
            if not self.account.can_enter(self.root):
                raise self._closed()
        if self.socket_directory.is_symlink():
            raise ConfigError(f"{self.socket_directory} is a symbolic link that is not ours. Remove it and start again.")
        for directory in (self.log, self.socket_directory):
            self._own(directory)

    def _closed(self) -> ConfigError:
        return ConfigError(
            f"The user {self.account.name}, which PostgreSQL runs as, cannot enter {self.root}: a directory above "
            f"{self.home} is closed to it. Set WAYSTATE_HOME to a place such as /var/lib/waystate, or set DATABASE_URL."
        )

    def _own(self, directory: Path) -> None:
        try:
            self.account.own_directory(directory)
        except PermissionError:
            raise ConfigError(f"{directory} belongs to another user. Remove it, or set WAYSTATE_HOME.") from None

    def _clear_leftovers(self) -> None:
        """After a kill of the postmaster its children keep the shared memory until they notice; a new one refuses to start."""
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        _, stubborn = psutil.wait_procs(orphans, timeout=_ORPHANS_TIMEOUT)
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn, timeout=_ORPHANS_TIMEOUT)
        # Both name the dead postmaster's pid, which may be another process's by now, or a zombie nobody reaps in a container.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_directory / f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_postgres = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
            return bool(is_postgres and process.cwd() == str(self.data))
        except psutil.Error:
            return False

    def _find_users(self) -> Iterator[str]:
        """The processes that called `use`, as far as this account may look into them."""
        file = str(self.home / "postgres.users")
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid != os.getpid() and any(each.path == file for each in process.open_files()):
                    yield f"process {process.pid} ({shorten(' '.join(process.cmdline()), 100)})"

    def _find_sessions(self) -> list[str]:
        """Of other clients, by the name they give; none of a server that does not answer."""
        command: list[str | Path] = [self.program("psql"), "-X", "-q", "-A", "-t", "-d", self.url("postgres")]
        return self.account.run(command, cwd=self.root, typed=_queries.list_sessions.sql).stdout.splitlines()

    def _initialise(self) -> None:
        """Beside the final place and then renamed, so that a kill in the middle leaves no half-made data."""
        for half_done in self.root.glob("data.new-*"):
            shutil.rmtree(half_done, ignore_errors=True)
        fresh = self.root / f"data.new-{os.getpid()}"
        self._own(fresh)
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        self._run("initdb", "-D", fresh, "-U", SUPERUSER, "--auth=peer", "--data-checksums", "--no-instructions", *locale)
        fresh.rename(self.data)
        directory = os.open(self.root, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def _check_version(self) -> None:
        found = self.find_version()
        if found != str(MAJOR):
            raise ConfigError(
                f"{self.data} was written by PostgreSQL {found}, and this Waystate brings {MAJOR}. Run `waystate db upgrade`."
            )

    def _write_configuration(self) -> dict[str, Path]:
        hba, ident = self.root / "pg_hba.conf", self.root / "pg_ident.conf"
        paths = {"data": self.data, "hba": hba, "ident": ident, "socket": self.socket_directory, "log": self.log}
        text = Path(__file__).with_name("embedded.conf").read_text()
        _write(self.root / "postgresql.conf", text.format(**{name: _quoted(path) for name, path in paths.items()}))
        _write(hba, "local all all peer map=waystate\nlocal replication all peer map=waystate\n")
        names = sorted({self.account.name, "root"} if self.account.is_other else {self.account.name})
        if not (settings := self.root / "settings.conf").exists():
            _write(settings, "# Your own settings for the embedded PostgreSQL; they are read last.\n")
        _write(ident, "".join(f'waystate "{name}" {SUPERUSER}\n' for name in names))
        return paths

    def _launch(self) -> None:
        options = f"-c config_file={shlex.quote(str(self.root / 'postgresql.conf'))}"
        output = self.log / "startup.log"
        try:
            self._run("pg_ctl", "start", "-w", "-t", str(_START_TIMEOUT), "-D", self.data, "-l", output, "-o", options)
        except ConfigError:
            # A start whose starter was killed may have come through just now.
            if self.find_pid() is None:
                said = output.read_text(errors="replace").strip()[-1000:] if output.exists() else "nothing"
                raise ConfigError(f"Embedded PostgreSQL did not start; look into {self.log}. It last said: {said}") from None

    def _create_database(self) -> None:
        """Also the proof that the server answers; one that was adopted may still be replaying its WAL."""
        missing = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
        script = f"SELECT 'CREATE DATABASE {DATABASE}' WHERE {missing} \\gexec"
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url("postgres"), typed=script)
                return
            except ConfigError:
                if time.monotonic() > deadline or self.find_pid() is None:
                    raise
            time.sleep(0.2)

    def _run(self, program: str, *arguments: str | Path, typed: str = "") -> None:
        done = self.account.run([self.program(program), *arguments], cwd=self.root, typed=typed)
        if done.returncode != 0:
            raise ConfigError(f"Embedded PostgreSQL: {program} failed: {(done.stderr or done.stdout).strip()[-1000:]}")


def find_socket_directory(home: Path) -> Path:
    """Below `home`, or, where that is too long for a socket's address, a short place that the next start finds again."""
    directory = home / "postgres" / "socket"
    if len(os.fsencode(directory / _SOCKET)) <= _LONGEST_SOCKET and "," not in str(directory):
        return directory
    key = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        return Path(f"/run/waystate-{key}")
    return Path(f"/tmp/waystate-{os.geteuid()}-{key}")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _write(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)
