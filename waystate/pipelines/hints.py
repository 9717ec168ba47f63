"""Hints that reach the other processes too."""

from waystate.cache.feed import Feed
from waystate.ids import TenantId
from waystate.pipelines.workers import Hint


class SharedHint(Hint):
    """A hint of one `kind` (`ledger`, `relay`, `deliveries`, …): giving it wakes the loops of that kind in every process.

    Which of them does the work, their leases decide.
    """

    def __init__(self, feed: Feed, kind: str) -> None:
        super().__init__()
        self._feed = feed
        self._topic = f"hint:{kind}"
        feed.subscribe(self._topic, self._heard)

    def give(self, *tenants: TenantId) -> None:
        super().give(*tenants)
        for tenant in tenants or ("",):
            self._feed.publish(self._topic, tenant)

    def _heard(self, payload: str) -> None:
        # Not `give` of this class: what was heard is not told again.
        super().give(*((TenantId(payload),) if payload else ()))
