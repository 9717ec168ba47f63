"""The demo's child processes: started, started again when they die, ended in order; and what they count, added up."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from waystate.child import command_of, ending_of
from waystate.ports import handed_on
from waystate.web.metrics import Labels, Samples

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before a dead process is started again, doubled while it dies soon."""
SOON = 10.0
END_TIMEOUT = 4.0
_CUMULATIVE = ("_total", "_bucket", "_count", "_sum")


@dataclass
class Child:
    """`metrics_url` is None where nothing is counted. `listeners` stay open between its lives: callers wait meanwhile."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    metrics_url: str | None = None
    listeners: Sequence[socket.socket] = ()
    pause: float = FIRST_PAUSE
    started_at: float = 0.0
    restart_at: float | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def ending(self) -> str:
        return ending_of(self.process.returncode if self.process is not None else 0)

    def start(self) -> None:
        """In a session of its own: Ctrl-C reaches the demo alone, which then ends its children in order."""
        self.process = subprocess.Popen(
            command_of(*self.arguments),
            env=os.environ | self.environment | handed_on(self.listeners) | {"WAYSTATE_CHILD": "1"},
            pass_fds=[listener.fileno() for listener in self.listeners],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started_at, self.restart_at = time.monotonic(), None


class Processes:
    """`say` gets one line about each death."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children = children
        self._say = say

    def start(self) -> None:
        for child in self.children:
            child.start()

    def dead(self) -> list[Child]:
        return [child for child in self.children if child.process is not None and child.process.poll() is not None]

    def look(self) -> None:
        """Start again what is dead and has rested."""
        now = time.monotonic()
        for child in self.dead():
            if child.restart_at is None:
                child.pause = FIRST_PAUSE if now - child.started_at > SOON else min(2 * child.pause, LONGEST_PAUSE)
                child.restart_at = now + child.pause
                self._say(f"waystate: {child.name} ended ({child.ending}); it is started again in {child.pause:g} s")
            elif now >= child.restart_at:
                child.start()

    def end(self) -> None:
        """Nothing new comes in while what was taken is finished."""
        for child in self.children:
            for listener in child.listeners:
                listener.close()
        started = [child.process for child in self.children if child.process is not None]
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(timeout=END_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Tally:
    """The scrapes of several processes as if they were one that never restarts."""

    def __init__(self) -> None:
        self._last: dict[str, Samples] = {}
        self._before: dict[tuple[str, Labels], float] = {}
        """What processes had counted when they ended."""

    def add(self, process: str, samples: Samples) -> None:
        for key, value in self._last.get(process, {}).items():
            if key[0].endswith(_CUMULATIVE) and samples.get(key, 0.0) < value:
                self._before[key] = self._before.get(key, 0.0) + value
        self._last[process] = samples

    def total(self) -> Samples:
        """Of a process that does not answer, what it last said."""
        total = dict(self._before)
        for samples in self._last.values():
            for key, value in samples.items():
                total[key] = total.get(key, 0.0) + value
        return total
