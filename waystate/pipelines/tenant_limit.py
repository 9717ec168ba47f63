"""How many requests a tenant may make in a second, over `/state` and `/v1` together."""

from waystate.access.auth import Facts
from waystate.access.model import Principal
from waystate.cache.limits import Limits
from waystate.errors import TooMany


class TenantLimit:
    """A second's worth may come at once after a rest."""

    def __init__(self, limits: Limits, per_second: float) -> None:
        self._limits = limits
        self._per_second = per_second
        self._burst = max(1.0, per_second)

    async def __call__(self, principal: Principal, _: Facts) -> None:
        wait = await self._limits.take(f"t:{{{principal.tenant_id}}}:rate:http", self._per_second, self._burst)
        if wait is not None:
            raise TooMany(
                "tenant_rate_limit",
                f"This tenant may make {self._per_second:g} requests a second. Send the same again after Retry-After seconds.",
                retry_after=wait,
            )
