"""Partitions made ahead, by every process that starts."""

import asyncio

from waystate.clock import utc_now
from waystate.db import partitions
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received


async def test_processes_that_start_together_make_each_partition_once(db: Database) -> None:
    async def start() -> list[str]:
        async with db.owner() as conn:
            return await partitions.make_ahead(conn, utc_now())

    made = await asyncio.gather(*(start() for _ in range(4)))
    assert sorted(len(each) for each in made) == [0, 0, 0, len(partitions.PARTITIONED) * (partitions.AHEAD + 1)]


async def test_rows_that_came_before_their_partition_stay_and_hold_up_no_start(db: Database) -> None:
    now = utc_now()
    early = Received(id=new_id(), source="whatsapp", origin="app-1", lane=0, received_at=now, body=b"{}")
    async with db.ingest() as conn:
        await ledger_store.append_many(conn, [early])
    for expected in (len(partitions.PARTITIONED) * (partitions.AHEAD + 1) - 1, 0):
        async with db.owner() as conn:
            made = await partitions.make_ahead(conn, now)
        assert len(made) == expected
        assert f"webhook_ledger_{now:%Y%m%d}" not in made
    async with db.work() as conn:
        assert [row["id"] for row in await ledger_store.list_rows(conn, state=None, batch=5)] == [early.id]
