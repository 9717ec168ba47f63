"""`waystate serve` as users run it, on the rig's PostgreSQL."""

import http.client
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.rig import Rig, free_port

MASTER_KEY = bytes(range(32))
START_TIMEOUT = 60.0


class Server:
    """`url` is the database's; None lets it run the embedded one of `home`."""

    def __init__(
        self,
        rig: Rig,
        home: Path,
        url: str | None,
        name: str = "waystate",
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        environment = dict(environment or {}) | {
            "WAYSTATE_HOME": str(home),
            "WAYSTATE_MASTER_KEY": MASTER_KEY.hex(),
            "TRUSTED_MODE": "loopback",
            "EGRESS_HOSTS": "127.0.0.1, localhost",
            "TEMPLATE_INTERVAL": "0",
            "PORT": str(self.port),
        }
        if url is not None:
            environment["DATABASE_URL"] = url
        started = time.perf_counter()
        self.process = rig.start(name, [sys.executable, "-m", "waystate", "serve"], environment=environment, cwd=home)
        wait_for_answer(rig, name, self.process, self.port, "/health")
        self.started_in = time.perf_counter() - started
        """Seconds to the first 200."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def wait_for_answer(rig: Rig, name: str, process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    deadline = time.perf_counter() + START_TIMEOUT
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended at its start. It last said: {rig.last_words(name)}")
        if _answers(port, path):
            return
        time.sleep(0.01)
    raise RuntimeError(f"{name} did not answer within {START_TIMEOUT:.0f} s. It last said: {rig.last_words(name)}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
