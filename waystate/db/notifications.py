"""LISTEN and NOTIFY on a connection of their own, outside any transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from waystate.db.pool import Connection, Database, load_queries

_queries = load_queries(__file__)


async def notify(conn: Connection, channel: str, text: str) -> None:
    """In the caller's transaction, heard when it commits. Less than 8,000 bytes."""
    await _queries.notify(conn, channel=channel, payload=text)


class Notifications:
    """An open ear on one channel; `lost` is done when the connection is gone."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._channel = channel
        self._turn = asyncio.Lock()

    async def send(self, text: str) -> None:
        """Less than 8,000 bytes, to everybody who listens, this connection included. A connection does one thing at a time."""
        async with self._turn:
            await notify(self._connection, self._channel, text)


@asynccontextmanager
async def listen(db: Database, channel: str, heard: Callable[[str], None]) -> AsyncIterator[Notifications]:
    """`heard` gets every payload while the context is open. The connection counts in the pool."""
    async with db.session() as connection:
        line = Notifications(connection, channel)

        def notified(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
            heard(str(payload))

        def terminated(_connection: Any) -> None:
            if not line.lost.done():
                line.lost.set_result(None)

        connection.add_termination_listener(terminated)
        try:
            await connection.add_listener(channel, notified)
            yield line
        finally:
            # A connection that is gone has been taken back by the pool already.
            with suppress(asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
                connection.remove_termination_listener(terminated)
                await connection.remove_listener(channel, notified)
