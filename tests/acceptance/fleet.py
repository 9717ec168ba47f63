"""Roles as processes of their own, to start, end and kill one by one."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.servers.forked import Process, start

_GONE = 20


class Fleet:
    """Processes by name; each writes to `<name>.log` in `folder`.

    `program` is what is typed before the command, where it is to be started from nothing.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], program: Sequence[str] | None = None) -> None:
        self._folder = folder
        self._program = program
        self._environment = environment
        self._processes: dict[str, Process] = {}

    def start(self, name: str, command: str, **settings: str) -> None:
        environment = {"PYTHONUNBUFFERED": "1", **self._environment, **settings}
        self._processes[name] = start(command.split(), environment, self.log(name), self._program)

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def kill(self, name: str) -> None:
        """SIGKILL, and gone with all it started."""
        process = self._processes[name]
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.kill()
        process.wait(_GONE)
        _, alive = psutil.wait_procs(family, timeout=_GONE)
        assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE], f"{name} outlived a SIGKILL"

    def send(self, name: str, signum: signal.Signals) -> None:
        self._processes[name].send_signal(signum)

    def end(self, name: str) -> tuple[int, float]:
        """SIGTERM; its exit code, and how many seconds it took."""
        began = time.monotonic()
        self.send(name, signal.SIGTERM)
        return self._processes[name].wait(_GONE), time.monotonic() - began

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def runs(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def close(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(_GONE)


@contextmanager
def fleet(folder: Path, environment: Mapping[str, str], program: Sequence[str] | None = None) -> Iterator[Fleet]:
    made = Fleet(folder, environment, program)
    try:
        yield made
    finally:
        made.close()
