"""A Redis of our own for the tests: one server, a Cluster of one node, or a master with a Sentinel, on free ports."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from waystate.child import die_with_parent

_START_TIMEOUT = 10.0


class RedisServer:
    """`url` stays the same over `kill` and `start`. With `keeps` what was written outlives a kill."""

    def __init__(self, folder: Path, *, keeps: bool = False, cluster: bool = False) -> None:
        self.port = free_port()
        self._folder = folder / f"redis-{self.port}"
        self._folder.mkdir(parents=True)
        self._options = ["--save", "", "--appendonly", "yes" if keeps else "no", "--appendfsync", "always"]
        if cluster:
            self._options += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        self._is_cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis{'+cluster' if self._is_cluster else ''}://127.0.0.1:{self.port}{'' if self._is_cluster else '/0'}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder), "--daemonize", "no"]
        log = ["--logfile", str(self._folder / "redis.log")]
        self._process = spawn(*where, *log, *self._options)
        with self.client() as client:
            wait_for(lambda: answers(client))
            if self._is_cluster:
                if not client.execute_command("CLUSTER SLOTS"):
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                wait_for(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def kill(self) -> None:
        """SIGKILL, and until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def client(self) -> "redis.Redis":
        """For looking at it, and for changing it behind the back of what is tested."""
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=5)


@contextmanager
def redis_server(folder: Path, *, keeps: bool = False, cluster: bool = False) -> Iterator[RedisServer]:
    server = RedisServer(folder, keeps=keeps, cluster=cluster)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def sentinel_of(server: RedisServer, folder: Path) -> Iterator[str]:
    """URL by way of a Sentinel that watches `server` as `mymaster`."""
    port = free_port()
    conf = folder / f"sentinel-{port}.conf"
    lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"sentinel monitor mymaster 127.0.0.1 {server.port} 1"]
    conf.write_text("\n".join([*lines, f"logfile {folder / 'sentinel.log'}", ""]))
    process = spawn(str(conf), "--sentinel")
    try:
        with redis.Redis(host="127.0.0.1", port=port, socket_timeout=5) as client:
            wait_for(lambda: answers(client))
        yield f"redis+sentinel://127.0.0.1:{port}/mymaster/0"
    finally:
        process.kill()
        process.wait()


def program() -> str:
    """Skips the test, loudly, where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not on PATH: `make deps` installs it")
    return found


def spawn(*arguments: str) -> "subprocess.Popen[bytes]":
    """It dies with the test run, and holds none of its pipes."""
    return subprocess.Popen(
        [program(), *arguments], stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
    )


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not is_so():
        assert time.monotonic() < deadline, "Redis did not come up in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
