"""`make bench AGAINST=COMMIT`: processor time a message, of this tree and of a commit, in turn in one run.

Each side is a process of its own with its own code, database and connection, on one PostgreSQL. What counts is the processor
time of the process and of its PostgreSQL backend, which moves less on a busy machine than a rate does.
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp, log
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any, NamedTuple

import asyncpg
import psutil
import typer
import uvloop

from benchmarks import pipelines
from benchmarks.machine import ROOT
from benchmarks.rig import Rig, bare_environment
from benchmarks.tenants import make_customers, make_ready, make_tenant
from waystate.db.pool import Database

WARM_UP = 4
"""Batches of each side before the first that counts."""
T_975 = {4: 2.776, 6: 2.447, 8: 2.306, 10: 2.228, 12: 2.179, 14: 2.145, 19: 2.093}
"""Student's t for an interval of 95 %, by degrees of freedom; between two the smaller is taken, which widens the interval."""


class Interval(NamedTuple):
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.3f} × ({self.low:.3f} to {self.high:.3f})"


def interval_of(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Returns the geometric mean of ours / theirs of each round with its interval of 95 %."""
    logs = [log(our / their) for our, their in zip(ours, theirs, strict=True)]
    freedom = max(each for each in T_975 if each <= len(logs) - 1)
    middle, half = fmean(logs), T_975[freedom] * stdev(logs) / len(logs) ** 0.5
    return Interval(exp(middle), exp(middle - half), exp(middle + half))


class Side:
    """A process that runs batches of a case when it is asked to."""

    def __init__(self, rig: Rig, name: str, tree: Path) -> None:
        url = rig.make_database(name.replace(" ", "-"))
        self._log = (rig.folder / f"{name}.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve()), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=rig.folder,
            env=bare_environment() | {"PYTHONPATH": str(tree), "WAYSTATE_BENCH_SIDE": "1"},
            text=True,
        )
        self.cases: list[str] = self._hear()

    def run(self, case: str, batches: int) -> float:
        """Returns microseconds of processor time a message."""
        assert self._process.stdin is not None
        print(json.dumps([case, batches]), file=self._process.stdin, flush=True)
        return float(self._hear())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"A side has ended: {Path(str(self._log.name)).read_text()[-2000:]}")
        return json.loads(line)


async def serve(url: str) -> None:
    """The side itself, by the code of the tree that it was started with; cases and figures go over its standard streams."""
    from waystate.db import migrate

    migrate.upgrade(url)
    db = await Database.open(url, pool_size=1)
    raw = await asyncpg.connect(url)
    await make_ready(db)
    await make_tenant(db)
    conversations = [str(each) for each in await make_customers(db, pipelines.CUSTOMERS)]
    cases = {case.name: case for case in pipelines._cases(db, conversations)}
    query = "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    backends = [pid for pid in await raw.fetchval(query) if pid is not None]
    print(json.dumps(list(cases)), flush=True)
    for line in sys.stdin:
        case, batches = json.loads(line)
        await raw.execute("ANALYZE")
        spent = 0.0
        for _ in range(batches):
            batch = await cases[case].work()
            before = _processor_seconds(backends)
            await batch()
            spent += _processor_seconds(backends) - before
        print(json.dumps(spent / batches / pipelines.BATCH * 1e6), flush=True)


def _processor_seconds(backends: Sequence[int]) -> float:
    """Of this process and of backends. The scheduler counts theirs in nanoseconds; where it tells nothing, in clock ticks."""
    return time.process_time() + sum(_backend_seconds(pid) for pid in backends)


def _backend_seconds(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def sides(commit: str) -> Iterator[tuple[Side, Side]]:
    """This tree's side, and the commit's."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, "waystate", "benchmarks"], capture_output=True, check=False
    )
    if archive.returncode:
        raise typer.BadParameter(archive.stderr.decode().strip())
    with Rig() as rig:
        tree = rig.make_folder("tree")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(tree, filter="data")
        both = (Side(rig, "this tree", ROOT), Side(rig, "the commit", tree))
        try:
            yield both
        finally:
            for side in both:
                side.close()


def main(
    commit: Annotated[str, typer.Argument(help="What to measure this tree against, such as HEAD~1")],
    rounds: Annotated[int, typer.Option(min=5, max=20, help="Runs of each side, in turn")] = 9,
    batches: Annotated[int, typer.Option(min=1, max=100, help="Batches of 500 messages a run")] = 6,
) -> None:
    """Processor time a message of this tree / of COMMIT, with the interval of 95 %."""
    with sides(commit) as (ours, theirs):
        for case in [each for each in ours.cases if each in theirs.cases]:
            samples: tuple[list[float], list[float]] = ([], [])
            for side in (ours, theirs):
                side.run(case, WARM_UP)
            for round_ in range(rounds):
                # Who is first alternates, so that neither always finds what the other left.
                for place in (0, 1) if round_ % 2 else (1, 0):
                    samples[place].append((ours, theirs)[place].run(case, batches))
            means = f"{fmean(samples[0]):.0f} µs, {fmean(samples[1]):.0f} µs"
            print(f"{case:32} {interval_of(*samples)}   {means}", flush=True)


if __name__ == "__main__":
    if os.environ.get("WAYSTATE_BENCH_SIDE"):
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        asyncio.run(serve(sys.argv[1]))
    else:
        typer.run(main)
