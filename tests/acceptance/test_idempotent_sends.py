"""R11 for what a business writes: one message for a key, however often it is asked for at once, and of two processes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.idempotent import check, hammer_with, text
from tests.acceptance.installation import TENANT, Installation, customer_message, envelope, installed
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.door.keyed import Claim
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.principal import Scope

KEYS, TIMES, CUSTOMERS = 20, 20, 5
SEND = "/v1/messages"
EFFECTS = "SELECT count(*) AS effects FROM messages WHERE direction = 'outbound' GROUP BY text"
EVENTS = "SELECT count(DISTINCT message_id) = count(*) FROM events WHERE type = 'outbound.processed'"


@pytest.fixture
async def places(databases: Databases, tmp_path: Path) -> AsyncIterator[list[Installation]]:
    with databases.fresh() as url:
        async with installed(url, tmp_path / "one") as one, installed(url, tmp_path / "other") as other:
            await one.add_tenant(integration=None)
            other.app.directory.clear()
            yield [one, other]


def phone(number: int) -> str:
    return f"1555010{number:04}"


async def open_windows(place: Installation, customers: int) -> None:
    """So many customers write, so that anything may be said to them."""
    now = int(utc_now().timestamp())
    for number in range(customers):
        answer = await place.post_meta(envelope(customer_message(f"wamid.hello.{number}", phone(number), at=now)))
        assert answer.status_code == 200
    await place.settled(timeout=60)


async def sending_key(place: Installation) -> dict[str, str]:
    """The header that its caller sends."""
    async with place.app.db.tenant(TENANT) as conn:
        scopes = [Scope.MESSAGES_SEND, Scope.MESSAGES_READ]
        return {"x-api-key": (await key_store.create_key(conn, TENANT, "sender", utc_now(), scopes=scopes))[1]}


def bodies(keys: int, customers: int) -> list[dict[str, Any]]:
    return [text(phone(number % customers), f"message {number}") for number in range(keys)]


async def test_r11_a_send_asked_for_twenty_times_at_once_is_one_message(places: list[Installation]) -> None:
    await open_windows(places[0], CUSTOMERS)
    known = await sending_key(places[0])
    came = await hammer_with([each.http for each in places], SEND, known, bodies(KEYS, CUSTOMERS), times=TIMES)
    effects = [row["effects"] for row in await places[0].rows(EFFECTS)]
    assert check(came, effects, keys=KEYS, times=TIMES, status=202) == []
    assert await places[0].value(EVENTS)
    assert came.waited > 0
    other = await places[1].http.post(SEND, json=text(phone(0), "another"), headers={**known, "idempotency-key": "key-0"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_r11_sees_a_claim_that_lets_everybody_send(places: list[Installation]) -> None:
    async def claim(tenant: TenantId, key: str, *_: Any, **__: Any) -> Claim:
        return Claim(tenant, key, utc_now())

    await open_windows(places[0], 1)
    lane: Any = places[0].lane
    lane.records.claim = claim
    came = await hammer_with([places[0].http], SEND, await sending_key(places[0]), bodies(2, 1), times=5)
    effects = [row["effects"] for row in await places[0].rows(EFFECTS)]
    assert check(came, effects, keys=2, times=5, status=202)
