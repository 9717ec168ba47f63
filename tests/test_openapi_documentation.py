"""The OpenAPI document is what the operations' rows say; `python -m tests.test_openapi_documentation` writes it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.test_queue_documentation import references
from waystate.framework import OPERATIONS, document
from waystate.web.openapi import Document

OPENAPI = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def documented() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


@cache
def the_document() -> Document:
    return document()


def test_the_document_is_what_the_rows_say() -> None:
    assert OPENAPI.read_text() == documented(), "write it again: python -m tests.test_openapi_documentation"


def test_every_reference_of_the_document_resolves() -> None:
    whole = the_document()
    found = set(references(whole))
    assert len(found) > 60
    for reference in found:
        target: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


@pytest.mark.parametrize("row", [each for each in OPERATIONS.values() if not each.is_hidden], ids=str)
def test_every_answer_of_an_operation_has_a_model_and_an_example(row: Any) -> None:
    entry = the_document()["paths"][row.path][row.method.lower()]
    assert entry["operationId"] == row.name
    assert "security" in entry or row.scope is None
    good = {code: answer.get("content", {}) for code, answer in entry["responses"].items() if code.startswith("2")}
    assert good or row.status == 303
    for code, content in good.items():
        media_type = row.answers.get(int(code))
        assert list(content) == ([] if code == "204" else [media_type if isinstance(media_type, str) else "application/json"])
        for media, each in content.items():
            assert "$ref" in each["schema"] or media == media_type, f"{code} is an untyped object"
    if row.status not in (204, 303):
        (usual,) = good[str(row.status)].values()
        assert usual["example"] == row.example_answer
    if row.is_streamed:
        assert list(entry["requestBody"]["content"]) == ["application/octet-stream"]
    elif "requestBody" in entry:
        assert entry["requestBody"]["content"]["application/json"]["example"] == row.example_body


if __name__ == "__main__":
    OPENAPI.write_text(documented())
