"""A process and the one that started it: neither goes on as if the other were still there."""

import ctypes
import mmap
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_came_up = mmap.mmap(-1, 1)
"""Memory that a forked worker has in common with its parent."""


def command_of(*arguments: str) -> list[str]:
    """Returns what starts `waystate` as a child. With -P a file of the current directory is never taken for a library."""
    return [sys.executable, "-P", "-m", "waystate", *arguments]


def die_with_parent(signum: signal.Signals = signal.SIGKILL) -> None:
    """A killed Granian parent otherwise leaves a worker that goes on answering on the port (Linux only)."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def tell_parent_it_is_up() -> None:
    _came_up[0] = 1


def has_child_come_up() -> bool:
    """Of all children so far, whether one has told."""
    return _came_up[0] == 1


def ending_of(exit_code: int) -> str:
    """How a process ended, in words."""
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
