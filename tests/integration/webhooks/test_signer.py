"""An integration that moves to another tenant while its webhooks wait: what one tenant's secret signed is no other's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.bodies import agent_says
from tests.world import LANES, Business, World, integration_of
from waystate.channels.genesys.routes import GenesysWebhook
from waystate.channels.signature import sign_as_genesys
from waystate.ledger import store as ledger_store
from waystate.tenants import store
from waystate.web.asgi import webhook_lane
from waystate.web.bodies import Bodies
from waystate.web.metrics import Metrics
from waystate.web.problems import log_failure
from waystate.web.routers import lane_routes
from waystate.webhooks.intake import Intake
from waystate.webhooks.work import WebhookPipeline
from waystate.work.loops import Hint

INTEGRATION = "integration-1001"


@pytest.fixture
async def callback(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """Genesys' callback, with all that is behind it up to the ledger."""
    find, find_now = world.directory.find_genesys_webhook, world.directory.find_genesys_webhook_now
    intake = Intake(world.db, Hint())
    webhook = GenesysWebhook(find, find_now, intake.append, Metrics(), world.clock, lanes=LANES, max_body=10_000)
    lane = webhook_lane(lane_routes(webhook), log_failure, bodies=Bodies(5), answers={})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url="http://localhost") as client:
        yield client
    await intake.close()


async def agent_writes(client: httpx2.AsyncClient, business: Business, message_id: str, *, secret: str) -> int:
    body = agent_says(business, message_id)
    headers = {"x-hub-signature-256": sign_as_genesys(secret.encode(), body)}
    answer = await client.post(f"/webhooks/genesys/{INTEGRATION}", content=body, headers=headers)
    return answer.status_code


async def give(world: World, business: Business, *, secret: str) -> None:
    """The integration to this tenant."""
    integration = integration_of(replace(business, integration=INTEGRATION))
    async with world.db.work(tenant_id=business.tenant) as conn:
        await store.upsert_integrations(conn, world.vault, business.tenant, [replace_secret(integration, secret)])


def replace_secret(integration: Any, secret: str) -> Any:
    return integration.model_copy(update={"webhook_secret": secret})


async def take_away(world: World, business: Business) -> None:
    async with world.db.work(tenant_id=business.tenant) as conn:
        await store.remove_integrations(conn, business.tenant, [INTEGRATION])


async def work(world: World) -> list[dict[str, Any]]:
    """Everything that waits; the rows of the ledger then."""
    pipeline = WebhookPipeline(world.db, world.directory, world.runner(), Metrics(), lanes=LANES)
    for _ in range(3):
        async with world.db.work() as conn:
            rows = await ledger_store.take_many(conn, range(LANES), world.clock.now, 100)
            await world.directory.refresh(conn)
        await pipeline.work(rows)
    async with world.db.work() as conn:
        return await ledger_store.list_rows(conn)


async def traces(world: World, business: Business) -> tuple[int, int]:
    """Outbound messages and dead letters: what an agent's text would be seen in."""
    return (
        await world.value(business, "SELECT count(*) FROM messages WHERE direction = 'outbound'"),
        await world.value(business, "SELECT count(*) FROM dead_letters"),
    )


@pytest.fixture
async def former(world: World) -> Business:
    business = await world.add("former", number="1001", with_genesys=False)
    await give(world, business, secret="former's")
    return business


@pytest.fixture
async def present(world: World) -> Business:
    return await world.add("present", number="2001", with_genesys=False)


@pytest.mark.parametrize("secret", ["former's", "another"])
async def test_what_waits_of_the_former_tenant_is_kept_and_not_shown_to_the_present_one(
    world: World, former: Business, present: Business, callback: httpx2.AsyncClient, secret: str
) -> None:
    """Also where both tenants have the same secret: it is the tenant that counts."""
    assert await agent_writes(callback, former, "g.1", secret="former's") == 200
    await take_away(world, former)
    await give(world, present, secret=secret)
    (row,) = await work(world)
    assert (row["state"], row["outcome"]["reason"]) == ("rejected", "unknown_tenant")
    assert "another tenant's than former" in row["outcome"]["message"]
    assert (await traces(world, present), await traces(world, former)) == ((0, 0), (0, 0))


async def test_what_waits_is_worked_when_the_integration_comes_back(
    world: World, former: Business, present: Business, callback: httpx2.AsyncClient
) -> None:
    assert await agent_writes(callback, former, "g.1", secret="former's") == 200
    await take_away(world, former)
    await give(world, present, secret="present's")
    await work(world)
    await take_away(world, present)
    await give(world, former, secret="former's")
    (row,) = await work(world)
    assert row["state"] == "done"
    assert (await traces(world, present), await traces(world, former)) == ((0, 0), (0, 1)), "it names no customer"


async def test_what_the_present_tenant_signs_is_worked(
    world: World, former: Business, present: Business, callback: httpx2.AsyncClient
) -> None:
    await take_away(world, former)
    await give(world, present, secret="present's")
    assert await agent_writes(callback, former, "g.0", secret="former's") == 401
    assert await agent_writes(callback, present, "g.1", secret="present's") == 200
    (row,) = await work(world)
    assert row["state"] == "done"
    assert (await traces(world, present), await traces(world, former)) == ((0, 1), (0, 0))


async def test_of_a_row_of_an_older_version_nobody_knows_who_signed_it(
    world: World, former: Business, callback: httpx2.AsyncClient
) -> None:
    assert await agent_writes(callback, former, "g.1", secret="former's") == 200
    async with world.db.work() as conn:
        await conn.execute("UPDATE webhook_ledger SET signer = NULL")
    (row,) = await work(world)
    assert row["state"] == "done"
    assert await traces(world, former) == (0, 1)
