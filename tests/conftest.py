"""Fixtures for everyone: `database_url` and `db` are a database of the test's own, with the schema and nothing in it."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.databases import Databases, server_url
from tests.servers.programs import list_missing
from waystate.db.pool import Database

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with server_url() as url:
        databases = Databases(url)
        try:
            databases.make_template()
            yield databases
        finally:
            databases.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    with databases.empty() as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    db = await Database.open(database_url, pool_size=4, statement_timeout=10)
    yield db
    await db.close(grace=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: what is left at the end is short, and no process waits for another."""
    first = ("faults", "acceptance", "integration")
    ranks = {folder: rank for rank, folder in enumerate(first)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(TESTS).parts[0], len(first)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this run proves nothing about, and how to change that: a green run must not hide it."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("not tested")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} test{'s' * (count > 1)}: {reason}")
    for program, purpose in list_missing().items():
        terminalreporter.line(f"{program} is missing ({purpose}): `make deps` installs it.")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
