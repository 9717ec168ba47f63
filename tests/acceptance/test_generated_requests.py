"""W7: generated requests find no fault and no answer that the document does not describe. At length under `make faults`."""

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.generated_requests import Asked, asked, break_something, prepare

LETTERS = ["/v1/dead-letters"]


@pytest.fixture
async def served_tenant(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Asked, str]]:
    tokens = await prepare(database_url, tmp_path)
    with asked(database_url, tmp_path, tokens) as here:
        yield here, database_url


async def test_no_request_finds_a_fault_or_an_answer_that_is_not_documented(served_tenant: tuple[Asked, str]) -> None:
    here, _ = served_tenant
    found = await asyncio.to_thread(here.ask, examples=2, phases="examples,fuzzing")
    assert not found, "\n".join(found)


async def test_a_planted_fault_and_an_undocumented_answer_are_found(served_tenant: tuple[Asked, str]) -> None:
    here, url = served_tenant
    good = copy.deepcopy(here.document)
    here.document["components"]["schemas"]["DeadLetterPage"]["required"].append("planted")
    told = await asyncio.to_thread(here.ask_as, here.tokens["key"], LETTERS, examples=2, phases="fuzzing")
    assert "Response violates schema" in told, told
    here.document = good
    break_something(url)
    told = await asyncio.to_thread(here.ask_as, here.tokens["key"], LETTERS, examples=2, phases="fuzzing")
    assert "Server error" in told, told
