"""Token buckets in Redis, which two processes share."""

from waystate.cache.breaker import Breaker
from waystate.cache.connection import Redis
from waystate.cache.limits import Limits


async def test_what_one_process_takes_and_gives_back_counts_for_the_other(client: Redis) -> None:
    breakers = [Breaker("redis", client.ping, timeout=2.0) for _ in range(2)]
    for breaker in breakers:
        await breaker.probe()
        assert breaker.is_closed
    one, other = (Limits(client, breaker) for breaker in breakers)
    key = "t:{platform}:login:pair:x"
    for _ in range(10):
        assert await one.take(key, 0.01, 2) is None
        await other.give_back(key, 0.01)
    await other.give_back("t:{platform}:login:pair:never", 0.01)
    assert [await each.take(key, 0.01, 2) is None for each in (one, other, one)] == [True, True, False]
    await other.give_back(key, 0.01)
    assert await one.take(key, 0.01, 2) is None
    assert await other.take(key, 0.01, 2) is not None
