"""What operators and developers look at: the document of all operations, its page, metrics and health."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from datetime import datetime
from html import unescape
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    BY_HAND,
    INTEGRATION,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.acceptance.outsiders import OF_A_KEY, key_caller
from tests.databases import Databases
from waystate import __version__
from waystate.framework import OPERATIONS
from waystate.framework import document as describe_all
from waystate.operations import Operation
from waystate.web.metrics import parse_metrics
from waystate.web.openapi import undocumented


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), **BY_HAND) as installation:
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


async def test_page_shows_an_example_of_every_body(place: Installation) -> None:
    page = unescape((await place.http.get("/docs")).text)
    shown = [each for each in OPERATIONS.values() if each.example_body is not None and not each.is_hidden]
    assert len(shown) > 25
    for row in shown:
        article = page.partition(f'<span class="method">{row.method}</span> <code>{row.path}</code>')[2].partition(
            "</article>"
        )[0]
        assert json.dumps(row.example_body, indent=2, ensure_ascii=False) in article, row
        assert shlex.quote(json.dumps(row.example_body, ensure_ascii=False)) in article, row


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("state.example.com", "http://state.example.com"),
        ("State.Example.com:8443", "http://state.example.com:8443"),
        ("10.0.0.7:3005", "http://10.0.0.7:3005"),
        ("[::1]:3005", "http://[::1]:3005"),
        *(
            (host, "http://localhost:3005")
            for host in ("", "a'b", 'a"b', "<script>", "a b", "a;b", "a/b", "a@b", "a:b", "$(id)", "a`b")
        ),
    ],
)
async def test_page_names_the_address_it_was_asked_by_and_nothing_that_is_none(
    place: Installation, host: str, shown: str
) -> None:
    said = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-port": "9"}
    for headers in ({"host": host}, {"host": host, **said}):
        answer = await place.http.get("/docs", headers=headers)
        assert f"curl -X GET &#x27;{shown}/state/mapping/" in answer.text
        assert set(re.findall(r"curl -X \w+ &#x27;(\w+://[^/]*)/", answer.text)) == {shown}
        assert "this-server" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0", "image/png"]
)
async def test_root_tells_a_program_where_to_go(place: Installation, accept: str | None) -> None:
    answer = await place.http.get("/", headers={} if accept is None else {"accept": accept})
    assert (answer.status_code, answer.headers["content-type"], answer.headers["vary"]) == (200, "application/json", "Accept")
    told = answer.json()
    assert (told.pop("service"), told.pop("version")) == ("Waystate", __version__)
    assert told == {"docs": "/docs", "openapi": "/openapi.json", "health": "/health", "metrics": "/metrics"}
    for path in told.values():
        assert (await place.http.get(path)).status_code == 200


@pytest.mark.parametrize(
    "accept",
    ["text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html;q=0.9, application/json;q=0.1"],
)
async def test_root_shows_a_browser_where_to_go(place: Installation, accept: str) -> None:
    answer = await place.http.get("/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert __version__ in answer.text
    for path in ("/docs", "/health", "/openapi.json"):
        assert f'<a href="{path}">' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def filled(path: str, value: str) -> str:
    return re.sub(r"\{\w+\}", value, path)


METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


@pytest.mark.parametrize("path", sorted({path for _, path in OPERATIONS}))
async def test_wrong_method_is_told_every_method_of_the_path(place: Installation, path: str) -> None:
    url = filled(path, "x")
    # The lane's own path hides those of the framework that take any id in its place.
    is_own = any(row.is_fast and each == path and "{" not in path for (_, each), row in OPERATIONS.items())
    rows = [method for method, each in OPERATIONS if (each == path if is_own else re.fullmatch(filled(each, "[^/]+"), url))]
    taken = sorted({*rows, *(["HEAD"] if "GET" in rows else [])})
    for method in (*METHODS, "OPTIONS", "TRACE", "BREW"):
        if method in taken:
            continue
        answer = await place.http.request(method, url)
        assert (answer.status_code, answer.headers["allow"]) == (405, ", ".join(taken)), method
        if method != "HEAD":
            assert answer.json()["code"] == "method_not_allowed"
            assert all(each in answer.json()["detail"] for each in taken)


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=str)
async def test_path_with_an_empty_part_is_nobodys(place: Installation, row: Operation) -> None:
    whole = filled(row.path, "x")
    empty = {f"{whole.rstrip('/')}/", f"{whole}//", filled(row.path, ""), f"/{whole}", whole.replace("/", "//")} - {
        "/",
        row.path,
    }
    for url in empty:
        for method in {row.method, "DELETE"}:
            answer = await place.http.request(method, f"http://localhost:3005{url}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, url)
            assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/health/live", "/v1/tenant", "/state/mapping/15550100001", "/v1/nothing"]
)
async def test_head_is_get_without_the_body(place: Installation, path: str) -> None:
    key = await key_caller(place, TENANT, "looks", OF_A_KEY)
    # The first look-up of a customer says that their conversation is new.
    _, got, told = [await place.http.request(method, path, headers=key.headers) for method in ("GET", "GET", "HEAD")]
    assert (told.status_code, told.content) == (got.status_code, b"")
    assert told.headers["content-type"] == got.headers["content-type"]
    assert told.headers["content-length"] == f"{len(got.content)}"


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
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        assert (await place.http.get(f"{path}?x=1&x=2&cache")).status_code == 200


async def test_health_is_asked_by_many_at_once_without_using_up_the_connections(place: Installation) -> None:
    answers = await asyncio.gather(*(place.http.get("/health") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await place.state("GET", "/state/mapping/15550100001")).status_code == 200


async def test_path_that_is_nobodys_is_a_problem_too(place: Installation) -> None:
    for path in ("/nothing", "/state", "/state/mapping/a/b", "/v1/nothing", "/webhooks/whatsapp"):
        answer = await place.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("port", ["WEBHOOK_PORT", "HEALTH_PORT"])
async def test_the_other_ports_refuse_as_the_first_does(place: Installation, port: str) -> None:
    app: Any = place.app.webhook_lane() if port == "WEBHOOK_PORT" else place.app.health_app()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:3007") as http:
        assert (await http.get("/health/live")).json() == {"status": "ok"}
        assert (await http.get("/health/live?surplus=1&surplus=2")).json() == {"status": "ok"}
        assert (await http.head("/health/live")).content == b""
        for method, path, status, code in (
            ("GET", "/", 404, "not_found"),
            ("GET", "/health/live/", 404, "not_found"),
            ("GET", "/v1/tenant", 404, "not_found"),
            ("POST", "/health/live", 405, "method_not_allowed"),
        ):
            answer = await http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (status, code), path
            assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"] == "GET, HEAD"
