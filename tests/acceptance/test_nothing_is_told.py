"""No secret stands in a log, an answer, the metrics or what a command prints, however loud the log and whatever goes wrong."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    INTEGRATION,
    NUMBER,
    TENANT,
    agent_message,
    customer_message,
    envelope,
    new_account,
    new_integration,
    observe,
    rendered,
    until,
)
from tests.acceptance.served import free_port, served
from tests.acceptance.terminal import run_command
from tests.issued import forms_of, issue, leaks
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.keys import store as key_store
from waystate.people import store as people_store
from waystate.simulator.webhooks import base64_signature, hex_signature
from waystate.tenants import store
from waystate.tenants.model import MetaApp, Tenant
from waystate.tokens import COOKIE
from waystate.vault.sealing import vault_of

CUSTOMER = "15550100001"


class Tattler(BaseHTTPRequestHandler):
    """A platform that refuses everything, and quotes the credentials while it does (Meta: "Malformed access token …")."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        said = f"Malformed access token {self.headers['authorization']} of {body[:200]}"
        error = {"error": {"code": 190, "message": said, "error_user_msg": said}, "message": said, "code": "invalid"}
        answer = json.dumps(error | {"description": said}).encode()
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def tattler() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths that it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tattler)
    server.asked = []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def made() -> str:
    return issue(secrets.token_urlsafe(30))


@dataclass
class Secrets:
    """Everything that a stranger could use, and the credentials that are refused, which may be somebody's elsewhere."""

    master: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    older: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    app: MetaApp = field(default_factory=lambda: MetaApp(id="app-1", app_secret=made(), verify_token=made()))
    access_token: str = field(default_factory=made)
    client: str = field(default_factory=made)
    webhook: str = field(default_factory=made)
    broker: str = field(default_factory=made)
    redis: str = field(default_factory=made)
    key: str = ""
    revoked: str = ""
    session: str = ""

    def all(self) -> list[str]:
        given = [self.app.app_secret, self.app.verify_token, self.access_token, self.client, self.webhook, self.broker]
        return [*given, self.redis, self.key, self.revoked, self.session, self.wrong, self.csrf]

    @property
    def wrong(self) -> str:
        return self.key[:-8] + self.key[-8:][::-1]

    @property
    def csrf(self) -> str:
        return "a-csrf-token-of-the-tests"

    def leaked(self, text: bytes) -> list[str]:
        """Master keys are bytes, looked for in hexadecimal and in base64."""
        coded = [form for key in (self.master, self.older) for form in forms_of(key)]
        return leaks(text, filter(None, self.all())) + ["a master key" for form in coded if form in text]


@dataclass
class Place:
    http: httpx2.AsyncClient
    known: Secrets
    log: Path
    url: str
    asked: list[str]
    told: list[bytes] = field(default_factory=list)

    async def call(self, method: str, path: str, **said: Any) -> httpx2.Response:
        answer = await self.http.request(method, path, **said)
        self.told.append(repr(answer.headers.multi_items()).encode() + answer.content)
        return answer


async def set_up(url: str, far: str, known: Secrets) -> None:
    vault, now = vault_of(known.master), utc_now()
    db = await Database.open(url, pool_size=2)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TENANT, name="Acme"), Tenant(id="other", name="Other")])
        await store.upsert_meta_apps(conn, vault, [known.app])
    links = {"api_url": f"{far}/genesys", "login_url": f"{far}/login"}
    integration = new_integration(INTEGRATION, client_secret=known.client, webhook_secret=known.webhook, **links)
    account = new_account(NUMBER, api_url=f"{far}/graph", access_token=known.access_token)
    async with db.work(tenant_id=TENANT) as conn:
        (made,) = await store.upsert_integrations(conn, vault, TENANT, [integration])
        await store.upsert_accounts(conn, vault, TENANT, [account.model_copy(update={"genesys_integration_id": made.id})])
        _, known.key = await key_store.create_key(conn, TENANT, "a key", now)
        gone, known.revoked = await key_store.create_key(conn, TENANT, "gone", now, now + timedelta(days=1))
        await key_store.revoke_key(conn, TENANT, gone.id, now)
        person = new_id()
        await conn.execute(
            "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, 'ada@example.org', 'Ada', 'active', $2)",
            *(person, now),
        )
        await conn.execute(
            "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)", TENANT, person, now
        )
        _, known.session = await people_store.create_session(conn, TENANT, person, now)
    await db.close()


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    known = Secrets()
    nowhere = f"127.0.0.1:{free_port()}"
    settings = {
        "LOG_LEVEL": "DEBUG",
        "DB_LOGGING": "true",
        "TRUSTED_MODE": "loopback",
        "WAYSTATE_MASTER_KEY": known.master.hex(),
        "WAYSTATE_MASTER_KEYS_OLD": known.older.hex(),
        # Both are away, and what goes wrong with them is logged.
        "AMQP_URL": f"amqp://guest:{known.broker}@{nowhere}/",
        "REDIS_URL": f"redis://:{known.redis}@{nowhere}/0",
    }
    with tattler() as (far, asked):
        await set_up(database_url, far, known)
        with served(database_url, tmp_path, free_port(), **settings) as address:
            async with httpx2.AsyncClient(base_url=address, trust_env=False) as http:
                yield Place(http, known, tmp_path / "serve.log", database_url, asked)


async def test_nothing_that_was_issued_is_told_to_anybody(place: Place) -> None:
    await _call_with_every_credential(place)
    await _post_webhooks(place)
    wamids = await _wait_for_refused_deliveries(place)
    for wamid in wamids:
        await place.call("GET", f"/v1/messages/{wamid}/trace", headers={"x-api-key": place.known.key})
    await place.call("GET", "/v1/dead-letters", headers={"x-api-key": place.known.key})
    for path in ("/metrics", "/health", "/openapi.json"):
        await place.call("GET", path)
    log = place.log.read_bytes()
    assert log.count(b'"level":"DEBUG"') > 50, "the log must be loud for its silence to mean anything"
    assert b"SELECT" in log
    assert place.known.leaked(log) == []
    for answer in place.told:
        assert place.known.leaked(answer) == [], answer[:2000]
    rows = await _everything(place.url)
    assert place.known.leaked(rows) == []


async def _call_with_every_credential(place: Place) -> None:
    known, path = place.known, f"/state/mapping/{CUSTOMER}"
    good = {"authorization": f"Bearer {known.key}"}
    assert (await place.call("GET", path, headers=good)).status_code == 200
    assert (await place.call("GET", path, headers={"cookie": f"{COOKIE}={known.session}"})).status_code in (200, 403)
    for refused in (known.revoked, known.wrong, known.key.upper(), f"{known.key}0", known.session[:-1], known.access_token):
        for headers in ({"authorization": f"Bearer {refused}"}, {"x-api-key": refused}, {"cookie": f"{COOKIE}={refused}"}):
            answer = await place.call("GET", path, headers=headers)
            assert answer.status_code in (200, 401, 403), answer.text
    for headers in (
        {"authorization": f"Basic {known.key}"},
        good | {"x-api-key": known.revoked},
        good | {"x-tenant-id": "other"},
        {"cookie": f"{COOKIE}={known.session}", "x-csrf-token": known.csrf, "origin": "https://evil.example"},
    ):
        for method in ("GET", "POST"):
            await place.call(method, path if method == "GET" else "/state/message", headers=headers)
    # Credentials where they do not belong.
    await place.call("GET", f"{path}?api_key={known.key}&access_token={known.session}", headers=good)
    await place.call("POST", "/state/message", headers=good, json={"direction": 5, "apiKey": known.key, known.session: 1})
    await place.call("POST", "/state/correlation", headers=good, content=f'{{"token": "{known.key}", '.encode())
    await place.call("POST", "/state/message", content=f"key={known.key}".encode(), headers={"content-type": "text/plain"})


async def _post_webhooks(place: Place) -> None:
    known, to_meta = place.known, f"/webhooks/whatsapp/{place.known.app.id}"
    for token in (known.app.verify_token, known.app.verify_token[:-1], known.app.app_secret):
        asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "123"}
        await place.call("GET", to_meta, params=asked)
    body = rendered(envelope(customer_message("wamid.first", CUSTOMER, at=int(utc_now().timestamp()))))
    for secret in (known.webhook, known.app.app_secret):
        signed = {"x-hub-signature-256": hex_signature(secret.encode(), body)}
        await place.call("POST", to_meta, content=body, headers=signed)
    reply = json.dumps(agent_message("genesys-1", CUSTOMER)).encode()

    async def is_known() -> bool:
        return (await place.http.get("/v1/messages/wamid.first/trace", headers={"x-api-key": known.key})).status_code == 200

    await until(is_known)
    for secret in (known.app.app_secret, known.webhook):
        signed = {"x-hub-signature-256": base64_signature(secret.encode(), reply)}
        await place.call("POST", f"/webhooks/genesys/{INTEGRATION}", content=reply, headers=signed)


async def _wait_for_refused_deliveries(place: Place) -> list[str]:
    """Both platforms were asked, and said no with our credentials in their mouths."""

    async def are_asked() -> bool:
        return {"login", "graph"} <= {each.split("/")[1] for each in place.asked}

    await until(are_asked, timeout=20)
    connection = await observe(place.url)
    try:

        async def are_written() -> bool:
            rows = await connection.fetch("SELECT error FROM delivery_attempts WHERE outcome IS NOT NULL AND error IS NOT NULL")
            return any("Malformed access token" in json.dumps(row["error"]) for row in rows)

        await until(are_written, timeout=20)
        rows = await connection.fetch("SELECT id::text FROM messages")
        return [row["id"] for row in rows]
    finally:
        await connection.close()


async def _everything(url: str) -> bytes:
    connection = await observe(url)
    try:
        tables = ("delivery_attempts", "deliveries", "messages", "events", "dead_letters", "webhook_ledger", "message_events")
        rows = [row for table in tables for row in await connection.fetch(f"SELECT t::text AS row FROM {table} t")]
        return "\n".join(row["row"] for row in rows).encode()
    finally:
        await connection.close()


REFUSED_STARTS = {
    "a master key that is none": {"WAYSTATE_MASTER_KEY": "{secret}"},
    "an older key that is none": {"WAYSTATE_MASTER_KEYS_OLD": "{key},{secret}"},
    "another master key": {"WAYSTATE_MASTER_KEY": "{key}"},
    "a database that refuses": {"DATABASE_URL": "postgresql://waystate:{secret}@127.0.0.1:9/waystate"},
    "a database URL that is none": {"DATABASE_URL": "postgresql://waystate:{secret}@127.0.0.1:none/waystate"},
    "a broker URL that is none": {"AMQP_URL": "https://guest:{secret}@127.0.0.1/"},
    "a Redis URL that is none": {"REDIS_URL": "http://:{secret}@127.0.0.1/"},
}


@pytest.mark.parametrize("name", REFUSED_STARTS)
async def test_a_refused_start_names_the_setting_and_never_its_secret(database_url: str, tmp_path: Path, name: str) -> None:
    known, secret = Secrets(), made()
    await set_up(database_url, "http://127.0.0.1:9", known)
    other = secrets.token_bytes(32)
    settings = {
        "DATABASE_URL": database_url,
        "WAYSTATE_MASTER_KEY": known.master.hex(),
        **{variable: value.format(secret=secret, key=other.hex()) for variable, value in REFUSED_STARTS[name].items()},
    }
    environment = {"PATH": os.environ["PATH"], "WAYSTATE_HOME": str(tmp_path), "LOG_LEVEL": "DEBUG", "PORT": str(free_port())}
    async with asyncio.timeout(60):
        code, output, errors = await run_command(environment | settings, "work")
    assert code != 0
    told = output + errors
    assert told.strip()
    assert leaks(told.encode(), [secret, other.hex(), known.master.hex(), *filter(None, known.all())]) == [], told
