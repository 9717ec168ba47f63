"""How much an account may send: its rate is the platform's limit, kept on this side. Pure."""

from datetime import datetime


class TokenBucket:
    """Holds one second's worth; a batch may overdraw it and the debt is waited for, so the long-run rate is `per_second`."""

    def __init__(self, per_second: float, now: datetime) -> None:
        self.per_second = per_second
        self._capacity = max(1.0, per_second)
        self._tokens = self._capacity
        self._at = now

    def has_any(self, now: datetime) -> bool:
        self._refill(now)
        return self._tokens >= 1

    def take(self, now: datetime) -> None:
        self._refill(now)
        self._tokens -= 1

    def _refill(self, now: datetime) -> None:
        passed = max(0.0, (now - self._at).total_seconds())
        self._tokens = min(self._capacity, self._tokens + passed * self.per_second)
        self._at = now
