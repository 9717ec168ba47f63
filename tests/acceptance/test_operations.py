"""What operators and developers look at: the document of all operations, its page, metrics and health."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from html import unescape

import pytest

from tests.acceptance.installation import (
    INTEGRATION,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.databases import Databases
from waystate.framework import document as describe_all
from waystate.web.metrics import parse_metrics
from waystate.web.openapi import undocumented


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0) as installation:
            yield installation


async def test_every_operation_that_is_served_is_in_the_document_with_its_answers(place: Installation) -> None:
    document = (await place.http.get("/openapi.json")).json()
    assert undocumented(document, place.lane.operations) == []
    assert document == describe_all()
    assert set(document["paths"]) >= {
        "/state/mapping/{waId}",
        "/state/conversation/{conversationId}",
        "/state/message",
        "/state/message/{messageId}",
        "/state/correlation",
        "/webhooks/whatsapp/{appId}",
        "/webhooks/genesys/{integrationId}",
        "/v1/messages/{message_id}/trace",
        "/v1/dead-letters",
        "/v1/dead-letters/{letter_id}",
        "/v1/dead-letters/{letter_id}/replay",
        "/v1/dead-letters/{letter_id}/discard",
        "/v1/dead-letters/replay",
        "/v1/dead-letters/discard",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], f"{method} {path}"
            assert "default" in operation["responses"], f"{method} {path}"


async def test_document_tells_an_operation_that_is_served_and_not_described(place: Installation) -> None:
    document = (await place.http.get("/openapi.json")).json()
    assert undocumented(document, [("GET", "/state/secret")]) == ["GET /state/secret"]


async def test_page_of_the_operations_shows_them_all_and_loads_nothing_from_elsewhere(place: Installation) -> None:
    answer = await place.http.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = unescape(answer.text)
    for _, path in place.lane.operations:
        assert path in page
    for tag in ("<script", "src=", "<link"):
        assert tag not in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_metrics_count_what_was_done(place: Installation) -> None:
    before = parse_metrics((await place.http.get("/metrics")).text)
    at = int(place.app.clock().timestamp())
    await place.post_meta(envelope(customer_message("wamid.metered", "15550100001", at=at)))
    await place.settled()
    await place.post_genesys(agent_message("metered", "15550100001"), integration=INTEGRATION)

    async def is_read() -> bool:
        return bool(await place.value("SELECT count(*) FROM messages WHERE status = 'read'") == 1)

    await until(is_read)
    await place.settled()
    await place.http.post("/webhooks/whatsapp/app-1", content=b"{}")
    await place.post_meta(b"broken")
    await place.settled()
    await place.state("GET", "/state/mapping/15550100001")
    answer = await place.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    after = parse_metrics(answer.text)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0.0)

    assert grown("waystate_messages_total", direction="inbound") == 1
    assert grown("waystate_messages_total", direction="outbound") == 1
    assert grown("waystate_webhooks_total", source="genesys", outcome="accepted") == 1
    assert grown("waystate_webhooks_total", source="whatsapp", outcome="refused") == 1
    assert grown("waystate_ledger_rows_total", state="rejected") == 1
    for target in ("genesys", "whatsapp", "genesys_receipt"):
        assert grown("waystate_deliveries_total", target=target, outcome="sent") == 1
    for hop in ("webhook_to_tracked", "tracked_to_genesys", "genesys_to_tracked", "queued_to_sent", "sent_to_delivered"):
        assert grown("waystate_hop_seconds_count", hop=hop) == 1, hop
    assert grown("waystate_http_requests_total", operation="GET /state/mapping/{waId}", status="200") == 1
    assert grown("waystate_http_requests_total", operation="POST /webhooks/whatsapp/{appId}", status="401") == 1
    for secret in (TENANT, "15550100001", "wamid.metered"):
        assert secret not in answer.text


async def test_health_tells_of_every_part(place: Installation) -> None:
    answer = await place.http.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert (health["status"], health["service"]) == ("healthy", "state-manager")
    assert datetime.fromisoformat(health["timestamp"]).tzinfo is not None
    assert health["uptime_seconds"] >= 0
    assert sorted(health["checks"]) == ["database", "rabbitmq", "redis"]
    assert health["checks"]["database"]["status"] == "ok"
    assert health["checks"]["database"]["latency_ms"] > 0
    assert health["checks"]["database"]["queue_depth"] == 0
    assert health["checks"]["database"]["oldest_undelivered_seconds"] == 0
    for part in ("redis", "rabbitmq"):
        assert (health["checks"][part]["status"], health["checks"][part]["mode"]) == ("ok", "none")
    assert (await place.http.get("/health/live")).json() == {"status": "ok"}
    assert (await place.http.get("/health/ready")).status_code == 200


async def test_health_is_asked_by_many_at_once_without_using_up_the_connections(place: Installation) -> None:
    answers = await asyncio.gather(*(place.http.get("/health") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await place.state("GET", "/state/mapping/15550100001")).status_code == 200


async def test_path_that_is_nobodys_is_a_problem_too(place: Installation) -> None:
    for path in ("/", "/nothing", "/state", "/state/mapping/a/b", "/v1/nothing", "/webhooks/whatsapp"):
        answer = await place.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert answer.headers["content-type"] == "application/problem+json"
