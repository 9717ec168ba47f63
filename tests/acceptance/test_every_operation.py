"""T5, generated from the OpenAPI document: no operation is open to whom the table does not name, and none tells of a tenant
what another must not know. A new operation is tried by itself; one that the tests cannot call fails them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI

from tests.acceptance.calls import AT_THE_DESK, Document, call_of, missing_ids, operations_of
from tests.acceptance.installation import Installation, approved_template, customer_message, envelope, installed, until
from tests.acceptance.outsiders import (
    OF_A_KEY,
    Caller,
    Outsiders,
    gather,
    key_caller,
    leaks,
    let_in,
    session_caller,
    told_apart,
    unlisted,
)
from tests.databases import Databases
from tests.integration.db_catalogue.catalogue import tenant_tables
from tests.integration.db_catalogue.filling import fingerprint
from waystate.door.guard import Guard
from waystate.errors import Forbidden, NotFound
from waystate.framework import OPERATIONS
from waystate.ids import TenantId, new_id
from waystate.operations import Operation
from waystate.principal import Principal, Role, Scope

A, B, C = TenantId("tenant-a"), TenantId("tenant-b"), TenantId("tenant-c")
SUSPEND = ("POST", "/v1/platform/tenants/{tenant_id}/suspend")

SEVERAL = {("GET", "/v1/customers"): {"tag"}, ("GET", "/v1/conversations"): {"tag"}}
"""Parameters that may come several times."""
TOLERANT = {("POST", "/state/message"), ("PATCH", "/state/message/{messageId}"), ("POST", "/state/correlation")}
"""The seeds' own: whoever talks to their State Manager today may send more than it reads."""


@dataclass
class Scene:
    """Outside trusted mode: outsiders of tenant A, and B with one of everything that an operation can name."""

    place: Installation
    framework: FastAPI
    document: Document
    outsiders: Outsiders
    able: list[Caller] = field(default_factory=list)
    """Between them they may do everything."""

    async def fingerprint(self, tenant: TenantId) -> dict[str, Any]:
        tables = await tenant_tables(self.place.database, partitions=False)
        return {table: await fingerprint(self.place.database, table, tenant) for table in tables}


@pytest.fixture(scope="module")
async def scene(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as place:
            for number, tenant in enumerate((A, B, C)):
                await place.add_tenant(tenant, number=f"100{number}", integration=f"integration-{tenant}", sender="external")
                await place.post_meta(envelope(customer_message(f"wamid.of-{tenant}", "15550100002"), number=f"100{number}"))
                await place.post_meta(envelope({"messages": [{"id": "wamid.unusable"}]}, number=f"100{number}"))
                await place.post_meta(approved_template(number=f"100{number}"))
                await place.database.execute(
                    "INSERT INTO media_files (tenant_id, id, direction, state, created_at)"
                    " VALUES ($1, $2, 'inbound', 'failed', now())",
                    tenant,
                    new_id(),
                )
            await place.settled()
            await place.database.execute(
                "INSERT INTO contact_merges (tenant_id, merged_id, into_id, contact_id, merged_at, undo)"
                " SELECT tenant_id, gen_random_uuid(), id, id, now(), '{\"contact\": {}}' FROM contacts"
            )
            await until(partial(is_indexed, place))
            for tenant in (A, B, C):
                for statement in AT_THE_DESK:
                    await place.database.execute(statement, tenant, new_id())
            await key_caller(place, B, "B's own key", OF_A_KEY)
            await session_caller(place, B, Role.OWNER)
            framework = place.app.framework()
            yield Scene(place, framework, framework.openapi(), await gather(place, A, B))


async def is_indexed(place: Installation) -> bool:
    return bool(await place.value("SELECT count(*) FROM contact_index_due()") == 0)


def served(place: Installation, framework: FastAPI) -> set[tuple[str, str]]:
    """What answers, documented or not."""
    routes = {
        (method, getattr(each, "path", "")) for each in framework.routes for method in getattr(each, "methods", None) or ()
    }
    hidden = {(method, path) for method, path in routes if method != "HEAD" and path not in ("/docs/oauth2-redirect",)}
    return hidden | set(place.lane.operations)


async def test_every_operation_stands_in_the_table_with_a_scope(scene: Scene) -> None:
    assert unlisted(scene.document, served(scene.place, scene.framework)) == []


async def test_the_tests_know_how_to_call_every_operation(scene: Scene) -> None:
    calls = [call_of(scene.document, *each, scene.outsiders.foreign) for each in operations_of(scene.document)]
    assert len(calls) > 15


async def test_nobody_comes_in_without_a_good_credential_that_has_the_scope(scene: Scene) -> None:
    before = {tenant: await scene.fingerprint(tenant) for tenant in (B, C)}
    assert await let_in(scene.document, scene.outsiders) == []
    assert {tenant: await scene.fingerprint(tenant) for tenant in (B, C)} == before


async def test_what_is_another_tenants_cannot_be_told_from_what_is_missing(scene: Scene) -> None:
    before = await scene.fingerprint(B)
    assert await told_apart(scene.document, scene.outsiders) == []
    assert await scene.fingerprint(B) == before


async def test_a_field_that_no_schema_has_is_refused_by_its_name(scene: Scene) -> None:
    callers = [
        await key_caller(scene.place, B, "B's key for all", OF_A_KEY),
        await session_caller(scene.place, B, Role.OWNER),
        scene.outsiders.people[Role.PLATFORM],
    ]
    accepted, tried = [], 0
    for method, path in operations_of(scene.document):
        call = call_of(scene.document, method, path, scene.outsiders.foreign)
        if not isinstance(call.body, dict) or (method, path) in TOLERANT or path.startswith("/webhooks/"):
            continue
        scope = OPERATIONS[method, path].scope
        caller = next(each for each in callers if scope is None or scope in each.scopes)
        answer = await scene.outsiders.call(replace(call, body={**call.body, "surplus": 1}), caller)
        named = [each["field"] for each in answer.json().get("errors", [])]
        tried += 1
        if answer.status_code != 422 or "surplus" not in named:
            accepted.append(f"{call}: {answer.status_code} {named}")
    assert accepted == []
    assert tried > 15


def taken_by(scene: Scene, method: str, path: str) -> list[str]:
    if path.startswith("/media/"):
        return ["expires", "signature"]  # of no document: such an address is answered whole
    shown = operations_of(scene.document).get((method, path), {})
    return sorted(each["name"] for each in shown.get("parameters", ()) if each["in"] == "query")


async def asked(scene: Scene, method: str, path: str, query: str) -> httpx2.Response:
    """By who may, in trusted mode too."""
    documented = (method, path) in operations_of(scene.document)
    call = call_of(scene.document, method, path, scene.outsiders.foreign) if documented else None
    headers = {**(call.headers if call else {}), **(await able(scene, OPERATIONS[method, path])).headers}
    url = call.url if call else path
    return await scene.place.http.request(method, f"{url}?{query}", json=call.body if call else None, headers=headers)


async def able(scene: Scene, operation: Operation) -> Caller:
    if not scene.able:
        scene.able += [
            await key_caller(scene.place, B, "B's key that asks", OF_A_KEY),
            await session_caller(scene.place, B, Role.OWNER),
            scene.outsiders.people[Role.PLATFORM],
        ]
    return next(each for each in scene.able if operation.scope is None or operation.scope in each.scopes)


@pytest.mark.parametrize("row", [each for each in OPERATIONS.values() if not each.ignores_query], ids=str)
async def test_a_query_parameter_that_is_unknown_or_repeated_is_refused_by_its_name(scene: Scene, row: Operation) -> None:
    taken = taken_by(scene, row.method, row.path)
    for query, name in (("surplus=1", "surplus"), ("surplus", "surplus"), ("%6Cimits=1&limits=2", "limits"), ("=1", "")):
        answer = await asked(scene, row.method, row.path, query)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "unknown_query_parameter"), (query, answer.text)
        assert [each["field"] for each in problem["errors"]] == [name]
        assert problem["parameters"] == taken
        assert all(each in problem["detail"] for each in taken)
    for name in set(taken) - SEVERAL.get((row.method, row.path), set()):
        answer = await asked(scene, row.method, row.path, f"{name}=1&{name}=1")
        assert (answer.status_code, answer.json()["code"]) == (422, "repeated_query_parameter"), answer.text
        assert [each["field"] for each in answer.json()["errors"]] == [name]
        if row.method == "GET":
            answer = await asked(scene, row.method, row.path, f"{name}=a%00b")
            assert answer.status_code < 500, (name, answer.text)


async def test_what_a_platform_a_provider_or_a_probe_adds_is_ignored(scene: Scene) -> None:
    lenient = [each for each in OPERATIONS.values() if each.ignores_query]
    assert {each.path.split("/")[1] for each in lenient} == {"webhooks", "v1", "health", "metrics"}
    for row in lenient:
        without, added = [await asked(scene, row.method, row.path, query) for query in ("", "session_state=1&hub.topic=x")]
        assert without.status_code == added.status_code < 500, row
        assert added.status_code != 422, row


NO_JSON = [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"]
NO_JSON += [
    "text/plain; application/json",
    "application/octet-stream",
    "+json",
    "json",
    "text/plain;x=y+json",
    "text/plain, a/b+json",
]


@pytest.mark.parametrize(
    "row", [each for each in OPERATIONS.values() if each.body and "/webhooks/" not in each.path[:10]], ids=str
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(scene: Scene, row: Operation) -> None:
    call = call_of(scene.document, row.method, row.path, missing_ids(scene.outsiders.foreign))
    headers = {**call.headers, **(await able(scene, row)).headers}

    async def sent(media_type: str | None, content: bytes) -> httpx2.Response:
        said = headers if media_type is None else {**headers, "content-type": media_type}
        return await scene.place.http.request(call.method, call.url, content=content, headers=said)

    for media_type in NO_JSON:
        answer = await sent(media_type, json.dumps(call.body).encode())
        assert (answer.status_code, answer.json()["code"]) == (415, "json_required"), (media_type, answer.text)
    for media_type in ("application/json", "Application/JSON;charset=UTF-8", "application/merge-patch+json; charset=utf-8"):
        answer = await sent(media_type, b"null")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (media_type, answer.text)


async def test_what_needs_no_body_needs_no_content_type(scene: Scene) -> None:
    ids = {**missing_ids(scene.outsiders.foreign), "tenant_id": "tenant-none"}
    tried = 0
    for row in OPERATIONS.values():
        if (
            row.is_streamed
            or row.method == "GET"
            or "/webhooks/" in row.path
            or (row.body is not None and not row.is_body_optional)
        ):
            continue
        if row.scope in (Scope.SELF, Scope.SIGN_ON_WRITE):  # it would end the caller's own session, or the tenant's provider
            continue
        call = call_of(scene.document, row.method, row.path, ids)
        headers = {**call.headers, **(await able(scene, row)).headers}
        answer = await scene.place.http.request(row.method, call.url, headers=headers)
        assert answer.status_code in (200, 201, 204, 404, 409), (row, answer.text)
        tried += 1
    assert tried > 8


async def test_no_list_has_a_word_of_another_tenant(scene: Scene) -> None:
    words = {value for value in scene.outsiders.foreign.values() if len(value) > 5} | {
        "wamid.of-tenant-b",
        "integration-tenant-b",
    }
    assert await leaks(scene.document, scene.outsiders, words) == []


async def test_a_suspended_tenant_is_let_in_nowhere(scene: Scene) -> None:
    if SUSPEND not in operations_of(scene.document):
        pytest.skip("tenants cannot be suspended over HTTP yet")
    callers = [await key_caller(scene.place, C, "C's key", OF_A_KEY), await session_caller(scene.place, C, Role.OWNER)]
    await scene.place.database.execute("UPDATE tenants SET status = 'suspended' WHERE id = $1", C)
    scene.place.app.directory.clear()
    assert await let_in(scene.document, replace(scene.outsiders, powerless=[], people={}), extra=callers) == []


LETTER = "/v1/planted/{letter_id}"
UNGUARDED = Operation("GET", "/v1/planted/unguarded", Scope.TENANT_READ)
EVERYBODYS = Operation("GET", "/v1/planted/all", Scope.TENANT_READ)
UNFILTERED = Operation("GET", LETTER + "/unfiltered", Scope.DEAD_LETTERS_READ)
TALKATIVE = Operation("DELETE", LETTER + "/talkative", Scope.DEAD_LETTERS_WRITE)
PLANTED = [UNGUARDED, EVERYBODYS, UNFILTERED, TALKATIVE]


def holes(scene: Scene) -> APIRouter:
    """What the checks are there to find."""
    router = APIRouter()
    guard: Guard = scene.place.app.services.guard
    database, foreign = scene.place.database, scene.outsiders.foreign

    async def exists(letter_id: str) -> bool:
        return bool(await database.fetchval("SELECT count(*) FROM dead_letters WHERE id::text = $1", letter_id))

    @router.get("/v1/planted/unguarded")
    @UNGUARDED
    async def unguarded() -> dict[str, str]:
        return {}

    @router.get("/v1/planted/unlisted")
    async def unknown(principal: Principal = Depends(guard)) -> dict[str, str]:
        return {}

    @router.get("/v1/planted/all")
    @EVERYBODYS
    async def everybodys(principal: Principal = Depends(guard)) -> dict[str, str]:
        return {"items": foreign["letter_id"]}

    @router.get(LETTER + "/unfiltered")
    @UNFILTERED
    async def unfiltered(letter_id: str, principal: Principal = Depends(guard)) -> dict[str, str]:
        if not await exists(letter_id):
            raise NotFound("unknown_letter", "There is none.")
        return {}

    @router.delete(LETTER + "/talkative")
    @TALKATIVE
    async def talkative(letter_id: str, principal: Principal = Depends(guard)) -> dict[str, str]:
        if await exists(letter_id):
            raise Forbidden("anothers", "It is another tenant's.")
        raise NotFound("unknown_letter", "There is none.")

    @router.get("/v1/planted/{unheard_of}/good")
    async def uncallable(unheard_of: str, principal: Principal = Depends(guard)) -> dict[str, str]:
        return {}

    return router


@pytest.fixture
async def planted(scene: Scene) -> AsyncIterator[Scene]:
    framework = scene.place.app.framework()
    framework.include_router(holes(scene))
    OPERATIONS.update({(each.method, each.path): each for each in PLANTED})
    transport = httpx2.ASGITransport(framework, client=("127.0.0.1", 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:3005") as client:
        place = replace(scene.place, http=client)
        paths = {path: each for path, each in framework.openapi()["paths"].items() if path.startswith("/v1/planted")}
        document = {**framework.openapi(), "paths": paths}
        yield Scene(place, framework, document, replace(scene.outsiders, place=place))
    for each in PLANTED:
        del OPERATIONS[each.method, each.path]


async def test_planted_operations_are_found(planted: Scene) -> None:
    listed = unlisted(planted.document, served(planted.place, planted.framework))
    assert [each.split()[1] for each in listed] == ["/v1/planted/unlisted", "/v1/planted/{unheard_of}/good"]
    assert {each.split()[1] for each in await let_in(planted.document, planted.outsiders)} == {"/v1/planted/unguarded"}
    assert {each.split()[1] for each in await told_apart(planted.document, planted.outsiders)} == {
        LETTER + "/unfiltered",
        LETTER + "/talkative",
    }
    words = {planted.outsiders.foreign["letter_id"]}
    assert {each.split()[1] for each in await leaks(planted.document, planted.outsiders, words)} == {"/v1/planted/all"}
    with pytest.raises(AssertionError, match="unheard_of"):
        call_of(planted.document, "GET", "/v1/planted/{unheard_of}/good", missing_ids(planted.outsiders.foreign))


async def test_the_example_of_every_body_is_one_that_its_operation_takes(scene: Scene) -> None:
    """What it names is not there, and its passwords are nobody's: that is all that may be wrong with it."""
    callers = [
        await key_caller(scene.place, A, "A's key for all", OF_A_KEY),
        await session_caller(scene.place, A, Role.OWNER),
        scene.outsiders.people[Role.PLATFORM],
    ]
    ids = {**missing_ids(scene.outsiders.foreign), "tenant_id": "acme"}
    refused, tried = [], 0
    for (method, path), row in OPERATIONS.items():
        if row.example_body is None or path.startswith("/webhooks/"):
            continue
        caller = next(each for each in callers if row.scope is None or row.scope in each.scopes)
        call = replace(call_of(scene.document, method, path, ids), body=row.example_body)
        answer = await scene.outsiders.call(call, caller)
        tried += 1
        is_fine = answer.status_code in (200, 201, 202, 204, 401, 403, 404, 409)
        if not is_fine and answer.json()["code"] not in ("invitation_unusable", "reset_unusable"):
            refused.append(f"{call}: {answer.status_code} {answer.text}")
    assert refused == []
    assert tried > 25
