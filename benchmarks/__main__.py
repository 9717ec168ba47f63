"""`make bench`, or `python -m benchmarks --help`: everything that performance is judged by, measured in one run."""

import signal
import sys
from datetime import date
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import (
    TOPICS,
    access,
    bulk,
    customers,
    dataplane,
    footprint,
    pipelines,
    planned,
    queues,
    reading,
    report,
    sends,
    shared_cache,
    webhooks,
)
from benchmarks.figures import Findings
from benchmarks.machine import facts
from benchmarks.options import Options
from benchmarks.rig import Rig

MEASUREMENTS = (
    dataplane.measure,
    pipelines.measure,
    webhooks.measure,
    sends.measure,
    bulk.measure,
    customers.measure,
    planned.measure,
    queues.measure,
    shared_cache.measure,
    access.measure,
    footprint.measure,
    reading.measure,
)


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(TOPICS)}; may be repeated")] = None,
    quick: Annotated[bool, typer.Option(help="Runs of one second: to see that it works, not how fast")] = False,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Of one run of one side")] = 8.0,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Runs of each side, in turn")] = 3,
    write: Annotated[bool, typer.Option(help="Write the result to benchmarks/results/")] = True,
) -> None:
    """Measure Waystate against the seeds' State Manager, PostgreSQL itself and its own goals, on this machine."""
    if unknown := sorted(set(only or ()) - set(TOPICS)):
        raise typer.BadParameter(f"There is no topic {unknown[0]}; there are {', '.join(TOPICS)}.")
    warm_up = 1.0 if quick else 2.0
    options = Options(seconds=1.0 if quick else seconds, rounds=rounds, warm_up=warm_up, only=frozenset(only or ()))
    console = Console(width=None if sys.stdout.isatty() else 200)
    findings = Findings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Rig() as rig:
            known = facts() | {"PostgreSQL": rig.server_version()}
            for measure in MEASUREMENTS:
                measure(rig, options, findings)
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started is stopped.")
        raise typer.Exit(130) from None
    report.show(findings, console)
    how = f"{options.rounds} rounds of {options.seconds:g} s a side, in turn, after a warm-up; medians (spread)."
    if write:
        for path in report.write(findings, known, how, date.today(), options.only):
            console.print(f"Written: benchmarks/results/{path.name}", highlight=False)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)
app()
