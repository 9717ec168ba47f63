"""How much an account may send now: by its rate, by what may be under way, and by what its platform answered. Pure."""

from datetime import datetime, timedelta
from math import ceil

from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.errors import Limit, Reach
from waystate.deliveries.model import Target
from waystate.deliveries.retry import HELD_PAUSE, is_held, limit_of, pause_of

FIRST_REST = timedelta(seconds=10)
LONGEST_REST = timedelta(seconds=60)
LONGEST_PROBE = timedelta(minutes=10)
"""Between two messages that find out whether a number is taken again whose messages failed after they were accepted."""
LEAST_UNDER_WAY = 3
"""Sends of a number at once while nothing is known of its platform: as many are lost at most when an outage begins."""
IDLE = timedelta(seconds=10)
"""After which an answer proves nothing about the next send."""
_LONGEST_INTERVAL, _GREATEST_BURST = 3600.0, 10_000
"""Of a customer's messages: seconds between two, and messages at once; a limit beyond these counts as these."""
_FEW = 1000
"""Customers of whom something is remembered before it is looked who has paid."""
_ROUNDING = 1 - 1e-9
"""So that sums of fractions come to no more than their whole."""
_SPARE = 1.5
"""How many times what the rate takes may be under way, for calls that take longer than usual."""


class TokenBucket:
    """Holds one second's worth; a batch may overdraw it and the debt is waited for, so the long-run rate is `per_second`."""

    def __init__(self, per_second: float, now: datetime) -> None:
        self.per_second = per_second
        self._capacity = max(1.0, per_second)
        self._tokens = self._capacity
        self._at = now

    @classmethod
    def of_minute(cls, limit: int, now: datetime) -> "TokenBucket":
        """At most `limit` in any minute, what was saved up among them: the rate is lower by that.

        It begins with one: whoever worked the client a moment ago may have used up the rest.
        """
        bucket = cls(limit / 60, now)
        bucket.per_second = (limit + 1 - bucket._capacity) / 60 * _ROUNDING
        bucket._tokens = 1.0
        return bucket

    def has_any(self, now: datetime) -> bool:
        return self.whole(now) >= 1

    def whole(self, now: datetime) -> int:
        """How many may be taken without a debt; below 1 there is one, or nothing."""
        self._refill(now)
        return int(self._tokens)

    def take(self, now: datetime, count: int = 1) -> None:
        self._refill(now)
        self._tokens -= count

    def give_back(self, count: int) -> None:
        """What was taken and not used."""
        self._tokens = min(self._capacity, self._tokens + count)

    def wait(self, now: datetime) -> float:
        """Returns the seconds until there is one."""
        self._refill(now)
        return max(0.0, (1 - self._tokens) / self.per_second)

    def _refill(self, now: datetime) -> None:
        passed = max(0.0, (now - self._at).total_seconds())
        self._tokens = min(self._capacity, self._tokens + passed * self.per_second)
        self._at = now


class Pairs:
    """How often each customer of a number was written to: one message in `interval` seconds, `burst` of them at once.

    A debt is kept as the time at which it is paid (GCRA), and of nobody who has none. An `interval` of 0 limits nothing.
    https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform
    """

    def __init__(self) -> None:
        self._interval = self._allowed = timedelta(0)
        self._paid_at: dict[str, datetime] = {}
        self._until: dict[str, datetime] = {}
        self._look_at = _FEW

    def __len__(self) -> int:
        """Of how many customers something is remembered."""
        return len(self._paid_at)

    def change(self, interval: float, burst: int) -> None:
        """By the account's limits of today. `_allowed` is the debt with which one more may leave."""
        each = timedelta(seconds=min(interval, _LONGEST_INTERVAL))
        allowed = each * (min(burst, _GREATEST_BURST) - 1)
        if (self._interval, self._allowed) == (each, allowed):
            return
        self._interval, self._allowed = each, allowed
        self._paid_at = self._paid_at if each else {}
        self._until = {key: paid_at - allowed for key, paid_at in self._paid_at.items()}

    def take(self, key: str, now: datetime) -> None:
        """One message leaves for this customer."""
        if self._interval:
            self._owe(key, max(now, self._paid_at.get(key, now)) + self._interval, now)

    def met(self, key: str, now: datetime, rest: float) -> None:
        """The platform counts more than this process remembers: nothing for `rest` seconds, and no burst after it.

        What was refused is no debt.
        """
        self._owe(key, now + timedelta(seconds=rest) + self._allowed, now)

    def list_resting(self, now: datetime) -> list[str]:
        """Customers to whom nothing may leave now."""
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]
        return list(self._until)

    def find_wait(self, now: datetime) -> float | None:
        """Seconds until the next of those who rest may be written to."""
        waits = [(until - now).total_seconds() for until in self._until.values() if until > now]
        return min(waits, default=None)

    def _owe(self, key: str, paid_at: datetime, now: datetime) -> None:
        self._paid_at[key] = paid_at
        if (until := paid_at - self._allowed) > now:
            self._until[key] = until
        if len(self._paid_at) >= self._look_at:
            self._paid_at = {key: paid_at for key, paid_at in self._paid_at.items() if paid_at > now}
            self._look_at = max(_FEW, 2 * len(self._paid_at))


class Pace:
    """What one courier remembers of an account.

    A number's sends cannot be repeated, so no more are under way than its rate needs, and after `outage_after` lost answers in
    a row it rests, 10 s growing to a minute, and tries one send at a time until the platform answers. An account that the
    platform holds rests as well, and one message at a time finds out whether somebody has mended it; so does one that met a
    limit of more than one customer, for as long as the limit says.
    """

    def __init__(
        self,
        target: Target,
        per_second: float,
        now: datetime,
        *,
        outage_after: int = 3,
        bucket: TokenBucket | None = None,
    ) -> None:
        self.target = target
        self.pairs = Pairs()
        self.outage_after = outage_after
        self.bucket = bucket or TokenBucket(per_second, now)
        self.is_held = False
        self.needs_status = False
        """Held by the statuses of sends that were accepted: the next that is accepted proves nothing."""
        self._probes = 0
        self._until = now
        self._answered_at = now
        self._lost = 0
        self._rests = 0
        self._limits = 0
        self._proven = 0
        self._residence = 0.0

    @property
    def is_braked(self) -> bool:
        return self._lost >= self.outage_after

    @property
    def is_limited(self) -> bool:
        return self._limits > 0

    def rests(self, now: datetime) -> bool:
        """Whether nothing may leave now, whatever is under way."""
        return now < self._until or not self.bucket.has_any(now)

    def find_wait(self, now: datetime) -> float | None:
        """Seconds until the rate, or the next of the customers who rest, lets something leave."""
        waits = [self.pairs.find_wait(now), None if self.bucket.has_any(now) else self.bucket.wait(now)]
        return min((each for each in waits if each is not None), default=None)

    def room(self, under_way: int, now: datetime) -> int:
        """How many more may leave now."""
        if self.rests(now):
            return 0
        if self.is_held or self.is_braked or self.is_limited:
            return max(0, 1 - under_way)
        if self.target is not Target.WHATSAPP:
            return self.bucket.whole(now)
        at_once = min(self._window(now), self.outage_after - self._lost) if self._lost else self._window(now)
        return max(0, min(at_once - under_way, self.bucket.whole(now)))

    def heard(self, result: AttemptResult, now: datetime, took: timedelta = timedelta(0)) -> None:
        """What an attempt came to. `took`: from its claim until it was written down, which is what holds a place."""
        limit = limit_of(self.target, result)
        is_ours = limit is not None and limit.reach is not Reach.PAIR
        if limit is not None and is_ours:
            self.limit(limit, now)
        pause = pause_of(self.target, result)
        if pause is not None:
            self._until = max(self._until, now + pause)
        if is_held(result):
            self.is_held, self._lost, self._rests = True, 0, 0
        elif is_disturbed(result):
            self._brake(now)
        elif result.outcome is Outcome.SENT or result.http_status is not None:
            self._lost = self._rests = 0
            if self.needs_status:
                # It may cost the message, so that each is tried more rarely than the one before.
                self._probes += 1
                self._until = max(self._until, now + min(HELD_PAUSE * (1 << min(self._probes, 10)), LONGEST_PROBE))
            else:
                self.is_held = False
            if not is_ours:
                self._limits = 0
            self._prove(now, took)

    def hold(self, now: datetime, *, needs_status: bool) -> None:
        """The number is held, as somebody wrote down: after a pause one message finds out."""
        if not self.is_held:
            self.is_held, self._probes, self._until = True, 0, max(self._until, now + HELD_PAUSE)
        self.needs_status = needs_status

    def release(self) -> None:
        self.is_held = self.needs_status = False

    def limit(self, limit: Limit, now: datetime, retry_after: float | None = None) -> None:
        """Rest, as somebody met a limit that is this account's too. What was under way together met it together."""
        if now >= self._until or not self.is_limited:
            self._until = max(self._until, now + timedelta(seconds=max(limit.rest(self._limits), retry_after or 0.0)))
            self._limits += 1

    def _brake(self, now: datetime) -> None:
        """Sends that were under way together fail together: they are one sign of an outage, not a reason to rest for longer."""
        self._proven = 0
        if self.target is not Target.WHATSAPP:
            return
        self._lost += 1
        if self.is_braked and now >= self._until:
            self._until = now + min(FIRST_REST * (1 << min(self._rests, 10)), LONGEST_REST)
            self._rests += 1

    def _prove(self, now: datetime, took: timedelta) -> None:
        self._proven = self._proven + 1 if now - self._answered_at <= IDLE else 1
        self._answered_at = now
        self._residence += (took.total_seconds() - self._residence) / 8

    def _window(self, now: datetime) -> int:
        proven = self._proven if now - self._answered_at <= IDLE else 0
        needed = ceil(_SPARE * self.bucket.per_second * self._residence)
        return max(LEAST_UNDER_WAY, min(needed, LEAST_UNDER_WAY + proven))


def is_disturbed(result: AttemptResult) -> bool:
    """Whether the far side did not answer, or not so that anybody knows what it did."""
    return result.outcome is Outcome.UNKNOWN or (result.error or {}).get("kind") == FailureKind.TRANSPORT
