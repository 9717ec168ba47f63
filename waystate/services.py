"""What everything of one process is built on: made once, before any loop or route, and never changed."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2

from waystate.cache.process import ProcessCache
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.files import HOSTS, FileClient
from waystate.clock import Clock
from waystate.config import Config, ProcessRole
from waystate.db.pool import Database
from waystate.deliveries.send import Platforms
from waystate.door.auth import Authenticator
from waystate.door.guard import Guard
from waystate.door.limits import Rates
from waystate.egress import open_to_anybody, open_to_hosts, open_to_platforms
from waystate.events.commits import Commits
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.media.attached import AttachmentClient
from waystate.media.fetch import Fetcher
from waystate.media.inbound import has_file
from waystate.media.links import PURPOSE, Links
from waystate.media.objects import open_objects
from waystate.media.scan import Scanner
from waystate.media.thumbnail import Thumbnails
from waystate.media.worker import AT_ONCE, MEDIA
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

SCANNED_IN = 120.0
"""Seconds: a scanner unpacks what is packed."""


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
    fetcher: Fetcher
    links: Links
    attachments: AttachmentClient
    sharing: Sharing
    cache: ProcessCache[bytes]
    invalidations: Invalidations
    runner: Runner
    authenticator: Authenticator
    guard: Guard
    hints: Mapping[str, SharedHint]
    commits: Commits

    @property
    def lanes(self) -> int:
        return self.config.ledger_lanes

    async def close(self) -> None:
        """After all work has ended."""
        await self.templates.close()
        await self.sharing.close()
        await self.http.aclose()
        await self.fetcher.close()
        await self.attachments.close()
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
    sharing = build_sharing(config, db, metrics, clock, installation=installation, monotonic=monotonic)
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
    graph, relay_hint, media_hint = GraphClient(way_out), sharing.hint(RELAY), sharing.hint(MEDIA)

    def tracked(tenant: TenantId, events: Sequence[Event]) -> None:
        invalidations.changed(tenant, events)
        if any(map(has_file, events)):
            media_hint.give(tenant)

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
        fetcher=_fetcher(config, http),
        links=Links(derive_key(installation, PURPOSE), config.public_url),
        attachments=AttachmentClient(http or _open_to_attachments(config)),
        sharing=sharing,
        cache=cache,
        invalidations=invalidations,
        runner=Runner(db, metrics, tracked, clock, lanes=config.ledger_lanes),
        authenticator=authenticator,
        guard=Guard(authenticator, origins=config.own_origins, limit=sharing.request_limits(_rates_of(config), directory)),
        hints={RELAY: relay_hint, MEDIA: media_hint, **{kind: sharing.hint(kind) for kind in (LEDGER, DELIVERIES)}},
        commits=Commits(db, relay_hint, invalidations.changed),
    )


def build_sharing(
    config: Config,
    db: Database,
    metrics: Metrics,
    clock: Clock,
    *,
    installation: bytes,
    monotonic: Monotonic = time.monotonic,
) -> Sharing:
    """Also of a command, so that the processes hear of what it changed."""
    shared_by = derive_key(installation, "installation").hex()[:16]
    return Sharing(db, metrics, clock, redis_url=config.redis_url, installation=shared_by, monotonic=monotonic)


def _fetcher(config: Config, http: httpx2.AsyncClient | None) -> Fetcher:
    """With connections of its own: however many files are fetched, a send finds one. `http` replaces the way to WhatsApp."""
    timeout, limits = httpx2.Timeout(config.send_timeout, connect=5.0), httpx2.Limits(max_connections=2 * AT_ONCE)
    scanner = None
    if config.media_scanner_url is not None:
        host = urlsplit(config.media_scanner_url).hostname or ""
        scanner = Scanner(config.media_scanner_url, open_to_hosts((), (host,), timeout=SCANNED_IN, limits=limits))
    client = FileClient(http or open_to_hosts(HOSTS, config.own_hosts, timeout=timeout, limits=limits))
    return Fetcher(client, open_objects(config.object_store_url, config.home), Thumbnails(), scanner)


def _open_to_attachments(config: Config) -> httpx2.AsyncClient:
    """Whoever sends as an agent names the address, so nothing of ours goes there but the question."""
    timeout, limits = httpx2.Timeout(config.send_timeout, connect=5.0), httpx2.Limits(max_connections=2 * AT_ONCE)
    return open_to_anybody(config.own_hosts, timeout=timeout, limits=limits)


def _rates_of(config: Config) -> Rates:
    return Rates(
        config.tenant_rate_limit,
        config.credential_rate_limit,
        config.user_rate_limit,
        config.address_rate_limit,
        config.refused_rate_limit,
    )
