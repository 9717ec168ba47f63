"""What waits for Genesys: how much, since when, and when the budgets of its OAuth clients let the last of it through."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from waystate.db.pool import Database
from waystate.deliveries import store as delivery_store
from waystate.deliveries.clients import ClientKey, client_of, limits_of
from waystate.deliveries.model import Target, WaitingRequests
from waystate.ids import TenantId
from waystate.tenants.model import GenesysIntegration
from waystate.tenants.routing import Directory
from waystate.web.metrics import WAITING_KINDS, Metrics, WaitingKind

KIND_OF: Mapping[Target, WaitingKind] = {
    Target.GENESYS: "messages",
    Target.GENESYS_FILE: "messages",
    Target.GENESYS_RECEIPT: "receipts",
    Target.GENESYS_LOOKUP: "lookups",
}


class Backlog(NamedTuple):
    """How many wait, and since when the oldest does."""

    waiting: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClientQueue:
    """What waits for one OAuth client. `integrations` are the ids of those that use it."""

    client: ClientKey
    integrations: tuple[str, ...]
    requests_per_minute: int
    backlogs: Mapping[WaitingKind, Backlog]

    @property
    def waiting(self) -> int:
        return sum(each.waiting for each in self.backlogs.values())

    @property
    def oldest_at(self) -> datetime | None:
        return min((each.oldest_at for each in self.backlogs.values() if each.oldest_at is not None), default=None)

    @property
    def done_in(self) -> timedelta:
        """With nothing new, and no pause that Genesys asks for."""
        return timedelta(minutes=self.waiting / self.requests_per_minute)


def queues_of(
    integrations: Mapping[TenantId, Collection[GenesysIntegration]], waiting: Sequence[WaitingRequests]
) -> list[ClientQueue]:
    """By client. What waits for an integration that is gone is left out: it fails as soon as somebody looks at it."""
    configured = [(tenant, each) for tenant, some in integrations.items() for each in some]
    client = {(tenant, each.integration_id): client_of(each) for tenant, each in configured}
    found: dict[ClientKey, dict[WaitingKind, Backlog]] = {}
    for each in waiting:
        if (key := client.get((each.tenant, each.account))) is not None:
            backlogs, kind = found.setdefault(key, {}), KIND_OF[each.target]
            before = backlogs.get(kind, Backlog())
            backlogs[kind] = Backlog(before.waiting + each.items, min(before.oldest_at or each.oldest, each.oldest))
    return [
        ClientQueue(key, tuple(sorted(name for (_, name), its in client.items() if its == key)), limit, found.get(key, {}))
        for key, limit in sorted(limits_of([each for _, each in configured]).items())
    ]


async def list_queues(db: Database, directory: Directory, tenant: TenantId) -> list[ClientQueue]:
    """The tenant's own: what others send through the same client is not counted."""
    view = await directory.get_tenant(tenant)
    async with db.tenant(tenant) as conn:
        waiting = await delivery_store.list_waiting_for_genesys(conn, tenant)
    return queues_of({tenant: view.integrations.values()}, waiting)


async def show_queues(db: Database, directory: Directory, metrics: Metrics, now: datetime) -> None:
    """Set the gauges, over all tenants."""
    async with db.work() as conn:
        waiting = await delivery_store.list_all_waiting_for_genesys(conn)
    views = {tenant: await directory.find_tenant(tenant) for tenant in {each.tenant for each in waiting}}
    queues = queues_of({tenant: view.integrations.values() for tenant, view in views.items() if view is not None}, waiting)
    for kind in WAITING_KINDS:
        backlogs = [each.backlogs[kind] for each in queues if kind in each.backlogs]
        oldest = min((each.oldest_at for each in backlogs if each.oldest_at is not None), default=now)
        metrics.genesys_waiting.labels(kind).set(sum(each.waiting for each in backlogs))
        metrics.genesys_oldest_seconds.labels(kind).set(max(0.0, (now - oldest).total_seconds()))
    longest = max((each.done_in for each in queues), default=timedelta(0))
    metrics.genesys_done_in_seconds.set(longest.total_seconds())
