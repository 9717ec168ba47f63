"""What the benchmarks fill a database with is what Waystate would have written."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from benchmarks.fill import Size, fill
from benchmarks.tenants import BENCH
from tests.databases import Databases
from waystate.customers import store
from waystate.db.pool import Database

SIZE = Size(customers=600, conversations=700, messages=4000)


@pytest.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[str]:
    with databases.fresh() as url:
        await asyncio.to_thread(fill, url, SIZE)
        yield url


async def test_filled_rows_are_as_many_as_were_asked_for(filled: str) -> None:
    raw = await asyncpg.connect(filled)
    counts = [await raw.fetchval(f"SELECT count(*) FROM {table}") for table in ("contacts", "conversations", "messages")]
    strays = await raw.fetchval(
        "SELECT count(*) FROM messages m LEFT JOIN conversations v ON v.id = m.conversation_id"
        " LEFT JOIN contacts c ON c.id = v.contact_id WHERE c.id IS NULL"
    )
    in_default = await raw.fetchval("SELECT count(*) FROM messages_default")
    await raw.close()
    assert (counts, strays, in_default) == ([600, 700, 4000], 0, 0)


async def test_index_that_was_filled_is_the_one_that_waystate_writes(filled: str) -> None:
    raw = await asyncpg.connect(filled)
    written = "SELECT contact_id, i::text FROM contact_index i ORDER BY contact_id"
    before = await raw.fetch(written)
    db = await Database.open(filled, pool_size=1)
    async with db.tenant(BENCH) as conn:
        await store.index_many(conn, BENCH, [row["contact_id"] for row in before])
    await db.close()
    after = await raw.fetch(written)
    tags = await raw.fetchval(
        "SELECT count(*) FROM contacts c WHERE c.tags IS DISTINCT FROM"
        " ARRAY(SELECT t.tag FROM contact_tags t WHERE t.contact_id = c.id ORDER BY t.tag)"
    )
    await raw.close()
    assert [(b, a) for b, a in zip(before, after, strict=True) if a != b][:3] == []
    assert tags == 0
