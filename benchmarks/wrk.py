"""The load generator, and what it counted."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import bare_environment

LOADS = Path(__file__).with_name("load")


@dataclass(frozen=True, slots=True)
class Run:
    """Times in milliseconds. `refused` are answers that are not 2xx, `broken` are socket errors and time-outs."""

    per_second: float
    requests: int
    p50: float
    p99: float
    refused: int
    broken: int
    exhausted: bool

    @property
    def problem(self) -> str:
        if self.refused or self.broken:
            return f"{self.refused} answers not 2xx, {self.broken} socket errors"
        return "the load ran out of ids" if self.exhausted else ""


def run(load: str, url: str, *, connections: int, seconds: float, environment: Mapping[str, str]) -> Run:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", f"{load}.lua", url]
    done = subprocess.run(
        command,
        cwd=LOADS,
        env=bare_environment() | dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return parse_result(line)
    raise RuntimeError(f"wrk said nothing usable: {(done.stderr or done.stdout).strip()[-500:]}")


def parse_result(line: str) -> Run:
    said = json.loads(line.removeprefix("RESULT "))
    return Run(
        per_second=said["requests"] / (said["microseconds"] / 1e6),
        requests=said["requests"],
        p50=said["p50"] / 1000,
        p99=said["p99"] / 1000,
        refused=said["refused"],
        broken=said["broken"],
        exhausted=bool(said["exhausted"]),
    )
