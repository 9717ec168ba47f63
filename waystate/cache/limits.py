"""How much of something may happen in a second: token buckets, shared by all processes in Redis, or this process's own."""

import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any

from waystate.cache.breaker import Away, Breaker
from waystate.cache.connection import Redis

SIZE = 10_000
"""Buckets of this process; a full bucket is as good as none, so the fullest may go."""

_TAKE = """
-- A bucket as the moment at which it is full again, in microseconds of this server's clock (the generic cell rate algorithm).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = full + step - now - room
if wait > 0 then
    return math.ceil(wait)
end
redis.call('SET', KEYS[1], string.format('%.0f', full + step), 'PX', math.ceil((full + step - now) / 1000) + 1)
return 0
"""

_GIVE_BACK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])
if full > now then
    redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
else
    redis.call('DEL', KEYS[1])
end
return 0
"""


class Limits:
    """Without Redis, and while it is away, each process has buckets of its own: then the limit holds for each of them."""

    def __init__(
        self, client: Redis | None = None, breaker: Breaker | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: Any = client
        self._breaker = breaker
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}

    async def take(self, key: str, limit_per_second: float, burst: float) -> float | None:
        """None for yes; else seconds until there is room. `burst` may come at once after a rest.

        `key` begins with `t:{tenant}:`, tenant in braces, as every key in Redis does.
        """
        if self._breaker is not None and self._breaker.is_closed:
            try:
                return await self._take_shared(self._breaker, key, limit_per_second, burst)
            except Away:
                pass
        return self.take_here(key, limit_per_second, burst)

    async def give_back(self, key: str, limit_per_second: float) -> None:
        """What `take` took: it turned out not to count. With the same limit."""
        if key in self._full_at:
            self._full_at[key] -= 1 / limit_per_second
        elif self._breaker is not None and self._breaker.is_closed:
            with suppress(Away):
                step = ceil(1_000_000 / limit_per_second)
                await self._breaker.call(lambda: self._client.eval(_GIVE_BACK, 1, key, step))

    def take_here(self, key: str, limit_per_second: float, burst: float) -> float | None:
        now = self._monotonic()
        step = 1 / limit_per_second
        full_at = max(self._full_at.get(key, now), now) + step
        wait = full_at - now - burst * step
        if wait > 1e-9:
            return wait
        if key not in self._full_at and len(self._full_at) >= SIZE:
            self._make_room(now)
        self._full_at[key] = full_at
        return None

    def _make_room(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        while len(self._full_at) >= SIZE:
            del self._full_at[min(self._full_at, key=self._full_at.__getitem__)]

    async def _take_shared(self, breaker: Breaker, key: str, limit_per_second: float, burst: float) -> float | None:
        step = ceil(1_000_000 / limit_per_second)

        async def work() -> int:
            return int(await self._client.eval(_TAKE, 1, key, step, ceil(burst * step)))

        wait = await breaker.call(work)
        return wait / 1_000_000 if wait > 0 else None
