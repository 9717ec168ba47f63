"""A message of a template, from WhatsApp's list to WhatsApp: what may not be sent is refused before WhatsApp is asked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.credentials import bearing, key_with
from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.principal import Scope

ACCOUNT = f"waba-{NUMBER}"
PHONES = iter(f"55119876511{number:02}" for number in range(100))


@pytest.fixture
async def place(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path, waba_id=ACCOUNT, agent_reply_share=0.0) as installation:
            token = await key_with(installation, TENANT, Scope.MESSAGES_SEND, Scope.MESSAGES_READ)
            installation.http.headers.update(bearing(token))
            yield installation


async def change(place: Installation, **said: Any) -> None:
    """Of the simulated WhatsApp's template; it tells the change by a webhook."""
    assert place.far is not None
    answer = await place.far.patch("/simulator/templates/welcome/en_US", json=said)
    assert answer.status_code == 200, answer.text


async def is_known_as(place: Installation, **said: Any) -> None:
    async def is_so() -> bool:
        found = (await place.http.get("/v1/templates?name=welcome")).json()["items"]
        return bool(found) and said.items() <= found[0].items()

    await until(is_so)


async def send(place: Installation, name: str = "welcome", *, expect: int = 202) -> dict[str, Any]:
    template = {"name": name, "language": {"code": "en_US"}}
    answer = await place.http.post("/v1/messages", json={"to": f"+{next(PHONES)}", "type": "template", "template": template})
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_a_paused_template_is_refused_until_whatsapp_says_otherwise(place: Installation) -> None:
    (synced,) = (await place.http.post("/v1/templates/sync", json={})).json()["accounts"]
    assert (synced["error"], synced["found"] > 5) == (None, True)
    await change(place, status="PAUSED")
    await is_known_as(place, status="PAUSED")
    refused = await send(place, expect=422)
    assert "'welcome' (en_US) is PAUSED since" in refused["detail"]
    assert await place.value("SELECT count(*) FROM messages") == 0
    await change(place, status="APPROVED")
    await is_known_as(place, status="APPROVED")
    sent = await send(place)
    await place.settled()
    assert await place.value("SELECT wamid IS NOT NULL FROM messages WHERE id::text = $1", sent["id"])


async def test_quality_and_category_are_told_as_they_change(place: Installation) -> None:
    await place.http.post("/v1/templates/sync", json={})
    await change(place, quality="YELLOW", category="MARKETING")
    await is_known_as(place, quality="YELLOW", category="MARKETING")


async def test_what_was_never_listed_is_listed_by_the_first_message_of_it(place: Installation) -> None:
    assert (await place.http.get("/v1/templates")).json()["items"] == []
    refused = await send(place, "order_update", expect=422)
    assert "Body: 3 parameters are needed" in refused["detail"]
    refused = await send(place, "welcom", expect=422)
    assert "Similar names: welcome." in refused["detail"]
    await send(place)
