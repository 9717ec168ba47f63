"""Numbers that come, move between tenants and go under traffic: who changes them, who writes, and a far side for all."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import asyncpg
import httpx2
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.acceptance.installation import APP, VAULT, customer_message, envelope, new_account, new_integration, rendered
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.simulator.webhooks import hex_signature
from waystate.tenants import store
from waystate.tenants.model import Tenant

INBOUND = "/genesys/api/v2/conversations/messages/{integration}/inbound/open/{kind}"
TENANTS = [TenantId(f"tenant-{letter}") for letter in "abcd"]


@dataclass
class FarSide:
    """Any number's Genesys: takes what comes, and counts by the customer's message how often it came."""

    came: Counter[str] = field(default_factory=Counter)
    address: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/genesys/login/oauth/token", self.token, methods=["POST"]),
                Route(
                    "/genesys/api/v2/conversations/messages/{integration}/inbound/open/{kind}", self.inbound, methods=["POST"]
                ),
            ]
        )

    async def token(self, _: Request) -> JSONResponse:
        return JSONResponse({"access_token": "token", "expires_in": 3600})

    async def inbound(self, request: Request) -> JSONResponse:
        channel = (await request.json())["channel"]
        self.came[channel["messageId"]] += 1
        return JSONResponse({"id": channel["messageId"], "conversationId": f"g-{channel['from']['id']}"}, 202)


@asynccontextmanager
async def far_side(port: int) -> AsyncIterator[FarSide]:
    far = FarSide(address=f"http://127.0.0.1:{port}")
    server = Server(far.app(), address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    try:
        yield far
    finally:
        server.stop()
        await serving


@dataclass
class Changes:
    """Sets numbers up, moves and removes them as a command does, from outside of every process that serves."""

    db: Database
    far: str
    random: Random
    home_of: dict[str, TenantId] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _numbers: "count[int]" = field(default_factory=lambda: count(300_000))

    async def make_tenants(self) -> None:
        async with self.db.work() as conn:
            await store.upsert_many(conn, [Tenant(id=each, name=each) for each in TENANTS])
            await store.upsert_meta_apps(conn, VAULT, [APP])

    async def add(self, number: str | None = None) -> None:
        number = number or str(next(self._numbers))
        await self._set_up(self.random.choice(TENANTS), number)
        self.done["added"] += 1

    async def step(self) -> None:
        """One number more; or one that moves, or goes, or comes back where it was or elsewhere."""
        known = sorted(self.home_of)
        drawn = self.random.random()
        if drawn < 0.5 or len(known) < 4:
            await self.add()
        elif drawn < 0.8:
            number = self.random.choice(known)
            elsewhere = [each for each in TENANTS if each != self.home_of[number]]
            await self._remove(number)
            await self._set_up(self.random.choice(elsewhere), number)
            self.done["moved"] += 1
        elif drawn < 0.9 or not self.gone:
            number = self.random.choice(known)
            await self._remove(number)
            self.gone.append(number)
            self.done["removed"] += 1
        else:
            await self.add(self.gone.pop(self.random.randrange(len(self.gone))))

    async def _set_up(self, tenant: TenantId, number: str) -> None:
        integration = new_integration(
            f"integration-{number}", api_url=f"{self.far}/genesys", login_url=f"{self.far}/genesys/login"
        )
        async with self.db.work(tenant_id=tenant) as conn:
            (own,) = [
                each
                for each in await store.upsert_integrations(conn, VAULT, tenant, [integration])
                if each.integration_id == integration.integration_id
            ]
            account = new_account(number, api_url=f"{self.far}/graph", is_default=False, genesys_integration_id=own.id)
            await store.upsert_accounts(conn, VAULT, tenant, [account])
        self.home_of[number] = tenant

    async def _remove(self, number: str) -> None:
        tenant = self.home_of.pop(number)
        async with self.db.work(tenant_id=tenant) as conn:
            await store.remove_accounts(conn, tenant, [number])
            await store.remove_integrations(conn, tenant, [f"integration-{number}"])


@dataclass
class Traffic:
    """Customers write to every number that is there, was there, or is about to be, at any process."""

    addresses: Sequence[str]
    changes: Changes
    random: Random
    sent: dict[str, str] = field(default_factory=dict)
    """wamid → number, of what was answered 200."""
    refused: Counter[int] = field(default_factory=Counter)
    _wamids: "count[int]" = field(default_factory=count)

    async def write(self, client: httpx2.AsyncClient, number: str) -> None:
        wamid = f"wamid.{next(self._wamids)}"
        raw = rendered(envelope(customer_message(wamid, f"4915{self.random.randrange(200):07}"), number=number))
        headers = {"x-hub-signature-256": hex_signature(APP.app_secret.encode(), raw)}
        answer = await client.post(
            f"{self.random.choice(self.addresses)}/webhooks/whatsapp/{APP.id}", content=raw, headers=headers
        )
        if answer.status_code == 200:
            self.sent[wamid] = number
        else:
            self.refused[answer.status_code] += 1

    async def flow(self, every: float, is_over: Callable[[], bool]) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            while not is_over():
                known = [*self.changes.home_of][-40:] + self.changes.gone[-3:]
                if known:
                    await self.write(client, self.random.choice(known))
                await asyncio.sleep(every)


_UNFINISHED = """
SELECT (SELECT count(*) FROM webhook_ledger WHERE state = 'pending')
    + (SELECT coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint FROM sink_cursors h
        LEFT JOIN sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'deliveries' WHERE h.sink = 'head')
    + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'unknown'))
"""


async def drained(url: str, limit: float) -> None:
    connection, deadline, quiet = await asyncpg.connect(url), time.monotonic() + limit, 0
    try:
        while quiet < 5:
            assert time.monotonic() < deadline, f"not drained within {limit} s"
            quiet = quiet + 1 if await connection.fetchval(_UNFINISHED) == 0 else 0
            await asyncio.sleep(0.2)
    finally:
        await connection.close()


@dataclass
class Told:
    """Where each message that was taken is: at Genesys, or visible as refused, or nowhere."""

    delivered: int
    rejected: int
    failed: int
    lost: list[str]
    doubled: list[str]
    stranded: list[str]
    """Rejected for want of a number that somebody has."""


async def account_for(url: str, sent: dict[str, str], far: FarSide, home_of: dict[str, Any]) -> Told:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT convert_from(body, 'UTF8') AS body FROM webhook_ledger WHERE state = 'rejected'")
        rejected = {
            message["id"]
            for row in rows
            for entry in json.loads(row["body"])["entry"]
            for change in entry["changes"]
            for message in change["value"]["messages"]
        }
        failed = {
            row["wamid"]
            for row in await connection.fetch(
                "SELECT m.wamid FROM messages m JOIN dead_letters d ON d.tenant_id = m.tenant_id "
                "AND d.origin = 'delivery:' || m.id || ':genesys' WHERE m.status = 'failed'"
            )
        }
    finally:
        await connection.close()
    delivered = {wamid for wamid in sent if far.came[wamid]}
    return Told(
        delivered=len(delivered),
        rejected=len(rejected),
        failed=len(failed),
        lost=sorted(sent.keys() - delivered - rejected - failed),
        doubled=sorted(wamid for wamid, times in far.came.items() if times > 1),
        stranded=sorted(wamid for wamid in rejected if sent.get(wamid) in home_of),
    )
