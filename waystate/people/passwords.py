"""Passwords: what a new one must be, and argon2id hashes, made and checked in threads of their own."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from waystate.errors import Unavailable
from waystate.people.model import unusable

T = TypeVar("T")

MEMORY_KIB, PASSES = 19 * 1024, 2
"""OWASP's least for argon2id: 19 MiB and two passes, about a twentieth of a second."""
AT_ONCE = 2
"""More would take the processors from webhooks and look-ups, and 19 MiB each."""
MOST_WAITING = 200
"""About ten seconds of work; who comes after these is sent away rather than kept."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
_FEWEST_DIFFERENT = 5


def parse_password(text: str, *, email: str, where: str = "password") -> str:
    """In the form that is hashed; `Unprocessable` says what it lacks, and never repeats it."""
    password = normal_password(text)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise unusable(where, f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; a few words in a row do well")
    folded = password.casefold()
    if len(set(folded)) < _FEWEST_DIFFERENT or _is_a_row(folded):
        raise unusable(where, "harder to guess: it repeats a few characters, or is a row of them")
    local = email.partition("@")[0]
    if folded == email or (len(local) >= 4 and local in folded) or "password" in folded:
        raise unusable(where, "harder to guess: it has the e-mail address or the word 'password' in it")
    return password


def normal_password(text: str) -> str:
    """The same characters however a keyboard composes them (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", text)


def _is_a_row(text: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(steps) <= 2


class Passwords:
    """The threads bound memory even when callers go away: what has begun to hash cannot be broken off."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._pending = 0
        self._dummy: str | None = None
        self.verifications = 0
        """So far, those for nobody included."""

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Without a stored hash it takes the same time and is false."""
        return await self._run(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str | None, password: str) -> bool:
        if self._dummy is None:
            self._dummy = self._hasher.hash("nobody's")
        self.verifications += 1
        try:
            self._hasher.verify(self._dummy if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= MOST_WAITING + AT_ONCE:
            raise Unavailable("logins_busy", "Too many passwords are being checked now. Send the same again.", retry_after=2)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[T]") -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()
