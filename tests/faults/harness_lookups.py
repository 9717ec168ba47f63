"""Look-ups over HTTP while something breaks: the same people are customers of two tenants, and no answer may mix them up."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from tests.faults.harness_fleet import FleetRun
from tests.faults.harness_tenant import APP, DISPLAY_NUMBER, MASTER_KEY, TENANT
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.simulator.customers import make_customer
from waystate.tenants import store
from waystate.tenants.model import Tenant, TenantSettings, WhatsAppAccount
from waystate.vault.sealing import vault_of

NEIGHBOUR, NEIGHBOURS_NUMBER = TenantId("neighbour"), "206540352242922"
_ABREAST = 4
_PAUSE = 0.005


@dataclass(slots=True)
class Lookups:
    address: str
    people: list[str]
    ids: dict[tuple[str, str], str] = field(default_factory=dict)
    """By tenant and person: the conversation they have, from the first answer on."""
    answers: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """What came instead of an answer."""
    mixed_up: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @classmethod
    @asynccontextmanager
    async def under_way(cls, run: FleetRun, *, strict: bool = True) -> AsyncIterator["Lookups"]:
        """From when the API answers until the block ends; with `strict` every look-up must be answered."""
        await add_neighbour(run)
        customers = [make_customer(run.simulated, 20_000 + index) for index in range(100)]
        lookups = cls(run.address, [customer.wa_id for customer in customers if customer.wa_id])
        asking = [asyncio.create_task(lookups.ask(place)) for place in range(_ABREAST)]
        try:
            yield lookups
        finally:
            for task in asking:
                task.cancel()
            results = await asyncio.gather(*asking, return_exceptions=True)
        failed = [each for each in results if isinstance(each, Exception)]
        assert not failed, failed
        assert lookups.answers["200"] > 100, lookups.answers
        assert not (strict and lookups.refused), lookups.refused

    async def ask(self, place: int) -> None:
        limits = httpx2.Limits(max_connections=2)
        async with httpx2.AsyncClient(base_url=self.address, trust_env=False, timeout=30, limits=limits) as client:
            await _answers(client)
            while True:
                for index, person in enumerate(self.people):
                    tenant = TENANT if (index + place + self.answers.total()) % 2 else NEIGHBOUR
                    await self.look_up(client, tenant, person)
                    await asyncio.sleep(_PAUSE)

    async def look_up(self, client: httpx2.AsyncClient, tenant: str, person: str) -> None:
        started = time.monotonic()
        try:
            answer = await client.get(f"/state/mapping/{person}", headers={"x-tenant-id": tenant})
            outcome = str(answer.status_code)
        except httpx2.TransportError as error:
            outcome = type(error).__name__
        if outcome != "200":
            self.refused[outcome] += 1
            return
        self.answers[outcome] += 1
        self.slowest = max(self.slowest, time.monotonic() - started)
        found = answer.json()
        known = self.ids.setdefault((tenant, person), found["internalId"])
        if (found["tenantId"], found["waId"], found["internalId"]) != (tenant, person, known):
            self.mixed_up.append(f"{tenant} asked for {person}, known as {known}, and got {found}")

    def figures(self) -> dict[str, object]:
        return {
            "look-ups of two tenants": self.answers.total(),
            "look-ups refused": dict(self.refused) or 0,
            "look-ups answered with another's": len(self.mixed_up),
            "slowest look-up in ms": round(self.slowest * 1000),
        }


async def add_neighbour(run: FleetRun) -> None:
    account = WhatsAppAccount(
        phone_number_id=NEIGHBOURS_NUMBER,
        display_phone_number=DISPLAY_NUMBER,
        business_account_id="202290129340398",
        meta_app_id=APP.id,
        api_url=f"{str(run.far.base_url).rstrip('/')}/graph/v26.0",
        access_token="EAAneighbour",
        is_default=True,
        sender="external",
    )
    db = await Database.open(run.url, pool_size=1)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=NEIGHBOUR, name="Neighbour", settings=TenantSettings())])
    vault = vault_of(bytes.fromhex(MASTER_KEY))
    async with db.work(tenant_id=NEIGHBOUR) as conn:
        await store.upsert_accounts(conn, vault, NEIGHBOUR, [account])
    await db.close()


async def _answers(client: httpx2.AsyncClient) -> None:
    while True:
        try:
            if (await client.get("/health/ready")).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.1)
