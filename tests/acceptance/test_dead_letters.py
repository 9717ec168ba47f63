"""What could not be used is listed with its reason, and replayed, once, after the cause was mended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.databases import Databases
from waystate.access import store as access_store
from waystate.clock import utc_now

PHONE = "15550100001"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0) as installation:
            async with installation.app.db.tenant(TENANT) as conn:
                _, key = await access_store.create_key(conn, TENANT, "acceptance", utc_now())
            installation.http.headers["x-api-key"] = key
            yield installation


async def listed(place: Installation, **query: str) -> list[dict[str, Any]]:
    answer = await place.http.get("/v1/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def replay(place: Installation, letter: str) -> httpx2.Response:
    return await place.http.post(f"/v1/dead-letters/{letter}/replay")


async def test_answer_to_a_customer_nobody_knows_is_sent_when_it_is_replayed_after_he_wrote(place: Installation) -> None:
    for _ in range(3):
        assert (await place.post_genesys(agent_message("too-early", PHONE, "Good day"))).status_code == 200
    await place.settled()
    letters = await listed(place, status="open")
    assert {letter["reason"] for letter in letters} == {"mapping_not_found"}
    letter = letters[0]
    assert letter["pipeline"] == "outbound"
    assert "No conversation is known" in letter["errorMessage"]
    assert letter["originalPayload"]["text"] == "Good day"

    early = await replay(place, letter["id"])
    assert (early.status_code, early.json()["code"]) == (409, "mapping_not_found")
    assert "Mend the cause" in early.json()["detail"]

    at = int(utc_now().timestamp())
    await place.post_meta(envelope(customer_message("wamid.late-customer", PHONE, at=at)))
    await place.settled()
    answers = await asyncio.gather(*(replay(place, each["id"]) for each in letters for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * len(letters) + [409] * (4 * len(letters))
    assert sum(answer.json()["events"] for answer in answers if answer.status_code == 200) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"dead_letter_settled"}

    async def is_read() -> bool:
        return bool(await place.value("SELECT status FROM messages WHERE genesys_message_id = 'too-early'") == "read")

    await until(is_read)
    assert place.far is not None
    sends = (await place.far.get("/simulator/messages", params={"customer": PHONE})).json()["customers"][0]["whatsappGot"]
    assert [(each["text"], len(each["wamids"])) for each in sends] == [("Good day", 1)]
    assert await listed(place, status="open") == []
    assert {each["status"] for each in await listed(place)} == {"replayed"}


async def test_list_is_paged_and_filtered_and_refuses_what_it_does_not_know(place: Installation) -> None:
    for number in range(5):
        await place.post_genesys(agent_message(f"stray-{number}", f"1555999{number:04d}"))
        await place.settled()
    newest = [each["originalPayload"]["genesys_message_id"] for each in await listed(place, status="open")]
    assert newest == [f"stray-{number}" for number in reversed(range(5))]
    pages: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = (await place.http.get("/v1/dead-letters", params={"status": "open", "limit": "2", **before})).json()
        pages += [each["originalPayload"]["genesys_message_id"] for each in page["items"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert pages == newest
    assert await listed(place, reason="window_closed") == []
    assert len(await listed(place, status="open", pipeline="outbound", reason="mapping_not_found")) == 5
    for wrong in ({"status": "lost"}, {"limit": "0"}, {"limit": "501"}, {"before": "x"}, {"reason": "\x00"}, {"pipeline": "x"}):
        answer = await place.http.get("/v1/dead-letters", params=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), wrong
