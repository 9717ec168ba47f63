"""What the data plane answers: once tracked is tracked, and a look-up never tells what was."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, customer_message, envelope, installed, until
from tests.databases import Databases

SECOND = "106540352242923"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """`acme` names conversations as Genesys does; `local` by our own ids; `brief` forgets them after a second."""
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), CACHE_TTL="5") as installation:
            await installation.add_tenant(sender="external", genesys_sender="external")
            local = {"correlation": "local"}
            await installation.add_tenant("local", number=SECOND, integration=None, sender="external", settings=local)
            brief = {"correlation": "local", "mapping_ttl": "PT1S"}
            await installation.add_tenant("brief", number="3", integration=None, sender="external", settings=brief)
            yield installation


async def mapping(place: Installation, customer: str, *, tenant: str = TENANT) -> dict[str, Any]:
    answer = await place.state("GET", f"/state/mapping/{customer}", tenant=tenant)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def hits(place: Installation) -> float:
    """Look-ups that were answered from the process so far."""
    lines = (await place.http.get("/metrics")).text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("waystate_cache_hits_total")))


async def test_look_up_has_every_field_of_both_seeds(place: Installation) -> None:
    found = await mapping(place, "+15550200001")
    assert set(found) == {
        *("waId", "conversationId", "contactName", "phoneNumberId", "displayPhoneNumber", "communicationId"),
        *("lastActivityAt", "status", "isNew", "internalId", "tenantId"),
    }
    assert (found["waId"], found["conversationId"], found["status"], found["isNew"]) == ("+15550200001", None, "active", True)
    assert (found["tenantId"], found["phoneNumberId"], found["displayPhoneNumber"]) == (TENANT, NUMBER, "15550783881")
    assert UUID(found["internalId"])
    assert found["lastActivityAt"].endswith("Z")
    assert datetime.fromisoformat(found["lastActivityAt"])
    again = await mapping(place, "+15550200001")
    assert again == {**found, "isNew": False}


async def test_genesys_id_stands_beside_a_conversation_id_of_our_own(place: Installation) -> None:
    found = await mapping(place, "+15550200021", tenant="local")
    assert (found["conversationId"], found["genesysConversationId"]) == (found["internalId"], None)


async def test_hundred_look_ups_of_a_new_customer_at_once_open_one_conversation(place: Installation) -> None:
    found = await asyncio.gather(*(mapping(place, "15550200002") for _ in range(100)))
    assert len({each["internalId"] for each in found}) == 1
    assert [each["isNew"] for each in found].count(True) == 1


async def test_message_is_tracked_once_however_often_it_is_posted(place: Installation) -> None:
    conversation = (await mapping(place, "15550200003", tenant="local"))["conversationId"]
    body = {"metaMessageId": "wamid.once", "conversationId": conversation, "direction": "inbound", "status": "sent"}
    answers = await asyncio.gather(*(place.state("POST", "/state/message", body, tenant="local") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert {answer.json()["messageId"] for answer in answers} == {answers[0].json()["messageId"]}
    assert [answer.json()["created"] for answer in answers].count(True) == 1
    again = await place.state("POST", "/state/message", {**body, "content": "another"}, tenant="local")
    assert (again.status_code, again.json()["created"]) == (200, False)
    (row,) = await place.rows("SELECT status, content FROM messages WHERE wamid = 'wamid.once'")
    assert row == {"status": "received", "content": {}}
    assert await place.value("SELECT count(*) FROM events WHERE message_id = $1", UUID(again.json()["messageId"])) == 1
    late = await place.state("POST", "/state/message", {**body, "status": "read", "content": "another"}, tenant="local")
    assert (late.status_code, late.json()["created"]) == (200, False)
    (row,) = await place.rows("SELECT status, content FROM messages WHERE wamid = 'wamid.once'")
    assert row == {"status": "processed", "content": {}}, "a later status counts, what it was recorded with stays"


async def test_same_ids_in_two_tenants_are_two_messages(place: Installation) -> None:
    for tenant in (TENANT, "local"):
        internal = (await mapping(place, "15550200004", tenant=tenant))["internalId"]
        body = {"metaMessageId": "wamid.both", "conversationId": internal, "direction": "inbound", "status": "received"}
        assert (await place.state("POST", "/state/message", body, tenant=tenant)).status_code == 201
    await place.state("PATCH", "/state/message/wamid.both", {"status": "processed"}, tenant="local")
    assert (await place.trace("wamid.both"))["status"] == "received"
    assert (await place.trace("wamid.both", tenant="local"))["status"] == "processed"


async def test_tracked_message_is_found_by_each_of_its_ids_and_by_genesys_alone(place: Installation) -> None:
    internal = (await mapping(place, "15550200005"))["internalId"]
    body = {"conversationId": internal, "direction": "outbound", "status": "queued", "genesysMessageId": "genesys-5"}
    first = (await place.state("POST", "/state/message", {**body, "metaMessageId": "wamid.five"})).json()["messageId"]
    again = await place.state("POST", "/state/message", {**body, "genesysMessageId": "genesys-5"})
    assert (again.status_code, again.json()["messageId"]) == (200, first)
    for name, status in (("wamid.five", "sent"), ("genesys-5", "delivered"), (first, "read")):
        answer = await place.state("PATCH", f"/state/message/{name}", {"status": status})
        assert (answer.status_code, answer.json()["messageId"]) == (200, first)
    anonymous = {"conversationId": internal, "direction": "outbound", "status": "queued"}
    ids = [(await place.state("POST", "/state/message", anonymous)).json()["messageId"] for _ in range(2)]
    assert len({*ids, first}) == 3


async def test_status_that_came_before_its_message_was_tracked_is_applied_to_it(place: Installation) -> None:
    report = {"id": "wamid.overtaken", "status": "delivered", "timestamp": "1790000000"}
    await place.post_meta(envelope({"statuses": [report]}))
    await place.settled()
    internal = (await mapping(place, "15550200006"))["internalId"]
    body = {"metaMessageId": "wamid.overtaken", "conversationId": internal, "direction": "outbound", "status": "sent"}
    assert (await place.state("POST", "/state/message", body)).status_code == 201

    async def is_delivered() -> bool:
        return bool((await place.trace("wamid.overtaken"))["status"] == "delivered")

    await until(is_delivered, timeout=5)


async def test_look_ups_are_answered_from_the_process_until_something_changes(place: Installation) -> None:
    customer = "15550200007"
    internal = (await mapping(place, customer))["internalId"]
    await mapping(place, customer)
    before = await hits(place)
    for _ in range(10):
        await mapping(place, customer)
    assert await hits(place) == before + 10
    assert (await place.state("GET", f"/state/conversation/{internal}")).json()["internalId"] == internal


async def test_look_ups_show_a_customers_message_as_soon_as_it_is_tracked(place: Installation) -> None:
    customer = "15550200008"
    first = await mapping(place, customer)
    await mapping(place, customer)
    await place.post_meta(envelope(customer_message("wamid.news", customer)))
    await place.settled()
    found = await mapping(place, customer)
    assert found["lastActivityAt"] > first["lastActivityAt"]
    assert found["contactName"] == "Ada"
    reverse = (await place.state("GET", f"/state/conversation/{first['internalId']}")).json()
    assert reverse["lastActivityAt"] == found["lastActivityAt"]
    body = {"conversationId": first["internalId"], "direction": "outbound", "status": "sent"}
    assert (await place.state("POST", "/state/message", body)).status_code == 201
    assert (await mapping(place, customer))["lastActivityAt"] > found["lastActivityAt"]


async def test_correlation_is_seen_by_every_look_up_at_once_and_repeating_it_changes_nothing(place: Installation) -> None:
    customer = "15550200009"
    await place.post_meta(envelope(customer_message("wamid.correlated", customer)))
    await place.settled()
    internal = (await mapping(place, customer))["internalId"]
    for _ in range(2):
        assert (await mapping(place, customer))["conversationId"] is None
        assert (await place.state("GET", f"/state/conversation/{internal}")).json()["conversationId"] is None
    body = {"conversation_id": "genesys-9", "communication_id": "communication-9", "whatsapp_message_id": "wamid.correlated"}
    answer = await place.state("POST", "/state/correlation", body)
    assert (answer.status_code, answer.json()["changed"]) == (200, True)
    for path in (f"mapping/{customer}", f"conversation/{internal}", "conversation/genesys-9"):
        found = (await place.state("GET", f"/state/{path}")).json()
        assert (found["conversationId"], found["communicationId"]) == ("genesys-9", "communication-9")
    camel = {"conversationId": "genesys-9", "communicationId": "communication-9", "whatsappMessageId": "wamid.correlated"}
    assert (await place.state("POST", "/state/correlation", camel)).json()["changed"] is False
    moved = await place.state("POST", "/state/correlation", {**body, "conversation_id": "genesys-10"})
    assert moved.json()["changed"] is True
    assert (await mapping(place, customer))["conversationId"] == "genesys-10"
    assert (await place.state("GET", "/state/conversation/genesys-10")).json()["internalId"] == internal
    assert (await place.state("GET", "/state/conversation/genesys-9")).status_code == 404
    events = await place.rows("SELECT type FROM events WHERE conversation_id = $1 ORDER BY position", UUID(internal))
    assert [event["type"] for event in events].count("conversation.correlated") == 2


async def test_answer_never_outlives_the_conversations_expiry(place: Installation) -> None:
    customer = "15550200010"
    first = await mapping(place, customer, tenant="brief")
    started = time.monotonic()
    internal = first["internalId"]
    await place.state("GET", f"/state/conversation/{internal}", tenant="brief")
    assert (await mapping(place, customer, tenant="brief"))["internalId"] == internal

    async def is_new() -> bool:
        return bool((await mapping(place, customer, tenant="brief"))["internalId"] != internal)

    await until(is_new, timeout=4)
    # The process would have remembered it for five seconds.
    assert 0.8 < time.monotonic() - started < 3
    ended = (await place.state("GET", f"/state/conversation/{internal}", tenant="brief")).json()
    assert ended["status"] == "expired"
    rows = await place.rows("SELECT status FROM conversations WHERE tenant_id = 'brief' ORDER BY id")
    assert [row["status"] for row in rows] == ["expired", "active"]


async def test_message_tracked_in_an_expired_conversation_does_not_open_it_again(place: Installation) -> None:
    customer = "15550200013"
    internal = (await mapping(place, customer, tenant="brief"))["internalId"]

    async def is_expired() -> bool:
        found = (await place.state("GET", f"/state/conversation/{internal}", tenant="brief")).json()
        return bool(found["status"] == "expired")

    await until(is_expired, timeout=3)
    for direction, status in (("inbound", "received"), ("outbound", "sent")):
        body = {"conversationId": internal, "direction": direction, "status": status}
        assert (await place.state("POST", "/state/message", body, tenant="brief")).status_code == 201
        assert await is_expired()
    assert (await mapping(place, customer, tenant="brief"))["internalId"] != internal


async def test_number_in_the_question_chooses_the_conversation(place: Installation) -> None:
    customer = "15550200011"
    named = (await place.state("GET", f"/state/mapping/{customer}?phoneNumberId={NUMBER}")).json()
    assert named["phoneNumberId"] == NUMBER
    assert (await mapping(place, customer))["internalId"] == named["internalId"]
    refused = await place.state("GET", f"/state/mapping/{customer}?phoneNumberId={SECOND}")
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_number")


async def test_user_without_a_phone_is_found_by_user_id(place: Installation) -> None:
    user = "US.13491208655302741918"
    value = {
        "contacts": [{"user_id": user, "profile": {"name": "Sheena"}}],
        "messages": [
            {"id": "wamid.of-a-user", "from_user_id": user, "timestamp": "1790000000", "type": "text", "text": {"body": "Hi"}}
        ],
    }
    await place.post_meta(envelope(value))
    await place.settled()
    found = await mapping(place, user)
    assert (found["isNew"], found["contactName"], found["waId"]) == (False, "Sheena", user)
    told = await place.trace("wamid.of-a-user")
    assert told["conversation"]["internalId"] == found["internalId"]


async def test_look_ups_keep_no_conversation_open(place: Installation) -> None:
    found = await mapping(place, "15550200012", tenant="local")
    expires = "SELECT expires_at, last_activity_at FROM conversations WHERE id = $1"
    before = await place.rows(expires, UUID(found["internalId"]))
    for path in ("mapping/15550200012", "mapping/+15550200012", f"conversation/{found['internalId']}"):
        await place.state("GET", f"/state/{path}", tenant="local")
    assert await place.rows(expires, UUID(found["internalId"])) == before


async def test_an_inbound_message_that_is_delivered_or_read_is_processed_and_the_answer_says_so(place: Installation) -> None:
    conversation = (await place.state("GET", "/state/mapping/15550100001", tenant="local")).json()["conversationId"]
    for number, word in enumerate(("delivered", "READ", "processed")):
        body = {
            "metaMessageId": f"wamid.{number}",
            "conversationId": conversation,
            "direction": "inbound",
            "status": "received",
        }
        assert (await place.state("POST", "/state/message", body, tenant="local")).status_code == 201
        answer = await place.state("PATCH", f"/state/message/wamid.{number}", {"status": word}, tenant="local")
        assert (answer.status_code, answer.json()["status"]) == (200, "processed")
