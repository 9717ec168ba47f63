"""How often somebody may call: a tenant, a credential, a person, an address; and how often an address may be refused.

All of it is decided in the process, where there is no Redis; with Redis what is of a tenant holds for all processes together.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from waystate.cache.limits import Limits, Permit
from waystate.errors import TooMany, Unauthorized
from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.tenants.routing import Directory, TenantView
from waystate.web.facts import Facts, address_of

counted: ContextVar[bool] = ContextVar("counted", default=False)
"""Set by whoever has admitted the request already and passes it on, so that it counts once."""

KNOWN = 10_000
"""Credentials that are remembered to have been good: a flood of bad ones from the same address does not slow them."""
_BURST_OF_REFUSALS = 10.0
"""Seconds' worth: after a key was revoked, all the processes of a customer come with it once more."""

_TOLD = {
    "tenant_rate_limit": "This tenant may make {:g} requests a second.",
    "tenant_message_limit": "This tenant may record {:g} messages a second over HTTP.",
    "credential_rate_limit": "One key or session may make {:g} requests a second.",
    "user_rate_limit": "One person may make {:g} requests a second.",
    "address_rate_limit": "One address may make {:g} requests a second.",
    "address_refused_too_often": "Too many credentials from this address were refused; {:g} a second are looked at.",
}


class Rates(NamedTuple):
    """Requests a second; 0 is no limit. `tenant` holds where the tenant has no quota of its own."""

    tenant: float = 0
    credential: float = 0
    user: float = 0
    address: float = 0
    refused: float = 0


class RequestLimits:
    """For a `Guard`. A second's worth may come at once after a rest."""

    def __init__(self, rates: Rates, limits: Limits, directory: Directory | None = None) -> None:
        self._rates = rates
        self._limits = limits
        self._directory = directory
        # Of their own, so that an attacker's many addresses push no tenant's bucket out.
        self._addresses = Limits()
        self._is_always = any((rates.tenant, rates.credential, rates.user, rates.address))
        self._quotas: dict[TenantId, tuple[TenantView, float, float]] = {}
        self._known: dict[tuple[bytes | None, ...], None] = {}

    def take_here(self, principal: Principal, facts: Facts) -> bool:
        """False: ask `take`, which may have to wait for somebody. Raises `TooMany`."""
        if counted.get():
            return True
        view = None
        if self._directory is not None:
            view = self._directory.find_cached_tenant(principal.tenant_id)
            if view is None:
                return False
        api_calls, messages = self._quota(principal.tenant_id, view)
        if not (self._is_always or api_calls or messages):
            return True
        if self._limits.is_shared:
            return False
        self._take_address(facts)
        wanted = self._wanted(principal, facts, api_calls, messages)
        _judge(self._limits.take_many_here(wanted), wanted)
        return True

    async def take(self, principal: Principal, facts: Facts) -> None:
        if counted.get():
            return
        view = None if self._directory is None else await self._directory.find_tenant(principal.tenant_id)
        wanted = self._wanted(principal, facts, *self._quota(principal.tenant_id, view))
        self._take_address(facts)
        if wanted:
            _judge(await self._limits.take_many(wanted), wanted)

    async def attempt(self, facts: Facts, authenticate: Callable[[Facts], Awaitable[Principal]]) -> Principal:
        """`authenticate`, unless too many from this address were refused lately: then nobody is asked at all."""
        credential = (facts.authorization, facts.api_key, facts.cookie)
        if not self._rates.refused or credential in self._known:
            return await authenticate(facts)
        rate = self._rates.refused
        key = f"refused:{address_of(facts.client_host)}"
        # Taken first and given back, or a thousand at once would all pass before the first is refused.
        wanted = [Permit("address_refused_too_often", key, rate, max(1.0, rate * _BURST_OF_REFUSALS))]
        _judge(self._addresses.take_many_here(wanted), wanted)
        try:
            principal = await authenticate(facts)
        except Unauthorized:
            raise
        except BaseException:
            self._addresses.give_back_here(key, rate)
            raise
        self._addresses.give_back_here(key, rate)
        self._remember(credential)
        return principal

    def _remember(self, credential: tuple[bytes | None, ...]) -> None:
        if any(credential):
            while len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            self._known[credential] = None

    def _quota(self, tenant: TenantId, view: TenantView | None) -> tuple[float, float]:
        if view is None:
            return self._rates.tenant, 0.0
        known = self._quotas.get(tenant)
        if known is None or known[0] is not view:
            if len(self._quotas) >= KNOWN:
                self._quotas.clear()
            api_calls = quota_of(view, "api_calls_per_second") or self._rates.tenant
            known = self._quotas[tenant] = (view, api_calls, quota_of(view, "messages_per_second"))
        return known[1], known[2]

    def _wanted(self, principal: Principal, facts: Facts, api_calls: float, messages: float) -> list[Permit]:
        rates, start = self._rates, f"t:{{{principal.tenant_id}}}:rate:"
        wanted = []
        if api_calls:
            wanted.append(Permit("tenant_rate_limit", f"{start}http", api_calls, max(1.0, api_calls)))
        if messages and facts.method == "POST" and facts.path == "/state/message":
            wanted.append(Permit("tenant_message_limit", f"{start}messages", messages, max(1.0, messages)))
        if rates.credential and principal.id is not None:
            key = f"{start}{principal.kind}:{principal.id}"
            wanted.append(Permit("credential_rate_limit", key, rates.credential, max(1.0, rates.credential)))
        if rates.user and principal.user_id is not None:
            wanted.append(Permit("user_rate_limit", f"{start}user:{principal.user_id}", rates.user, max(1.0, rates.user)))
        return wanted

    def _take_address(self, facts: Facts) -> None:
        if rate := self._rates.address:
            wanted = [Permit("address_rate_limit", address_of(facts.client_host), rate, max(1.0, rate))]
            _judge(self._addresses.take_many_here(wanted), wanted)


def quota_of(view: TenantView, name: str) -> float:
    """A tenant's own number, 0 for none. Whatever stands in the column, a request must not fail for it."""
    quotas: Any = getattr(view.tenant, "quotas", None)
    value = quotas.get(name) if isinstance(quotas, Mapping) else getattr(quotas, name, None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < float("inf") else 0.0


def _judge(refused: tuple[int, float] | None, wanted: list[Permit]) -> None:
    if refused is None:
        return
    place, wait = refused
    code, _, rate, _ = wanted[place]
    raise TooMany(code, f"{_TOLD[code].format(rate)} Send the same again after Retry-After seconds.", retry_after=wait)
