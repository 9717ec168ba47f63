"""Both clients are what the document says: `make clients` writes them."""

import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

import waystate_client
from clients.generator.__main__ import DOCUMENT, GENERATED, generate, modules_in
from clients.generator.names import method_names
from clients.generator.nouns import Method, methods_of
from tests.unit.clients.answers import Server
from waystate.door.idempotency import KeyedOperations
from waystate.framework import OPERATIONS
from waystate_client import AsyncClient, Client

TYPESCRIPT = Path(__file__).parents[3] / "clients" / "typescript"
WRITE_AGAIN = "write it again: make clients"


@pytest.fixture(scope="module")
def methods() -> list[Method]:
    return methods_of(json.loads(DOCUMENT.read_text()))


def test_the_python_client_is_what_the_document_says(tmp_path: Path) -> None:
    generate(tmp_path)
    made, kept = ({name: path.read_text() for name, path in modules_in(each).items()} for each in (tmp_path, GENERATED))
    assert made == kept, WRITE_AGAIN


def test_the_typescript_client_is_what_the_document_says(tmp_path: Path) -> None:
    if not (TYPESCRIPT / "node_modules").exists():
        pytest.skip("the TypeScript client's tools are not installed: `make deps` does it")
    made = ["npm", "run", "--silent", "generate", "--", "--output", tmp_path / "schema.ts"]
    subprocess.run(made, cwd=TYPESCRIPT, check=True, capture_output=True)
    assert (tmp_path / "schema.ts").read_text() == (TYPESCRIPT / "src" / "schema.ts").read_text(), WRITE_AGAIN


def test_every_operation_has_a_method_of_its_own_in_both_clients(methods: list[Method]) -> None:
    shown = {(each.method, each.path) for each in OPERATIONS.values() if not each.is_hidden}
    assert {(each.verb, each.path) for each in methods} == shown
    assert len({(each.noun, each.name) for each in methods}) == len(methods) > 90
    plain, awaited = Client("http://nowhere.invalid"), AsyncClient("http://nowhere.invalid")
    for each in methods:
        method, other = (getattr(getattr(client, each.noun), each.name) for client in (plain, awaited))
        assert inspect.signature(method).parameters.keys() == inspect.signature(other).parameters.keys()
        assert inspect.iscoroutinefunction(other) or (each.reads == "stream" and inspect.isasyncgenfunction(other))
        assert not inspect.iscoroutinefunction(method)


def test_keys_go_with_the_operations_that_take_them(methods: list[Method]) -> None:
    """The document does not say it: the generator decides as the server does."""
    keyed = KeyedOperations(OPERATIONS.values())
    taken = {each: keyed.find(each.verb, each.path.replace("{", "").replace("}", "")) is not None for each in methods}
    assert {each: each.is_keyed for each in methods} == taken


def test_every_model_can_be_built() -> None:
    models = [each for each in vars(waystate_client.models).values() if inspect.isclass(each)]
    for each in models:
        if issubclass(each, waystate_client.models.Record):
            each.model_rebuild()
    assert len(models) > 250


@pytest.mark.parametrize(
    ("noun", "operation", "name"),
    [
        ("customers", "listCustomers", "list"),
        ("customers", "listCustomerMessages", "list_messages"),
        ("customers", "mergeCustomers", "merge"),
        ("dead_letters", "replayDeadLetter", "replay"),
        ("messages", "getMessageTrace", "get_trace"),
        ("me", "endMySession", "end_session"),
        ("tenant", "putWhatsAppAccount", "put_whatsapp_account"),
    ],
)
def test_a_method_is_called_without_its_noun(noun: str, operation: str, name: str) -> None:
    assert method_names([(noun, operation)]) == {operation: name}


def test_what_does_a_thing_to_many_says_so_where_one_does_it_to_one() -> None:
    names = method_names([("messages", "sendMessages"), ("messages", "sendMessage"), ("messages", "listMessages")])
    assert names == {"sendMessages": "send_many", "sendMessage": "send", "listMessages": "list"}


def test_two_operations_that_would_be_called_alike_keep_their_whole_names() -> None:
    names: dict[str, Any] = method_names([("keys", "endKey"), ("keys", "endMyKey")])
    assert names == {"endKey": "end_key", "endMyKey": "end_my_key"}


def test_every_method_sends_and_reads_what_the_document_shows(methods: list[Method]) -> None:
    """Each is called with the example of its body, and answered with that of its answer."""
    document = json.loads(DOCUMENT.read_text())
    answered = 0
    for method in methods:
        entry = document["paths"][method.path][method.verb.lower()]
        body = entry.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        status, example = _example_of(entry)
        server = Server([httpx2.Response(status, json=example) if isinstance(example, dict) else httpx2.Response(status)])
        found = getattr(getattr(server.client(), method.noun), method.name)(*_placed(method, body), **_named(method, body))
        if method.reads == "stream":
            assert b"".join(found) == b"", "it is asked for as it is read"
        (request,) = server.requests
        assert (request.method, request.url.path) == (method.verb, re.sub(r"\{\w+\}", "x", method.path))
        assert ("idempotency-key" in request.headers) == method.is_keyed
        if isinstance(body, dict):
            sent = json.loads(request.content)
            assert sent == (body if method.verb == "PATCH" else {name: each for name, each in body.items() if each is not None})
        if isinstance(example, dict):
            assert type(found).__name__ == method.answer.removeprefix("models.")
            assert not _unknown(found), f"{method.noun}.{method.name} does not know fields of its example"
            answered += 1
    assert answered > 80


def _example_of(entry: dict[str, Any]) -> tuple[int, Any]:
    for status, answer in entry["responses"].items():
        if status.startswith("2") and (content := answer.get("content")):
            return int(status), next(iter(content.values())).get("example")
    return next((int(status), None) for status in entry["responses"] if status[0] in "23")


def _placed(method: Method, body: Any) -> list[Any]:
    values = {"path": "x", "content": b"file", "body": body}
    return [values[each.place] for each in method.arguments if each.place in values]


def _named(method: Method, body: Any) -> dict[str, Any]:
    fields = body if isinstance(body, dict) else {}
    needed = {each.name: "x" for each in method.arguments if each.required and each.place in ("query", "header")}
    return needed | {
        each.name: fields[each.sent_as] for each in method.arguments if each.place == "field" and each.sent_as in fields
    }


def _unknown(found: Any) -> list[str]:
    """Fields that no model has, where the document closes none: only what an object of any shape holds."""
    if isinstance(found, waystate_client.models.Record):
        inner = [name for value in found.__dict__.values() for name in _unknown(value)]
        return [*(found.model_extra or {}), *inner]
    return [name for each in found for name in _unknown(each)] if isinstance(found, list) else []
