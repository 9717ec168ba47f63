"""Waystate in this process, on a database of the test's own, with whatever far sides a test puts behind it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2
from starlette.applications import Starlette

from waystate.app import Waystate
from waystate.config import Config, load_config
from waystate.db.checks import check_database
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.webhooks import base64_signature, hex_signature
from waystate.tenants import store
from waystate.tenants.model import GenesysIntegration, GenesysLimits, MetaApp, Tenant, TenantSettings, WhatsAppAccount
from waystate.vault.sealing import load_vault, vault_of
from waystate.web.asgi import Lane, Scope
from waystate.web.bodies import Receive, Send

MASTER_KEY = "0f" * 32
VAULT = vault_of(bytes.fromhex(MASTER_KEY))
TENANT = TenantId("acme")
APP = MetaApp(id="app-1", app_secret="meta-app-secret", verify_token="meta-verify-token")
NUMBER, INTEGRATION = "106540352242922", "73cb7fb7-c2db-4996-88f3-0a83a4fea1da"
WEBHOOK_SECRET, CLIENT_SECRET, ACCESS_TOKEN = "genesys-webhook-secret", "client-secret", "EAAtoken"
EVENT_SECRET = "a-secret-of-events"
FAR = "http://localhost:3006"

SIMULATED: dict[str, Any] = {
    "whatsapp_webhook_url": f"http://localhost:3005/webhooks/whatsapp/{APP.id}",
    "app_secret": APP.app_secret,
    "phone_number_id": NUMBER,
    "display_phone_number": "15550783881",
    "waba_id": "102290129340398",
    "genesys_webhook_url": f"http://localhost:3005/webhooks/genesys/{INTEGRATION}",
    "integration_id": INTEGRATION,
    "webhook_secret": WEBHOOK_SECRET,
    "access_token": ACCESS_TOKEN,
    "client_id": "client-1",
    "client_secret": CLIENT_SECRET,
    "retry_after": 0,
    "sent_delay": 0.02,
    "delivered_delay": 0.08,
    "read_delay": 0.2,
    "agent_reply_delay": 0.05,
    "agent_typing_share": 1.0,
    "meta_retry_first": 0.05,
    "genesys_retry_interval": 0.05,
    "genesys_requests_per_minute": 100_000,
    "genesys_known_messages": False,
}

BY_HAND: dict[str, Any] = {"agent_reply_share": 0.0, "rules": {"window": False, "known_messages": False}}
"""For tests that write as the customers and the agents themselves, so that the simulator has not seen anybody write."""

UNFINISHED = """
SELECT (SELECT count(*) FROM webhook_ledger WHERE state = 'pending')
    + (SELECT coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint FROM sink_cursors h
        LEFT JOIN sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'deliveries' WHERE h.sink = 'head')
    + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'unknown'))
"""


class Impatient(httpx2.AsyncBaseTransport):
    """Gives up after `seconds`, as a network's transport does; the one between applications of a process waits for ever."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._inner.handle_async_request(request)
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no answer within {self._seconds} s", request=request) from None


class Door:
    """The application, which does not exist yet when the simulator is told where to deliver."""

    lane: Lane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.lane is not None
        await self.lane(scope, receive, send)


@dataclass
class Installation:
    """`http` is a caller on this machine; `database` sees every tenant's rows."""

    app: Waystate
    lane: Lane
    http: httpx2.AsyncClient
    database: asyncpg.Connection
    far: httpx2.AsyncClient | None = None

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.database.fetch(query, *values)]

    async def value(self, query: str, *values: Any) -> Any:
        return await self.database.fetchval(query, *values)

    async def counts(self) -> dict[str, int]:
        """Rows of every table that a caller can make grow; leases, timers and cursors move by themselves."""
        tables = await self.rows(
            "SELECT relname FROM pg_class "
            "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        )
        moving = {"leases", "lease_members", "timers", "sink_cursors", "alembic_version", "absences"}
        # What follows from others a second later.
        moving |= {"contact_index", "contact_index_wanted", "contact_likeness"}
        moving |= {"conversation_index", "conversation_index_wanted", "conversation_words"}
        names = sorted({row["relname"] for row in tables} - moving)
        return {name: await self.value(f'SELECT count(*) FROM "{name}"') for name in names}

    async def post_meta(self, body: Any, *, app: MetaApp = APP, **headers: str) -> httpx2.Response:
        raw = body if isinstance(body, bytes) else rendered(body)
        signed = {"x-hub-signature-256": hex_signature(app.app_secret.encode(), raw)} | named(headers)
        return await self.http.post(f"/webhooks/whatsapp/{app.id}", content=raw, headers=signed)

    async def post_genesys(self, body: Any, *, integration: str = INTEGRATION, **headers: str) -> httpx2.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"x-hub-signature-256": base64_signature(WEBHOOK_SECRET.encode(), raw)} | named(headers)
        return await self.http.post(f"/webhooks/genesys/{integration}", content=raw, headers=signed)

    async def state(self, method: str, path: str, body: Any = None, *, tenant: str | None = TENANT) -> httpx2.Response:
        """A call to the data plane, as a neighbour that names its tenant."""
        headers = {} if tenant is None else {"x-tenant-id": tenant}
        return await self.http.request(method, path, json=body, headers=headers)

    async def trace(self, message_id: str, *, tenant: str = TENANT) -> Any:
        answer = await self.http.get(f"/v1/messages/{quote(message_id, safe='')}/trace", headers={"x-tenant-id": tenant})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def settled(self, *, timeout: float = 20) -> None:  # noqa: ASYNC109 - it is what a test waits at the most
        """Nothing is pending any more: every body worked, every event relayed, every delivery finished."""

        async def is_done() -> bool:
            return bool(await self.value(UNFINISHED) == 0)

        await until(is_done, timeout=timeout)

    async def add_app(self, app: MetaApp) -> None:
        async with self.app.db.work() as conn:
            await store.upsert_meta_apps(conn, VAULT, [app])
        self.app.directory.clear()

    async def add_tenants(self, tenants: Sequence[Tenant]) -> None:
        async with self.app.db.work() as conn:
            await store.upsert_many(conn, tenants)
        self.app.directory.clear()

    async def add_accounts(
        self, tenant: TenantId, accounts: Sequence[WhatsAppAccount], integrations: Sequence[GenesysIntegration] = ()
    ) -> None:
        async with self.app.db.work(tenant_id=tenant) as conn:
            if integrations:
                await store.upsert_integrations(conn, VAULT, tenant, integrations)
            await store.upsert_accounts(conn, VAULT, tenant, accounts)
        self.app.directory.clear()

    async def add_tenant(
        self,
        tenant: str = TENANT,
        *,
        number: str = NUMBER,
        integration: str | None = INTEGRATION,
        settings: dict[str, Any] | None = None,
        sender: str = "waystate",
        genesys_sender: str = "waystate",
        app: MetaApp = APP,
    ) -> None:
        """A tenant with one number, under an app that is known, and maybe with the integration that serves it."""
        tenant_id = TenantId(tenant)
        await self.add_tenants([Tenant(id=tenant_id, name=tenant, settings=TenantSettings(**settings or {}))])
        integrations = [] if integration is None else [new_integration(integration, sender=genesys_sender)]
        linked = integrations[0].id if integrations else None
        await self.add_accounts(
            tenant_id, [new_account(number, app=app, genesys_integration_id=linked, sender=sender)], integrations
        )


def new_account(number: str, *, app: MetaApp = APP, **changes: Any) -> WhatsAppAccount:
    said = {
        "phone_number_id": number,
        "display_phone_number": SIMULATED["display_phone_number"],
        "business_account_id": f"waba-{number}",
        "meta_app_id": app.id,
        "api_url": f"{FAR}/graph/v26.0",
        "access_token": ACCESS_TOKEN,
        "is_default": True,
    }
    return WhatsAppAccount(**said | changes)


def new_integration(integration: str, **changes: Any) -> GenesysIntegration:
    said: dict[str, Any] = {
        "integration_id": integration,
        "region": "mypurecloud.de",
        "api_url": f"{FAR}/genesys",
        "login_url": f"{FAR}/genesys/login",
        "client_id": "client-1",
        "client_secret": CLIENT_SECRET,
        "webhook_secret": WEBHOOK_SECRET,
        "event_secret": EVENT_SECRET,
        "limits": GenesysLimits(requests_per_minute=100_000),
    }
    return GenesysIntegration(**said | changes)


def configuration(url: str, home: Path, **settings: str) -> Config:
    given = {
        "WAYSTATE_HOME": str(home),
        "DATABASE_URL": url,
        "WAYSTATE_MASTER_KEY": MASTER_KEY,
        "TRUSTED_MODE": "loopback",
        "DB_POOL_SIZE": "8",
        "EGRESS_HOSTS": "127.0.0.1, localhost",
        "TEMPLATE_INTERVAL": "0",
    }
    return load_config(given | settings)


@asynccontextmanager
async def installed(
    url: str,
    home: Path,
    *,
    http: httpx2.AsyncClient | None = None,
    door: Door | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: str,
) -> AsyncIterator[Installation]:
    """A running Waystate with one Meta app and no tenant. `monotonic` is the seconds by which limits let in again."""
    config = configuration(url, home, **settings)
    db = await Database.open(url, pool_size=config.db_pool_size, connect_timeout=config.db_connect_timeout)
    await check_database(db, connections=config.db_pool_size)
    app = Waystate(config, db, vault=load_vault(config), installation=bytes(32), http=http, monotonic=monotonic)
    lane = app.lane()
    if door is not None:
        door.lane = lane
    app.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.stop)
        transport = httpx2.ASGITransport(lane, client=("127.0.0.1", 50_000))
        client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://localhost:3005"))
        installation = Installation(app, lane, client, await observe(url))
        await installation.add_app(APP)
        try:
            yield installation
        finally:
            await installation.database.close()


@asynccontextmanager
async def installed_with_far_sides(
    url: str, home: Path, *, patience: float = 60.0, settings: Mapping[str, str] | None = None, **simulated: Any
) -> AsyncIterator[Installation]:
    """With a tenant whose number and integration are those of the simulated WhatsApp and Genesys.

    `patience`: seconds that Waystate waits for an answer of theirs.
    """
    door = Door()
    far_sides: Starlette = create_simulator(
        SimulatorConfig(**{**SIMULATED, **simulated}), transport=httpx2.ASGITransport(door, client=("127.0.0.1", 50_001))
    )
    async with AsyncExitStack() as stack:
        to_far_sides = httpx2.AsyncClient(transport=Impatient(httpx2.ASGITransport(far_sides), patience))
        installation = await stack.enter_async_context(installed(url, home, http=to_far_sides, door=door, **(settings or {})))
        await stack.enter_async_context(far_sides.router.lifespan_context(far_sides))
        control = httpx2.AsyncClient(transport=httpx2.ASGITransport(far_sides), base_url=FAR)
        installation.far = await stack.enter_async_context(control)
        await installation.add_tenant()
        yield installation


async def observe(url: str) -> asyncpg.Connection:
    """A connection of the test's own, to see what is in the tables."""
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads, format="text")
    return connection


async def until(condition: Callable[[], Awaitable[bool]], *, timeout: float = 10) -> None:  # noqa: ASYNC109 - see `settled`
    try:
        async with asyncio.timeout(timeout):
            while not await condition():  # noqa: ASYNC110 - it watches another part, which signals nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it did not come to pass within {timeout} s") from None


def rendered(document: Any) -> bytes:
    r"""JSON as Meta writes it: `\u` escapes."""
    return json.dumps(document, separators=(",", ":")).encode()


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def envelope(value: dict[str, Any], *, number: str = NUMBER) -> dict[str, Any]:
    metadata = {"display_phone_number": SIMULATED["display_phone_number"], "phone_number_id": number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": f"waba-{number}", "changes": [change]}]}


def approved_template(name: str = "hello", *, number: str = NUMBER, **said: Any) -> dict[str, Any]:
    """WhatsApp's webhook about a template of the number's business account."""
    value = {"event": "APPROVED", "message_template_id": 12, "message_template_name": name, "message_template_language": "en"}
    change = {"field": "message_template_status_update", "value": value | said}
    entry = {"id": f"waba-{number}", "time": 1_790_000_000, "changes": [change]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def customer_message(wamid: str, sender: str, text: str = "Hello", *, at: int = 1_790_000_000, **fields: Any) -> dict[str, Any]:
    message = {"id": wamid, "from": sender, "timestamp": str(at), "type": "text", "text": {"body": text}}
    return {"contacts": [{"wa_id": sender, "profile": {"name": "Ada"}}], "messages": [message | fields]}


def status_report(wamid: str, status: str, *, at: int = 1_790_000_000, **fields: Any) -> dict[str, Any]:
    return {"statuses": [{"id": wamid, "status": status, "timestamp": str(at), "recipient_id": "15550100001"} | fields]}


def agent_message(message_id: str, recipient: str, text: str = "Good day", **fields: Any) -> dict[str, Any]:
    channel = {
        "id": INTEGRATION,
        "platform": "Open",
        "type": "Private",
        "messageId": message_id,
        "to": {"id": recipient, "idType": "Opaque"},
        "from": {"id": INTEGRATION, "idType": "Opaque"},
        "time": "2026-11-20T12:00:00.000Z",
    }
    message = {"id": message_id, "channel": channel, "type": "Text", "text": text, "direction": "Outbound"}
    return message | {"originatingEntity": "Human"} | fields
