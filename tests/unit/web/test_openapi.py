import re
from typing import Any, Literal

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from waystate.operations import TEXT, Operation, Parameter
from waystate.principal import Scope
from waystate.web.asgi import Lane, Request, Response, json_response
from waystate.web.bodies import Bodies
from waystate.web.openapi import DocsRoutes, describe, undocumented
from waystate.web.problems import log_failure
from waystate.web.routers import add_operations


class Mapping(BaseModel):
    wa_id: str = Field(alias="waId", description="As the <b>caller</b> wrote it")
    conversation_id: str | None = Field(alias="conversationId", default=None)


class TrackMessage(BaseModel):
    direction: Literal["inbound", "outbound"]
    tags: list[str] = []


class Tracked(BaseModel):
    created: bool
    mapping: Mapping


OPERATIONS = [
    Operation(
        "GET",
        "/state/mapping/{waId}",
        Scope.STATE_READ,
        tag="State",
        name="getMapping",
        summary="Get or open the conversation of a WhatsApp user",
        parameters=(
            Parameter(name="waId", example="+919876543210"),
            Parameter(name="phoneNumberId", place="query", required=False),
            Parameter(name="X-Tenant-ID", place="header", required=False, description="In trusted mode"),
        ),
        answers={200: Mapping},
    ),
    Operation(
        "POST",
        "/state/message",
        Scope.STATE_WRITE,
        tag="State",
        name="trackMessage",
        summary="Track a message",
        description="It never sends.\n\nThe same id again makes no second row.",
        body=TrackMessage,
        status=201,
        answers={201: Tracked, 200: Tracked},
        problems={404: "The conversation is unknown"},
    ),
    Operation(
        "GET",
        "/webhooks/whatsapp/{app_id}",
        None,
        name="verifyWebhook",
        summary="Verify the callback",
        tag="Webhooks",
        parameters=(Parameter(name="app_id"), Parameter(name="hub.challenge", place="query")),
        answers={200: TEXT},
    ),
    Operation(
        "POST",
        "/webhooks/whatsapp/{app_id}",
        None,
        name="takeWebhook",
        summary="Take a webhook",
        tag="Webhooks",
        parameters=(Parameter(name="app_id"),),
        body=dict[str, Any],
        answers={200: TEXT},
    ),
]


async def answer(_: Request) -> Response:
    return json_response(b"{}")


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(title="Waystate", version="1.2.3", docs_url=None, redoc_url=None)

    @app.get("/contacts/{contact_id}", tags=["Contacts"])
    async def get_contact(contact_id: int) -> Mapping:
        raise NotImplementedError

    describe(app, OPERATIONS)
    add_operations(app.router, DocsRoutes(app.openapi))
    return app


@pytest.fixture
def lane(app: FastAPI) -> Lane:
    return Lane([(each.method, each.path, answer) for each in OPERATIONS], app, log_failure, bodies=Bodies(1))


async def get(lane: Lane, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url="http://testserver") as client:
        return await client.get(path)


async def test_every_operation_of_the_lane_is_in_the_served_document_with_its_schema(lane: Lane) -> None:
    document = (await get(lane, "/openapi.json")).json()
    assert undocumented(document, lane.operations) == []
    assert "/contacts/{contact_id}" in document["paths"]


def test_an_operation_that_nobody_described_is_found(app: FastAPI) -> None:
    served = [("GET", "/state/mapping/{waId}"), ("PATCH", "/state/message/{messageId}"), ("DELETE", "/state/mapping/{waId}")]
    assert undocumented(app.openapi(), served) == ["PATCH /state/message/{messageId}", "DELETE /state/mapping/{waId}"]


def test_parameters_keep_their_names_places_and_examples(app: FastAPI) -> None:
    parameters = app.openapi()["paths"]["/state/mapping/{waId}"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in parameters] == [
        ("waId", "path", True),
        ("phoneNumberId", "query", False),
        ("X-Tenant-ID", "header", False),
    ]
    assert parameters[0]["schema"]["examples"] == ["+919876543210"]


def test_bodies_and_answers_refer_to_schemas_in_the_document(app: FastAPI) -> None:
    document = app.openapi()
    operation = document["paths"]["/state/message"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/TrackMessage")
    for code in ("200", "201"):
        assert operation["responses"][code]["content"]["application/json"]["schema"]["$ref"].endswith("/Tracked")
    missing = set(re.findall(r"#/components/schemas/([\w-]+)", str(document))) - set(document["components"]["schemas"])
    assert missing == set()


def test_every_operation_answers_refusals_as_problems_and_never_in_the_shape_of_the_framework(app: FastAPI) -> None:
    document = app.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in str(document)
    assert document["paths"]["/state/message"]["post"]["responses"]["404"]["description"] == "The conversation is unknown"
    assert {"title", "status", "detail", "code"} <= set(document["components"]["schemas"]["Problem"]["required"])


def test_public_operations_ask_for_no_credential_and_the_others_do(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert paths["/state/message"]["post"]["security"] == [{"apiKey": []}, {"bearer": []}]
    assert "security" not in paths["/webhooks/whatsapp/{app_id}"]["post"]


def test_a_plain_text_answer_is_described_as_such(app: FastAPI) -> None:
    answers = app.openapi()["paths"]["/webhooks/whatsapp/{app_id}"]["get"]["responses"]
    assert answers["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}


async def test_the_docs_page_shows_every_operation_and_loads_nothing(lane: Lane) -> None:
    response = await get(lane, "/docs")
    page = response.text
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for operation in OPERATIONS:
        assert operation.summary in page
        assert f"<code>{operation.path}</code>" in page
    assert 'href="#schema-Mapping"' in page
    assert 'id="schema-Mapping"' in page
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "&lt;b&gt;caller" in page
    assert "<b>caller" not in page


async def test_the_docs_page_keeps_its_own_strict_content_policy(lane: Lane) -> None:
    response = await get(lane, "/docs")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "style=" not in response.text


async def test_every_link_of_the_docs_page_leads_somewhere(lane: Lane) -> None:
    page = (await get(lane, "/docs")).text
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
