"""Which processes of this machine died: each locks a file of its own, and the kernel takes the lock back when it ends.

Processes see one another's end so where they share the home folder; across machines a lease that lapses says it, later.
"""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class ProcessLock:
    """`holder` names the process in its leases. The file is locked before the others can see it under its name."""

    def __init__(self, folder: Path, holder: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._path = folder / holder
        being_made = folder / f".{holder}"
        # A bare descriptor: nothing but the end of the process, or `leave`, may close it.
        self._descriptor = os.open(being_made, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        being_made.rename(self._path)

    def find_dead(self) -> list[str]:
        """Holders that ended without leaving."""
        return sorted(
            path.name
            for path in self._folder.iterdir()
            if path != self._path and not path.name.startswith(".") and _is_unlocked(path)
        )

    def forget(self, holders: Iterable[str]) -> None:
        """Once their leases are given back."""
        for holder in holders:
            (self._folder / holder).unlink(missing_ok=True)

    def leave(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _is_unlocked(path: Path) -> bool:
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False
