"""The process's own look-up cache: bounded, short-lived, and never filled with what an invalidation has overtaken."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

Subject = Hashable
"""What an entry is about (tenant and contact): whatever changes it drops every entry about it."""


class ProcessCache(Generic[V]):
    """`ttl` in seconds is the net under a lost invalidation; each entry may also carry a moment after which it is void.

    A fill names the `stamp` it took before its read. It is dropped when its subject was invalidated since, or when that can no
    longer be told because too many invalidations came in between.
    """

    def __init__(self, *, size: int, ttl: float, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._ttl = ttl
        self._monotonic = monotonic
        self._entries: dict[Hashable, tuple[float, V, Subject]] = {}
        self._keys_of: dict[Subject, set[Hashable]] = {}
        self._invalidated: dict[Subject, int] = {}
        self._count = 0
        self._floor = 0

    def find(self, key: Hashable) -> V | None:
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._monotonic():
            return None
        return entry[1]

    def stamp(self) -> int:
        return self._count

    def fill(self, key: Hashable, value: V, subject: Subject, stamp: int, lifetime: float | None = None) -> None:
        """`lifetime` in seconds shortens the cache's own."""
        if not self._size or stamp < self._floor or self._invalidated.get(subject, 0) > stamp:
            return
        self._drop(key)
        while len(self._entries) >= self._size:
            self._drop(next(iter(self._entries)))
        ttl = self._ttl if lifetime is None else min(self._ttl, lifetime)
        self._entries[key] = (self._monotonic() + ttl, value, subject)
        self._keys_of.setdefault(subject, set()).add(key)

    def invalidate(self, subject: Subject) -> None:
        self._count += 1
        self._invalidated.pop(subject, None)
        self._invalidated[subject] = self._count
        if len(self._invalidated) > self._size:
            oldest = next(iter(self._invalidated))
            self._floor = self._invalidated.pop(oldest)
        for key in self._keys_of.pop(subject, ()):
            self._entries.pop(key, None)

    def clear(self) -> None:
        self._count += 1
        self._floor = self._count
        self._entries.clear()
        self._keys_of.clear()

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None and (keys := self._keys_of.get(entry[2])) is not None:
            keys.discard(key)
            if not keys:
                del self._keys_of[entry[2]]
