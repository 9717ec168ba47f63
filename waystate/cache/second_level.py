"""What processes remember together of a tenant's customers, in Redis. It may vanish; nothing is right because of it.

Keys, with the tenant in braces, so that a Cluster keeps a tenant's in one slot:
`t:{tenant}:map:…` points to the contact that an entry is about; `t:{tenant}:contact:{id}` is a hash of all entries about one
contact, dropped as one; `t:{tenant}:stamp` counts invalidations, which tells a fill that it has been overtaken.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from waystate.cache.breaker import PATIENCE, Away, Breaker
from waystate.cache.connection import Redis
from waystate.clock import Clock, utc_now
from waystate.ids import TenantId

POINTER_TTL = 24 * 3600
"""Seconds. A pointer alone answers nothing."""
CONTACT_TTL = 3600
"""Seconds an entry may answer at most: the bound of staleness if all else failed."""
GONE_TTL = 15
"""Seconds for which an invalidation turns away fills that were read before it; three times `FILL_WITHIN`."""
FILL_WITHIN = 5.0
"""Seconds from the read to the fill; what took longer is not filled."""
PAY_EVERY = 1.0
BATCH = 500

_SCRIPT = Path(__file__).with_suffix(".lua").read_text()
_BEGIN, _FILL, _FORGET, _CLEAR = (f"{_SCRIPT}return calls.{name}()\n" for name in ("begin", "fill", "forget", "clear"))

Forgotten = Callable[[TenantId, Sequence[str]], None]
Counted = Callable[[int, int], None]
"""Look-ups answered, and not."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """`key` is what is asked by, `subject` the contact it is about, `item` and `version` the row that `value` shows."""

    key: str
    subject: str
    item: str
    version: int
    expires_at: datetime
    value: bytes


@dataclass(frozen=True, slots=True)
class Recalled:
    """Values in the order asked, None where PostgreSQL is to be asked. A fill without `stamp` is not made."""

    values: list[bytes | None]
    stamp: int | None = None
    at: float = 0.0


class SecondLevel:
    """Never raises for Redis' sake. `run` carries the invalidations; until one has arrived, this process does not believe Redis
    about that contact, and while Redis cannot be told of one, not about that tenant.

    `installation` tells apart installations that share a Redis: what another one wrote is not there.
    """

    def __init__(
        self,
        client: Redis,
        breaker: Breaker,
        *,
        installation: str,
        clock: Clock = utc_now,
        counted: Counted = lambda hits, misses: None,
    ) -> None:
        self.breaker = breaker
        self._client: Any = client
        self._installation = installation
        self._clock = clock
        self._counted = counted
        self._pending: dict[TenantId, set[str]] = {}
        self._flying: dict[TenantId, set[str]] = {}
        self._owed: set[TenantId] = set()
        self._wake = asyncio.Event()
        self._on_forgotten: list[Forgotten] = []
        self._fills: set[asyncio.Task[None]] = set()

    def on_forgotten(self, callback: Forgotten) -> None:
        """Told when an invalidation is in Redis, or cannot be: before that, others would only read what was again.

        No subjects are all of the tenant's.
        """
        self._on_forgotten.append(callback)

    async def find_many(self, tenant: TenantId, keys: Sequence[str]) -> Recalled:
        if tenant in self._owed:
            return Recalled([None] * len(keys))
        started = asyncio.get_running_loop().time()
        try:
            stamp, floor, fields = await self._read(tenant, keys)
        except Away:
            return Recalled([None] * len(keys))
        values = [self._usable(tenant, *field, floor) if field is not None else None for field in fields]
        hits = len(values) - values.count(None)
        self._counted(hits, len(values) - hits)
        return Recalled(values, stamp, started)

    def fill_later(self, tenant: TenantId, entries: Sequence[CacheEntry], recalled: Recalled) -> None:
        """After the commit that `entries` were read from, by a read that began after `recalled`; nobody waits for it."""
        if recalled.stamp is not None and entries and tenant not in self._owed:
            task = asyncio.create_task(self.fill_many(tenant, entries, recalled))
            self._fills.add(task)
            task.add_done_callback(self._fills.discard)

    async def fill_many(self, tenant: TenantId, entries: Sequence[CacheEntry], recalled: Recalled) -> None:
        if recalled.stamp is None or asyncio.get_running_loop().time() - recalled.at > FILL_WITHIN:
            return
        until = self._clock() + timedelta(seconds=CONTACT_TTL)
        keys: list[str] = [_stamp_key(tenant)]
        arguments: list[Any] = [recalled.stamp, POINTER_TTL, CONTACT_TTL]
        for each in entries:
            keys += [_map_key(tenant, each.key), _contact_key(tenant, each.subject)]
            ends = int(min(each.expires_at, until).timestamp() * 1000)
            value = b"%s:%d:%d:%d:%s" % (each.item.encode(), each.version, recalled.stamp, ends, each.value)
            arguments += [each.key, each.item, each.version, f"{self._installation}:{each.subject}", value]
        try:
            await self._call(_FILL, keys, arguments)
        except Away:
            return

    def forget(self, tenant: TenantId, subjects: Iterable[str]) -> None:
        """After a commit. It arrives in Redis a moment later, by `run`."""
        self._pending.setdefault(tenant, set()).update(subjects)
        self._wake.set()

    async def forget_many(self, tenant: TenantId, subjects: Iterable[str]) -> None:
        """As `forget`, and known to have arrived; `Away` if not."""
        wanted = sorted(set(subjects))
        for start in range(0, len(wanted), BATCH):
            contacts = [_contact_key(tenant, each) for each in wanted[start : start + BATCH]]
            await self._call(_FORGET, [_stamp_key(tenant), *contacts], [GONE_TTL])

    async def clear(self, tenant: TenantId) -> None:
        """All that is remembered of a tenant is void; `Away` if Redis cannot be told."""
        await self._call(_CLEAR, [_stamp_key(tenant)], [])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.breaker.run())
            group.create_task(self._carry_all())

    async def _carry_all(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PAY_EVERY if self._owed else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._pay()
            await self.flush()

    async def flush(self) -> None:
        """Carry what waits; call it once more before stopping."""
        self._flying, self._pending = self._pending, {}
        await asyncio.gather(*(self._carry(tenant, subjects) for tenant, subjects in self._flying.items()))
        self._flying = {}

    @property
    def fills(self) -> list[asyncio.Task[None]]:
        """Those under way, that nobody waits for."""
        return list(self._fills)

    async def _carry(self, tenant: TenantId, subjects: set[str]) -> None:
        if tenant not in self._owed:
            try:
                await self.forget_many(tenant, subjects)
            except Away:
                self._owed.add(tenant)
        self._tell(tenant, sorted(subjects))

    def _tell(self, tenant: TenantId, subjects: Sequence[str]) -> None:
        for callback in self._on_forgotten:
            callback(tenant, subjects)

    async def _pay(self) -> None:
        """A tenant whose invalidations were not taken is cleared whole before Redis is asked about it again."""
        for tenant in list(self._owed):
            try:
                await self.clear(tenant)
            except Away:
                return
            self._owed.discard(tenant)
            self._tell(tenant, [])

    async def _read(self, tenant: TenantId, keys: Sequence[str]) -> tuple[int, int, list[tuple[str, bytes] | None]]:
        """Stamp, floor, and for each key the contact with its entry. Two round trips, however many keys."""
        stamp_key = _stamp_key(tenant)

        async def work() -> tuple[int, int, list[tuple[str, bytes] | None]]:
            found: list[tuple[str, bytes] | None] = [None] * len(keys)
            stamp, *pointers = await self._client.mget([stamp_key, *(_map_key(tenant, key) for key in keys)])
            if stamp is None:
                return int(await self._client.eval(_BEGIN, 1, stamp_key)), 0, found
            subjects = [self._subject(pointer) for pointer in pointers]
            known = [(place, subject) for place, subject in enumerate(subjects) if subject is not None]
            if known:
                pipeline = self._client.pipeline(transaction=False)
                for place, subject in known:
                    pipeline.hget(_contact_key(tenant, subject), keys[place])
                for (place, subject), value in zip(known, await pipeline.execute(), strict=True):
                    found[place] = None if value is None else (subject, value)
            count, _, floor = stamp.partition(b":")
            return int(count), int(floor), found

        return await self.breaker.call(work)

    def _subject(self, pointer: bytes | None) -> str | None:
        installation, _, subject = (pointer or b"").decode("utf-8", "replace").partition(":")
        return subject if subject and installation == self._installation else None

    def _usable(self, tenant: TenantId, subject: str, value: bytes, floor: int) -> bytes | None:
        if subject in self._pending.get(tenant, ()) or subject in self._flying.get(tenant, ()):
            return None
        _, _, stamp, until, body = value.split(b":", 4)
        if int(stamp) < floor or int(until) <= self._clock().timestamp() * 1000:
            return None
        return body

    async def _call(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        async def work() -> None:
            await self._client.eval(script, len(keys), *keys, *arguments)

        await self.breaker.call(work, patience=PATIENCE)


def _stamp_key(tenant: TenantId) -> str:
    return f"t:{{{tenant}}}:stamp"


def _map_key(tenant: TenantId, key: str) -> str:
    return f"t:{{{tenant}}}:map:{key}"


def _contact_key(tenant: TenantId, subject: str) -> str:
    return f"t:{{{tenant}}}:contact:{subject}"
