"""How much of something may happen in a second: token buckets, shared by all processes in Redis, or this process's own."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from heapq import nsmallest
from math import ceil
from typing import Any, NamedTuple

from waystate.cache.breaker import Away, Breaker
from waystate.cache.connection import Redis

SIZE = 10_000
"""Buckets of this process; a full bucket is as good as none, so the fullest may go."""

_TAKE = """
-- Each bucket as the moment at which it is full again, in microseconds of this server (the generic cell rate algorithm).
-- All of them or none: what one refuses, the others are not charged for.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fulls = {}
for place, key in ipairs(KEYS) do
    local step, room = tonumber(ARGV[2 * place - 1]), tonumber(ARGV[2 * place])
    local full = math.max(tonumber(redis.call('GET', key) or '0'), now) + step
    local wait = full - now - room
    if wait > 0 then
        return {place, math.ceil(wait)}
    end
    fulls[place] = full
end
for place, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', fulls[place]), 'PX', math.ceil((fulls[place] - now) / 1000) + 1)
end
return {0, 0}
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


class Permit(NamedTuple):
    """One from the bucket `key`. `burst` may come at once after a rest; `name` is the caller's own."""

    name: str
    key: str
    per_second: float
    burst: float


class Limits:
    """Without Redis, and while it is away, each process has buckets of its own: then the limit holds for each of them."""

    def __init__(
        self, client: Redis | None = None, breaker: Breaker | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: Any = client
        self._breaker = breaker
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}

    @property
    def is_shared(self) -> bool:
        """Whether the buckets are in Redis now, so that a take has to wait for it."""
        return self._breaker is not None and self._breaker.is_closed

    async def take(self, key: str, limit_per_second: float, burst: float) -> float | None:
        """None for yes; else seconds until there is room. `burst` may come at once after a rest.

        `key` begins with `t:{tenant}:`, tenant in braces, as every key in Redis does.
        """
        refused = await self.take_many([Permit("", key, limit_per_second, burst)])
        return None if refused is None else refused[1]

    async def take_many(self, wanted: Sequence[Permit]) -> tuple[int, float] | None:
        """From all buckets, which are one tenant's, or from none: None for yes; else whose place it was that refused, and
        seconds until it has room."""
        if self._breaker is not None and self._breaker.is_closed:
            try:
                return await self._take_shared(self._breaker, wanted)
            except Away:
                pass
        return self.take_many_here(wanted)

    async def give_back(self, key: str, limit_per_second: float) -> None:
        """What `take` took: it turned out not to count. With the same limit."""
        if key in self._full_at:
            self.give_back_here(key, limit_per_second)
        elif self._breaker is not None and self._breaker.is_closed:
            with suppress(Away):
                step = ceil(1_000_000 / limit_per_second)
                await self._breaker.call(lambda: self._client.eval(_GIVE_BACK, 1, key, step))

    def take_here(self, key: str, limit_per_second: float, burst: float) -> float | None:
        refused = self.take_many_here([Permit("", key, limit_per_second, burst)])
        return None if refused is None else refused[1]

    def take_many_here(self, wanted: Sequence[Permit]) -> tuple[int, float] | None:
        now = self._monotonic()
        buckets = self._full_at
        fulls = []
        for place, (_, key, per_second, burst) in enumerate(wanted):
            step = 1 / per_second
            full_at = max(buckets.get(key, now), now) + step
            wait = full_at - now - burst * step
            if wait > 1e-9:
                return place, wait
            fulls.append((key, full_at))
        if len(buckets) + len(fulls) > SIZE:
            self._make_room(now)
        buckets.update(fulls)
        return None

    def give_back_here(self, key: str, limit_per_second: float) -> None:
        """What `take_here` took and was not needed."""
        if key in self._full_at:
            self._full_at[key] -= 1 / limit_per_second

    def _make_room(self, now: float) -> None:
        """A tenth at once: whoever comes with ever new keys must not cost a sweep each."""
        for key in [key for key, at in self._full_at.items() if at <= now]:
            del self._full_at[key]
        if len(self._full_at) > SIZE - SIZE // 10:
            for key in nsmallest(SIZE // 10, self._full_at, key=self._full_at.__getitem__):
                del self._full_at[key]

    async def _take_shared(self, breaker: Breaker, wanted: Sequence[Permit]) -> tuple[int, float] | None:
        steps = [ceil(1_000_000 / each.per_second) for each in wanted]
        rooms = [value for each, step in zip(wanted, steps, strict=True) for value in (step, ceil(each.burst * step))]

        async def work() -> tuple[int, int]:
            place, wait = await self._client.eval(_TAKE, len(wanted), *(each.key for each in wanted), *rooms)
            return int(place), int(wait)

        place, wait = await breaker.call(work)
        return (place - 1, wait / 1_000_000) if place else None
