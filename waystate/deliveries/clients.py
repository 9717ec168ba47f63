"""Genesys counts requests by OAuth client, whichever integrations and tenants use it. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from waystate.deliveries.model import Target
from waystate.deliveries.rate import Pace, TokenBucket
from waystate.ids import TenantId
from waystate.tenants.model import GenesysIntegration

ClientKey = tuple[str, str]
"""The login server's URL, and the client's id there."""


def client_of(integration: GenesysIntegration) -> ClientKey:
    return integration.login_url, integration.client_id


def limits_of(integrations: Iterable[GenesysIntegration]) -> dict[ClientKey, int]:
    """Requests a minute of each client: where its integrations disagree, the least that one of them allows."""
    limits: dict[ClientKey, int] = {}
    for each in integrations:
        limit, key = each.limits.requests_per_minute, client_of(each)
        limits[key] = min(limit, limits.get(key, limit))
    return limits


PATIENT = timedelta(seconds=1)
"""Who asked for room longer ago than this has gone, or has nothing to send any more."""


class Turns:
    """Of the tenants that send through one client, who took room last, and who asked since and found none."""

    def __init__(self) -> None:
        self._last: TenantId | None = None
        self._waiting: dict[TenantId, datetime] = {}

    def share(self, tenant: TenantId, room: int, now: datetime) -> int:
        """Returns how much of the room the tenant may take: who took last leaves a place to each that waits."""
        self._waiting = {each: at for each, at in self._waiting.items() if now - at < PATIENT and each != tenant}
        if self._last == tenant:
            room = max(0, room - len(self._waiting))
        if room:
            self._last = tenant
        else:
            self._waiting[tenant] = now
        return room


class ClientPaces:
    """What one process remembers of the OAuth clients that it sends through, for all its couriers together.

    Whatever goes through a client lies in the lane of the client's id, and so is sent by one process at a time.
    """

    def __init__(self) -> None:
        self._limits: dict[ClientKey, dict[TenantId, int]] = {}
        self._paces: dict[ClientKey, tuple[int, Pace]] = {}
        """With the limit that it keeps."""
        self._turns: dict[str, Turns] = {}

    def share(self, payer: str, tenant: TenantId, room: int, now: datetime) -> int:
        """Returns how much of a client's room a tenant may take now (`Turns`)."""
        return self._turns.setdefault(payer, Turns()).share(tenant, room, now)

    def look_at(
        self, tenant: TenantId, integrations: Collection[GenesysIntegration], now: datetime
    ) -> dict[str, tuple[ClientKey, Pace]]:
        """By integration id, by the limits of today: the tenant's own, and those of others that use the same client."""
        limits = limits_of(integrations)
        for key in self._limits.keys() - limits.keys():
            self._limits[key].pop(tenant, None)
        for key, limit in limits.items():
            self._limits.setdefault(key, {})[tenant] = limit
        return {each.integration_id: (client_of(each), self._pace(client_of(each), now)) for each in integrations}

    def _pace(self, key: ClientKey, now: datetime) -> Pace:
        least = min(self._limits[key].values())
        known = self._paces.get(key)
        if known is None:
            known = self._paces[key] = least, Pace(Target.GENESYS, least / 60, now, bucket=TokenBucket.of_minute(least, now))
        elif known[0] != least:
            known[1].bucket = TokenBucket.of_minute(least, now)
            known = self._paces[key] = least, known[1]
        return known[1]
