"""The composition root: builds and wires everything one process needs, starts the loops of its roles, stops them."""

import asyncio
import gc
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx2
import structlog
from fastapi import FastAPI

from waystate import log
from waystate.broker.connection import Broker
from waystate.broker.consumers import QueueConsumers
from waystate.broker.publisher import Publisher
from waystate.broker.publishing import PublishSink, PublishWorker
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import queue_names
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.genesys.routes import GenesysWebhook
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.routes import WhatsAppWebhook
from waystate.clock import Clock, utc_now
from waystate.config import Config, Role
from waystate.db.checks import check_database
from waystate.db.opening import make_partitions, open_database
from waystate.db.pool import Database
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.meter import Meter
from waystate.deliveries.plan import RelayWorker
from waystate.deliveries.send import Platforms
from waystate.door.auth import Authenticator
from waystate.door.guard import Guard
from waystate.door.keyed import Keyed
from waystate.door.limits import Rates
from waystate.egress import open_to_platforms
from waystate.events.model import Event
from waystate.framework import health_app, keyed_lane
from waystate.ids import TenantId
from waystate.sharing import Sharing
from waystate.sign_on.discovery import Discovery
from waystate.state.missed_invalidations import InvalidationSink, InvalidationWorker
from waystate.state.routes import StateRoutes
from waystate.state.warm_up import WarmUp
from waystate.tenants.routing import Directory
from waystate.timers import Timers
from waystate.vault.installation import check_keys, load_installation_secret
from waystate.vault.sealing import Vault, derive_key, load_vault
from waystate.web.asgi import Lane, Route, webhook_lane
from waystate.web.health import HealthCheck
from waystate.web.metrics import Metrics
from waystate.web.problems import log_failure
from waystate.webhooks.intake import Intake
from waystate.webhooks.work import WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work import store as work_store
from waystate.work.leases import DELIVERIES, LEDGER, PUBLISH, RELAY, LeaseKeeper

logger = structlog.get_logger()

ALL_ROLES = frozenset(Role)
KINDS = {Role.WORK: (LEDGER, DELIVERIES), Role.RELAY: (RELAY, PUBLISH)}
"""The kinds of lanes that a role takes its share of."""
LISTENING = 1
"""The connection on which a process hears the others, besides those that it works with."""
DELIVERIES_UNDER_WAY = 64
"""Calls to the platforms at once, a tenant: at an answer time of 100 ms that is 640 messages a second."""


class Loop(Protocol):
    async def run(self) -> None: ...

    def stop(self) -> None:
        """Take nothing new; `run` returns when what is in hand is done."""


class Waystate:
    """Everything of one process, built and wired; `start` begins the work of its roles, `stop` drains it.

    `installation` is the secret that all its processes have in common. `http` replaces the way to the platforms, for far sides
    that are in the same process.
    """

    def __init__(
        self,
        config: Config,
        db: Database,
        *,
        roles: Collection[Role] = ALL_ROLES,
        vault: Vault,
        installation: bytes,
        http: httpx2.AsyncClient | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.config = config
        self.db = db
        self.vault = vault
        self.roles = frozenset(roles)
        self.clock = clock
        self.metrics = Metrics()
        self.installation = installation
        self.directory = Directory(db, vault)
        self.discovery = Discovery(config.own_hosts)
        self.http = http or open_to_platforms(
            config.own_hosts,
            timeout=httpx2.Timeout(config.send_timeout, connect=5.0),
            limits=httpx2.Limits(max_connections=200),
        )
        shared_by = derive_key(installation, "installation").hex()[:16]
        self.sharing = Sharing(db, self.metrics, clock, redis_url=config.redis_url, installation=shared_by)
        self.sharing.tell_changes(self.directory)
        self.checks: dict[str, HealthCheck] = {"database": self._check_database, **self.sharing.checks()}
        self.lanes = config.ledger_lanes
        self._meter = Meter(self.metrics, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._warm_up: WarmUp | None = None
        self._warming: asyncio.Task[None] | None = None
        self.broker: Broker | None = None
        # One for each loop that others wake; a process without that loop gives them all the same.
        self.hints = {kind: self.sharing.hint(kind) for kind in (LEDGER, DELIVERIES, RELAY)}
        self._loops: dict[Role, list[Loop]] = {role: [] for role in Role}
        self._build_work()
        self._build_api()
        self._build_cache()
        if config.amqp_url is not None:
            self._build_broker(config.amqp_url)

    def _build_work(self) -> None:
        config, db, clock, meter = self.config, self.db, self.clock, self._meter
        unused = {PUBLISH} if config.amqp_url is None else set()
        kinds = [kind for role in Role if role in self.roles for kind in KINDS.get(role, ()) if kind not in unused]
        self.leases = LeaseKeeper(
            db,
            clock,
            lanes=self.lanes,
            ttl=timedelta(seconds=config.lease_ttl),
            kinds=kinds,
            processes=config.home / "processes" if kinds else None,
        )
        self.deliveries = DeliveryWorker(
            db,
            self.directory,
            Platforms(GraphClient(self.http), GenesysClient(self.http)),
            self.leases,
            meter,
            self.changed,
            clock,
            concurrency=DELIVERIES_UNDER_WAY,
            hold=timedelta(seconds=config.unknown_hold),
        )
        self.relay = RelayWorker(
            db, self.directory, self.leases, self.hints[DELIVERIES], lanes=self.lanes, batch=config.worker_batch, clock=clock
        )
        self.deliveries.relay_hint = self.hints[RELAY]
        pipeline = WebhookPipeline(db, self.directory, meter, self.changed, clock, lanes=self.lanes)
        self.ledger = LedgerWorker(
            db, self.directory, pipeline, self.leases, self.hints[RELAY], clock, batch=config.worker_batch
        )
        self.timers = Timers(db, self.directory, self.metrics, self.hints[RELAY], self.changed, clock, lanes=self.lanes)
        self.ledger.hint, self.deliveries.hint, self.relay.hint = (self.hints[kind] for kind in (LEDGER, DELIVERIES, RELAY))
        self._loops[Role.WORK] += [self.ledger, self.deliveries]
        self._loops[Role.RELAY] += [self.relay]
        self._loops[Role.TIMERS] += [self.timers]

    def _build_api(self) -> None:
        config, db, clock = self.config, self.db, self.clock
        self.authenticator = Authenticator(db, self.directory, trusted=config.trusted_mode == "loopback", clock=clock)
        often = self.sharing.request_limits(rates_of(config), self.directory)
        self.guard = Guard(self.authenticator, origins=config.own_origins, limit=often)
        self.state = StateRoutes(
            db,
            self.directory,
            self.guard,
            self.metrics,
            self._meter,
            self.hints[RELAY],
            clock,
            cache_size=config.cache_size,
            cache_ttl=config.cache_ttl,
            max_body=config.max_body,
            shared=self.sharing.mappings,
        )
        self.intake = Intake(db, self.hints[LEDGER])
        limits = {"lanes": self.lanes, "max_body": config.max_body}
        directory, append = self.directory, self.intake.append
        self._webhooks: tuple[WhatsAppWebhook, GenesysWebhook] = (
            WhatsAppWebhook(directory.find_meta_app, directory.find_meta_app_now, append, self.metrics, clock, **limits),
            GenesysWebhook(
                directory.find_genesys_webhook, directory.find_genesys_webhook_now, append, self.metrics, clock, **limits
            ),
        )

    def _build_cache(self) -> None:
        """What look-ups remember, here and in Redis, and how it is forgotten everywhere."""
        config, db, clock = self.config, self.db, self.clock
        self.invalidations = self.sharing.invalidations(self.state.lookups.cache if Role.API in self.roles else None)
        self.state.lookups.forget_contacts = self.invalidations.forget
        if self.sharing.second is None or self.sharing.mappings is None:
            return
        sink = InvalidationSink(db, self.sharing.second)
        missed = InvalidationWorker(db, sink, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        self.hints[RELAY].also(missed.hint)
        self._loops[Role.RELAY].append(missed)
        if config.cache_warm:
            self._warm_up = WarmUp(db, self.sharing.mappings, clock, each=config.cache_warm)

    def _build_broker(self, url: str) -> None:
        """RabbitMQ: what comes by its queues, and every event out."""
        config, db, clock, names = self.config, self.db, self.clock, queue_names(self.config)
        self.broker = broker = Broker(url, names)
        self.publisher = publish = Publisher(broker)
        pipeline = QueuePipeline(
            db, self.directory, self._meter, self.changed, self.hints[RELAY].give, publish.publish_many, clock
        )
        self._loops[Role.WORK].append(QueueConsumers(broker, names, pipeline, db, clock, batch=config.worker_batch))
        sink = PublishSink(db, publish.publish_many, names.events)
        events = PublishWorker(db, sink, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        self.hints[RELAY].also(events.hint)
        self._loops[Role.RELAY].append(events)
        self.checks["rabbitmq"] = broker.check

    def start(self) -> None:
        self._running: list[Loop] = [loop for role in Role if role in self.roles for loop in self._loops[role]]
        self._tasks = [asyncio.create_task(loop.run()) for loop in self._running]
        self._renewing = asyncio.create_task(self.leases.run()) if self.leases.kinds else None
        self.sharing.start()
        if self._warm_up is not None and Role.API in self.roles:
            self._warming = asyncio.create_task(self._warm_up.run())

    async def stop(self) -> None:
        """Take no more work, finish what is in hand, hand the lanes back, close."""
        for loop in self._running:
            loop.stop()
        # The leases are renewed to the end: what is in hand stays ours until it is done.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.stop_timeout):
                await asyncio.gather(*self._tasks, self.intake.close(), self.deliveries.close(), return_exceptions=True)
        for task in [*self._tasks, self._renewing, self._warming]:
            if task is not None:
                task.cancel()
        with suppress(Exception):
            async with asyncio.timeout(1.0):
                if self.leases.kinds:
                    await self.leases.release()
        if self.broker is not None:
            await self.publisher.close()
            await self.broker.close()
        await self.sharing.close()
        await self.http.aclose()
        await self.discovery.close()
        await self.db.close(grace=1.0)

    def lane(self) -> Keyed:
        """The ASGI application: the data plane's lane, the framework behind it, before both what is done once by its key."""
        return keyed_lane(self, [*self.state.routes(), *self._webhook_routes()])

    def webhook_lane(self) -> Lane:
        """The ASGI application of WEBHOOK_PORT. It knows no operation that a tenant's name or key could open."""
        return webhook_lane(
            self._webhook_routes(), log_failure, read_timeout=self.config.body_timeout, answers=self.metrics.answers
        )

    def health_app(self) -> FastAPI:
        """The ASGI application of HEALTH_PORT."""
        return health_app(self.checks, self.metrics, self.clock)

    def changed(self, tenant: TenantId, events: Sequence[Event]) -> None:
        """After the commit of these events."""
        self.invalidations.changed(tenant, events)

    def _webhook_routes(self) -> list[Route]:
        return [route for webhook in self._webhooks for route in webhook.routes()]

    async def _check_database(self) -> dict[str, Any]:
        """Its answer's time, and what waits in it: for a sink, or to be sent to a platform."""
        latency = await self.db.ping()
        kinds = ["relay", "deliveries", *(["publish"] if self.broker is not None else [])]
        now = self.clock()
        async with self.db.work() as conn:
            due = [each for kind in kinds for each in await work_store.due_work(conn, kind, now)]
        oldest = min((each.oldest for each in due), default=now)
        return {
            "latency_ms": round(latency * 1000, 2),
            "queue_depth": sum(each.items for each in due),
            "oldest_undelivered_seconds": round(max(0.0, (now - oldest).total_seconds()), 1),
        }


async def open_waystate(config: Config, roles: Collection[Role]) -> Waystate:
    """Connected, checked and built, not yet started. `ConfigError` says what must be put right first."""
    vault = load_vault(config)
    db = await open_database(config, pool_size=config.db_pool_size + LISTENING)
    await check_database(db, connections=config.db_pool_size + LISTENING)
    await make_partitions(db)
    for name in config.unused:
        logger.warning("A setting is given that this version does not use.", setting=name)
    if config.trusted_mode == "loopback" and Role.API in roles:
        logger.warning("TRUSTED_MODE=loopback: whoever is on this machine reads and writes any tenant's /state without a key.")
    await check_keys(db, vault)
    installation = await load_installation_secret(db, vault)
    log.use_pseudonyms(log.Pseudonyms(derive_key(installation, "log pseudonyms")))
    waystate = Waystate(config, db, vault=vault, installation=installation, roles=roles)
    calm_collector()
    return waystate


def calm_collector() -> None:
    """What is loaded by now stays: the cycle collector need not look at it again, and seldom at what batches leave behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def rates_of(config: Config) -> Rates:
    return Rates(
        config.tenant_rate_limit,
        config.credential_rate_limit,
        config.user_rate_limit,
        config.address_rate_limit,
        config.refused_rate_limit,
    )


def log_file(config: Config, name: str) -> Path:
    return config.home / "log" / f"{name}.log"


def configure_log(config: Config, name: str, *, to_file: bool) -> None:
    log.configure(config.log_level, path=log_file(config, name) if to_file else None)
