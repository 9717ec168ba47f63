"""Who was removed is in no memory that processes share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers.redis import free_port, redis_server
from waystate.cache.breaker import Breaker
from waystate.cache.connection import open_redis
from waystate.cache.second_level import CacheEntry, SecondLevel
from waystate.ids import TenantId
from waystate.seeding.writing import forget

ACME = TenantId("acme")


async def test_what_redis_knew_of_the_tenant_is_void(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        client = open_redis(server.url, timeout=2.0)
        breaker = Breaker("redis", client.ping)
        await breaker.probe()
        second = SecondLevel(client, breaker, installation="ours")
        ends = datetime.now(UTC) + timedelta(hours=1)
        entry = CacheEntry(key="a", subject="contact-1", item="item-1", version=1, expires_at=ends, value=b"A")
        await second.fill_many(ACME, [entry], await second.find_many(ACME, ["a"]))
        assert (await second.find_many(ACME, ["a"])).values == [b"A"]
        assert await forget(server.url, ACME)
        assert (await second.find_many(ACME, ["a"])).values == [None]
        await client.aclose()


async def test_a_redis_that_is_away_is_told_and_no_error() -> None:
    assert not await forget(f"redis://127.0.0.1:{free_port()}/0", ACME)
