"""The two ways of the feed: PostgreSQL's LISTEN and NOTIFY, and Redis' pub/sub."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from redis.asyncio.client import PubSub

from waystate.cache.connection import Redis
from waystate.cache.feed import Heard, OpenWire, render_notice
from waystate.db.notifications import listen, notify
from waystate.db.pool import Connection, Database

CHANNEL = "waystate"


async def announce(conn: Connection, topic: str, payload: str) -> None:
    """In the caller's transaction: every process hears it when that commits, also of a command that is no part of the feed.

    For what is rare: PostgreSQL commits transactions with a NOTIFY one after the other.
    """
    await notify(conn, CHANNEL, render_notice(topic, payload))


class PostgresWire:
    """Needs a login that reaches the server itself or through a session pooler; a transaction pooler loses LISTEN."""

    name = "postgresql"

    def __init__(self, db: Database) -> None:
        self._db = db

    def open(self, heard: Heard) -> AbstractAsyncContextManager[OpenWire]:
        return listen(self._db, CHANNEL, heard)


class RedisWire:
    """Pub/sub knows no databases, so installations that share a Redis are told apart by the channel's name."""

    name = "redis"

    def __init__(self, client: Redis, installation: str) -> None:
        self._client = client
        self._channel = f"{CHANNEL}:{installation}"

    @asynccontextmanager
    async def open(self, heard: Heard) -> AsyncIterator[OpenWire]:
        pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        line = _RedisLine(self._client, self._channel)
        try:
            await pubsub.subscribe(self._channel)
            reader = asyncio.create_task(line.read(pubsub, heard))
            try:
                yield line
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
        finally:
            with suppress(Exception):
                await pubsub.aclose()  # type: ignore[no-untyped-call]


class _RedisLine:
    def __init__(self, client: Redis, channel: str) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._channel = channel

    async def send(self, text: str) -> None:
        await self._client.publish(self._channel, text)

    async def read(self, pubsub: PubSub, heard: Heard) -> None:
        try:
            async for message in pubsub.listen():
                heard(message["data"].decode("utf-8", "replace"))
        finally:
            if not self.lost.done():
                self.lost.set_result(None)
