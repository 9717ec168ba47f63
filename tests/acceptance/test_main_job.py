"""The main job: a customer writes, an agent answers, and every station of both messages can be told."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from tests.acceptance.installation import (
    NUMBER,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.databases import Databases

PHONE, USER = "15550100001", "US.13491208655302741918"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home")) as installation:
            yield installation


async def write(place: Installation, customer: str, text: str, **faults: float) -> str:
    """A customer's message, left to the simulator; its wamid."""
    assert place.far is not None
    await place.far.put("/simulator/faults", json=faults)
    answer = await place.far.post(f"/simulator/customers/{customer}/messages", json={"text": text, "name": "Ada Lovelace"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["wamid"])


async def journal(place: Installation, customer: str) -> Any:
    assert place.far is not None
    answer = await place.far.get("/simulator/messages", params={"customer": customer})
    (view,) = answer.json()["customers"]
    return view


async def answered(place: Installation, customer: str, final: str) -> dict[str, Any]:
    """The agent's answer, once it has come to its final status and Genesys has its receipt."""

    async def is_final() -> bool:
        rows = await replies()
        return [row["status"] for row in rows] == [final] and bool((await journal(place, customer))["receipts"])

    async def replies() -> list[dict[str, Any]]:
        return await place.rows(
            "SELECT m.* FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id "
            "JOIN contact_identities i ON i.tenant_id = c.tenant_id AND i.contact_id = c.contact_id "
            "WHERE m.direction = 'outbound' AND i.external_id = $1",
            customer,
        )

    await until(is_final)
    await place.settled()
    return (await replies())[0]


@pytest.mark.parametrize("customer", [PHONE, USER], ids=["phone", "user id without a phone"])
async def test_customer_is_answered_by_an_agent_and_both_platforms_learn_what_became_of_it(
    place: Installation, customer: str
) -> None:
    wamid = await write(place, customer, "#1 Where is my order?")
    reply = await answered(place, customer, "read")

    seen = await journal(place, customer)
    assert [(each["messageId"], each["text"], each["repeats"]) for each in seen["genesysReceived"]] == [
        (wamid, "#1 Where is my order?", 0)
    ]
    assert [(each["text"], each["to"], len(each["wamids"])) for each in seen["whatsappGot"]] == [
        (seen["agentReplied"][0]["text"], customer, 1)
    ]
    assert [(each["id"], each["status"], each["isFinal"]) for each in seen["receipts"]] == [
        (seen["agentReplied"][0]["id"], "Delivered", True)
    ]

    (inbound,) = await place.rows("SELECT * FROM messages WHERE wamid = $1", wamid)
    assert (inbound["status"], inbound["direction"], inbound["text"]) == ("processed", "inbound", "#1 Where is my order?")
    assert reply["conversation_id"] == inbound["conversation_id"]
    assert (reply["genesys_message_id"], reply["wamid"]) == (
        seen["agentReplied"][0]["id"],
        seen["whatsappGot"][0]["wamids"][0],
    )
    (conversation,) = await place.rows("SELECT * FROM conversations WHERE id = $1", inbound["conversation_id"])
    assert (conversation["status"], conversation["phone_number_id"]) == ("active", NUMBER)
    assert conversation["genesys_conversation_id"] == seen["genesysReceived"][0]["conversationId"]
    assert seen["genesysReceived"][0]["fromId"] == str(conversation["contact_id"])
    assert await place.value("SELECT count(*) FROM dead_letters") == 0


async def test_trace_tells_all_of_an_answer_by_each_of_its_three_ids(place: Installation) -> None:
    customer = "15550100002"
    await write(place, customer, "#1 Hello?")
    reply = await answered(place, customer, "read")
    told = await place.trace(reply["wamid"])
    assert told == await place.trace(reply["genesys_message_id"]) == await place.trace(str(reply["id"]))

    assert told["status"] == "read"
    assert told["why"].startswith("It is read: whatsapp accepted it at ")
    assert told["contact"]["name"] == "Ada Lovelace"
    assert told["contact"]["waId"] == customer
    conversation = told["conversation"]
    assert conversation["internalId"] == str(reply["conversation_id"])
    assert conversation["genesysConversationId"] == (await journal(place, customer))["genesysReceived"][0]["conversationId"]
    assert conversation["phoneNumberId"] == NUMBER
    assert conversation["customerWindow"]["open"] is True
    assert [each["status"] for each in told["statuses"] if each["applied"]] == ["sent", "delivered", "read"]
    assert {each["source"] for each in told["statuses"]} == {"waystate", "whatsapp"}
    assert all(each["applied"] or each["whyNot"] for each in told["statuses"])
    assert [(each["target"], each["state"]) for each in told["deliveries"]] == [
        ("whatsapp", "sent"),
        ("genesys_receipt", "sent"),
    ]
    (attempt,) = told["deliveries"][0]["attempts"]
    assert (attempt["attempt"], attempt["outcome"], attempt["httpStatus"]) == (1, "sent", 200)
    assert attempt["startedAt"] <= attempt["endedAt"]
    assert told["deliveries"][0]["externalId"] == reply["wamid"]
    hops = [each["hop"] for each in told["hops"]]
    assert set(hops) == {"written", "received", "tracked", "queued", "attempt", "answer", "status"}
    assert all(first["at"] <= second["at"] for first, second in pairwise(told["hops"]))
    assert hops.index("received") < hops.index("tracked") < hops.index("queued") < hops.index("attempt") < hops.index("answer")


async def test_trace_of_a_customers_message_tells_its_way_to_genesys(place: Installation) -> None:
    customer = "15550100003"
    wamid = await write(place, customer, "#1 Anybody there?")
    await answered(place, customer, "read")
    told = await place.trace(wamid)
    assert (told["direction"], told["status"], told["text"]) == ("inbound", "processed", "#1 Anybody there?")
    # An agent who typed is shown on it.
    passed_on = [each for each in told["deliveries"] if each["target"] != "whatsapp_mark"]
    assert [(each["target"], each["state"], len(each["attempts"])) for each in passed_on] == [("genesys", "sent", 1)]
    assert told["why"].startswith("It is processed: genesys accepted it at ")
    assert told["origin"].startswith("ledger:")
    received = next(each for each in told["hops"] if each["hop"] == "received")
    assert received["what"] == "webhook of whatsapp app-1, durable"


async def test_look_ups_answer_with_genesys_id_once_it_is_known(place: Installation) -> None:
    customer = "15550100004"
    await write(place, customer, "#1 Hello")
    await answered(place, customer, "read")
    genesys_id = (await journal(place, customer))["genesysReceived"][0]["conversationId"]
    mapping = (await place.state("GET", f"/state/mapping/+{customer}")).json()
    assert (mapping["conversationId"], mapping["waId"], mapping["isNew"]) == (genesys_id, f"+{customer}", False)
    for name in (genesys_id, mapping["internalId"]):
        reverse = (await place.state("GET", f"/state/conversation/{name}")).json()
        assert reverse == {**mapping, "waId": customer}


async def test_answer_that_whatsapp_cannot_deliver_fails_with_its_reason_and_the_agent_is_told(place: Installation) -> None:
    customer = "15550100005"
    await write(place, customer, "#1 Hello", undeliverable=1.0)
    reply = await answered(place, customer, "failed")
    told = await place.trace(reply["genesys_message_id"])
    assert told["why"].startswith("It failed: Message undeliverable. Not delivered: WhatsApp cannot reach this customer.")
    assert told["error"]["code"] == 131026
    (receipt,) = (await journal(place, customer))["receipts"]
    assert (receipt["status"], receipt["reasons"]) == ("Failed", ["InvalidDestination"])


async def test_platform_that_throttles_costs_an_attempt_but_no_message(place: Installation) -> None:
    customer = "15550100006"
    wamid = await write(place, customer, "#1 Hello", throttle=1.0)

    async def was_throttled() -> bool:
        return bool(await place.value("SELECT count(*) FROM delivery_attempts WHERE outcome = 'retry'"))

    await until(was_throttled)
    assert place.far is not None
    await place.far.put("/simulator/faults", json={})
    await answered(place, customer, "read")
    told = await place.trace(wamid)
    attempts = told["deliveries"][0]["attempts"]
    assert [each["outcome"] for each in attempts] == ["retry"] * (len(attempts) - 1) + ["sent"]
    assert attempts[0]["error"]["kind"] == "throttle"
    seen = await journal(place, customer)
    assert [(len(each["wamids"])) for each in seen["whatsappGot"]] == [1]
    assert [each["repeats"] for each in seen["genesysReceived"]] == [0]


async def test_answer_after_the_customer_window_is_kept_as_failed_and_the_agent_is_told_at_once(place: Installation) -> None:
    customer, yesterday = "15550100007", int(place.app.clock().timestamp()) - 25 * 3600
    await place.post_meta(envelope(customer_message("wamid.yesterday", customer, at=yesterday)))
    await place.settled()
    await place.post_genesys(agent_message("answer-too-late", customer))
    await place.settled()
    told = await place.trace("answer-too-late")
    assert (told["status"], told["error"]["code"]) == ("failed", "window_closed")
    assert "only a template may be sent now" in told["why"]
    assert told["conversation"]["customerWindow"]["open"] is False
    assert [(each["target"], each["state"]) for each in told["deliveries"]] == [("genesys_receipt", "sent")]
    (receipt,) = await place.rows("SELECT request FROM deliveries WHERE request ->> 'id' = 'answer-too-late'")
    assert (receipt["request"]["status"], receipt["request"]["reasons"][0]["code"]) == ("Failed", "MessageExpired")


async def test_trace_of_what_nobody_knows_says_where_else_to_look(place: Installation) -> None:
    answer = await place.http.get("/v1/messages/wamid.nobody/trace", headers={"x-tenant-id": TENANT})
    assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")
    assert "waystate ledger list --rejected" in answer.json()["detail"]
