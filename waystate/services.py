"""What everything of one process is built on: made once, before any loop or route, and never changed."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx2

from waystate.cache.process import ProcessCache
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.clock import Clock
from waystate.config import Config, ProcessRole
from waystate.db.pool import Database
from waystate.deliveries.send import Platforms
from waystate.door.auth import Authenticator
from waystate.door.guard import Guard
from waystate.door.limits import Rates
from waystate.egress import open_to_platforms
from waystate.media.objects import ObjectStore, open_objects
from waystate.pipeline.run import Runner
from waystate.sharing import Sharing
from waystate.sign_on.discovery import Discovery
from waystate.state.invalidations import Invalidations
from waystate.templates.sync import TemplateSyncs
from waystate.tenants.routing import Directory, Monotonic
from waystate.vault.sealing import Vault, derive_key
from waystate.web.bodies import Bodies
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LEDGER, RELAY
from waystate.work.loops import SharedHint


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`installation` is the secret that all processes have in common; `hints` wake the loops of a kind, in every process."""

    config: Config
    db: Database
    vault: Vault
    installation: bytes
    clock: Clock
    bodies: Bodies
    metrics: Metrics
    directory: Directory
    discovery: Discovery
    http: httpx2.AsyncClient
    platforms: Platforms
    templates: TemplateSyncs
    objects: ObjectStore
    sharing: Sharing
    cache: ProcessCache[bytes]
    invalidations: Invalidations
    runner: Runner
    authenticator: Authenticator
    guard: Guard
    hints: Mapping[str, SharedHint]

    @property
    def lanes(self) -> int:
        return self.config.ledger_lanes

    async def close(self) -> None:
        """After all work has ended."""
        await self.templates.close()
        await self.sharing.close()
        await self.http.aclose()
        await self.discovery.close()
        await self.db.close(grace=1.0)


def build_services(
    config: Config,
    db: Database,
    *,
    vault: Vault,
    installation: bytes,
    clock: Clock,
    roles: Collection[ProcessRole],
    http: httpx2.AsyncClient | None = None,
    monotonic: Monotonic = time.monotonic,
) -> Services:
    """`http` replaces the way to the platforms, for far sides that are in the same process."""
    metrics, directory = Metrics(), Directory(db, vault)
    shared_by = derive_key(installation, "installation").hex()[:16]
    sharing = Sharing(db, metrics, clock, redis_url=config.redis_url, installation=shared_by, monotonic=monotonic)
    sharing.tell_changes(directory)
    cache: ProcessCache[bytes] = ProcessCache(size=config.cache_size, ttl=config.cache_ttl, monotonic=time.monotonic)
    # Who answers no look-ups remembers none.
    invalidations = sharing.invalidations(cache if ProcessRole.API in roles else None)
    authenticator = Authenticator(db, directory, trusted=config.trusted_mode == "loopback", clock=clock)
    way_out = http or open_to_platforms(
        config.own_hosts,
        timeout=httpx2.Timeout(config.send_timeout, connect=5.0),
        limits=httpx2.Limits(max_connections=200),
    )
    graph, relay_hint = GraphClient(way_out), sharing.hint(RELAY)
    return Services(
        config=config,
        db=db,
        vault=vault,
        installation=installation,
        clock=clock,
        bodies=Bodies(config.body_timeout),
        metrics=metrics,
        directory=directory,
        discovery=Discovery(config.own_hosts),
        http=way_out,
        platforms=Platforms(graph, GenesysClient(way_out)),
        templates=TemplateSyncs(db, directory, graph, relay_hint, clock, every=timedelta(seconds=config.template_interval)),
        objects=open_objects(config.object_store_url, config.home),
        sharing=sharing,
        cache=cache,
        invalidations=invalidations,
        runner=Runner(db, metrics, invalidations.changed, clock, lanes=config.ledger_lanes),
        authenticator=authenticator,
        guard=Guard(authenticator, origins=config.own_origins, limit=sharing.request_limits(_rates_of(config), directory)),
        hints={RELAY: relay_hint, **{kind: sharing.hint(kind) for kind in (LEDGER, DELIVERIES)}},
    )


def _rates_of(config: Config) -> Rates:
    return Rates(
        config.tenant_rate_limit,
        config.credential_rate_limit,
        config.user_rate_limit,
        config.address_rate_limit,
        config.refused_rate_limit,
    )
