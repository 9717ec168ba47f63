"""The loops that keep work moving: each waits for a hint, sweeps once a second without one, and outlives every outage."""

import asyncio
import time

import structlog

from waystate.cache.feed import Feed
from waystate.db.failures import is_outage, is_transient
from waystate.errors import Retry
from waystate.ids import TenantId

log = structlog.get_logger()

SWEEP = 1.0
"""Seconds between looks without a hint: the net under lost hints."""
LATER = 0.2
"""Seconds by which subscribers hear later of what was only recorded over HTTP; nothing is delivered because of it."""


class Hint:
    """Wakes a loop before its next sweep. Hints may be lost or doubled; only the database says what is due."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._tenants: set[TenantId] = set()
        self._later: set[TenantId] = set()
        self._others: list[Hint] = []

    def also(self, other: "Hint") -> None:
        """What this one hears, another loop of the same process is to hear too."""
        self._others.append(other)

    def give(self, *tenants: TenantId) -> None:
        self._tenants.update(tenants)
        self.wake()
        for other in self._others:
            other.give(*tenants)

    def wake(self) -> None:
        """This process's loop alone, for no tenant in particular."""
        self._event.set()

    def give_later(self, tenant: TenantId) -> None:
        """For what nobody waits for: many batches' worth is then found at once, which costs a fraction of one by one."""
        if tenant not in self._later:
            self._later.add(tenant)
            asyncio.get_running_loop().call_later(LATER, self._give_now, tenant)

    def _give_now(self, tenant: TenantId) -> None:
        self._later.discard(tenant)
        self.give(tenant)

    async def wait(self, seconds: float) -> set[TenantId]:
        """The tenants hinted at; none after `seconds` without a hint."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        tenants, self._tenants = self._tenants, set()
        return tenants


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


class Worker:
    """A loop around `step`, which returns whether more may be waiting."""

    name = "worker"

    def __init__(self, hint: Hint | None = None) -> None:
        """`hint` wakes it; without one it has its own."""
        self.hint = hint or Hint()
        self._stopping = False

    def stop(self) -> None:
        """`run` returns once the step under way is done."""
        self._stopping = True
        self.hint.wake()

    async def run(self) -> None:
        more = True
        swept_at = -SWEEP
        while not self._stopping:
            hinted = set() if more else await self.hint.wait(SWEEP)
            # Hints for one tenant must not keep the others from ever being swept.
            sweep = time.monotonic() - swept_at >= SWEEP
            if sweep:
                swept_at = time.monotonic()
            try:
                more = await self.step(hinted, sweep=sweep)
            except Exception as error:
                more = False
                await self._rest(error)

    async def step(self, hinted: set[TenantId], *, sweep: bool) -> bool:
        raise NotImplementedError

    async def _rest(self, error: Exception) -> None:
        if isinstance(error, Retry) or is_outage(error) or is_transient(error):
            log.warning("The database does not answer; work waits for it.", operation=self.name, error=str(error))
        else:
            log.error("A worker step failed; it is tried again.", operation=self.name, exc_info=error)
        await asyncio.sleep(SWEEP)
