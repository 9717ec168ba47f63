"""Each role as a process of its own, on one database: work is shared, and no single death shows."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.acceptance.fleet import Fleet, fleet
from tests.acceptance.installation import APP, INTEGRATION, MASTER_KEY, SIMULATED, observe, until
from tests.acceptance.served import free_port, simulated
from tests.acceptance.test_served import set_up
from tests.databases import Databases
from waystate.simulator.config import SimulatorConfig

COMMANDS = {"api": "api", "work 1": "work", "work 2": "work", "relay": "relay", "timers": "timers"}
TAKE_OVER = 10
"""Seconds within which the lanes of a dead process are somebody else's."""
UNFINISHED = """
SELECT (SELECT count(*) FROM webhook_ledger WHERE state = 'pending')
    + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending'))
    + (SELECT count(*) FROM messages m WHERE direction = 'outbound' AND status <> 'read'
        AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message_id = m.id AND d.state = 'unknown'))
"""


@dataclass
class Installation:
    fleet: Fleet
    api: httpx2.AsyncClient
    far: httpx2.AsyncClient
    database: asyncpg.Connection
    webhooks: str
    health: str

    async def holders(self, kind: str) -> dict[str, int]:
        rows = await self.database.fetch(
            "SELECT holder, count(*) FROM leases WHERE kind = $1 AND holder IS NOT NULL AND expires_at > now() GROUP BY 1", kind
        )
        return {row["holder"]: row["count"] for row in rows}

    async def holder_of(self, name: str) -> str:
        """The work process as its leases name it."""
        pid = f":{self.fleet.pid(name)}:"
        (found,) = [holder for holder in await self.holders("ledger") if pid in holder]
        return found

    async def all_run(self) -> bool:
        """Both workers have half of the lanes, the relay all of its own, and the doors are open."""
        shares = sorted((await self.holders("ledger")).values()), sorted((await self.holders("deliveries")).values())
        return shares == ([32, 32], [32, 32]) and list((await self.holders("relay")).values()) == [64] and await self.answers()

    async def answers(self) -> bool:
        try:
            return (await self.api.get("/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    async def start_load(self, total: int) -> None:
        load = {"customers": 10, "rate": 20, "total": total}
        assert (await self.far.post("/simulator/load", json=load)).status_code == 202

    async def is_over(self, messages: int) -> bool:
        """Everything arrived, but for what was under way to WhatsApp in a process that was killed, and never left it."""
        state = await self.state()
        unknown = await self.database.fetchval("SELECT count(*) FROM deliveries WHERE state = 'unknown'")
        arrived = state["genesys"]["messages"] == state["whatsapp"]["sends"] + unknown == messages
        return arrived and await self.database.fetchval(UNFINISHED) == 0

    async def state(self) -> Any:
        return (await self.far.get("/simulator/state")).json()


@pytest.fixture
async def installation(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    here, webhooks, health, there = free_port(), free_port(), free_port(), free_port()
    config = SimulatorConfig(
        **{
            **SIMULATED,
            "whatsapp_webhook_url": f"http://127.0.0.1:{webhooks}/webhooks/whatsapp/{APP.id}",
            "genesys_webhook_url": f"http://127.0.0.1:{webhooks}/webhooks/genesys/{INTEGRATION}",
            # Genesys gives up after some tries; a restarted API must be back before that, as within its real 85 s.
            "genesys_retry_interval": 1.0,
            "genesys_retries": 60,
        }
    )
    with databases.fresh() as url, simulated(config, tmp_path, there) as far:
        await set_up(url, f"http://localhost:{there}")
        environment = {
            "WAYSTATE_HOME": str(tmp_path),
            "WAYSTATE_MASTER_KEY": MASTER_KEY,
            "DATABASE_URL": url,
            "DB_POOL_SIZE": "4",
            "PORT": str(here),
            "WEBHOOK_PORT": str(webhooks),
            "TRUSTED_MODE": "loopback",
            "EGRESS_HOSTS": "127.0.0.1, localhost",
            "TEMPLATE_INTERVAL": "0",
        }
        with fleet(tmp_path, environment) as processes:
            for name, command in COMMANDS.items():
                processes.start(name, command, **({"HEALTH_PORT": str(health)} if name == "work 1" else {}))
            async with (
                httpx2.AsyncClient(base_url=f"http://127.0.0.1:{here}", trust_env=False) as api,
                httpx2.AsyncClient(base_url=far, trust_env=False) as simulator,
            ):
                made = Installation(
                    processes,
                    api,
                    simulator,
                    await observe(url),
                    f"http://127.0.0.1:{webhooks}",
                    f"http://127.0.0.1:{health}",
                )
                await until(made.all_run, timeout=30)
                yield made
                await made.database.close()


async def test_messages_arrive_once_and_in_order_whichever_process_is_killed(installation: Installation) -> None:
    messages = 160
    await installation.start_load(messages)
    for name, command in COMMANDS.items():
        await asyncio.sleep(1)
        installation.fleet.kill(name)
        installation.fleet.start(name, command)
    await until(lambda: installation.is_over(messages), timeout=60)
    state = await installation.state()
    assert state["webhooks"]["genesys"]["givenUp"] == 0
    assert (state["whatsapp"]["doubled"], state["genesys"]["orderInversions"], state["whatsapp"]["orderInversions"]) == (
        0,
        0,
        0,
    )
    rows = await installation.database.fetch("SELECT direction, status, count(*) FROM messages GROUP BY 1, 2")
    counts = {(row["direction"], row["status"]): row["count"] for row in rows}
    never_left = counts.pop(("outbound", "queued"), 0)
    assert counts == {("inbound", "processed"): messages, ("outbound", "read"): messages - never_left}
    assert never_left <= 20, "what two killed processes had in hand: unknown, and visible as that"
    assert await installation.database.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_the_lanes_of_the_dead_are_taken_over_in_time(installation: Installation) -> None:
    survivor = await installation.holder_of("work 2")
    began = time.monotonic()
    installation.fleet.kill("work 1")

    async def is_taken_over() -> bool:
        return await installation.holders("ledger") == await installation.holders("deliveries") == {survivor: 64}

    await until(is_taken_over, timeout=TAKE_OVER)
    assert time.monotonic() - began < TAKE_OVER


async def test_sigterm_ends_every_role_well_and_hands_its_lanes_over_at_once(installation: Installation) -> None:
    await installation.start_load(20)
    survivor = await installation.holder_of("work 2")
    code, seconds = installation.fleet.end("work 1")
    assert (code, seconds < 3) == (0, True), installation.fleet.log("work 1").read_text()

    async def is_handed_over() -> bool:
        return await installation.holders("ledger") == {survivor: 64}

    await until(is_handed_over, timeout=2.5)
    for name in ("timers", "relay", "work 2", "api"):
        code, seconds = installation.fleet.end(name)
        assert (code, seconds < 3) == (0, True), installation.fleet.log(name).read_text()
    assert await installation.database.fetchval("SELECT count(*) FROM lease_members") == 0
    assert await installation.database.fetchval("SELECT count(*) FROM deliveries WHERE state = 'sending'") == 0


async def test_a_process_that_slept_through_its_lease_does_no_harm_when_it_wakes(installation: Installation) -> None:
    survivor = await installation.holder_of("work 2")
    await installation.start_load(40)

    async def half_way() -> bool:
        return bool(await installation.database.fetchval("SELECT count(*) FROM messages") >= 10)

    await until(half_way, timeout=10)
    installation.fleet.send("work 1", signal.SIGSTOP)

    async def is_taken_over() -> bool:
        return await installation.holders("deliveries") == {survivor: 64}

    await until(is_taken_over, timeout=TAKE_OVER)
    installation.fleet.send("work 1", signal.SIGCONT)

    await until(lambda: installation.is_over(40), timeout=60)
    state = await installation.state()
    assert (state["whatsapp"]["doubled"], state["genesys"]["orderInversions"]) == (0, 0)
    await until(installation.all_run, timeout=TAKE_OVER)


async def test_the_webhook_port_answers_webhooks_and_liveness_alone(installation: Installation) -> None:
    async with httpx2.AsyncClient(base_url=installation.webhooks, trust_env=False) as outside:
        assert (await outside.get("/health/live")).status_code == 200
        assert (await outside.post(f"/webhooks/whatsapp/{APP.id}", content=b"{}")).status_code == 401
        for path in ("/", "/health", "/metrics", "/docs", "/openapi.json", "/state/conversation/x", "/v1/messages/x/trace"):
            answer = await outside.get(path, headers={"x-tenant-id": "acme"})
            assert (path, answer.status_code) == (path, 404)
            assert answer.headers["content-type"] == "application/problem+json"
    trace = await installation.api.get("/v1/messages/x/trace", headers={"x-tenant-id": "acme"})
    assert trace.json()["detail"] != answer.json()["detail"], "on its own port the API looks for the message"


async def test_a_role_without_an_api_shows_its_health_where_it_is_told(installation: Installation) -> None:
    async with httpx2.AsyncClient(base_url=installation.health, trust_env=False) as operator:
        report = (await operator.get("/health")).json()
        assert (report["status"], report["checks"]["database"]["status"]) == ("healthy", "ok")
        assert (await operator.get("/health/live")).status_code == 200
        assert "waystate_deliveries_total" in (await operator.get("/metrics")).text
        assert (await operator.get("/state/conversation/x")).status_code == 404
