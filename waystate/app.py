"""The composition root: builds and wires everything one process needs, starts the loops of its roles, stops them."""

import asyncio
import gc
import time
from collections.abc import Collection
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
from waystate.broker.publishing import PublishSink, PublishWorker, attach
from waystate.broker.queues import QueuePipeline
from waystate.broker.topology import queue_names
from waystate.channels.genesys.event_routes import GenesysEventsWebhook
from waystate.channels.genesys.routes import GenesysWebhook
from waystate.channels.whatsapp.routes import WhatsAppWebhook
from waystate.clock import Clock, utc_now
from waystate.config import Config, ProcessRole
from waystate.customers.files.intake import CustomerImports
from waystate.customers.files.routes import ImportRoutes
from waystate.customers.indexing import CustomerIndexWorker
from waystate.db.checks import check_database
from waystate.db.opening import make_partitions, open_database
from waystate.db.pool import Database
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.plan import RelayWorker
from waystate.door.keyed import Keyed
from waystate.framework import framework_of, health_app, keyed_lane
from waystate.inbox.indexing import InboxWorker
from waystate.media.attached import AttachmentWorker
from waystate.media.sweep import MediaSweep
from waystate.media.upload import Deposits
from waystate.media.upload_routes import UploadRoutes
from waystate.media.worker import MEDIA, MediaWorker
from waystate.reconciliation.reconcile import Reconciliation
from waystate.reconciliation.rounds import ReconciliationRounds
from waystate.services import build_services
from waystate.state.missed_invalidations import InvalidationSink, InvalidationWorker
from waystate.state.routes import StateRoutes
from waystate.state.warm_up import WarmUp
from waystate.templates.sync import TemplateRounds
from waystate.tenants.routing import Monotonic
from waystate.timers import Timers
from waystate.vault.installation import check_keys, load_installation_secret
from waystate.vault.sealing import Vault, derive_key, load_vault
from waystate.web.asgi import Lane, Route, webhook_lane
from waystate.web.health import HealthCheck
from waystate.web.problems import log_failure
from waystate.web.routers import lane_routes
from waystate.webhooks.intake import Intake
from waystate.webhooks.work import WebhookPipeline
from waystate.webhooks.worker import LedgerWorker
from waystate.work import store as work_store
from waystate.work.leases import DELIVERIES, LEDGER, PUBLISH, RELAY, LeaseKeeper

logger = structlog.get_logger()

ALL_ROLES = frozenset(ProcessRole)
KINDS = {ProcessRole.WORK: (LEDGER, DELIVERIES), ProcessRole.RELAY: (RELAY, PUBLISH)}
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
    that are in the same process. `monotonic` is the seconds by which limits let in again.
    """

    def __init__(
        self,
        config: Config,
        db: Database,
        *,
        roles: Collection[ProcessRole] = ALL_ROLES,
        vault: Vault,
        installation: bytes,
        http: httpx2.AsyncClient | None = None,
        clock: Clock = utc_now,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self.services = services = build_services(
            config, db, vault=vault, installation=installation, clock=clock, roles=roles, http=http, monotonic=monotonic
        )
        self.config, self.db, self.clock = config, db, clock
        self.roles = frozenset(roles)
        self.directory, self.sharing, self.metrics, self.hints = (
            services.directory,
            services.sharing,
            services.metrics,
            services.hints,
        )
        self.checks: dict[str, HealthCheck] = {"database": self._check_database, **self.sharing.checks()}
        self.lanes = services.lanes
        self._tasks: list[asyncio.Task[None]] = []
        self._warm_up: WarmUp | None = None
        self._warming: asyncio.Task[None] | None = None
        self.broker: Broker | None = None
        self._loops: dict[ProcessRole, list[Loop]] = {role: [] for role in ProcessRole}
        self._build_work()
        self._build_timers()
        self._build_api()
        self._build_cache()
        if config.amqp_url is not None:
            self._build_broker(config.amqp_url)

    def _build_work(self) -> None:
        config, db, clock, metrics = self.config, self.db, self.clock, self.metrics
        changed = self.services.invalidations.changed
        unused = {PUBLISH} if config.amqp_url is None else set()
        kinds = [kind for role in ProcessRole if role in self.roles for kind in KINDS.get(role, ()) if kind not in unused]
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
            self.services.platforms,
            self.leases,
            metrics,
            changed,
            clock,
            objects=self.services.fetcher.objects,
            concurrency=DELIVERIES_UNDER_WAY,
            hold=timedelta(seconds=config.unknown_hold),
            outage_after=config.outage_after,
            hint=self.hints[DELIVERIES],
            relay_hint=self.hints[RELAY],
        )
        self.relay = RelayWorker(
            db,
            self.directory,
            self.leases,
            self.hints[DELIVERIES],
            clock,
            lanes=self.lanes,
            batch=config.worker_batch,
            hint=self.hints[RELAY],
            links=self.services.links,
        )
        pipeline = WebhookPipeline(db, self.directory, self.services.runner, metrics, lanes=self.lanes)
        self.ledger = LedgerWorker(
            db,
            self.directory,
            pipeline,
            self.leases,
            self.hints[RELAY],
            clock,
            batch=config.worker_batch,
            hint=self.hints[LEDGER],
        )
        self.media = MediaWorker(
            db, self.directory, self.services.fetcher, clock, hint=self.hints[MEDIA], relay_hint=self.hints[RELAY]
        )
        self.attachments = AttachmentWorker(
            db,
            self.directory,
            self.services.attachments,
            self.services.fetcher,
            clock,
            delivery_hint=self.hints[DELIVERIES],
        )
        self.hints[MEDIA].also(self.attachments.hint)
        self._loops[ProcessRole.WORK] += [self.ledger, self.deliveries, self.media, self.attachments]
        index = CustomerIndexWorker(db, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        inbox = InboxWorker(db, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        self._loops[ProcessRole.RELAY] += [self.relay, index, inbox]

    def _build_timers(self) -> None:
        config, db, clock, metrics = self.config, self.db, self.clock, self.metrics
        changed = self.services.invalidations.changed
        self.media_sweep = MediaSweep(db, self.directory, self.services.fetcher.objects, clock)
        self.timers = Timers(
            db,
            self.directory,
            metrics,
            self.hints[RELAY],
            changed,
            clock,
            lanes=self.lanes,
            links=self.services.links,
            sweep=self.media_sweep,
        )
        self._loops[ProcessRole.TIMERS] += [self.timers]
        reconciliation = Reconciliation(
            db, self.directory, self.services.platforms.genesys, metrics, changed, clock, lanes=self.lanes
        )
        self._loops[ProcessRole.TIMERS].append(ReconciliationRounds(db, reconciliation, clock))
        if config.template_interval:
            self._loops[ProcessRole.TIMERS].append(TemplateRounds(self.services.templates))

    def _build_api(self) -> None:
        config, db, clock = self.config, self.db, self.clock
        self.state = StateRoutes(
            db,
            self.directory,
            self.services.guard,
            self.metrics,
            self.services.runner,
            self.hints[RELAY],
            clock,
            cache=self.services.cache,
            forget=self.services.invalidations.forget,
            max_body=config.max_body,
            shared=self.sharing.mappings,
        )
        deposits = Deposits(db, self.directory, self.services.fetcher, clock)
        self.uploads = UploadRoutes(self.services.guard, deposits)
        imports = CustomerImports(self.services.commits, clock)
        self.imports = ImportRoutes(self.services.guard, imports)
        self.intake = Intake(db, self.hints[LEDGER])
        limits = {"lanes": self.lanes, "max_body": config.max_body}
        directory, append = self.directory, self.intake.append
        find, find_now = directory.find_genesys_webhook, directory.find_genesys_webhook_now
        self._webhooks: tuple[WhatsAppWebhook, GenesysWebhook, GenesysEventsWebhook] = (
            WhatsAppWebhook(directory.find_meta_app, directory.find_meta_app_now, append, self.metrics, clock, **limits),
            GenesysWebhook(find, find_now, append, self.metrics, clock, **limits),
            GenesysEventsWebhook(find, find_now, append, self.metrics, clock, **limits),
        )

    def _build_cache(self) -> None:
        """What look-ups remember, here and in Redis, and how it is forgotten everywhere."""
        config, db, clock = self.config, self.db, self.clock
        if self.sharing.second is None or self.sharing.mappings is None:
            return
        sink = InvalidationSink(db, self.sharing.second)
        missed = InvalidationWorker(db, sink, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        self.hints[RELAY].also(missed.hint)
        self._loops[ProcessRole.RELAY].append(missed)
        if config.cache_warm:
            self._warm_up = WarmUp(db, self.sharing.mappings, clock, each=config.cache_warm)

    def _build_broker(self, url: str) -> None:
        """RabbitMQ: what comes by its queues, and every event out."""
        config, db, clock, names = self.config, self.db, self.clock, queue_names(self.config)
        self.broker = broker = Broker(url, names)
        self.publisher = publish = Publisher(broker)
        pipeline = QueuePipeline(db, self.directory, self.services.runner, self.hints[RELAY].give, publish.publish_many, clock)
        self._loops[ProcessRole.WORK].append(QueueConsumers(broker, names, pipeline, db, clock, batch=config.worker_batch))
        sink = PublishSink(db, publish.publish_many, names.events)
        events = PublishWorker(db, sink, self.leases, clock, lanes=self.lanes, batch=config.worker_batch)
        self.hints[RELAY].also(events.hint)
        self._loops[ProcessRole.RELAY].append(events)
        self.checks["rabbitmq"] = broker.check

    def start(self) -> None:
        self._running: list[Loop] = [loop for role in ProcessRole if role in self.roles for loop in self._loops[role]]
        self._tasks = [asyncio.create_task(loop.run()) for loop in self._running]
        self._renewing = asyncio.create_task(self.leases.run()) if self.leases.kinds else None
        self.sharing.start()
        if self._warm_up is not None and ProcessRole.API in self.roles:
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
        await self.services.close()

    def lane(self) -> Keyed:
        """The ASGI application: the data plane's lane, the framework behind it, before both what is done once by its key."""
        routes = [*lane_routes(self.state), *lane_routes(self.uploads), *lane_routes(self.imports), *self._webhook_routes()]
        return keyed_lane(self.services, routes, self.checks)

    def framework(self) -> FastAPI:
        """What answers everything that no lane does."""
        return framework_of(self.services, self.checks)

    def webhook_lane(self) -> Lane:
        """The ASGI application of WEBHOOK_PORT. It knows no operation that a tenant's name or key could open."""
        return webhook_lane(self._webhook_routes(), log_failure, bodies=self.services.bodies, answers=self.metrics.answers)

    def health_app(self) -> FastAPI:
        """The ASGI application of HEALTH_PORT."""
        return health_app(self.checks, self.metrics, self.clock)

    def _webhook_routes(self) -> list[Route]:
        return [route for webhook in self._webhooks for route in lane_routes(webhook)]

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


async def open_waystate(config: Config, roles: Collection[ProcessRole]) -> Waystate:
    """Connected, checked and built, not yet started. `ConfigError` says what must be put right first."""
    vault = load_vault(config)
    db = await open_database(config, pool_size=config.db_pool_size + LISTENING)
    await check_database(db, connections=config.db_pool_size + LISTENING)
    await make_partitions(db)
    if config.trusted_mode == "loopback" and ProcessRole.API in roles:
        logger.warning("TRUSTED_MODE=loopback: whoever is on this machine reads and writes any tenant's /state without a key.")
    if config.amqp_url is not None:
        await attach(db, from_beginning=config.events_from == "beginning")
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


def log_file(config: Config, name: str) -> Path:
    return config.home / "log" / f"{name}.log"


def configure_log(config: Config, name: str, *, to_file: bool) -> None:
    log.configure(config.log_level, path=log_file(config, name) if to_file else None)
