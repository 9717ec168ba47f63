"""Partitions made ahead, by every process that starts."""

import asyncio

from waystate.clock import utc_now
from waystate.db import partitions
from waystate.db.pool import Database


async def test_processes_that_start_together_make_each_partition_once(db: Database) -> None:
    async def start() -> list[str]:
        async with db.owner() as conn:
            return await partitions.make_ahead(conn, utc_now())

    made = await asyncio.gather(*(start() for _ in range(4)))
    assert sorted(len(each) for each in made) == [0, 0, 0, len(partitions.PARTITIONED) * (partitions.AHEAD + 1)]
