"""A business begins a conversation over HTTP and reads how it stands; what it planned leaves when it is time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides
from tests.acceptance.test_sending import TEMPLATE, get, key, send, write
from tests.databases import Databases
from waystate.clock import iso, utc_now

KNOWN = "5511987660001"
SAID = {"type": "template", "template": TEMPLATE}


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            installation.http.headers["x-api-key"] = await key(installation, "beginner")
            yield installation


async def begin(place: Installation, *, expect: int, **body: Any) -> dict[str, Any]:
    answer = await place.http.post("/v1/conversations", json=body)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def set_policy(place: Installation, policy: str) -> None:
    """What the tenant does with what is said while its customer's window is closed."""
    view = await place.app.directory.find_tenant(TENANT)
    assert view is not None
    changed = view.tenant.settings.model_copy(update={"window_policy": policy})
    await place.add_tenants([view.tenant.model_copy(update={"settings": changed})])


async def read(place: Installation, name: str, *, expect: int = 200) -> dict[str, Any]:
    answer = await place.http.get(f"/v1/conversations/{name}")
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def ends_as(place: Installation, message: str, *statuses: str) -> dict[str, Any]:
    for _ in range(200):
        if (now := await get(place, message))["status"] in statuses:
            return now
        await asyncio.sleep(0.05)
    raise AssertionError(f"{now['status']}, not {statuses}")


async def test_a_template_begins_a_conversation_and_the_second_joins_it(place: Installation) -> None:
    first = await begin(place, expect=201, to="+55 11 98766-0002", **SAID)
    assert first["isNew"] is True
    conversation = first["conversation"]
    assert (conversation["number"], conversation["status"], conversation["controller"]) == (NUMBER, "active", "none")
    assert conversation["window"] == {"open": False, "closesAt": None}
    second = await begin(place, expect=200, customerId=conversation["customer"]["id"], **SAID)
    assert (second["isNew"], second["conversation"]["id"]) == (False, conversation["id"])
    assert (await get(place, second["messageId"]))["conversationId"] == conversation["id"]
    # The customer answers: their id as WhatsApp has it is theirs, and the window is open.
    await write(place, "5511987660002")
    now = await read(place, conversation["id"])
    assert (now["customer"]["id"], now["customer"]["waId"]) == (conversation["customer"]["id"], "5511987660002")
    assert (now["window"]["open"], now["genesysConversationId"] is None) == (True, False)
    assert (await read(place, now["genesysConversationId"]))["id"] == now["id"], "by Genesys' id too"
    said = await begin(place, expect=200, customerId=conversation["customer"]["id"], type="text", text={"body": "Good morning"})
    held = said["conversation"]
    assert (held["controller"], held["controlEpoch"]) == ("external", 1)
    assert held["controlHolder"].startswith("key:")


async def test_free_text_needs_an_open_window_and_the_refusal_says_what_to_do(place: Installation) -> None:
    refused = await begin(place, expect=409, to="+55 11 98766-0003", type="text", text={"body": "Hello"})
    assert refused["code"] == "window_closed"
    assert "template" in refused["detail"]
    assert "holdUntilWindow" in refused["detail"]
    assert await place.value("SELECT count(*) FROM conversations WHERE wa_id = '5511987660003'") == 0


async def test_where_messages_are_held_none_is_held_that_should_begin_a_conversation(place: Installation) -> None:
    """There would be no conversation to answer with."""
    await begin(place, expect=201, to="5511987660005", **SAID)
    try:
        await set_policy(place, "hold")
        refused = await begin(place, expect=409, to="5511987660005", type="text", text={"body": "Hello"})
        assert (await send(place, to="5511987660005"))["status"] == "planned"
    finally:
        await set_policy(place, "refuse")
    assert refused["code"] == "window_closed"
    assert await place.value("SELECT count(*) FROM planned_messages WHERE request->>'text' = 'Hello'") == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"to": KNOWN, "customerId": str(uuid4())}, 422, "invalid_request"),
        ({"customerId": str(uuid4())}, 404, "customer_not_found"),
        ({"to": KNOWN, "number": "1"}, 404, "number_not_found"),
        ({"to": KNOWN, "conversationId": "x"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_begin_is_refused(place: Installation, body: dict[str, Any], status: int, code: str) -> None:
    assert (await begin(place, expect=status, **SAID, **body))["code"] == code


async def test_a_conversation_that_is_not_there_is_not_found(place: Installation) -> None:
    assert (await read(place, str(uuid4()), expect=404))["code"] == "conversation_not_found"


async def test_what_is_held_for_a_customer_reaches_them_when_they_write(place: Installation) -> None:
    held = [await send(place, to="5511987660004", holdUntilWindow=True, text={"body": text}) for text in ("One", "Two")]
    assert {each["status"] for each in held} == {"planned"}
    await write(place, "5511987660004")
    became = [await ends_as(place, each["id"], "released") for each in held]
    messages = [await ends_as(place, each["messageId"], "sent", "delivered", "read") for each in became]
    assert [each["text"] for each in messages] == ["One", "Two"]
    order = await place.rows(
        "SELECT message_id FROM events WHERE type = 'outbound.processed' AND message_id = ANY($1::uuid[]) ORDER BY position",
        [each["id"] for each in messages],
    )
    assert [str(row["message_id"]) for row in order] == [each["id"] for each in messages]


async def test_what_is_planned_for_a_time_reaches_its_customer_then(place: Installation) -> None:
    await write(place, KNOWN)
    planned = await send(place, to=KNOWN, sendAt=iso(utc_now() + timedelta(seconds=2)))
    assert planned["status"] == "planned"
    became = await ends_as(place, planned["id"], "released")
    await ends_as(place, became["messageId"], "sent", "delivered", "read")
    assert await place.value("SELECT count(*) FROM events WHERE type = 'message.released' AND tenant_id = $1", TENANT) == 3
