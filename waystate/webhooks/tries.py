"""How often what is tried again has failed of late. Pure."""

from collections.abc import Collection, Hashable
from datetime import datetime, timedelta

from waystate.clock import Clock

MAX_FAILURES = 5
"""Tries that a ledger row or a tenant may fail, in our own code and not for the database, before its rows are set aside."""
FORGOTTEN_AFTER = timedelta(minutes=1)
"""What did not fail for so long is waited for anew: longer than a backlog's next batch takes to come up."""


class Tries:
    """Failures of tenants and rows, each under its own key, and of each one a round at the most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[Hashable, tuple[int, datetime]] = {}
        self._counted: set[Hashable] = set()

    def begin_round(self) -> None:
        now = self._clock()
        self._counted.clear()
        self._failures = {key: (count, at) for key, (count, at) in self._failures.items() if now - at <= FORGOTTEN_AFTER}

    def count(self, keys: Collection[Hashable]) -> set[Hashable]:
        """They failed; those that had not failed of late."""
        news = set(keys) - self._failures.keys()
        for key in keys:
            count, _ = self._failures.get(key, (0, None))
            self._failures[key] = (count if key in self._counted else count + 1, self._clock())
        self._counted.update(keys)
        return news

    def forget(self, keys: Collection[Hashable]) -> None:
        """They did not fail."""
        for key in keys:
            self._failures.pop(key, None)

    def is_spent(self, key: Hashable) -> bool:
        return self._failures.get(key, (0, None))[0] >= MAX_FAILURES
