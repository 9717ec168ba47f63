"""What `waystate serve` costs when it does nothing: memory of parent and worker, and the time to its first answer."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks import wrk
from benchmarks.figures import Figure, Findings, Target
from benchmarks.options import Options
from benchmarks.rig import Rig, stop
from benchmarks.server import Server
from waystate.db.embedded import EmbeddedPostgres

IDLE = 3.0
"""Seconds after the first answer until memory is read."""


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    """On the embedded database, which the first start makes; that start is not counted."""
    if not options.wants("footprint"):
        return
    home = rig.make_folder("footprint")
    home.chmod(0o711)
    memory: list[float] = []
    started_in: list[float] = []
    try:
        for round_ in range(-1, options.rounds):
            server = Server(rig, home, None, name=f"footprint{round_}")
            if round_ >= 0:
                time.sleep(IDLE)
                memory.append(sum(pss(each) for each in _tree(server.process.pid)))
                started_in.append(server.started_in)
            stop(server.process)
    finally:
        EmbeddedPostgres(home).stop("immediate")
    findings.add(
        Figure(
            topic="footprint",
            name="memory at rest, parent and worker (PSS)",
            unit="MB",
            ours=tuple(memory),
            target=Target(150, of="value", less_is_better=True),
        ),
        Figure(
            topic="footprint",
            name="start to first 200, embedded database there",
            unit="s",
            ours=tuple(started_in),
            target=Target(3, of="value", less_is_better=True),
        ),
    )


def processor_seconds(pid: int) -> float:
    """Of the process and all its children, those that have ended among them."""
    spent = 0.0
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def measure_processor(pids: Iterable[int], load: Callable[[], wrk.Run]) -> tuple[wrk.Run, float]:
    """The run, and the microseconds of processor that each of its requests cost these processes."""
    pids = tuple(pids)
    before = sum(processor_seconds(pid) for pid in pids)
    run = load()
    return run, 1e6 * (sum(processor_seconds(pid) for pid in pids) - before) / max(1, run.requests)


def _tree(pid: int) -> list[psutil.Process]:
    """Without PostgreSQL, which is not Waystate's memory."""
    parent = psutil.Process(pid)
    return [each for each in (parent, *parent.children(recursive=True)) if not each.name().startswith("postgres")]


def pss(process: psutil.Process) -> float:
    """Megabytes: shared pages count in equal parts for all that share them."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
