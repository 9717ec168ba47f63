"""What a process knows for a few seconds of tenants, their accounts, and whose an id of a platform is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from waystate.db.pool import Connection, Database
from waystate.ids import PLATFORM, TenantId
from waystate.tenants import store
from waystate.tenants.model import (
    FormerWays,
    GenesysIntegration,
    MetaApp,
    Route,
    RouteKind,
    Tenant,
    TenantSettings,
    TenantStatus,
    WhatsAppAccount,
    default_of,
)
from waystate.vault.sealing import Vault

TTL = 5.0
"""Seconds until a change is seen at the latest, should nobody have told of it: what a look-up may be behind."""
ABSENT_TTL = 1.0
"""Seconds: who was just created is soon found."""
STATUS_TTL = 0.9
"""Seconds: who is suspended is refused, and sent nothing for, within a second; a tenth is left for the read itself."""
SIZE = 10_000
"""Entries of each kind; the oldest goes first."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Monotonic = Callable[[], float]


class ShortMemory(Generic[K, V]):
    """Answers kept for `ttl` seconds, absences for `absent_ttl`, both counted from before the read.

    Callers that miss one key at once share one load; an answer whose key was forgotten during its load is not kept.
    """

    def __init__(
        self,
        load_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        ttl: float = TTL,
        absent_ttl: float = ABSENT_TTL,
        size: int = SIZE,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._load_many = load_many
        self._ttl = ttl
        self._absent_ttl = absent_ttl
        self._size = size
        self._monotonic = monotonic
        self._entries: dict[K, tuple[float, V | None]] = {}
        self._flights: dict[K, asyncio.Task[Mapping[K, V]]] = {}
        self._clears = 0

    def find_cached(self, key: K) -> V | None:
        """None means "ask `find`", not "there is none"."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > self._monotonic() else None

    async def find(self, key: K) -> V | None:
        return (await self.find_many([key])).get(key)

    async def find_many(self, keys: Iterable[K]) -> dict[K, V]:
        found: dict[K, V] = {}
        missing: list[K] = []
        waiting: dict[asyncio.Task[Mapping[K, V]], list[K]] = {}
        now = self._monotonic()
        for key in dict.fromkeys(keys):
            entry = self._entries.get(key)
            if entry is not None and entry[0] > now:
                if entry[1] is not None:
                    found[key] = entry[1]
            elif (flight := self._flights.get(key)) is not None:
                waiting.setdefault(flight, []).append(key)
            else:
                missing.append(key)
        if missing:
            waiting[self._take_off(missing)] = missing
        for flight, awaited in waiting.items():
            # Shielded: a caller that gives up must not take the others' answer with it.
            loaded = await asyncio.shield(flight)
            found |= {key: loaded[key] for key in awaited if key in loaded}
        return found

    async def fill(self, key: K, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """What `read` answers, remembered unless everything was forgotten meanwhile. Flights of others go on."""
        started, clears = self._monotonic(), self._clears
        value = await read()
        if clears == self._clears:
            self._keep(key, value, started)
        return value

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)
        self._flights.pop(key, None)

    def clear(self) -> None:
        self._clears += 1
        self._entries.clear()
        self._flights.clear()

    def _take_off(self, keys: Sequence[K]) -> asyncio.Task[Mapping[K, V]]:
        flight = asyncio.create_task(self._load(keys))
        # When every caller gave up, nobody is left to look at an error.
        flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._flights |= dict.fromkeys(keys, flight)
        return flight

    async def _load(self, keys: Sequence[K]) -> Mapping[K, V]:
        started = self._monotonic()
        loaded: Mapping[K, V] | None = None
        try:
            loaded = await self._load_many(keys)
        finally:
            for key in keys:
                if self._flights.get(key) is asyncio.current_task():
                    del self._flights[key]
                    if loaded is not None:
                        self._keep(key, loaded.get(key), started)
        return loaded

    def _keep(self, key: K, value: V | None, started: float) -> None:
        self._entries.pop(key, None)
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (started + (self._absent_ttl if value is None else self._ttl), value)


@dataclass(frozen=True, slots=True)
class TenantView:
    """`accounts` by phone number id, `integrations` by our id; inactive accounts are among them.

    `former`: what Waystate sent for a number until each change of that, oldest first, by phone number id; some are among the
    accounts no more.
    `revision`: everything here is at least as young as that revision of the tenant.
    """

    tenant: Tenant
    revision: int
    accounts: Mapping[str, WhatsAppAccount]
    integrations: Mapping[UUID, GenesysIntegration]
    default_account: WhatsAppAccount | None
    former: Mapping[str, Sequence[FormerWays]]

    @property
    def settings(self) -> TenantSettings:
        return self.tenant.settings


class Directory:
    """What this process remembers of the directory: each `find_` and `…_of` may be up to `TTL` seconds behind.

    That is enough to answer a look-up with, and never to say that something is nobody's, or whose it is for good: before that,
    `refresh` makes the memory as young as the database is.
    """

    def __init__(self, db: Database, vault: Vault, *, monotonic: Monotonic = time.monotonic) -> None:
        self._db = db
        self._vault = vault
        self._revision: int | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._routes = ShortMemory(self._load_routes, monotonic=monotonic)
        self._apps = ShortMemory(self._load_apps, monotonic=monotonic)
        self._tenants = ShortMemory(self._load_tenants, monotonic=monotonic)
        self._statuses = ShortMemory(self._load_statuses, ttl=STATUS_TTL, absent_ttl=STATUS_TTL, monotonic=monotonic)
        # A second tenant makes calls that name none ambiguous, so it is noticed as soon as a new tenant is.
        self._first = ShortMemory(self._load_first, ttl=ABSENT_TTL, monotonic=monotonic)

    async def find_route(self, kind: RouteKind, external_id: str) -> Route | None:
        return await self._routes.find((kind, external_id))

    async def routes_of(self, kind: RouteKind, external_ids: Iterable[str]) -> dict[str, Route]:
        """Those that lead to a tenant; one query for all that are not known yet."""
        found = await self._routes.find_many((kind, each) for each in external_ids)
        return {external_id: route for (_, external_id), route in found.items()}

    async def find_meta_app(self, app_id: str) -> MetaApp | None:
        return await self._apps.find(app_id)

    async def find_meta_app_now(self, app_id: str) -> MetaApp | None:
        """Before a signature is refused."""
        await self.renew()
        return await self.find_meta_app(app_id)

    async def find_genesys_webhook_now(self, integration_id: str) -> tuple[TenantId, GenesysIntegration] | None:
        """Before a signature is refused."""
        await self.renew()
        return await self.find_genesys_webhook(integration_id)

    async def find_genesys_webhook(self, integration_id: str) -> tuple[TenantId, GenesysIntegration] | None:
        """By the id in the callback's path."""
        route = await self.find_route(RouteKind.GENESYS_INTEGRATION, integration_id)
        if route is None:
            return None
        integration = await self.integration_of(route.tenant_id, route.account_id)
        return None if integration is None else (route.tenant_id, integration)

    def find_cached_tenant(self, tenant_id: TenantId) -> TenantView | None:
        """None means "ask `find_tenant`"."""
        return self._tenants.find_cached(tenant_id)

    async def find_tenant(self, tenant_id: TenantId) -> TenantView | None:
        return await self._tenants.find(tenant_id)

    async def get_tenant(self, tenant_id: TenantId) -> TenantView:
        view = await self._tenants.find(tenant_id)
        if view is None:
            raise store.unknown_tenant(tenant_id)
        return view

    def find_cached_status(self, tenant_id: TenantId) -> TenantStatus | None:
        """None means "ask `find_status`"."""
        return self._statuses.find_cached(tenant_id)

    async def find_status(self, tenant_id: TenantId) -> TenantStatus | None:
        return await self._statuses.find(tenant_id)

    async def integration_of(self, tenant_id: TenantId, integration: UUID) -> GenesysIntegration | None:
        """By our id, the one accounts name."""
        view = await self._tenants.find(tenant_id)
        return None if view is None else view.integrations.get(integration)

    def find_cached_first_tenants(self) -> tuple[TenantId, ...] | None:
        """None means "ask `first_tenants`"."""
        return self._first.find_cached(2)

    async def first_tenants(self) -> tuple[TenantId, ...]:
        """None, the only one, or two of many."""
        return await self._first.find(2) or ()

    @property
    def revision(self) -> int | None:
        """Of the last `refresh`."""
        return self._revision

    async def refresh(self, conn: Connection) -> int:
        """What is remembered from here on is at least as young as this moment of the transaction; the directory's revision."""
        revision = await store.get_revision(conn)
        if revision != self._revision:
            self.clear()
            self._revision = revision
        return revision

    async def renew(self) -> None:
        """`refresh` in a transaction of its own: callers that ask while it is asked for wait for the next, and share that."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        await asyncio.shield(self._renewal)

    async def find_tenant_in(self, conn: Connection, tenant_id: TenantId) -> TenantView | None:
        """The tenant as its own transaction sees it now: younger than everything that the transaction has read before."""
        await self.refresh(conn)
        view = self._tenants.find_cached(tenant_id)
        # On this connection: a second one for each of many transactions at once could be waited for for ever.
        return view if view is not None else await self._tenants.fill(tenant_id, lambda: self._read_tenant(conn, tenant_id))

    async def get_tenant_now(self, tenant_id: TenantId) -> TenantView:
        """For a refusal, or whatever cannot be put right later."""
        await self.renew()
        return await self.get_tenant(tenant_id)

    def clear(self) -> None:
        """After a change that this process made, or heard of, or may have missed."""
        for memory in (self._routes, self._apps, self._tenants, self._statuses, self._first):
            memory.clear()

    async def _load_routes(self, keys: Sequence[tuple[RouteKind, str]]) -> dict[tuple[RouteKind, str], Route]:
        found: dict[tuple[RouteKind, str], Route] = {}
        async with self._db.ingest() as conn:
            for kind in dict.fromkeys(kind for kind, _ in keys):
                routes = await store.routes_of(conn, kind, [external_id for each, external_id in keys if each == kind])
                found |= {(kind, external_id): route for external_id, route in routes.items()}
        return found

    async def _load_apps(self, ids: Sequence[str]) -> dict[str, MetaApp]:
        async with self._db.ingest() as conn:
            return await store.find_meta_apps(conn, self._vault, ids)

    async def _load_tenants(self, ids: Sequence[TenantId]) -> dict[TenantId, TenantView]:
        # A transaction is one tenant's.
        views = await asyncio.gather(*(self._load_tenant(each) for each in ids))
        return {view.tenant.id: view for view in views if view is not None}

    async def _renew(self) -> None:
        async with self._db.work() as conn:
            await self.refresh(conn)

    async def _load_tenant(self, tenant_id: TenantId) -> TenantView | None:
        async with self._db.tenant(tenant_id) as conn:
            return await self._read_tenant(conn, tenant_id)

    async def _read_tenant(self, conn: Connection, tenant_id: TenantId) -> TenantView | None:
        # Before what it tells the age of: a change in between makes that younger than it says, never older.
        revision = await store.find_tenant_revision(conn, tenant_id)
        tenant = (await store.find_many(conn, [tenant_id])).get(tenant_id)
        if tenant is None or revision is None or tenant.status is TenantStatus.DELETING:
            return None
        accounts = await store.accounts_of(conn, self._vault, tenant_id)
        integrations = await store.integrations_of(conn, self._vault, tenant_id)
        return TenantView(
            tenant=tenant,
            revision=revision,
            accounts={each.phone_number_id: each for each in accounts},
            integrations={each.id: each for each in integrations},
            default_account=default_of(accounts),
            former=await store.former_ways_of(conn, tenant_id),
        )

    async def _load_statuses(self, ids: Sequence[TenantId]) -> dict[TenantId, TenantStatus]:
        async with self._db.work() as conn:
            return await store.find_statuses(conn, [each for each in ids if each != PLATFORM])

    async def _load_first(self, keys: Sequence[int]) -> dict[int, tuple[TenantId, ...]]:
        async with self._db.work() as conn:
            tenants = await store.list_page(conn, page=max(keys))
        return dict.fromkeys(keys, tuple(each.id for each in tenants))
