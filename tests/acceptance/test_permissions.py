"""Every operation has its row in the table of permissions, and a key opens what its scopes say and nothing else."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from tests.acceptance.credentials import bearing, key_with, session_of
from tests.acceptance.installation import TENANT, Installation, installed
from tests.databases import Databases
from waystate.framework import OPERATIONS
from waystate.ids import PLATFORM, TenantId
from waystate.operations import Operation
from waystate.principal import NEVER_OF_A_KEY, ROLE_SCOPES, Role, Scope

PLAUSIBLE = {
    "waId": "15550100001",
    "conversationId": "genesys-conversation",
    "messageId": "wamid.1",
    "message_id": "wamid.1",
    "phone_number_id": "106540352242922",
    "integration_id": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
    "tenant_id": "acme",
    "app_id": "app-1",
}
"""For a path's parameters; the others are UUIDs."""
BODIES = {
    ("POST", "/state/message"): {"conversationId": "genesys-conversation", "direction": "inbound", "status": "received"},
    ("PATCH", "/state/message/{messageId}"): {"status": "processed"},
    ("POST", "/state/correlation"): {"conversation_id": "genesys-conversation", "whatsapp_message_id": "wamid.1"},
}
"""The lane reads a body before it asks who sends it, since the body may name the tenant."""
KEY_SCOPES = [each for each in Scope if each not in NEVER_OF_A_KEY]
CLOSED = [each for each in OPERATIONS.values() if each.scope is not None]


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as installation:
            await installation.add_tenant()
            yield installation


@pytest.fixture(scope="module")
async def keys(place: Installation) -> dict[Scope, str]:
    """A key with one scope each."""
    return {each: await key_with(place, tenant_of(each), each) for each in KEY_SCOPES}


def tenant_of(scope: Scope) -> TenantId:
    return PLATFORM if scope is Scope.PLATFORM else TENANT


def served(place: Installation) -> set[tuple[str, str]]:
    """(method, path) of the lane's routes and the framework's, as they are asked and not as they are documented."""
    return set(place.lane.operations) | set(_routes(place.app.framework().routes))


def _routes(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if inner := getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None):
            yield from _routes(inner)
        elif isinstance(route, Route):
            # What answers HEAD answers GET with less.
            yield from ((method, route.path) for method in sorted((route.methods or set()) - {"HEAD"}))
        else:
            raise AssertionError(f"{route} is no route that this test can look into")


def documented(place: Installation) -> set[tuple[str, str]]:
    paths = place.app.framework().openapi()["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


async def test_every_route_has_a_row(place: Installation) -> None:
    found = served(place)
    assert {("GET", "/state/mapping/{waId}"), ("POST", "/v1/keys"), ("GET", "/openapi.json")} <= found
    assert sorted(found - set(OPERATIONS)) == [], "give each a row, and its class a place in framework.ROUTES"


async def test_every_documented_operation_has_a_row_and_is_served(place: Installation) -> None:
    found = documented(place)
    assert len(found) > 20
    assert sorted(found - set(OPERATIONS)) == [], "give each a row, and its class a place in framework.ROUTES"
    assert sorted(found - served(place)) == []


async def test_every_row_has_a_route(place: Installation) -> None:
    assert sorted(set(OPERATIONS) - served(place)) == []


async def test_a_route_without_a_row_is_found(place: Installation) -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/v1/planted")
    async def planted() -> None: ...

    assert set(_routes(app.routes)) - set(OPERATIONS) >= {("GET", "/v1/planted")}


async def test_every_closed_route_of_the_framework_asks_the_guard(place: Installation) -> None:
    """A row says nothing of a route that does not look at it."""
    unguarded = [
        (method, route.path)
        for route in _every_route(place.app.framework().routes)
        for method in sorted(route.methods - {"HEAD"})
        if not any(each.call is place.app.services.guard for each in route.dependant.dependencies)
    ]
    assert [each for each in unguarded if OPERATIONS[each].scope is not None] == []


def _every_route(routes: Sequence[Any]) -> Iterator[Any]:
    """As they are asked: with what stands before the router that they were included by."""
    for route in routes:
        if candidates := getattr(route, "effective_candidates", None):
            yield from _every_route(candidates())
        elif isinstance(getattr(route, "original_route", route), APIRoute):
            yield route


async def ask(place: Installation, operation: Operation, token: str) -> httpx2.Response:
    body = BODIES.get((operation.method, operation.path))
    return await place.http.request(operation.method, path_of(operation), json=body, headers=bearing(token))


def path_of(operation: Operation) -> str:
    path = operation.path
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        path = before + PLAUSIBLE.get(name, str(uuid4())) + after
    return path


@pytest.mark.parametrize("operation", CLOSED, ids=lambda each: f"{each.method} {each.path}")
async def test_a_key_opens_what_its_one_scope_says_and_nothing_else(
    place: Installation, keys: dict[Scope, str], operation: Operation
) -> None:
    before = await place.counts()
    for scope, key in keys.items():
        if scope is operation.scope:
            continue
        answer = await ask(place, operation, key)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), (scope, answer.text)
        assert answer.json()["scope"] == operation.scope
    assert await place.counts() == before
    if operation.scope in keys and operation.method == "GET":
        answer = await ask(place, operation, keys[operation.scope])
        assert answer.status_code in (200, 404), answer.text
        is_json = "json" in answer.headers["content-type"] and "ndjson" not in answer.headers["content-type"]
        assert not is_json or answer.json().get("code") != "not_found", "the path is one that is there"


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_opens_what_its_scopes_say_and_nothing_else(place: Installation, role: Role) -> None:
    _, token = await session_of(place, PLATFORM if role is Role.PLATFORM else TENANT, role)
    there = served(place)
    for operation in CLOSED:
        if (operation.method, operation.path) not in there or operation.scope in ROLE_SCOPES[role]:
            continue
        answer = await ask(place, operation, token)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_insufficient"), (operation, answer.text)
