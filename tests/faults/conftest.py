"""The records of a session's runs; `make faults` makes a report of them."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness_record import Record, render
from waystate import __version__
from waystate.clock import iso, utc_now

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="session")
def records() -> Iterator[list[Record]]:
    records: list[Record] = []
    yield records
    if records and os.environ.get("WAYSTATE_LONG") == "1":
        now = utc_now()
        about = {
            "at": iso(now),
            "Waystate": __version__,
            "Python": platform.python_version(),
            "cores": os.cpu_count(),
            "seconds in all": round(sum(record.figures.get("seconds", 0) for record in records)),
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        report = render(records, title=f"Faults, {now.date().isoformat()}", about=about)
        (RESULTS / f"faults-{now.date().isoformat()}.md").write_text(report)
