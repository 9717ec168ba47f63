"""R11 over the whole application: one effect and one answer for a key, from two processes that share a database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.idempotent import check, hammer, message
from tests.acceptance.installation import TENANT, Installation, installed
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.door.keyed import Claim
from waystate.ids import TenantId
from waystate.keys import store as key_store

KEYS, TIMES = 50, 20
KNOWN = {"x-tenant-id": TENANT}
EFFECTS = "SELECT count(*) AS effects FROM messages GROUP BY content->>'body'"


@pytest.fixture
async def places(databases: Databases, tmp_path: Path) -> AsyncIterator[list[Installation]]:
    with databases.fresh() as url:
        async with installed(url, tmp_path / "one") as one, installed(url, tmp_path / "other") as other:
            await one.add_tenant()
            other.app.directory.clear()
            yield [one, other]


async def conversation_of(place: Installation) -> str:
    mapping = await place.state("GET", "/state/mapping/491700000001")
    return str(mapping.json()["internalId"])


async def test_r11_a_key_sent_twenty_times_at_once_has_one_effect_and_one_answer(places: list[Installation]) -> None:
    conversation = await conversation_of(places[0])
    came = await hammer([each.http for each in places], KNOWN, conversation, keys=KEYS, times=TIMES)
    effects = [row["effects"] for row in await places[0].rows(EFFECTS)]
    assert check(came, effects, keys=KEYS, times=TIMES) == []
    assert came.waited > 0
    other = await places[1].http.post(
        "/state/message", json=message(conversation, "another"), headers={**KNOWN, "idempotency-key": "key-0"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_r11_sees_a_claim_that_decides_nothing(places: list[Installation]) -> None:
    async def claim(tenant: TenantId, key: str, *_: Any, **__: Any) -> Claim:
        return Claim(tenant, key, utc_now())

    lane: Any = places[0].lane
    lane.records.claim = claim
    came = await hammer([places[0].http], KNOWN, await conversation_of(places[0]), keys=2, times=5)
    effects = [row["effects"] for row in await places[0].rows(EFFECTS)]
    assert check(came, effects, keys=2, times=5)


async def test_the_frameworks_operations_take_keys_too(places: list[Installation]) -> None:
    place = places[0]
    headers = {"authorization": f"Bearer {await place_key(place)}", "idempotency-key": "discard"}
    answers = [await place.http.post("/v1/dead-letters/discard", json={"ids": []}, headers=headers) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert [each.headers.get("idempotency-replayed") for each in answers] == [None, "true"]


async def place_key(place: Installation) -> str:
    async with place.app.db.tenant(TENANT) as conn:
        return (await key_store.create_key(conn, TENANT, "acceptance", utc_now()))[1]


async def test_requests_with_keys_are_counted_with_the_others(places: list[Installation]) -> None:
    place = places[0]
    headers = {**KNOWN, "idempotency-key": "counted"}
    body = message(await conversation_of(place), "counted")
    for _ in range(3):
        await place.http.post("/state/message", json=body, headers=headers)
    assert place.app.metrics.answers["POST /state/message", 201] == 3
