"""The composition root: opens pools, wires everything, serves, stops. The only module that knows everything."""

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import structlog
from fastapi import FastAPI
from starlette.responses import Response as HttpResponse

from waystate import __version__, log
from waystate.access.auth import Authenticator
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.genesys.routes import GenesysWebhook
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.routes import WhatsAppWebhook
from waystate.clock import Clock, utc_now
from waystate.config import Config, load_config
from waystate.db.checks import check_database
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.pool import Database
from waystate.errors import ConfigError
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.parentage import die_with_parent
from waystate.pipelines.couriers import DeliveryWorker
from waystate.pipelines.deliveries import Platforms
from waystate.pipelines.intake import Intake
from waystate.pipelines.lanes import LeaseKeeper
from waystate.pipelines.metering import Meter
from waystate.pipelines.operations import OPERATIONS
from waystate.pipelines.state_routes import StateRoutes
from waystate.pipelines.timers import Timers
from waystate.pipelines.v1_routes import v1_routes
from waystate.pipelines.webhooks import WebhookPipeline
from waystate.pipelines.workers import Hint, LedgerWorker, RelayWorker
from waystate.tenants.routing import Directory
from waystate.vault import derive_key, load_or_create_master_key, vault_of
from waystate.web.asgi import BodyLimit, Lane, Receive, Scope, Send
from waystate.web.health import health_routes
from waystate.web.metrics import MEDIA_TYPE, Metrics
from waystate.web.openapi import document_lane, install_docs
from waystate.web.problems import install_problems, log_failure

logger = structlog.get_logger()

DELIVERIES_UNDER_WAY = 64
"""Calls to the platforms at once, a tenant: at an answer time of 100 ms that is 640 messages a second."""


class Waystate:
    """Everything of one worker process, built and wired; `start` begins the work, `stop` drains it.

    `http` replaces the way to the platforms, for far sides that are in the same process.
    """

    def __init__(self, config: Config, db: Database, *, http: httpx2.AsyncClient | None = None, clock: Clock = utc_now) -> None:
        self.config = config
        self.db = db
        vault = vault_of(load_or_create_master_key(config))
        self.clock = clock
        self.metrics = Metrics()
        self.directory = Directory(db, vault)
        self.http = http or httpx2.AsyncClient(
            timeout=httpx2.Timeout(config.send_timeout, connect=5.0), limits=httpx2.Limits(max_connections=200)
        )
        ledger_hint, self._lanes = Hint(), config.ledger_lanes
        meter = Meter(self.metrics, clock)
        self.leases = LeaseKeeper(db, clock, lanes=self._lanes, ttl=timedelta(seconds=config.lease_ttl))
        pipeline = WebhookPipeline(db, self.directory, meter, self._changed, clock, lanes=self._lanes)
        self.deliveries = DeliveryWorker(
            db,
            self.directory,
            Platforms(GraphClient(self.http), GenesysClient(self.http)),
            self.leases,
            meter,
            self._changed,
            clock,
            concurrency=DELIVERIES_UNDER_WAY,
            hold=timedelta(seconds=config.unknown_hold),
        )
        self.relay = RelayWorker(
            db, self.directory, self.leases, self.deliveries.hint, lanes=self._lanes, batch=config.worker_batch, clock=clock
        )
        self.deliveries.relay_hint = self.relay.hint
        self.ledger = LedgerWorker(db, pipeline, self.leases, self.relay.hint, clock, batch=config.worker_batch)
        self.ledger.hint = ledger_hint
        self.timers = Timers(db, self.metrics, self.relay.hint, self._changed, clock)
        self.authenticator = Authenticator(db, self.directory, trusted=config.trusted_mode == "loopback", clock=clock)
        self.state = StateRoutes(
            db,
            self.directory,
            self.authenticator,
            self.metrics,
            meter,
            self.relay.hint,
            clock,
            cache_size=config.cache_size,
            cache_ttl=config.cache_ttl,
            max_body=config.max_body,
        )
        self.intake = Intake(db, ledger_hint)
        limits = {"lanes": self._lanes, "max_body": config.max_body}
        self._webhooks: tuple[WhatsAppWebhook, GenesysWebhook] = (
            WhatsAppWebhook(self.directory.find_meta_app, self.intake.append, self.metrics, clock, **limits),
            GenesysWebhook(self.directory.find_genesys_webhook, self.intake.append, self.metrics, clock, **limits),
        )
        self._tasks: list[asyncio.Task[None]] = []

    def lane(self) -> Lane:
        """The ASGI application: the data plane's lane, and the framework behind it."""
        routes = [*self.state.routes(), *(route for webhook in self._webhooks for route in webhook.routes())]
        return Lane(
            routes,
            self._framework(),
            log_failure,
            read_timeout=self.config.body_timeout,
            answers=self.metrics.answers,
        )

    def start(self) -> None:
        for loop in (self.leases, self.ledger, self.relay, self.deliveries, self.timers):
            self._tasks.append(asyncio.create_task(loop.run()))

    async def stop(self) -> None:
        """Take no more work, finish the calls under way, hand the lanes back, close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):
            async with asyncio.timeout(self.config.stop_timeout):
                await self.intake.close()
                await self.deliveries.close()
                await self.leases.release()
        await self.http.aclose()
        await self.db.close(grace=1.0)

    def _changed(self, tenant: TenantId, events: Sequence[Event]) -> None:
        self.state.forget(tenant, events)

    def _framework(self) -> FastAPI:
        app = FastAPI(title="Waystate", version=__version__, docs_url=None, redoc_url=None)
        app.include_router(v1_routes(self.db, self.directory, self.authenticator, self.relay.hint, self._changed, self.clock))
        app.include_router(health_routes({"database": self._check_database}, self.clock))

        @app.get("/metrics", tags=["Operations"], summary="Prometheus metrics", response_class=HttpResponse)
        async def get_metrics() -> HttpResponse:
            return HttpResponse(self.metrics.render(), media_type=MEDIA_TYPE)

        document_lane(app, OPERATIONS)
        install_docs(app)
        app.add_middleware(BodyLimit, limit=self.config.max_body)
        install_problems(app, answers=self.metrics.answers)
        return app

    async def _check_database(self) -> dict[str, Any]:
        await self.db.ping()
        return {}


class Service:
    """One worker process as Granian runs it: opens everything on start-up, closes it on shutdown."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._waystate: Waystate | None = None
        self._lane: Lane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._lane is not None and scope["type"] != "lifespan":
            return await self._lane(scope, receive, send)
        if scope["type"] != "lifespan":
            raise RuntimeError("a request came before the start-up")
        await receive()
        try:
            await self._start()
        except Exception as error:
            if not isinstance(error, ConfigError):
                logger.critical("The worker could not start.", exc_info=error)
            print(f"waystate: {error}", file=sys.stderr, flush=True)
            return await send({"type": "lifespan.startup.failed", "message": str(error)})
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._waystate is not None:
            await self._waystate.stop()
        return await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        config = self._config
        db = await Database.open(
            database_url(config),
            pool_size=config.db_pool_size,
            statement_timeout=config.db_statement_timeout,
            connect_timeout=config.db_connect_timeout,
            log_statements=config.db_logging,
        )
        await check_database(db, connections=config.db_pool_size)
        for name in config.unused:
            logger.warning("A setting is given that this version does not use.", setting=name)
        self._waystate = Waystate(config, db)
        calm_collector()
        self._lane = self._waystate.lane()
        self._waystate.start()


def calm_collector() -> None:
    """What is loaded by now stays: the cycle collector need not look at it again, and seldom at what batches leave behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def database_url(config: Config) -> str:
    return config.database_url or EmbeddedPostgres(config.home).url()


def log_file(config: Config, name: str) -> Path:
    return config.home / "log" / f"{name}.log"


def configure_log(config: Config, name: str, *, to_file: bool) -> None:
    key = derive_key(load_or_create_master_key(config), "log pseudonyms")
    log.configure(config.log_level, path=log_file(config, name) if to_file else None, pseudonyms=log.Pseudonyms(key))


def create() -> Service:
    """What Granian's worker calls (factory)."""
    die_with_parent()
    config = load_config()
    configure_log(config, "waystate", to_file=os.environ.get("WAYSTATE_LOG_TO_FILE") == "1")
    return Service(config)
