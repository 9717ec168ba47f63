"""`safe` has a value in every sealed column, under the key of a home folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.integration.vault.safe import Safe
from waystate.db.pool import Database


@pytest.fixture
async def safe(db: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Safe]:
    connection = await asyncpg.connect(database_url)
    safe = Safe(db, connection, tmp_path)
    await safe.fill()
    yield safe
    await connection.close()
