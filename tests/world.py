"""What tests of the core start from: a clock to set, tenants with an app, a number and an integration, and their traffic."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from obstore.store import MemoryStore

from waystate.channels.model import AttemptResult, Outcome
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.deliveries import addresses
from waystate.deliveries.model import Claimed
from waystate.deliveries.plan import DeliverySink
from waystate.deliveries.settle import Settlement, settle_many
from waystate.events import outbox
from waystate.events.commits import Commits
from waystate.events.model import Event
from waystate.events.outbox import Stamped
from waystate.events.sinks import relay
from waystate.ids import TenantId
from waystate.media.attached import track_attachments
from waystate.media.links import Links
from waystate.media.objects import ObjectStore
from waystate.messages import receive as inbound
from waystate.messages import send
from waystate.messages.advance import Advanced
from waystate.messages.model import Correlation, InboundMessage, OutboundMessage, StatusReport
from waystate.messages.send import Result
from waystate.pipeline.batch import Batch, Judged, Work
from waystate.pipeline.reports import run_statuses
from waystate.pipeline.run import Runner, run_correlations
from waystate.state.changes import StatusChange, change_many
from waystate.state.track import Tracking, track_many
from waystate.tenants import store
from waystate.tenants.model import GenesysIntegration, MetaApp, Tenant, TenantSettings, WhatsAppAccount
from waystate.tenants.routing import Directory, TenantView
from waystate.vault.sealing import Vault, vault_of
from waystate.web.metrics import Metrics
from waystate.work.loops import Hint

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CUSTOMER = "491700000001"
LANES = 8
HOLD = timedelta(seconds=30)
NO_FILES = ObjectStore(MemoryStore)
"""For couriers who have none to carry."""


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> datetime:
        self.now += timedelta(**delta)
        return self.now


@dataclass(frozen=True)
class Business:
    """One tenant's app, number and integration, and messages of its customers and agents as the pipelines take them."""

    tenant: TenantId
    settings: TenantSettings
    app_id: str
    number: str
    waba: str
    integration: str
    clock: SetClock
    _numbers: "count[int]" = field(default_factory=lambda: count(1), compare=False)

    def message(self, wamid: str | None = None, *, wa_id: str | None = CUSTOMER, **said: Any) -> InboundMessage:
        given: dict[str, Any] = {
            "wamid": wamid or f"wamid.in.{next(self._numbers)}",
            "phone_number_id": self.number,
            "sent_at": self.clock.now,
            "wa_id": wa_id,
            "text": "Hello",
            "origin": "test",
        }
        return InboundMessage(**(given | said))

    def reply(self, genesys_message_id: str | None = None, **said: Any) -> OutboundMessage:
        given: dict[str, Any] = {
            "genesys_message_id": genesys_message_id or f"genesys.{next(self._numbers)}",
            "sent_at": self.clock.now,
            "integration_id": self.integration,
            "text": "Good morning",
            "origin": "test",
        }
        return OutboundMessage(**(given | said))

    def report(self, wamid: str, word: str, **said: Any) -> StatusReport:
        given: dict[str, Any] = {"wamid": wamid, "status": word, "at": self.clock.now, "origin": "test"}
        return StatusReport(**(given | said))


async def run_in(
    db: Database, directory: Directory, clock: Clock, tenant: TenantId, work: Work, items: Sequence[Any]
) -> Judged:
    """Items of one kind, in a transaction of their own."""
    view = await directory.get_tenant(tenant)
    async with db.tenant(tenant) as conn:
        judged = await work(Batch(conn, tenant, view, clock(), LANES), items)
        await outbox.append_many(conn, tenant, judged.events)
    return judged


def results_of(judged: Judged) -> list[Any]:
    """What each item's caller is answered, or told instead."""
    return [verdict.error or verdict.answer for verdict in judged.verdicts]


class World:
    """A database with tenants in it, and the pipelines to drive by hand. `businesses` are by their tenant."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = SetClock()
        self._relayed: dict[TenantId, int] = {}
        self.vault: Vault = vault_of(bytes(range(32)))
        self.directory = Directory(db, self.vault)
        self.links: Links | None = None
        """Where the world reaches files; nobody has said so."""

    async def add(
        self,
        tenant: str,
        *,
        number: str,
        app_id: str = "app-1",
        with_genesys: bool = True,
        sender: str = "waystate",
        **settings: Any,
    ) -> Business:
        business = Business(
            tenant=TenantId(tenant),
            settings=TenantSettings(**settings),
            app_id=app_id,
            number=number,
            waba=f"waba-{number}",
            integration=f"integration-{number}",
            clock=self.clock,
        )
        async with self.db.work() as conn:
            await store.upsert_many(conn, [Tenant(id=business.tenant, name=tenant, settings=business.settings)])
            await store.upsert_meta_apps(conn, self.vault, [MetaApp(id=app_id, app_secret="secret", verify_token="verify")])
        async with self.db.work(tenant_id=business.tenant) as conn:
            integrations = [integration_of(business)] if with_genesys else []
            known = await store.upsert_integrations(conn, self.vault, business.tenant, integrations)
            account = _account(business, known[0] if with_genesys else None, sender)
            await store.upsert_accounts(conn, self.vault, business.tenant, [account])
        self.directory.clear()
        return business

    async def view(self, business: Business) -> TenantView:
        return await self.directory.get_tenant(business.tenant)

    def runner(self, metrics: Metrics | None = None) -> Runner:
        return Runner(self.db, metrics or Metrics(), lambda *_: None, self.clock, lanes=LANES)

    async def receive(self, business: Business, *messages: InboundMessage) -> list[Event]:
        async with self.db.tenant(business.tenant) as conn:
            events = await inbound.track(conn, business.tenant, business.settings, messages, self.clock())
            await outbox.append_many(conn, business.tenant, events)
        return events

    async def answer(self, business: Business, *messages: OutboundMessage) -> list[Result]:
        numbers = {business.integration: business.number}
        async with self.db.tenant(business.tenant) as conn:
            processed = await send.process(conn, business.tenant, business.settings, messages, numbers, self.clock())
            results, events = processed.results, processed.events
            await track_attachments(conn, business.tenant, processed.files, self.clock())
            await outbox.append_many(conn, business.tenant, events)
        return results

    async def track(self, business: Business, *trackings: Tracking) -> list[Any]:
        work = partial(track_many, self.directory)
        return results_of(await run_in(self.db, self.directory, self.clock, business.tenant, work, trackings))

    async def change(self, business: Business, *changes: StatusChange) -> list[Any]:
        work = partial(change_many, self.directory)
        return results_of(await run_in(self.db, self.directory, self.clock, business.tenant, work, changes))

    async def correlate(self, business: Business, *correlations: Correlation) -> list[Any]:
        judged = await run_in(self.db, self.directory, self.clock, business.tenant, run_correlations, correlations)
        return [verdict.error or list(verdict.events) for verdict in judged.verdicts]

    async def report(self, business: Business, *reports: StatusReport) -> Advanced:
        judged = await run_in(self.db, self.directory, self.clock, business.tenant, run_statuses, reports)
        return judged.advanced[0]

    async def relay(self, business: Business, *, epoch: int = 1, batch: int = 1000) -> list[Stamped]:
        """Make deliveries of new events; every event since the last time, whether it called for one or not."""
        sink = DeliverySink(self.directory, LANES, self.links)
        await relay(self.db, business.tenant, sink, epoch=epoch, batch=batch)
        async with self.db.tenant(business.tenant) as conn:
            new = await outbox.list_after(conn, business.tenant, self._relayed.get(business.tenant, 0), batch)
        if new:
            self._relayed[business.tenant] = new[-1].position
        return new

    async def claim(
        self, business: Business, *, lanes: Sequence[int] = range(LANES), paused: Sequence[str] = (), batch: int = 100
    ) -> list[Claimed]:
        async with self.db.tenant(business.tenant) as conn:
            return await addresses.claim(
                conn,
                business.tenant,
                epochs=dict.fromkeys(lanes, 1),
                paused_accounts=list(paused),
                holder="tests",
                now=self.clock.now,
                batch=batch,
            )

    async def settle(self, business: Business, *results: tuple[Claimed, AttemptResult]) -> Settlement:
        ended = [(claimed, result, self.clock.now) for claimed, result in results]
        return await settle_many(business.tenant, business.settings, ended, self.db, hold=HOLD)

    async def rows(self, business: Business, sql: str, *args: object) -> list[dict[str, Any]]:
        """As the tenant sees them."""
        async with self.db.tenant(business.tenant) as conn:
            return [dict(row) for row in await conn.fetch(sql, *args)]

    async def row(self, business: Business, sql: str, *args: object) -> dict[str, Any]:
        (row,) = await self.rows(business, sql, *args)
        return row

    async def value(self, business: Business, sql: str, *args: object) -> Any:
        return next(iter((await self.row(business, sql, *args)).values()))

    async def execute(self, business: Business, sql: str, *args: object) -> None:
        async with self.db.tenant(business.tenant) as conn:
            await conn.execute(sql, *args)

    async def close(self, business: Business) -> None:
        """End every open conversation, as an agent's disconnect will."""
        await self.execute(
            business,
            "UPDATE conversations SET status = 'closed', closed_at = $1, close_reason = 'test'"
            " WHERE status IN ('active', 'waiting', 'error')",
            self.clock.now,
        )

    async def deliver(self, business: Business) -> list[Claimed]:
        """Relay what is new and begin the attempts that are due."""
        await self.relay(business)
        return await self.claim(business)

    async def correspond(self, business: Business) -> OutboundMessage:
        """A customer wrote, Genesys answered with its conversation, an agent's reply is claimed for WhatsApp."""
        await self.receive(business, business.message())
        for claimed in await self.deliver(business):
            await self.settle(business, (claimed, accepted(conversation_id="genesys-conversation")))
        reply = business.reply(conversation_id="genesys-conversation")
        await self.answer(business, reply)
        return reply


def accepted(external_id: str | None = None, **said: Any) -> AttemptResult:
    given: dict[str, Any] = {"outcome": Outcome.SENT, "external_id": external_id, "http_status": 200}
    return AttemptResult(**(given | said))


def refused(**said: Any) -> AttemptResult:
    error = {"code": 100, "title": "Invalid parameter"}
    given: dict[str, Any] = {"outcome": Outcome.FAILED, "http_status": 400, "error": error}
    return AttemptResult(**(given | said))


def later(retry_after: float | None = None) -> AttemptResult:
    return AttemptResult(outcome=Outcome.RETRY, http_status=503, retry_after=retry_after)


def lost() -> AttemptResult:
    return AttemptResult(outcome=Outcome.UNKNOWN, error={"code": "timeout", "title": "no answer"})


async def wait_for_lock(conn: Connection, *, waiting: int = 1) -> None:
    """Until so many sessions of this database wait for a lock."""
    for _ in range(500):
        await conn.fetchval("SELECT pg_stat_clear_snapshot()")
        found = await conn.fetchval(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
            " AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
        )
        if found >= waiting:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"fewer than {waiting} waited for a lock")


def integration_of(business: Business) -> GenesysIntegration:
    return GenesysIntegration(
        integration_id=business.integration,
        region="mypurecloud.de",
        client_id=f"client-{business.number}",
        client_secret="client-secret",
        webhook_secret="a-secret-of-16-chars",
    )


def _account(business: Business, integration: GenesysIntegration | None, sender: str) -> WhatsAppAccount:
    return WhatsAppAccount.model_validate(
        {
            "phone_number_id": business.number,
            "display_phone_number": "+49 30 1234",
            "business_account_id": business.waba,
            "meta_app_id": business.app_id,
            "access_token": "token",
            "genesys_integration_id": integration.id if integration else None,
            "sender": sender,
            "is_default": True,
        }
    )


def commits_of(world: World) -> Commits:
    """Deeds of whom nobody else has to hear."""
    return Commits(world.db, Hint(), lambda *_: None)
