"""The whole of it as people run it: `waystate serve` and the far sides as processes, and a network that misbehaves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.acceptance.installation import (
    APP,
    INTEGRATION,
    NUMBER,
    SIMULATED,
    TENANT,
    UNFINISHED,
    VAULT,
    new_account,
    new_integration,
    observe,
    until,
)
from tests.acceptance.served import free_port, served, simulated
from tests.databases import Databases
from waystate.db.pool import Database
from waystate.simulator.config import SimulatorConfig
from waystate.tenants import store
from waystate.tenants.model import Tenant

CUSTOMERS, MESSAGES = 20, 100
FAULTS = {
    "duplicates": 0.2,
    "reordering": 0.5,
    "early_statuses": 0.2,
    "throttle": 0.03,
    "html_500_after": 0.03,
    "lost_answers": 0.05,
}


@dataclass
class World:
    waystate: httpx2.AsyncClient
    far: httpx2.AsyncClient
    database: asyncpg.Connection

    async def state(self) -> Any:
        return (await self.far.get("/simulator/state")).json()


async def set_up(url: str, far: str) -> None:
    db = await Database.open(url, pool_size=2)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TENANT, name="Acme")])
        await store.upsert_meta_apps(conn, VAULT, [APP])
    integration = new_integration(INTEGRATION, api_url=f"{far}/genesys", login_url=f"{far}/genesys/login")
    account = new_account(NUMBER, api_url=f"{far}/graph/v26.0", genesys_integration_id=integration.id)
    async with db.work(tenant_id=TENANT) as conn:
        await store.upsert_integrations(conn, VAULT, TENANT, [integration])
        await store.upsert_accounts(conn, VAULT, TENANT, [account])
    await db.close()


@pytest.fixture
async def world(databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    here, there = free_port(), free_port()
    config = SimulatorConfig(
        **{
            **SIMULATED,
            "whatsapp_webhook_url": f"http://127.0.0.1:{here}/webhooks/whatsapp/{APP.id}",
            "genesys_webhook_url": f"http://127.0.0.1:{here}/webhooks/genesys/{INTEGRATION}",
            "genesys_known_messages": True,
        }
    )
    with databases.fresh() as url, simulated(config, tmp_path, there) as far:
        await set_up(url, f"http://localhost:{there}")
        with served(url, tmp_path, here, TRUSTED_MODE="loopback") as address:
            async with (
                httpx2.AsyncClient(base_url=address, trust_env=False) as waystate,
                httpx2.AsyncClient(base_url=far, trust_env=False) as simulator,
            ):
                database = await observe(url)
                yield World(waystate, simulator, database)
                await database.close()


async def test_every_message_arrives_once_and_in_order_over_a_network_that_loses_doubles_and_reorders(world: World) -> None:
    await world.far.put("/simulator/faults", json=FAULTS)
    load = {"customers": CUSTOMERS, "rate": 100, "total": MESSAGES}
    assert (await world.far.post("/simulator/load", json=load)).status_code == 202

    async def is_over() -> bool:
        state = await world.state()
        done = state["genesys"]["messages"] == state["whatsapp"]["sends"] == MESSAGES
        if not done or state["waiting"] != {"customerMessages": 0, "agentWebhooks": 0}:
            return False
        rows = await world.database.fetch("SELECT status FROM messages WHERE direction = 'outbound' AND status <> 'read'")
        # What the relay has not looked at yet is no delivery yet: the last receipts would be missed.
        return not rows and await world.database.fetchval(UNFINISHED) == 0

    await until(is_over, timeout=40)
    state = await world.state()
    assert state["struck"]["lost_answers"] > 0
    assert state["webhooks"]["whatsapp"]["copies"] > 0
    assert (state["whatsapp"]["doubled"], state["whatsapp"]["withoutOpaque"]) == (0, 0)
    assert (state["genesys"]["orderInversions"], state["whatsapp"]["orderInversions"]) == (0, 0)
    assert (state["webhooks"]["whatsapp"]["givenUp"], state["webhooks"]["genesys"]["givenUp"]) == (0, 0)
    assert state["genesys"]["receipts"]["Delivered"] == MESSAGES
    assert state["genesys"]["unknownFields"] == 0
    assert state["genesys"]["receipts"]["Failed"] == state["genesys"]["receipts"]["unknown"] == 0

    rows = await world.database.fetch("SELECT direction, status, count(*) FROM messages GROUP BY 1, 2")
    assert sorted(tuple(row) for row in rows) == [("inbound", "processed", MESSAGES), ("outbound", "read", MESSAGES)]
    assert await world.database.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert await world.database.fetchval("SELECT count(*) FROM webhook_ledger WHERE state <> 'done'") == 0
    conversations = await world.database.fetchval("SELECT count(*) FROM conversations")
    assert conversations == state["customers"]["count"]
    wamid = await world.database.fetchval("SELECT wamid FROM messages WHERE direction = 'outbound' LIMIT 1")
    answer = await world.waystate.get(f"/v1/messages/{wamid.replace('/', '%2F')}/trace", headers={"x-tenant-id": TENANT})
    assert (answer.status_code, answer.json()["status"]) == (200, "read")
