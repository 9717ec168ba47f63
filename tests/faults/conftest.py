"""The records of a session's runs; `make faults` makes a report of them."""

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import find_memory
from tests.faults.harness_record import Record, render
from tests.servers.programs import get_program
from tests.servers.rabbitmq import RabbitMQ, rabbitmq
from waystate import __version__
from waystate.clock import iso, utc_now

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the harness does not see means nothing until it has seen the planted bugs."""
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    ours.sort(key=lambda item: "mutants" not in item.keywords)
    items[:] = [*(item for item in items if item.path.parent != Path(__file__).parent), *ours]


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


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[RabbitMQ]:
    """For runs that do it no harm, each with queues of its own."""
    get_program("rabbitmq-server")
    with tempfile.TemporaryDirectory(prefix="waystate-", dir=find_memory()) as folder, rabbitmq(Path(folder)) as server:
        yield server
