"""One row beside its handler is all that an operation needs, and every row says what it must."""

import json
import re
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request

from tests.test_permission_documentation import documented_permissions
from waystate.door.guard import operation_of
from waystate.door.idempotency import KeyedOperations, is_repeatable
from waystate.framework import OPERATIONS
from waystate.ids import TenantId
from waystate.operations import Operation, operations_of
from waystate.principal import Principal, Scope
from waystate.web.caller import Caller, let_in
from waystate.web.openapi import describe, model_of
from waystate.web.problem_handlers import install_problems
from waystate.web.requests import Body
from waystate.web.routers import add_operations

ACME = Principal(TenantId("acme"), "trusted")


class NewTree(Body):
    kind: str


class Tree(BaseModel):
    kind: str
    planter: str


class TreeRoutes:
    @Operation(
        "POST",
        "/v1/trees",
        Scope.TENANT_WRITE,
        tag="Trees",
        summary="Plant a tree",
        status=201,
        problems={409: "It grows there already"},
        example_body={"kind": "oak"},
        example_answer={"kind": "oak", "planter": "acme"},
        repeatable="a tree that stands is not planted again",
    )
    async def plant_tree(self, principal: Caller, body: NewTree) -> Tree:
        """It grows slowly."""
        return Tree(kind=body.kind, planter=principal.tenant_id)


ROWS = operations_of([TreeRoutes])
(PLANT,) = ROWS.values()


@pytest.fixture
def app() -> FastAPI:
    """With a door that notes what it was asked for, and lets everybody in."""
    app = FastAPI(docs_url=None, redoc_url=None)

    async def door(request: Request) -> None:
        app.state.asked = operation_of(request)
        let_in(request, ACME)

    add_operations(app.router, TreeRoutes(), dependencies=[Depends(door)])
    describe(app, ROWS.values())
    install_problems(app)
    return app


async def plant(app: FastAPI, content: bytes) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        return await client.post("/v1/trees", content=content, headers={"content-type": "application/json"})


async def test_one_row_yields_the_route_and_what_the_door_asks(app: FastAPI) -> None:
    answer = await plant(app, b'{"kind": "oak"}')
    assert (answer.status_code, answer.json()) == (201, {"kind": "oak", "planter": "acme"})
    assert app.state.asked is PLANT


async def test_one_row_yields_the_bodys_check_at_our_own_boundary(app: FastAPI) -> None:
    refused = await plant(app, b'{"kind": "oak", "height": 3}')
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, ["height"])
    unreadable = await plant(app, b"{")
    assert (unreadable.status_code, unreadable.json()["code"]) == (400, "unreadable_body")
    assert (await plant(app, b'{"kind": "oak\\u0000"}')).json()["kind"] == "oak\ufffd"


def test_one_row_yields_the_entry_in_the_document(app: FastAPI) -> None:
    document = app.openapi()
    entry = document["paths"]["/v1/trees"]["post"]
    assert (entry["operationId"], entry["summary"], entry["description"]) == ("plantTree", "Plant a tree", "It grows slowly.")
    body, answer = entry["requestBody"]["content"]["application/json"], entry["responses"]["201"]["content"]["application/json"]
    assert body == {"schema": {"$ref": "#/components/schemas/NewTree"}, "example": {"kind": "oak"}}
    assert answer == {"schema": {"$ref": "#/components/schemas/Tree"}, "example": {"kind": "oak", "planter": "acme"}}
    assert entry["security"] == [{"apiKey": []}, {"bearer": []}]
    assert entry["responses"]["409"]["description"] == "It grows there already"


def test_one_row_yields_its_line_on_the_permissions_page() -> None:
    assert "| `POST /v1/trees` | `tenant:write` | owner, admin |\n" in documented_permissions(ROWS.values())


def test_one_row_yields_what_an_idempotency_key_means() -> None:
    assert KeyedOperations(ROWS.values()).find("POST", "/v1/trees") is PLANT
    assert is_repeatable(PLANT, b"{}")


def test_a_handler_without_a_row_has_no_route() -> None:
    class Bare:
        async def get_tree(self) -> Tree:
            raise NotImplementedError

    router = APIRouter()
    add_operations(router, Bare())
    assert router.routes == []


def test_two_handlers_of_one_operation_are_refused() -> None:
    class Others:
        @Operation("POST", "/v1/trees", Scope.TENANT_READ)
        async def plant_again(self) -> Tree:
            raise NotImplementedError

    with pytest.raises(ValueError, match="POST /v1/trees"):
        operations_of([TreeRoutes, Others])


async def test_a_route_without_a_row_is_answered_to_nobody(app: FastAPI) -> None:
    async def get_forest() -> dict[str, str]:
        return {"trees": "many"}

    async def door(request: Request) -> None:
        operation_of(request)

    app.add_api_route("/v1/forest", get_forest, dependencies=[Depends(door)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/v1/forest")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def test_names_are_verbs_with_nouns_and_each_is_one_operations() -> None:
    names = [each.name for each in OPERATIONS.values()]
    assert [each for each in names if re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)+", each) is None] == []
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=str)
def test_a_row_says_what_its_operation_is_for_and_shows_an_example(row: Operation) -> None:
    assert row.summary
    assert row.tag
    model = None if row.is_hidden else model_of(row)
    assert (row.example_body is None) == (row.body is None)
    assert (row.example_answer is None) == (model is None)
    if row.body is not None:
        TypeAdapter(row.body).validate_json(json.dumps(row.example_body))
    if isinstance(model, str):
        assert isinstance(row.example_answer, str)
    elif model is not None:
        assert shown(model, row.example_answer) == row.example_answer


def shown(model: Any, example: Any) -> Any:
    """The example as the model writes it: with no field that it does not have, and each as an answer has it."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    return adapter.dump_python(adapter.validate_json(json.dumps(example)), mode="json", by_alias=True, exclude_unset=True)
