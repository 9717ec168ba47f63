"""How much a number may send: so many messages a second, and so many to one customer.

Source: developers.facebook.com, WhatsApp Cloud API, "Throughput" and "Pair rate limits": 80 messages a second (1,000 when Meta
has raised it), and one message in 6 s to the same user, of which 45 may be sent at once and are then waited for.
"""

from collections.abc import Callable

from waystate.simulator.refusals import GraphRefusal
from waystate.simulator.rules import RulesInForce

_ROUNDING = 1e-6


class Allowance:
    """A bucket that refills by `rate` a second up to `most`."""

    def __init__(self, most: float, now: float) -> None:
        self._left = most
        self._at = now

    def take(self, rate: float, most: float, now: float) -> bool:
        self._left = min(most, self._left + max(0.0, now - self._at) * rate)
        self._at = now
        if self._left < 1 - _ROUNDING:
            return False
        self._left -= 1
        return True


class SendingLimits:
    """`seconds` is the time now."""

    def __init__(self, rules: RulesInForce, seconds: Callable[[], float]) -> None:
        self._rules = rules
        self._seconds = seconds
        self._number: Allowance | None = None
        self._pairs: dict[str, Allowance] = {}

    def take_of_number(self) -> None:
        """Raises GraphRefusal 130429."""
        rate, now = self._rules.now.messages_per_second, self._seconds()
        most = max(1.0, rate)
        if self._number is None:
            self._number = Allowance(most, now)
        if not self._number.take(rate, most, now):
            raise GraphRefusal(130429, f"Message failed to send because there were more than {rate:g} messages in a second.")

    def take_of_pair(self, customer: str) -> None:
        """Raises GraphRefusal 131056."""
        interval, burst = self._rules.now.pair_interval, self._rules.now.pair_burst
        if not interval:
            return
        now = self._seconds()
        pair = self._pairs.get(customer)
        if pair is None:
            pair = self._pairs[customer] = Allowance(burst, now)
        if not pair.take(1 / interval, burst, now):
            raise GraphRefusal(
                131056, "Message failed to send because there were too many messages to this user in a short period of time."
            )
