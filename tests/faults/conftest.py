"""The records of a session's runs; `make faults` makes a report of them."""

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import find_memory
from tests.faults.harness_parts import FIRST, Report, parse_part, part_of, render_report
from tests.faults.harness_record import Record, render
from tests.servers.programs import get_program
from tests.servers.rabbitmq import RabbitMQ, rabbitmq
from waystate import __version__
from waystate.clock import iso, utc_now

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


KEPT = Path(__file__).parents[2] / "build"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the harness does not see means nothing until it has seen the planted bugs."""
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    try:
        wanted = parse_part(os.environ.get("FAULTS_PART", ""))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    others = [item for item in ours if part_of(item.path.stem) not in wanted]
    ours = sorted((item for item in ours if item not in others), key=lambda item: "mutants" not in item.keywords)
    config.hook.pytest_deselected(items=others)
    items[:] = [*(item for item in items if item.path.parent != Path(__file__).parent), *ours]


class Records(list[Record]):
    """Of all runs of a session; `parts` are the parts that they belong to, run by run."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.part = FIRST

    def append(self, record: Record) -> None:
        super().append(record)
        self.parts.append(self.part)


@pytest.fixture(scope="session")
def all_records() -> Iterator[Records]:
    records = Records()
    yield records
    if records and os.environ.get("WAYSTATE_LONG") == "1":
        now = utc_now()
        day = now.date().isoformat()
        about = [
            f"at: {iso(now)}",
            f"Waystate: {__version__}",
            f"Python: {platform.python_version()}",
            f"cores: {os.cpu_count()}",
        ]
        sections = {
            part: render([record for record, its in zip(records, records.parts, strict=True) if its == part])
            for part in dict.fromkeys(records.parts)
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        merged = Report(KEPT / f"faults-{day}.json").add(sections)
        (RESULTS / f"faults-{day}.md").write_text(render_report(f"Faults, {day}", about, merged))


@pytest.fixture
def records(all_records: Records, request: pytest.FixtureRequest) -> Records:
    all_records.part = part_of(request.node.path.stem)
    return all_records


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[RabbitMQ]:
    """For runs that do it no harm, each with queues of its own."""
    get_program("rabbitmq-server")
    with tempfile.TemporaryDirectory(prefix="waystate-", dir=find_memory()) as folder, rabbitmq(Path(folder)) as server:
        yield server
