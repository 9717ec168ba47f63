"""Genesys says that a conversation is over: from its callback to ours being closed, never over what was said since."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from tests.bodies import agent_says
from tests.world import LANES, Business, World, integration_of
from waystate.channels.genesys.event_routes import GenesysEventsWebhook
from waystate.ids import new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received
from waystate.messages.model import Correlation
from waystate.tenants import store
from waystate.web.asgi import webhook_lane
from waystate.web.bodies import Bodies
from waystate.web.metrics import Metrics
from waystate.web.problems import log_failure
from waystate.web.routers import lane_routes
from waystate.webhooks.intake import Intake
from waystate.webhooks.work import WebhookPipeline
from waystate.work.lanes import lane_of
from waystate.work.loops import Hint

SECRET = "a-secret-of-the-events"
CONVERSATION = "genesys-conversation"


@pytest.fixture
async def callback(world: World, tenant: Business) -> AsyncIterator[httpx2.AsyncClient]:
    """The callback of an integration with a secret for events, with all that is behind it up to the ledger."""
    integration = integration_of(tenant).model_copy(update={"event_secret": SECRET})
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.upsert_integrations(conn, world.vault, tenant.tenant, [integration])
    world.directory.clear()
    find, find_now = world.directory.find_genesys_webhook, world.directory.find_genesys_webhook_now
    intake = Intake(world.db, Hint())
    webhook = GenesysEventsWebhook(find, find_now, intake.append, Metrics(), world.clock, lanes=LANES, max_body=10_000)
    lane = webhook_lane(lane_routes(webhook), log_failure, bodies=Bodies(5), answers={})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url="http://localhost") as client:
        yield client
    await intake.close()


@pytest.fixture
async def talk(world: World, tenant: Business) -> str:
    """A conversation that Genesys has under an id of its own, in which everything has arrived; its wamid."""
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.correlate(tenant, Correlation(conversation_id=CONVERSATION, whatsapp_message_id="wamid.1"))
    world.clock.forward(minutes=5)
    return "wamid.1"


def end(at: datetime, **body: Any) -> bytes:
    said = {"eventTime": int(at.timestamp() * 1000), "conversationId": CONVERSATION, "mediaType": "MESSAGE", **body}
    topic = f"v2.detail.events.conversation.{CONVERSATION}.customer.end"
    return json.dumps({"version": "0", "detail-type": topic, "detail": {"topicName": topic, "eventBody": said}}).encode()


async def post(client: httpx2.AsyncClient, business: Business, body: bytes, **headers: str) -> int:
    shown = headers or {"authorization": f"Bearer {SECRET}"}
    answer = await client.post(f"/webhooks/genesys/{business.integration}/events", content=body, headers=shown)
    return answer.status_code


async def work(world: World) -> dict[str, Any]:
    """Everything that waits; the newest row of the ledger then."""
    pipeline = WebhookPipeline(world.db, world.directory, world.runner(), Metrics(), lanes=LANES)
    async with world.db.work() as conn:
        rows = await ledger_store.take_many(conn, range(LANES), world.clock.now, 100)
        await world.directory.refresh(conn)
    await pipeline.work(rows)
    async with world.db.work() as conn:
        return (await ledger_store.list_rows(conn))[0]


async def told(world: World, business: Business) -> list[dict[str, Any]]:
    rows = await world.rows(business, "SELECT data FROM events WHERE type = 'conversation.closed' ORDER BY position")
    return [row["data"] for row in rows]


async def statuses(world: World, business: Business) -> list[tuple[str, str | None]]:
    rows = await world.rows(business, "SELECT status, close_reason FROM conversations ORDER BY id")
    return [(row["status"], row["close_reason"]) for row in rows]


async def test_a_conversation_that_genesys_ended_is_closed_once(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    body = end(world.clock.now, disconnectType="PEER")
    for _ in range(2):
        assert await post(callback, tenant, body, **{"x-waystate-secret": SECRET}) == 200
        row = await work(world)
    assert await statuses(world, tenant) == [("closed", "genesys_ended")]
    (event,) = await told(world, tenant)
    assert (event["reason"], event["genesys_conversation_id"], event["disconnect_type"]) == (
        "genesys_ended",
        CONVERSATION,
        "PEER",
    )
    assert row["outcome"]["ignored"][0]["why"] == "the conversation has ended already"


@pytest.mark.parametrize(
    ("earlier", "whose"), [(1.0, "customer"), (0.4, "customer"), (60.0, "customer"), (1.0, "agent"), (60.0, "agent")]
)
async def test_an_end_that_comes_late_closes_nothing_in_which_more_was_said(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str, earlier: float, whose: str
) -> None:
    ended = world.clock.now
    world.clock.forward(seconds=earlier)
    if whose == "customer":
        await world.receive(tenant, tenant.message(sent_at=world.clock.now.replace(microsecond=0)))
    else:
        await world.answer(tenant, tenant.reply(conversation_id=CONVERSATION))
    await post(callback, tenant, end(ended))
    row = await work(world)
    assert await statuses(world, tenant) == [("active", None)]
    assert await told(world, tenant) == []
    assert "something was said in the conversation since" in row["outcome"]["ignored"][0]["why"]


async def test_the_next_conversation_under_the_same_id_is_not_closed_by_the_end_of_the_first(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    first = world.clock.now
    await post(callback, tenant, end(first))
    await work(world)
    world.clock.forward(minutes=5)
    await world.receive(tenant, tenant.message("wamid.2"))
    await world.correlate(tenant, Correlation(conversation_id=CONVERSATION, whatsapp_message_id="wamid.2"))
    world.clock.forward(minutes=5)
    await post(callback, tenant, end(first))
    await work(world)
    assert await statuses(world, tenant) == [("closed", "genesys_ended"), ("active", None)]
    await post(callback, tenant, end(world.clock.now))
    await work(world)
    assert await statuses(world, tenant) == [("closed", "genesys_ended")] * 2


async def test_a_message_that_has_not_reached_genesys_keeps_the_conversation_open(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    await world.relay(tenant)
    await post(callback, tenant, end(world.clock.now))
    row = await work(world)
    assert await statuses(world, tenant) == [("active", None)]
    assert "on its way to Genesys" in row["outcome"]["ignored"][0]["why"]


async def test_what_an_agent_said_before_the_end_goes_out_though_both_are_worked_at_once(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    said = agent_says(tenant, "goodbye", conversation=CONVERSATION)
    await _received(world, tenant, "genesys", said)
    world.clock.forward(seconds=1)
    await _received(world, tenant, "genesys_events", end(world.clock.now))
    await work(world)
    assert await statuses(world, tenant) == [("closed", "genesys_ended")]
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'goodbye'") == "queued"


async def _received(world: World, business: Business, source: str, body: bytes) -> None:
    lane = lane_of(business.integration, LANES)
    row = Received(
        id=new_id(),
        source=source,
        origin=business.integration,
        lane=lane,
        received_at=world.clock.now,
        body=body,
        signer=business.tenant,
    )
    async with world.db.ingest() as conn:
        await ledger_store.append_many(conn, [row])


async def test_an_end_of_what_is_nobodys_is_kept_and_said(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    await post(callback, tenant, end(world.clock.now, conversationId="a-call"))
    row = await work(world)
    assert (row["state"], row["source"]) == ("done", "genesys_events")
    assert row["outcome"]["ignored"][0]["why"] == "no conversation of this tenant is known by this id"


async def test_an_end_without_its_time_is_a_dead_letter_that_can_be_mended(
    callback: httpx2.AsyncClient, world: World, tenant: Business, talk: str
) -> None:
    await post(callback, tenant, json.dumps({"event": "customer.end", "conversationId": CONVERSATION}).encode())
    await work(world)
    (letter,) = await world.rows(tenant, "SELECT pipeline, reason FROM dead_letters")
    assert letter == {"pipeline": "correlation", "reason": "invalid_payload"}


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"x-waystate-secret": SECRET[:-1]},
        {"x-waystate-secret": "", "authorization": f"Bearer {SECRET}"},
        {"x-hub-signature-256": SECRET},
    ],
)
async def test_who_does_not_show_the_secret_is_turned_away_and_nothing_is_kept(
    callback: httpx2.AsyncClient, world: World, tenant: Business, headers: dict[str, str]
) -> None:
    assert await post(callback, tenant, end(world.clock.now), **headers) == 401
    async with world.db.work() as conn:
        assert await ledger_store.list_rows(conn) == []


async def test_an_integration_without_a_secret_takes_nothing(
    callback: httpx2.AsyncClient, world: World, tenant: Business
) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        await store.upsert_integrations(conn, world.vault, tenant.tenant, [integration_of(tenant)])
    world.directory.clear()
    for shown in ("", "None", SECRET):
        assert await post(callback, tenant, end(world.clock.now), authorization=f"Bearer {shown}") == 401
