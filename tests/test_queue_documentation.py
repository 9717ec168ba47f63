"""The AsyncAPI document is what the models say; `python -m tests.test_queue_documentation` writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waystate.broker.asyncapi import document
from waystate.broker.topology import QueueNames

ROOT = Path(__file__).parent.parent
ASYNCAPI = ROOT / "docs" / "reference" / "asyncapi.json"


def documented() -> str:
    return json.dumps(document(QueueNames()), indent=2, ensure_ascii=False) + "\n"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_is_what_the_models_say() -> None:
    assert ASYNCAPI.read_text() == documented()


def test_every_reference_of_the_document_resolves() -> None:
    whole = document(QueueNames())
    found = set(references(whole))
    assert len(found) > 20
    for reference in found:
        target: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_the_reference_page_names_every_queue() -> None:
    page = (ROOT / "docs" / "reference" / "queues.md").read_text()
    assert [name for name in QueueNames().named if name not in page] == []


if __name__ == "__main__":
    ASYNCAPI.write_text(documented())
