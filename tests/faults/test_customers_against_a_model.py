"""Customers and conversations through the Python client, against dicts that say what the docs say."""

import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import Databases
from tests.faults.harness_machine import Customers
from tests.faults.harness_model import Model
from tests.faults.harness_modelled import PATIENCE, Place, placed
from tests.integration.state.data_plane_machine import bounded

REFUSED = {"changed_meanwhile", "conversation_ended", "moved_meanwhile", "not_in_control"}
"""What a long run must have met, or it proves little."""
EXAMPLES, STEPS = (500, 40) if os.environ.get("WAYSTATE_LONG") == "1" else (150, 40)


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    with databases.fresh() as url:
        async with placed(url, tmp_path_factory.mktemp("home")) as made:
            yield made


def test_customers_and_conversations_are_what_a_model_says(place: Place) -> None:
    compare(place, examples=12, steps=15)


@pytest.mark.faults
def test_customers_and_conversations_are_what_a_model_says_over_and_over(place: Place) -> None:
    refused = compare(place, examples=EXAMPLES, steps=STEPS)
    assert refused > REFUSED, refused


def compare(place: Place, *, examples: int, steps: int) -> set[str]:
    """The codes that were met. What diverges is told step by step, as it happened: to make it shorter takes many minutes."""
    worlds: list[Model] = []
    refused: set[str] = set()
    machine = type("Customers", (Customers,), {"place": place, "worlds": worlds, "refused": refused})
    run_state_machine_as_test(machine, settings=bounded(examples, steps, explains=False))
    assert len(worlds) >= examples
    eventually(place, worlds)
    return refused


def eventually(place: Place, worlds: list[Model]) -> None:
    """Lists and counts, once the index has come up: of every example, and nothing of one in another's."""
    rows = {key: (row, model) for model in worlds for key, row in model.customers.items()}
    wanted = {
        key: (
            row["name"],
            row["tags"],
            len(model.said_in(model.talks_of(key))),
        )
        for key, (row, model) in rows.items()
    }
    waiting = {key for key, (_, model) in rows.items() if model.open_of(key)}
    talks = {key: (talk["status"], talk["tags"]) for model in worlds for key, talk in model.talks.items()}
    api = place.callers["key"]
    deadline = time.monotonic() + PATIENCE
    while True:
        listed = list(api.customers.iterate(sort="messageCount", page_size=200))
        found: dict[str, Any] = {str(each.id): (each.name, set(each.tags), each.message_count) for each in listed}
        open_ = {str(each.id) for each in api.customers.iterate(has_open_conversation=True, page_size=200)}
        inbox = {str(each.id): (each.status, set(each.tags)) for each in api.conversations.iterate(page_size=200)}
        missed = {
            "customers": {key: (found.get(key), each) for key, each in wanted.items() if found.get(key) != each},
            "open": waiting - open_ | (open_ & rows.keys()) - waiting,
            "conversations": {key: (inbox.get(key), each) for key, each in talks.items() if inbox.get(key) != each},
            "strangers": sorted(found.keys() - wanted.keys())[1:],
        }
        if not any(missed.values()):
            return
        assert time.monotonic() < deadline, missed
        time.sleep(0.2)
