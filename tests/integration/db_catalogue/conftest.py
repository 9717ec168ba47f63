from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.databases import Databases
from tests.integration.db_catalogue.catalogue import Connection


@pytest.fixture(scope="module")
async def catalogue_of_module(databases: Databases) -> AsyncIterator[Connection]:
    """One database for all that plant something and roll it back, by a superuser's connection."""
    with databases.fresh() as url:
        connection = await asyncpg.connect(url)
        yield connection
        await connection.close()
