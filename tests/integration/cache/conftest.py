"""A Redis of the run; a test that kills one starts its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer, redis_server
from waystate.cache.connection import Redis, open_redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared_redis: RedisServer) -> RedisServer:
    """Empty."""
    shared_redis.flush()
    return shared_redis


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """To be killed; what is in it outlives that."""
    with redis_server(tmp_path, keeps=True) as server:
        yield server


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    client = open_redis(server.url, timeout=2.0)
    yield client
    await client.aclose()
