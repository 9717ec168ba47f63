import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, WebSocket

from waystate import documents
from waystate.errors import Conflict, Unavailable
from waystate.web.asgi import BodyLimit, Lane, Request, Response, json_response, text_response
from waystate.web.bodies import Bodies
from waystate.web.problem_handlers import install_problems
from waystate.web.problems import Answers

LIMIT = 4 * 1024 * 1024


class Failures(list[tuple[str, Exception, str]]):
    def __call__(self, operation: str, error: Exception, request_id: str) -> None:
        self.append((operation, error, request_id))


def shown(value: object) -> Response:
    return json_response(json.dumps(value).encode())


async def tell_tail(request: Request) -> Response:
    return shown({"tail": request.tail, "path": request.path, "method": request.method})


async def tell_size(request: Request) -> Response:
    return shown({"size": len(await request.body(LIMIT)), "tail": request.tail})


async def tell_document(request: Request) -> Response:
    return shown(documents.parse(await request.body(LIMIT)))


async def challenge(request: Request) -> Response:
    return text_response(request.query("hub.challenge") or "")


async def refuse(request: Request) -> Response:
    raise Conflict("status_backward", "Send one of the next states.", valid=["read"])


async def be_away(request: Request) -> Response:
    raise Unavailable("database_away", "Send again later.", retry_after=1.2)


async def fail(request: Request) -> Response:
    raise KeyError("919876543210")


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def lane(failures: Failures, answers: Answers) -> Lane:
    app = FastAPI()

    @app.get("/state/conversation/{conversation}/messages")
    async def history(conversation: str) -> dict[str, str]:
        return {"history": conversation}

    @app.websocket("/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()

    install_problems(app, on_error=failures)
    return Lane(
        [
            ("GET", "/state/mapping/{waId}", tell_tail),
            ("GET", "/state/conversation/{conversationId}", tell_tail),
            ("POST", "/state/message", tell_size),
            ("PATCH", "/state/message/{messageId}", tell_size),
            ("POST", "/state/correlation", tell_document),
            ("GET", "/webhooks/whatsapp/{app_id}", challenge),
            ("POST", "/webhooks/whatsapp/{app_id}", refuse),
            ("POST", "/webhooks/genesys/{integration_id}", fail),
            ("POST", "/webhooks/genesys/{integration_id}/events", tell_tail),
            ("GET", "/away", be_away),
        ],
        app,
        failures,
        bodies=Bodies(0.05),
        answers=answers,
    )


@pytest.fixture
async def client(lane: Lane) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url="http://testserver") as client:
        yield client


def assert_problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"urn:waystate:problem:{code}")
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_an_id_before_the_last_part_is_the_tail(client: httpx2.AsyncClient) -> None:
    response = await client.post("/webhooks/genesys/a%20b/events")
    assert (response.status_code, response.json()["tail"]) == (200, "a b")
    for path in ("/webhooks/genesys//events", "/webhooks/genesys/a/b/events", "/webhooks/genesys/a/other"):
        assert (await client.post(path)).status_code == 404, path
    assert (await client.get("/webhooks/genesys/a/events")).status_code == 405


@pytest.mark.parametrize(
    ("path", "tail"),
    [
        ("/state/mapping/+919876543210", "+919876543210"),
        ("/state/mapping/%2B919876543210", "+919876543210"),
        ("/state/mapping/919876543210", "919876543210"),
        ("/state/mapping/US.13491208655302741918", "US.13491208655302741918"),
        ("/state/mapping/caf%C3%A9%20x", "café x"),
        ("/state/conversation/wamid.HBgL%2BQ%3D%3D", "wamid.HBgL+Q=="),
        ("/state/conversation/a%2Fb", "a/b"),
        ("/state/conversation/x?a=1", "x"),
    ],
)
async def test_the_last_part_of_the_path_is_decoded_and_a_plus_stays_a_plus(
    client: httpx2.AsyncClient, path: str, tail: str
) -> None:
    assert (await client.get(path)).json()["tail"] == tail


@pytest.mark.parametrize(
    "path", ["/state/mapping/", "/state/mapping/a/b", "/state/mapping/a%00b", "/state/nothing", "/nothing"]
)
async def test_a_path_that_is_no_operation_is_a_404_problem(client: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404, "not_found")


async def test_a_longer_path_of_the_framework_is_not_hidden_by_the_lane(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/state/conversation/abc/messages")).json() == {"history": "abc"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/state/message", "POST"),
        ("GET", "/state/message", "POST"),
        ("DELETE", "/state/mapping/919", "GET, HEAD"),
        ("PATCH", "/webhooks/whatsapp/1", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(client: httpx2.AsyncClient, method: str, path: str, allow: str) -> None:
    response = await client.request(method, path)
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == allow


async def test_head_is_get_without_the_body(client: httpx2.AsyncClient) -> None:
    got = await client.get("/state/mapping/919")
    head = await client.head("/state/mapping/919")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(got.content.replace(b"GET", b"HEAD"))


async def test_the_query_of_a_verification_is_read(client: httpx2.AsyncClient) -> None:
    response = await client.get("/webhooks/whatsapp/1", params={"hub.mode": "subscribe", "hub.challenge": "11 5\x00"})
    assert response.text == "11 5\ufffd"
    assert response.headers["content-type"].startswith("text/plain")


async def test_a_refusal_is_a_problem_with_its_extra_members(client: httpx2.AsyncClient, failures: Failures) -> None:
    problem = assert_problem(await client.post("/webhooks/whatsapp/1"), 409, "status_backward")
    assert problem["valid"] == ["read"]
    assert failures == []


async def test_a_refusal_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    response = await client.get("/away")
    assert_problem(response, 503, "database_away")
    assert response.headers["retry-after"] == "2"


async def test_an_unreadable_body_is_a_400(client: httpx2.AsyncClient, failures: Failures) -> None:
    problem = assert_problem(await client.post("/state/correlation", content=b"{"), 400, "unreadable_body")
    assert "JSON" in problem["detail"]
    assert failures == []


async def test_an_unexpected_failure_is_reported_once_and_names_a_request_id(
    client: httpx2.AsyncClient, failures: Failures
) -> None:
    response = await client.post("/webhooks/genesys/1")
    problem = assert_problem(response, 500, "internal_error")
    [(operation, error, request_id)] = failures
    assert operation == "POST /webhooks/genesys/{integration_id}"
    assert isinstance(error, KeyError)
    assert problem["request_id"] == request_id
    assert request_id in problem["detail"]
    assert "919876543210" not in response.text


async def test_answers_are_counted_by_operation_and_status_and_never_by_path(
    client: httpx2.AsyncClient, answers: Answers
) -> None:
    for method, path in [("GET", "/state/mapping/1"), ("GET", "/state/mapping/2"), ("BREW", "/state/mapping/3")]:
        await client.request(method, path)
    assert answers == {("GET /state/mapping/{waId}", 200): 2, ("unmatched", 405): 1}


async def test_a_body_of_the_limit_is_taken(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/state/message", content=bytes(LIMIT))).json() == {"size": LIMIT, "tail": ""}


async def test_a_body_over_the_limit_is_refused_by_its_declared_length_before_a_byte_is_read(lane: Lane) -> None:
    async def must_not_read() -> dict[str, Any]:
        raise AssertionError("the body was read")

    for declared in (str(LIMIT + 1), "9" * 5000):
        status, _ = await call(lane, must_not_read, [(b"content-length", declared.encode())])
        assert status == 413


@pytest.mark.parametrize("declared", [[], [(b"content-length", b"10")]])
async def test_a_body_over_the_limit_is_refused_by_counting_and_not_read_to_its_end(
    lane: Lane, declared: list[tuple[bytes, bytes]]
) -> None:
    chunks_read = 0

    async def endless() -> dict[str, Any]:
        nonlocal chunks_read
        chunks_read += 1
        return {"type": "http.request", "body": bytes(1024 * 1024), "more_body": True}

    status, body = await call(lane, endless, declared)
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert chunks_read == 5


async def test_a_chunked_body_one_byte_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield bytes(1024 * 1024)
        yield b"x"

    assert_problem(await client.post("/state/message", content=chunks()), 413, "body_too_large")


async def test_a_body_in_chunks_is_joined(client: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in (b'{"a":', b"", b" 1}"):
            yield part

    assert (await client.post("/state/correlation", content=chunks())).json() == {"a": 1}


async def test_a_body_that_stalls_is_a_408(lane: Lane) -> None:
    started = False

    async def stalling() -> dict[str, Any]:
        nonlocal started
        if started:
            await asyncio.sleep(60)
        started = True
        return {"type": "http.request", "body": b"{", "more_body": True}

    status, body = await call(lane, stalling)
    assert (status, json.loads(body)["code"]) == (408, "body_too_slow")


async def test_a_body_that_drips_is_a_408_because_the_time_is_for_the_whole(lane: Lane) -> None:
    async def dripping() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b".", "more_body": True}

    status, _ = await call(lane, dripping)
    assert status == 408


async def test_a_body_that_breaks_off_is_a_400_and_no_failure(lane: Lane, failures: Failures) -> None:
    first: dict[str, Any] = {"type": "http.request", "body": b"{", "more_body": True}
    messages = iter([first, {"type": "http.disconnect"}])

    async def leaving() -> dict[str, Any]:
        return next(messages)

    status, body = await call(lane, leaving)
    assert (status, json.loads(body)["code"]) == (400, "incomplete_body")
    assert failures == []


async def test_a_body_can_be_asked_for_twice() -> None:
    messages = iter([{"type": "http.request", "body": b"once"}])

    async def once() -> dict[str, Any]:
        return next(messages)

    request = Request({"headers": []}, once)
    assert [await request.body(10), await request.body(10)] == [b"once", b"once"]


def test_a_request_shows_headers_and_the_peer() -> None:
    async def nothing() -> dict[str, Any]:
        return {}

    request = Request({"headers": [(b"x-a", b"1"), (b"x-a", b"2")], "client": ("127.0.0.1", "35692")}, nothing)
    assert (request.header(b"x-a"), request.header(b"x-b"), request.client_host) == (b"1", None, "127.0.0.1")
    assert Request({"headers": [], "client": None}, nothing).client_host is None


async def test_routes_of_the_framework_have_the_same_limit() -> None:
    app = FastAPI()

    @app.post("/notes")
    async def take_note(note: dict[str, str]) -> int:
        return len(note)

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"a": "'
        yield bytes(100)

    app.add_middleware(BodyLimit, limit=100)
    failures = Failures()
    install_problems(app, on_error=failures)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver") as client:
        assert (await client.post("/notes", json={"a": "b"})).json() == 1
        for body in (bytes(101), chunks()):
            response = await client.post("/notes", content=body, headers={"content-type": "application/json"})
            assert_problem(response, 413, "body_too_large")
    assert failures == []


async def test_lifespan_and_websocket_go_to_the_framework() -> None:
    seen: list[str] = []

    async def framework(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    lane = Lane([("GET", "/feed", tell_tail)], framework, Failures(), bodies=Bodies(1))
    for kind in ("lifespan", "websocket"):
        await lane({"type": kind, "path": "/feed"}, unused, unused)
    assert seen == ["lifespan", "websocket"]


async def unused(*_: Any) -> Any:
    raise AssertionError


async def call(
    lane: Lane, receive: Callable[[], Awaitable[dict[str, Any]]], headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int | None, bytes]:
    """POST /state/message with a body of which the test decides every chunk."""
    status, body = None, b""

    async def send(message: Any) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    scope = {"type": "http", "method": "POST", "path": "/state/message", "query_string": b"", "headers": headers or []}
    await lane(scope, receive, send)
    return status, body
