"""One Waystate over HTTP, for a model to be held against: people, a service, a queue, and a WhatsApp that takes nothing yet."""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from uuid import UUID

import httpx2

from tests.acceptance.installation import (
    APP,
    INTEGRATION,
    TENANT,
    VAULT,
    customer_message,
    envelope,
    new_account,
    new_integration,
    rendered,
)
from tests.acceptance.served import free_port, served
from waystate.clock import utc_now
from waystate.db.pool import Connection, Database
from waystate.ids import new_id
from waystate.keys import store as key_store
from waystate.people import store as people_store
from waystate.principal import Role, Scope
from waystate.simulator.webhooks import hex_signature
from waystate.tenants import store
from waystate.tenants.model import Tenant, TenantSettings
from waystate_client import Client, errors

NUMBER = "106540352242922"
PEOPLE = {"ana": Role.AGENT, "bob": Role.AGENT, "eve": Role.SUPERVISOR}
SCOPES = (
    *(Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE, Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE),
    *(Scope.MESSAGES_READ, Scope.MESSAGES_SEND),
)
PATIENCE = 20.0
"""Seconds that what follows a second later may take."""
_RESTS = 86_400
"""Seconds: of WhatsApp's answer to what is sent first. The number rests then, so that what is said is queued and stays so."""


class _Throttled(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"error": {"message": "Rate limit hit", "code": 131048, "type": "OAuthException"}}).encode()
        self.send_response(429)
        for name, value in (("content-type", "application/json"), ("retry-after", _RESTS), ("content-length", len(body))):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
        self.server.asked.set()  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def throttling() -> Iterator[tuple[str, threading.Event]]:
    """The address of a WhatsApp that takes nothing for a day, and whether it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Throttled)
    server.asked = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/graph/v26.0", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Place:
    """`callers`: `ana`, `bob`, `eve` and `key`, each with a client. `numbers` make what is new in each example."""

    address: str
    callers: dict[str, Client]
    people: dict[str, str]
    key: str
    queues: dict[str, set[str]]
    http: httpx2.Client
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def write(self, phone: str, wamid: str, text: str, name: str) -> tuple[int, str]:
        """A customer does, by WhatsApp's webhook. When that was, and our id of it, once it is there."""
        at = int(time.time())
        body = customer_message(wamid, phone, text, at=at)
        body["contacts"][0]["profile"]["name"] = name
        raw = rendered(envelope(body, number=NUMBER))
        signed = {"x-hub-signature-256": hex_signature(APP.app_secret.encode(), raw)}
        assert self.http.post(f"/webhooks/whatsapp/{APP.id}", content=raw, headers=signed).status_code == 200
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return at, str(self.callers["key"].messages.get(wamid).id)
            except errors.NotFound:
                time.sleep(0.003)
        raise AssertionError(f"{wamid} did not come")


@asynccontextmanager
async def placed(url: str, home: Path) -> AsyncIterator[Place]:
    with throttling() as (graph, asked):
        tokens, people, key_id, key = await _set_up(url, graph)
        async with AsyncExitStack() as stack:
            address = stack.enter_context(served(url, home, free_port()))
            http = stack.enter_context(httpx2.Client(base_url=address, trust_env=False))
            keys = {**tokens, "key": key}
            callers = {who: stack.enter_context(Client(address, each, retries=0)) for who, each in keys.items()}
            eve = callers["eve"].queues
            queues = {str(eve.add(name=f"Of {each}", members=[people[each]]).id): {each} for each in ("ana", "bob")}
            place = Place(address, callers, people, str(key_id), queues, http)
            place.write("5511900000000", "wamid.first", "Hello", "Nobody")
            callers["key"].messages.send(to="5511900000000", type="text", text={"body": "Hello"})
            assert asked.wait(PATIENCE), "WhatsApp was not asked"
            yield place


async def _set_up(url: str, graph: str) -> tuple[dict[str, str], dict[str, str], UUID, str]:
    """Tokens and ids of people, and the key's id and text."""
    db = await Database.open(url, pool_size=1)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TENANT, name="Acme", settings=TenantSettings(correlation="local"))])
        await store.upsert_meta_apps(conn, VAULT, [APP])
    async with db.work(tenant_id=TENANT) as conn:
        integration = new_integration(INTEGRATION, sender="external")
        await store.upsert_integrations(conn, VAULT, TENANT, [integration])
        account = new_account(NUMBER, api_url=graph, genesys_integration_id=integration.id)
        await store.upsert_accounts(conn, VAULT, TENANT, [account])
        made = {who: await _employ(conn, who, role) for who, role in PEOPLE.items()}
    async with db.tenant(TENANT) as conn:
        key, secret = await key_store.create_key(conn, TENANT, "model", utc_now(), scopes=SCOPES)
    await db.close()
    return {who: token for who, (_, token) in made.items()}, {who: str(user) for who, (user, _) in made.items()}, key.id, secret


async def _employ(conn: Connection, name: str, role: Role) -> tuple[UUID, str]:
    user, now = new_id(), utc_now()
    await conn.execute(
        "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $3, 'active', $4)",
        *(user, f"{user}@example.org", name, now),
    )
    await conn.execute(
        "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)", TENANT, user, role, now
    )
    _, token = await people_store.create_session(conn, TENANT, user, now)
    return user, token
