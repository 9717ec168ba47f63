"""Messages between processes, over PostgreSQL and over Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from tests.servers.redis import RedisServer
from waystate.cache.connection import open_redis
from waystate.cache.feed import Feed, OpenWire, Wire
from waystate.cache.wires import PostgresWire, RedisWire
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.work.loops import SharedHint


class Process:
    """What one process hears."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.heard: list[str] = []
        self.gaps = 0
        feed.subscribe("topic", self.heard.append)
        feed.on_reconnect(self._gap)

    def _gap(self) -> None:
        self.gaps += 1


@asynccontextmanager
async def process(*wires: Wire) -> AsyncIterator[Process]:
    each = Process(Feed(wires))
    task = asyncio.create_task(each.feed.run())
    try:
        await until(lambda: each.gaps >= 1)
        yield each
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(is_so: Callable[[], bool], seconds: float = 8.0) -> float:
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < seconds, "it did not come about in time"
        await asyncio.sleep(0.002)
    return time.monotonic() - started


@pytest.fixture(params=["postgresql", "redis"])
async def wire(request: pytest.FixtureRequest, db: Database) -> AsyncIterator[Wire]:
    if request.param == "postgresql":
        yield PostgresWire(db)
        return
    client = open_redis(request.getfixturevalue("server").url, timeout=2.0)
    yield RedisWire(client, "tests")
    await client.aclose()


async def test_what_one_publishes_the_other_hears_at_once_and_itself_never(wire: Wire) -> None:
    async with process(wire) as one, process(wire) as other:
        for number in range(10):
            one.feed.publish("topic", f"{number}")
            assert await until(lambda number=number: f"{number}" in other.heard) < 0.5
        assert (one.heard, other.heard) == ([], [str(number) for number in range(10)])


async def test_a_burst_is_a_few_messages_and_a_repetition_none(db: Database) -> None:
    async with process(PostgresWire(db)) as one, process(PostgresWire(db)) as other, db.session() as connection:
        raw: list[str] = []

        def note(*said: object) -> None:
            raw.append(str(said[3]))

        await connection.add_listener("waystate", note)
        for number in range(2000):
            one.feed.publish("topic", f"payload {number % 1000}")
        await until(lambda: len(other.heard) >= 1000)
        await asyncio.sleep(0.1)
        await connection.remove_listener("waystate", note)
        assert len(other.heard) == 1000
        assert len([each for each in raw if "topics" in each]) <= 4


async def test_alone_a_process_sends_nothing_but_beats(db: Database) -> None:
    async with process(PostgresWire(db)) as one:
        await until(lambda: not one.feed.has_audience)  # the newcomer's time is over
        one.feed.publish("topic", "to nobody")
        async with process(PostgresWire(db)) as other:
            await until(lambda: one.feed.peers == 1)
            one.feed.publish("topic", "to somebody")
            await until(lambda: other.heard == ["to somebody"])


async def test_a_newcomer_is_told_twice_that_it_may_have_missed_something(wire: Wire) -> None:
    async with process(wire) as one:
        await until(lambda: one.gaps == 2)
        await asyncio.sleep(1.2)
        assert one.gaps == 2


async def test_a_lost_connection_comes_back_and_the_gap_is_told(db: Database) -> None:
    async with process(PostgresWire(db)) as one, process(PostgresWire(db)) as other:
        before = one.gaps, other.gaps
        async with db.login() as conn:
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%pg_notify%' AND pid <> pg_backend_pid() AND datname = current_database()"
            )
        await until(lambda: one.gaps > before[0] and other.gaps > before[1])
        one.feed.publish("topic", "after")
        await until(lambda: "after" in other.heard)


async def test_without_redis_the_feed_goes_on_over_postgresql_and_returns_to_redis(
    own_server: RedisServer, db: Database
) -> None:
    client = open_redis(own_server.url, timeout=2.0)
    wires = RedisWire(client, "tests"), PostgresWire(db)
    async with process(*wires) as one, process(*wires) as other:
        await until(lambda: one.feed.wire == other.feed.wire == "redis")
        pid = own_server.pid
        own_server.kill()
        await until(lambda: one.feed.wire == "postgresql")
        one.feed.publish("topic", "without Redis")
        await until(lambda: "without Redis" in other.heard, 1.0)
        own_server.start()
        assert own_server.pid != pid
        await until(lambda: one.feed.wire == other.feed.wire == "redis")
        one.feed.publish("topic", "with Redis")
        await until(lambda: "with Redis" in other.heard, 1.0)
    await client.aclose()


async def test_a_connection_that_says_nothing_any_more_counts_as_cut(own_server: RedisServer) -> None:
    client = open_redis(own_server.url, timeout=2.0)
    async with process(RedisWire(client, "tests")) as one, process(RedisWire(client, "tests")) as other:
        await until(lambda: one.gaps == other.gaps == 2)
        own_server.pause()
        await until(lambda: one.feed.wire is None)
        one.feed.publish("topic", "into the void")
        await asyncio.sleep(0.1)
        own_server.resume()
        await until(lambda: one.feed.wire == other.feed.wire == "redis")
        assert one.gaps > 2
        assert other.gaps > 2
    await client.aclose()


class DeafWire:
    """A connection that takes what is sent and brings nothing any more: half of it was cut, and nobody said so."""

    name = "deaf"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.is_deaf = False

    @asynccontextmanager
    async def open(self, heard: Callable[[str], None]) -> AsyncIterator[OpenWire]:
        async with self._wire.open(lambda text: None if self.is_deaf else heard(text)) as line:
            yield line


async def test_a_wire_that_is_no_longer_heard_is_left_for_the_next_one(db: Database) -> None:
    deaf = DeafWire(PostgresWire(db))
    feed = Feed([deaf], silence=0.5)
    task = asyncio.create_task(feed.run())
    await until(lambda: feed.wire == "deaf")
    deaf.is_deaf = True
    await until(lambda: feed.wire is None, 3.0)
    deaf.is_deaf = False
    await until(lambda: feed.wire == "deaf", 3.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_installations_on_one_redis_do_not_hear_each_other(server: RedisServer) -> None:
    client = open_redis(server.url, timeout=2.0)
    async with process(RedisWire(client, "ours")) as one, process(RedisWire(client, "theirs")) as other:
        one.feed.publish("topic", "private")
        await asyncio.sleep(0.3)
        assert other.heard == []
        assert (one.feed.peers, other.feed.peers) == (0, 0)
    await client.aclose()


async def test_strange_messages_on_the_channel_are_passed_over(db: Database) -> None:
    async with process(PostgresWire(db)) as one, process(PostgresWire(db)) as other:
        async with db.login() as conn:
            for text in ("", "nonsense", '{"from": 1}', '{"from": "x", "topics": {"topic": 1}}'):
                await conn.execute("SELECT pg_notify('waystate', $1)", text)
        one.feed.publish("topic", "still here")
        await until(lambda: other.heard == ["still here"])


async def test_a_callback_that_fails_does_not_stop_the_others(db: Database) -> None:
    def fail(_: str) -> None:
        raise asyncpg.InterfaceError("on purpose")

    async with process(PostgresWire(db)) as one, process(PostgresWire(db)) as other:
        other.feed.subscribe("failing", fail)
        one.feed.publish("failing", "")
        one.feed.publish("topic", "heard all the same")
        await until(lambda: other.heard == ["heard all the same"])


async def test_a_shared_hint_wakes_the_loop_of_the_other_process(wire: Wire) -> None:
    async with process(wire) as one, process(wire) as other:
        here, there = SharedHint(one.feed, "relay"), SharedHint(other.feed, "relay")
        elsewhere = SharedHint(other.feed, "deliveries")
        here.give(TenantId("acme"))
        assert await there.wait(2.0) == {"acme"}
        assert await here.wait(0.1) == {"acme"}
        assert await elsewhere.wait(0.1) == set()
        here.give()
        started = time.monotonic()
        assert await there.wait(2.0) == set()
        assert time.monotonic() - started < 1.0
        assert await here.wait(0.05) == set()
