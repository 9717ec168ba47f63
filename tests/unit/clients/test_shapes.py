"""Shapes that the document does not have yet, and the generator must take: a circle of models, files, answers of two kinds."""

import asyncio
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx2
import pytest

from clients.generator.__main__ import render
from waystate_client.calls import AsyncCaller, Caller, Retries
from waystate_client.errors import NotFound

PROBLEM = {"default": {"content": {"application/problem+json": {}}}}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(name: str, answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": name, "responses": answers | PROBLEM, "security": [{}], **more}


SCHEMAS: dict[str, Any] = {
    "Rule": {"type": "object", "properties": {"all": {"type": "array", "items": ref("Rule")}, "then": ref("Step")}},
    "Step": {"type": "object", "properties": {"if": {"anyOf": [ref("Rule"), {"type": "null"}]}, "from": {"type": "string"}}},
    "Done": {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "integer"}}},
    "Begun": {"type": "object", "required": ["job"], "properties": {"job": {"type": "string"}}},
}
DOCUMENT = {
    "components": {"schemas": SCHEMAS},
    "paths": {
        "/v1/customers/export.csv": {
            "get": operation("exportCustomersCsv", {"200": {"content": {"text/csv": {"schema": {}}}}})
        },
        "/v1/customers/import": {
            "post": operation(
                "importCustomers",
                {
                    "200": {"content": {"application/json": {"schema": ref("Done")}}},
                    "202": {"content": {"application/json": {"schema": ref("Begun")}}},
                },
                requestBody={"required": True, "content": {"text/csv": {}, "application/x-ndjson": {}}},
            )
        },
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    """The packages, as if they were the client's."""
    folder = tmp_path_factory.mktemp("made") / "shapes_generated"
    for name, text in render(DOCUMENT).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("waystate_client.generated", folder.name))
    sys.path.insert(0, str(folder.parent))
    try:
        return {each: import_module(f"{folder.name}.{each}") for each in ("models", "nouns", "async_nouns")}
    finally:
        sys.path.remove(str(folder.parent))


def answer(request: httpx2.Request) -> httpx2.Response:
    if request.url.path.endswith("export.csv"):
        return httpx2.Response(200, content=b"id,name\n1,Ana\n")
    is_csv = request.headers["content-type"] == "text/csv"
    return httpx2.Response(200, json={"rows": 1}) if is_csv else httpx2.Response(202, json={"job": "j"})


def test_models_may_mention_each_other_in_a_circle(made: dict[str, ModuleType]) -> None:
    rule = made["models"].Rule.model_validate({"all": [{"then": {"if": {"all": []}, "from": "x"}}]})
    assert (rule.all[0].then.if_.all, rule.all[0].then.from_) == ([], "x")


def test_files_come_in_pieces_and_go_with_their_type(made: dict[str, ModuleType]) -> None:
    http = httpx2.Client(base_url="http://waystate.test", transport=httpx2.MockTransport(answer))
    customers = made["nouns"].Nouns(Caller(http, Retries())).customers
    assert b"".join(customers.export_csv()) == b"id,name\n1,Ana\n"
    assert customers.import_(b"id\n1\n", content_type="text/csv").rows == 1
    assert customers.import_(b"{}\n", content_type="application/x-ndjson").job == "j"


def test_files_come_in_pieces_where_they_are_awaited(made: dict[str, ModuleType]) -> None:
    async def fetch() -> bytes:
        async with httpx2.AsyncClient(base_url="http://waystate.test", transport=httpx2.MockTransport(answer)) as http:
            customers = made["async_nouns"].AsyncNouns(AsyncCaller(http, Retries())).customers
            return b"".join([each async for each in customers.export_csv()])

    assert asyncio.run(fetch()) == b"id,name\n1,Ana\n"


def test_a_file_that_is_refused_is_an_error(made: dict[str, ModuleType]) -> None:
    refused = httpx2.Response(404, json={"code": "not_found", "detail": "There is none."})
    http = httpx2.Client(base_url="http://waystate.test", transport=httpx2.MockTransport(lambda _: refused))
    with pytest.raises(NotFound, match="There is none"):
        next(made["nouns"].Nouns(Caller(http, Retries())).customers.export_csv())
