"""The database goes away and comes back: callers are told to come again, and Waystate recovers by itself, with nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.acceptance.installation import (
    EVENT_SECRET,
    INTEGRATION,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    observe,
    until,
)
from tests.databases import temporary_home
from waystate.clock import utc_now
from waystate.db import migrate
from waystate.db.embedded import EmbeddedPostgres
from waystate.keys import store as key_store


@dataclass
class Outage:
    """An installation on a PostgreSQL of its own."""

    place: Installation
    postgres: EmbeddedPostgres
    key: str

    async def begin(self) -> None:
        await asyncio.to_thread(self.postgres.stop, "immediate")

    async def end(self) -> None:
        await asyncio.to_thread(self.postgres.start)

    async def recovered(self) -> None:
        async def is_healthy() -> bool:
            return (await self.place.http.get("/health")).status_code == 200

        await until(is_healthy, timeout=15)
        self.place.database = await observe(self.postgres.url())


@pytest.fixture(scope="module")
async def outage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outage]:
    with temporary_home() as home:
        postgres = EmbeddedPostgres(home)
        url = await asyncio.to_thread(postgres.start)
        try:
            migrate.upgrade(url)
            async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0) as place:
                async with place.app.db.tenant(TENANT) as conn:
                    _, key = await key_store.create_key(conn, TENANT, "acceptance", utc_now())
                yield Outage(place, postgres, key)
        finally:
            await asyncio.to_thread(postgres.stop, "immediate")


def is_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "database_unavailable"


@pytest.mark.parametrize("memory", ["warm", "cold"])
async def test_every_door_says_come_again_until_the_database_is_back(outage: Outage, memory: str) -> None:
    place = outage.place
    before = f"wamid.before-{memory}"
    await place.post_meta(envelope(customer_message(before, "15550100001")))
    await place.state("GET", "/state/mapping/15550100001")
    assert (await place.post_meta(envelope(customer_message(f"{before}-2", "15550100001")))).status_code == 200
    await place.settled()

    await outage.begin()
    try:
        if memory == "cold":
            place.app.directory.clear()
            place.app.state.lookups.cache.clear()
            place.app.services.authenticator.forget()
        health = await place.http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        assert health.json()["checks"]["database"]["status"] == "error"
        assert (await place.http.get("/health/ready")).status_code == 503
        assert (await place.http.get("/health/live")).status_code == 200
        assert (await place.http.get("/metrics")).status_code == 200
        during = envelope(customer_message(f"wamid.during-{memory}", "15550100001"))
        is_unavailable(await place.post_meta(during))
        is_unavailable(await place.post_genesys(agent_message(f"during-{memory}", "15550100001")))
        shown = {"x-waystate-secret": EVENT_SECRET}
        end = {"event": "customer.end", "conversationId": "x", "eventTime": 1_790_000_000_000}
        is_unavailable(await place.http.post(f"/webhooks/genesys/{INTEGRATION}/events", json=end, headers=shown))
        is_unavailable(await place.state("GET", "/state/mapping/15550100009"))
        is_unavailable(await place.state("GET", "/state/conversation/unknown"))
        body = {"conversationId": "x", "direction": "inbound", "status": "received"}
        is_unavailable(await place.state("POST", "/state/message", body))
        is_unavailable(await place.state("PATCH", "/state/message/wamid.x", {"status": "read"}))
        is_unavailable(await place.state("POST", "/state/correlation", {"conversation_id": "x", "whatsapp_message_id": "y"}))
        is_unavailable(await place.http.get(f"/v1/messages/{before}/trace", headers={"x-tenant-id": TENANT}))
        is_unavailable(await place.http.get("/v1/dead-letters", headers={"x-api-key": outage.key}))
        if memory == "cold":
            verification = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "meta-verify-token"}
            is_unavailable(await place.http.get("/webhooks/whatsapp/app-1", params=verification))
    finally:
        await outage.end()

    await outage.recovered()
    assert (await place.post_meta(during)).status_code == 200
    await place.settled(timeout=15)
    for wamid in (before, f"{before}-2", f"wamid.during-{memory}"):
        assert (await place.trace(wamid))["status"] == "processed", wamid
    assert await place.value("SELECT count(*) FROM messages WHERE wamid = $1", f"wamid.during-{memory}") == 1


async def test_webhook_acknowledged_while_the_database_died_is_worked_and_the_others_can_come_again(outage: Outage) -> None:
    place = outage.place
    bodies = [envelope(customer_message(f"wamid.dying-{number}", f"1555030{number % 20:04d}")) for number in range(400)]
    statuses: dict[int, int] = {}

    async def post(number: int) -> None:
        statuses[number] = (await place.post_meta(bodies[number])).status_code

    await asyncio.gather(*map(post, range(50)))
    stopping = asyncio.create_task(outage.begin())
    posting = []
    for start in range(50, 400, 25):
        posting += [asyncio.create_task(post(number)) for number in range(start, start + 25)]
        await asyncio.sleep(0.01)
    await asyncio.gather(*posting, stopping)
    await outage.end()
    await outage.recovered()
    await place.settled(timeout=20)
    assert set(statuses.values()) == {200, 503}
    kept = {number for number, status in statuses.items() if status == 200}
    rows = await place.rows("SELECT wamid, status FROM messages WHERE wamid LIKE 'wamid.dying-%'")
    tracked = {int(row["wamid"].rpartition("-")[2]) for row in rows}
    assert kept <= tracked
    for number in set(statuses) - kept:
        assert (await place.post_meta(bodies[number])).status_code == 200
    await place.settled(timeout=20)
    rows = await place.rows("SELECT wamid, status FROM messages WHERE wamid LIKE 'wamid.dying-%'")
    assert sorted(row["wamid"] for row in rows) == sorted(f"wamid.dying-{number}" for number in range(400))
    assert {row["status"] for row in rows} == {"processed"}
    assert place.far is not None
    customers = (await place.far.get("/simulator/messages")).json()["customers"]
    received = [each["messageId"] for customer in customers for each in customer["genesysReceived"]]
    assert sorted(each for each in received if each.startswith("wamid.dying-")) == sorted(row["wamid"] for row in rows)
