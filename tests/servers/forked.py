"""`waystate …` as a process of its own that need not import everything again: a fork of one that has.

Starting Python and importing Waystate is most of what a short command costs. One process of a run, the nursery, does it once;
each command is a fork of it, with arguments, environment, folder, session and files of its own, and ends as a process does.
Tests of how Waystate is started, supervised or killed start it from nothing.
"""

import atexit
import gc
import json
import mmap
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "waystate")
_FILES = 3


class Forked:
    """What of `subprocess.Popen` a test asks; the files are descriptors. Without its owner it is killed."""

    def __init__(
        self,
        arguments: Sequence[str | bytes],
        environment: Mapping[str, str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        nursery: str | None = None,
    ) -> None:
        wanted = [name for name in environment if name.startswith("PYTHON") and name != "PYTHONUNBUFFERED"]
        assert wanted == [], "a process that is forked has no interpreter of its own"
        self.returncode: int | None = None
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(nursery or _nursery())
        asked = {"arguments": [os.fsdecode(each) for each in arguments], "environment": dict(environment), "cwd": os.getcwd()}
        socket.send_fds(self.connection, [b"\n"], [stdin, stdout, stderr])
        self.connection.sendall(json.dumps(asked).encode() + b"\n")
        self.pid = int(self._line())

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("waystate", timeout or 0.0)
        return code

    def told(self, line: bytes) -> int:
        """By the nursery, how it ended."""
        self.returncode = int(line)
        self.connection.close()
        return self.returncode

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        self.connection.settimeout(timeout)
        try:
            return self.told(self._line())
        except (TimeoutError, BlockingIOError):
            return None

    def _line(self) -> bytes:
        """Each is sent at once, and is shorter than what a socket would part."""
        line = self.connection.recv(64)
        assert line.endswith(b"\n"), "the nursery is gone"
        return line


Process = Forked | subprocess.Popen[bytes]


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path, program: Sequence[str] | None = None) -> Process:
    """With nothing to read, it writes on to `log`. `program`, which is typed before the arguments, starts it from nothing."""
    environment = {"PATH": os.environ.get("PATH", ""), **environment}
    with log.open("ab") as output, open(os.devnull, "rb") as nothing:
        files = {"stdin": nothing.fileno(), "stdout": output.fileno(), "stderr": output.fileno()}
        if program is None:
            return Forked(arguments, environment, **files)
        return subprocess.Popen([*program, *arguments], env=environment, start_new_session=True, **files)


@cache
def _nursery() -> str:
    """Its address, once it has imported everything."""
    folder = tempfile.TemporaryDirectory(prefix="waystate-")
    address = str(Path(folder.name) / "nursery")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.forked", address],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", "")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def close() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(close)
    return address


def write_command(folder: Path) -> None:
    """`waystate` for a shell, in a folder for its PATH."""
    lines = (
        f"#!{sys.executable} -I",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})",
        "from tests.servers.forked import stand_for",
        f"stand_for({_nursery()!r})",
    )
    command = folder / "waystate"
    command.write_text("\n".join(lines) + "\n")
    command.chmod(0o755)


def stand_for(nursery: str) -> None:
    """This process, which a shell has started, is to the shell what a forked one is."""
    process = Forked(sys.argv[1:], os.environ, stdin=0, stdout=1, stderr=2, nursery=nursery)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda told, _: os.kill(process.pid, told))
    code = process.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


class Nursery:
    """Of the processes that are forked from this one. It ends with its input."""

    def __init__(self, address: str) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(address)
        self._listening.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)
        self._owners: dict[int, tuple[int, socket.socket]] = {}

    def run(self) -> dict[str, Any]:
        """Returns in a forked process alone, with what was asked of it."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    self._end()
                elif key.fileobj is self._listening:
                    if asked := self._fork(self._listening.accept()[0]):
                        return asked
                elif key.data is None:
                    self._tell(key.fd)
                else:
                    # Its owner says nothing more: it is gone.
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def _fork(self, owner: socket.socket) -> dict[str, Any] | None:
        _, files, _, _ = socket.recv_fds(owner, 1, _FILES)
        with owner.makefile("rb") as lines:
            asked: dict[str, Any] = json.loads(lines.readline())
        if (pid := os.fork()) == 0:
            os.setsid()
            self._close()
            owner.close()
            for place, file in enumerate(files):
                os.dup2(file, place)
        for file in files:
            os.close(file)
        if pid == 0:
            return asked
        owner.sendall(b"%d\n" % pid)
        ending = os.pidfd_open(pid)
        self._owners[ending] = (pid, owner)
        self._selector.register(owner, selectors.EVENT_READ, data=pid)
        self._selector.register(ending, selectors.EVENT_READ)
        return None

    def _tell(self, ending: int) -> None:
        pid, owner = self._owners.pop(ending)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._selector.unregister(ending)
        os.close(ending)
        if owner.fileno() in self._selector.get_map():
            self._selector.unregister(owner)
            owner.sendall(b"%d\n" % code)
        owner.close()

    def _close(self) -> None:
        """What a forked process must not hold: it would keep others from seeing that an end of theirs is gone."""
        self._selector.close()
        self._listening.close()
        for ending, (_, owner) in self._owners.items():
            os.close(ending)
            owner.close()

    def _end(self) -> None:
        for pid, _ in self._owners.values():
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def _become(asked: Mapping[str, Any]) -> None:
    """What a new process has from its parent, and what Python makes of it when it starts."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    if "PYTHONUNBUFFERED" in os.environ:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
    # The memory that a worker shares with its parent, and with nobody else.
    import_module("waystate.child")._came_up = mmap.mmap(-1, 1)  # type: ignore[attr-defined]
    sys.argv = ["waystate", *asked["arguments"]]


def _run() -> int:
    """`python -m waystate`; its exit code."""
    try:
        runpy.run_module("waystate", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """As Python ends, but for taking everything down."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code)


def main(address: str) -> None:
    waystate = import_module("waystate")
    for module in pkgutil.walk_packages(waystate.__path__, "waystate."):
        if not module.name.endswith(".__main__") and ".migrations" not in module.name:
            import_module(module.name)
    nursery = Nursery(address)
    print("ready", flush=True)
    gc.collect()
    gc.freeze()
    _become(nursery.run())
    _end(_run())


if __name__ == "__main__":
    main(sys.argv[1])
