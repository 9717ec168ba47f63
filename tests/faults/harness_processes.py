"""`waystate serve` as a service manager runs it, and kills of its processes that are proven."""

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx2
import psutil  # type: ignore[import-untyped]

from tests.servers.forked import Process, start

What = Literal["parent", "worker", "both"]

DEATH = 5.0
"""Seconds in which a killed process, and a worker whose parent was killed, must be gone."""
READY = 45.0
"""Seconds in which a started or restarted Waystate must answer that it is ready."""
RESTART = 0.1
"""Seconds until the service manager starts an ended Waystate again."""
_FIRST_PORT, _PORTS = 15_000, 15_000
_LOOK = 0.02


def free_port() -> int:
    """Below the range that connections are made from: a port that is left for a moment stays free."""
    for _ in range(1000):
        port = _FIRST_PORT + random.SystemRandom().randrange(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@dataclass(frozen=True, slots=True)
class Pids:
    parent: int
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill and its proof: the processes of `before` are gone, those of `after` are others. Times are seconds."""

    what: What
    at: float
    progress: int
    before: Pids
    after: Pids
    died_in: float
    ready_in: float
    postmaster: tuple[int | None, int | None] = (None, None)


class Program:
    """A process in a session of its own, writing to a log file."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path, cwd: Path) -> None:
        self.arguments = arguments
        self.environment = environment
        self.log = log
        self._cwd = cwd
        self.process: Process | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "waystate", *self.arguments],
                env=self.environment,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def stop(self, limit: float = 20) -> int | None:
        """Gracefully; by SIGKILL for the whole session when it does not end in time. The exit code."""
        process = self.process
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        if not await until(lambda: process.poll() is not None, limit):
            for left in session_of(process.pid):
                left.kill()
            process.wait(DEATH)
        return process.returncode


class Side(Program):
    """One that nobody kills and whose code nobody changes: it need not be started from nothing."""

    def start(self) -> None:
        self.process = start(self.arguments, self.environment, self.log)


class Kept(Program):
    """Started again whenever it ends, as by a service manager, until it is told to stop."""

    def __init__(
        self, arguments: list[str], environment: dict[str, str], log: Path, cwd: Path, *, most_starts: int = 1000
    ) -> None:
        super().__init__(arguments, environment, log, cwd)
        self.exits: list[int] = []
        """Exit codes of those that ended by themselves or were killed; the kernel told them to us, their parent."""
        self._most_starts = most_starts
        self._keeper: asyncio.Task[None] | None = None

    def keep(self) -> None:
        """Start and keep running."""
        self.start()
        self._keeper = asyncio.create_task(self._keep())

    async def leave(self) -> None:
        """Nobody restarts it from here on."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def stop(self, limit: float = 20) -> int | None:
        await self.leave()
        return await super().stop(limit)

    async def _keep(self) -> None:
        for _ in range(self._most_starts):
            process = self.process
            assert process is not None
            while process.poll() is None:  # noqa: ASYNC110 - a process signals its end to its parent's main thread only
                await asyncio.sleep(_LOOK)
            self.exits.append(process.returncode)
            await asyncio.sleep(RESTART)
            self.start()


class Serve(Kept):
    def __init__(self, environment: dict[str, str], log: Path, cwd: Path) -> None:
        super().__init__(["serve"], environment, log, cwd)
        self.port = int(environment["PORT"])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def run(self) -> Pids:
        """Start and keep running; returns when it is ready."""
        self.keep()
        return await self.ready()

    async def ready(self, limit: float = READY) -> Pids:
        deadline = time.monotonic() + limit
        async with httpx2.AsyncClient(trust_env=False, timeout=3.0) as client:
            while time.monotonic() < deadline:
                pids = self.find_pids()
                if pids is not None and await answers(client, f"{self.address}/health/ready") and self.find_pids() == pids:
                    return pids
                await asyncio.sleep(_LOOK)
        raise AssertionError(f"Waystate was not ready within {limit} s; its log is {self.log}")

    def find_pids(self) -> Pids | None:
        if self.process is None or self.process.poll() is not None:
            return None
        worker = find_worker(self.process.pid)
        return None if worker is None else Pids(self.process.pid, worker.pid)

    async def kill(self, what: What) -> tuple[Pids, float]:
        """SIGKILL, and the proof of it: whose pids are gone, and after how many seconds the last of them was."""
        pids = self.find_pids()
        assert pids is not None, f"nothing to kill; the log is {self.log}"
        parent, worker = psutil.Process(pids.parent), psutil.Process(pids.worker)
        started = time.monotonic()
        for victim in {"parent": [parent], "worker": [worker], "both": [parent, worker]}[what]:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        doomed = [worker] if what == "worker" else [parent, worker]  # a worker dies with its parent, by itself
        assert await until(lambda: not any(lives(each) for each in doomed), DEATH), f"{what} {pids} survived a SIGKILL"
        died_in = time.monotonic() - started
        if self.process is not None and what != "worker":
            self.process.wait(DEATH)
        return pids, died_in


def find_worker(parent: int) -> psutil.Process | None:
    """Granian forks its worker, which keeps the parent's command line; `prepare` and PostgreSQL's tools have their own."""
    with contextlib.suppress(psutil.Error):
        of_parent = psutil.Process(parent)
        for child in of_parent.children():
            with contextlib.suppress(psutil.Error):
                if lives(child) and child.cmdline() == of_parent.cmdline():
                    return child
    return None


def lives(process: psutil.Process) -> bool:
    """A zombie is dead; in a container nobody may reap it. (psutil compares the start time, so a re-used pid is another.)"""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def session_of(leader: int) -> list[psutil.Process]:
    """The living processes of a session, by the pid that leads it."""
    return [each for each in psutil.process_iter() if lives(each) and _session(each.pid) == leader]


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that was started for this home: PostgreSQL runs with an environment of its own."""
    return [each for each in psutil.process_iter() if lives(each) and _home(each) == str(home)]


async def until(condition: Callable[[], bool], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK)
    return True


def clean_environment(settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Nothing of the caller's that could turn a started program elsewhere."""
    kept = {name: value for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if (value := os.environ.get(name))}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(settings)


async def answers(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx2.TransportError:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _home(process: psutil.Process) -> str | None:
    try:
        return str(process.environ().get("WAYSTATE_HOME"))
    except psutil.Error:
        return None
