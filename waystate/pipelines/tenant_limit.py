"""How many requests a tenant may make in a second, over `/state` and `/v1` together."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from waystate.access.auth import Authenticator, facts_of
from waystate.cache.limits import Limits
from waystate.errors import TooMany
from waystate.ids import TenantId


class TenantLimit:
    """A second's worth may come at once after a rest."""

    def __init__(self, limits: Limits, per_second: float) -> None:
        self._limits = limits
        self._per_second = per_second
        self._burst = max(1.0, per_second)

    async def check(self, tenant: TenantId) -> None:
        wait = await self._limits.take(f"t:{{{tenant}}}:rate:http", self._per_second, self._burst)
        if wait is not None:
            raise TooMany(
                "tenant_rate_limit",
                f"This tenant may make {self._per_second:g} requests a second. Send the same again after Retry-After seconds.",
                retry_after=wait,
            )


def within_limit(authenticator: Authenticator, limit: TenantLimit) -> Callable[[Request], Awaitable[None]]:
    """A dependency for a router of the framework; the lane checks by itself."""

    async def check(request: Request) -> None:
        principal = await authenticator.authenticate(facts_of(request.scope))
        await limit.check(principal.tenant_id)

    return check
