"""A RabbitMQ of the test's own: from PATH, on free ports of the loopback, with its own data, name and port mapper."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOW_TO_GET_IT = "RabbitMQ is not installed, so nothing here was tested against it: `make deps` installs it."
_DEBIAN = Path("/usr/lib/rabbitmq/bin")
"""Debian's command on PATH changes to an account of its own; what it calls there runs as anybody."""
_START, _STOP = 60.0, 30.0
_FIRST_PORT, _PORTS = 15_000, 15_000


class RabbitMQ:
    """One broker; `start` after `kill` or `stop` finds the same ports and data. Its account is guest, as RabbitMQ makes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._distribution, self._mapper_port = free_port(), free_port(), free_port()
        self._name = f"waystate{self._port}@localhost"
        self._mapper: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "plugins").write_text("[rabbitmq_consistent_hash_exchange].")
        # Absolute, so that a test machine with little free disk does not block every publisher.
        (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\nlog.console = false\n")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        assert self._process is not None, "it is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Returns once it answers."""
        assert self._process is None, "it is running"
        if self._mapper is None:
            self._mapper = self._spawn("epmd", "-address", "127.0.0.1", "-port", str(self._mapper_port))
        self._process = self._spawn(_command("rabbitmq-server"))
        deadline = time.monotonic() + _START
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError("RabbitMQ did not start:\n" + (self._folder / "output").read_text()[-4000:])
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def close(self) -> None:
        self.kill()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None

    def _end(self, signum: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signum)
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                [*_dying_with_us(), *command],
                env=self._environment(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,  # the cookie
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            # Neighbours need the cores more than an idle scheduler that spins.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            " -kernel inet_dist_use_interface {127,0,0,1}",
            # The broker itself in place of a shell that waits for it: a signal reaches it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def is_installed() -> bool:
    return shutil.which("rabbitmq-server") is not None


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """Started, and gone afterwards with every process of it. `folder` is empty and nobody else's."""
    server = RabbitMQ(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()


def free_port() -> int:
    """Below the range that connections are made from: a port that is left for a moment stays free."""
    for _ in range(1000):
        port = _FIRST_PORT + random.SystemRandom().randrange(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def _command(name: str) -> str:
    return str(_DEBIAN / name) if (_DEBIAN / name).exists() else name


def _dying_with_us() -> list[str]:
    """A test run that is killed leaves nothing behind (Linux)."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _answers(port: int) -> bool:
    """Whether the broker greets an AMQP client."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as conn:
        conn.settimeout(5)
        conn.sendall(b"AMQP\x00\x00\x09\x01")
        return conn.recv(1) == b"\x01"
    return False
