"""Fixtures for everyone: `database_url` and `db` are a database of the test's own, with the schema and nothing in it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.databases import Databases, server_url
from waystate.db.pool import Database


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
