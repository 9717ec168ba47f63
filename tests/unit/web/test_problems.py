import json
from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from structlog.testing import capture_logs

from waystate.documents import Unreadable
from waystate.errors import BadRequest, Conflict, Forbidden, Refused, TooMany, Unauthorized
from waystate.web.problem_handlers import install_problems
from waystate.web.problems import Answers, invalid_fields, log_failure, render_problem, render_traceback

PASSWORD = "correct horse battery"


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str
    password: str
    attempts: int = 0

    @field_validator("password")
    @classmethod
    def be_long(cls, value: str) -> str:
        if value != "long enough":
            raise ValueError(f"{value} is not long enough")
        return value


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def app(answers: Answers) -> FastAPI:
    app = FastAPI()

    @app.get("/contacts/{contact_id}")
    async def get_contact(contact_id: int, page: Annotated[int, Query(ge=1)] = 1) -> int:
        return contact_id

    @app.post("/login")
    async def login(body: Login) -> str:
        return body.email

    @app.get("/refused/{kind}")
    async def refused(kind: str) -> None:
        raise {
            "conflict": Conflict("taken", "Choose another name.", name="a"),
            "key": Unauthorized("no_key", "Send an API key."),
            "role": Forbidden("role_missing", "Ask an admin."),
            "quota": TooMany("quota", "Send less.", retry_after=0.2),
            "http": HTTPException(418, "short and stout", {"X-Tea": "Earl"}),
            "body": Unreadable("not valid JSON: at line 1"),
        }[kind]

    @app.get("/broken-stream")
    async def broken_stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            raise KeyError("+919876543210")

        return StreamingResponse(parts())

    @app.websocket("/feed/{end}")
    async def feed(socket: WebSocket, end: str) -> None:
        await socket.accept()
        if end == "fails":
            raise KeyError("+919876543210")
        await socket.receive_text()

    install_problems(app, answers=answers)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver") as client:
        yield client


def test_a_problem_has_its_standard_members_first_and_extra_ones_cannot_replace_them() -> None:
    refused = BadRequest("no_tenant", "Send X-Tenant-ID.", status="x", title="y", field="X-Tenant-ID")
    status, headers, body = render_problem(refused, "/state/mapping")
    assert (status, headers) == (400, [(b"content-type", b"application/problem+json")])
    assert list(json.loads(body).items())[:3] == [
        ("type", "urn:waystate:problem:no_tenant"),
        ("title", "Bad request"),
        ("status", 400),
    ]
    assert json.loads(body) == {
        "type": "urn:waystate:problem:no_tenant",
        "title": "Bad request",
        "status": 400,
        "detail": "Send X-Tenant-ID.",
        "code": "no_tenant",
        "instance": "/state/mapping",
        "field": "X-Tenant-ID",
    }


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text_of_a_caller_gives_a_problem_that_can_be_sent(detail: str, values: dict[str, str]) -> None:
    _, _, body = render_problem(BadRequest("odd", detail, values=values))
    assert json.loads(body.decode("utf-8"))["code"] == "odd"


def test_lone_surrogates_of_a_caller_do_not_break_a_problem() -> None:
    assert json.loads(render_problem(BadRequest("odd", "\ud800"))[2])["detail"] == "\ufffd"


@pytest.mark.parametrize(
    ("kind", "status", "code", "header"),
    [
        ("conflict", 409, "taken", None),
        ("key", 401, "no_key", ("www-authenticate", "Bearer")),
        ("role", 403, "role_missing", None),
        ("quota", 429, "quota", ("retry-after", "1")),
        ("http", 418, "im_a_teapot", ("x-tea", "Earl")),
        ("body", 400, "unreadable_body", None),
    ],
)
async def test_every_refusal_of_a_route_is_a_problem(
    client: httpx2.AsyncClient, kind: str, status: int, code: str, header: tuple[str, str] | None
) -> None:
    response = await client.get(f"/refused/{kind}")
    assert (response.status_code, response.json()["code"], response.json()["status"]) == (status, code, status)
    assert response.headers["content-type"] == "application/problem+json"
    if header:
        assert response.headers[header[0]] == header[1]


async def test_unknown_paths_and_methods_are_problems(client: httpx2.AsyncClient) -> None:
    missing, wrong = await client.get("/nowhere"), await client.put("/login")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert "POST" in wrong.json()["detail"]


async def test_an_invalid_request_is_told_each_field_and_none_of_its_values(client: httpx2.AsyncClient) -> None:
    response = await client.post("/login", json={"password": PASSWORD, "attempts": "many", "admin": True})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "invalid_request")
    assert {error["field"]: error["problem"] for error in problem["errors"]} == {
        "body.email": "is missing; add it",
        "body.password": "… is not long enough",
        "body.attempts": "must be a whole number, such as 10",
        "body.admin": "is not taken here; correct its name, or leave it out",
    }
    assert PASSWORD not in response.text
    told = [f"{error['field']} {error['problem']}" for error in problem["errors"]]
    assert problem["detail"] == f"Not usable: {'; '.join(told[:3])}; and 1 more. Correct what `errors` names and send again."


async def test_invalid_parameters_and_bodies_that_are_no_json_are_422_too(client: httpx2.AsyncClient) -> None:
    page = await client.get("/contacts/x", params={"page": 0})
    broken = await client.post("/login", content=b"{", headers={"content-type": "application/json"})
    assert [error["field"] for error in page.json()["errors"]] == ["path.contact_id", "query.page"]
    assert (broken.status_code, broken.json()["code"]) == (422, "invalid_request")


def test_a_handler_of_the_lane_refuses_a_model_in_the_same_way() -> None:
    with pytest.raises(ValidationError) as caught:
        Login.model_validate({"email": "a@example.org", "password": PASSWORD})
    refused = invalid_fields(caught.value.errors())
    assert refused.extra["errors"] == [{"field": "password", "problem": "… is not long enough"}]
    assert PASSWORD not in refused.detail


def test_a_thousand_wrong_fields_are_told_in_part() -> None:
    errors = [{"loc": (f"field{number}",), "msg": "wrong", "input": 1} for number in range(1000)]
    assert len(invalid_fields(errors).extra["errors"]) == 20


async def test_an_unhandled_error_is_logged_once_and_does_not_reach_the_server(app: FastAPI) -> None:
    @app.get("/boom")
    async def boom() -> None:
        raise KeyError("+919876543210")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://testserver") as client:
        with capture_logs() as logs:
            response = await client.get("/boom")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (500, "internal_error")
    [entry] = logs
    assert (entry["operation"], entry["request_id"]) == ("GET /boom", problem["request_id"])
    assert "KeyError" in entry["traceback"]
    assert "in boom" in entry["traceback"]
    assert "919876543210" not in response.text


async def test_an_answer_that_breaks_off_is_cut_without_telling_the_server_why(client: httpx2.AsyncClient) -> None:
    with capture_logs() as logs, pytest.raises(ConnectionAbortedError) as caught:
        await client.get("/broken-stream")
    assert logs[0]["request_id"] in str(caught.value)
    assert "919876543210" not in str(caught.value)


def test_a_websocket_that_fails_is_closed_as_a_fault_of_the_server(app: FastAPI) -> None:
    with capture_logs() as logs, TestClient(app).websocket_connect("/feed/fails") as socket:
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
        assert caught.value.code == 1011
    assert logs[0]["operation"] == "WEBSOCKET /feed/{end}"


def test_a_websocket_client_that_leaves_is_no_failure(app: FastAPI) -> None:
    with capture_logs() as logs, TestClient(app).websocket_connect("/feed/stays"):
        pass
    assert logs == []


async def test_answers_of_the_framework_are_counted_by_template(client: httpx2.AsyncClient, answers: Answers) -> None:
    for path in ("/contacts/1", "/contacts/2", "/contacts/x", "/nowhere/1"):
        await client.get(path)
    await client.request("BREW", "/contacts/1")
    assert answers == {
        ("GET /contacts/{contact_id}", 200): 2,
        ("GET /contacts/{contact_id}", 422): 1,
        ("unmatched", 404): 1,
        ("unmatched", 405): 1,
    }


def test_a_traceback_names_causes_and_groups_but_no_message() -> None:
    class UniqueViolation(Exception):
        sqlstate = "23505"

    def fail() -> None:
        try:
            raise UniqueViolation("Key (wa_id)=(919876543210) already exists")
        except UniqueViolation as error:
            raise ExceptionGroup("of +919876543210", [ValueError("Asha")]) from error

    with pytest.raises(ExceptionGroup) as caught:
        fail()
    text = render_traceback(caught.value)
    assert "UniqueViolation (SQLSTATE 23505)" in text
    assert "builtins.ValueError" in text
    assert "in fail" in text
    assert "Key (wa_id)=" not in "".join(line for line in text.splitlines() if not line.startswith("    "))


def test_a_logged_failure_carries_no_message() -> None:
    with capture_logs() as logs:
        log_failure("POST /state/message", Refused("x", "+919876543210"), "id-1")
    assert logs == [
        {
            "event": "unhandled error",
            "log_level": "error",
            "operation": "POST /state/message",
            "request_id": "id-1",
            "traceback": "waystate.errors.Refused\n",
        }
    ]
