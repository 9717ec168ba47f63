"""The ear on PostgreSQL's NOTIFY: several of a process's tasks speak over its one connection."""

import asyncio

from waystate.db.notifications import listen
from waystate.db.pool import Database


async def test_tasks_that_speak_at_once_take_turns_and_leave_a_usable_connection(db: Database) -> None:
    heard: list[str] = []
    async with listen(db, "test", heard.append) as line:
        await asyncio.gather(*(line.send(str(number)) for number in range(50)))
        async with asyncio.timeout(5):
            while len(heard) < 50:  # noqa: ASYNC110 - a plain list signals nobody
                await asyncio.sleep(0.01)
    assert sorted(map(int, heard)) == list(range(50))
    for _ in range(5):
        async with db.work() as connection:
            assert await connection.fetchval("SELECT 1") == 1
