"""Conversations of the simulated Genesys: their ends, what is told of them, and what agents and bots write."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from waystate.channels.genesys.parse import parse_webhook
from waystate.messages.model import OutboundMessage
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys_contents import EXAMPLES
from waystate.simulator.webhooks import genesys_terms

TOLD = {
    "genesys_events_url": "http://waystate/webhooks/genesys/integration-1/events",
    "genesys_events_header": ("authorization", "Bearer shared"),
}
QUIET = {"agent_reply_share": 0.0}


def channel(message_id="wamid.1", sender="15550100", time="2026-11-20T12:00:00.000Z"):
    return {"from": {"id": sender, "nickname": "Ann"}, "time": time, "messageId": message_id}


async def test_a_conversation_shows_who_takes_part_and_until_when(simulator, waystate, until):
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 1)
    conversation = waystate.replies[0]["conversationId"]
    open_one = (await simulator.ask_genesys("GET", f"/conversations/{conversation}")).json()
    assert [each["purpose"] for each in open_one["participants"]] == ["customer", "acd", "agent"]
    assert (open_one["state"], "endTime" in open_one) == ("connected", False)
    assert [each["messages"][0]["state"] for each in open_one["participants"]] == ["connected", "disconnected", "connected"]
    await simulator.control("POST", "/genesys/conversations/15550100/end")
    ended = (await simulator.ask_genesys("GET", f"/conversations/{conversation}")).json()
    assert ended["state"] == "disconnected"
    assert all("endTime" in each for each in (ended, *ended["participants"]))
    of_messages = (await simulator.ask_genesys("GET", f"/conversations/messages/{conversation}")).json()
    assert {each["state"] for each in of_messages["participants"]} == {"disconnected"}
    assert [each["disconnectType"] for each in of_messages["participants"]] == ["client", "transfer", "client"]
    assert len(of_messages["participants"][0]["messages"]) == 2
    assert (await simulator.ask_genesys("GET", "/conversations/none")).json()["code"] == "not.found"


async def test_who_writes_again_goes_on_in_the_same_conversation_until_the_threading_ends(simulate):
    now = [datetime(2026, 11, 20, 12, 0, tzinfo=UTC)]
    simulator = await simulate(clock=lambda: now[0], genesys_threading=3600.0, genesys_token_life=10**6, **QUIET)

    async def write(message_id):
        answer = await simulator.post_genesys(
            "message", {"channel": channel(message_id), "text": "Hi"}, query="?prefetchConversationId=true"
        )
        return answer.json()["conversationId"]

    first = await write("wamid.1")
    now[0] += timedelta(days=7)
    assert await write("wamid.2") == first, "an open conversation has no end"
    await simulator.control("POST", f"/genesys/conversations/{first}/end")
    now[0] += timedelta(seconds=3599)
    assert await write("wamid.3") == first
    again = (await simulator.ask_genesys("GET", f"/conversations/{first}")).json()
    assert [each["purpose"] for each in again["participants"]] == ["customer", "acd", "customer", "acd"]
    assert again["state"] == "connected"
    await simulator.control("POST", f"/genesys/conversations/{first}/end")
    now[0] += timedelta(seconds=3600)
    assert await write("wamid.4") != first


async def test_an_end_is_told_as_eventbridge_tells_it(simulate, waystate, until):
    simulator = await simulate(**TOLD)
    waystate.answers.extend([200, 503])
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 1)
    conversation = waystate.replies[0]["conversationId"]
    ended = await simulator.control("POST", f"/genesys/conversations/{conversation}/end", {"disconnect_type": "client"})
    await until(lambda: len(waystate.events) >= 2)
    headers, event = waystate.events[0]
    assert headers["authorization"] == "Bearer shared"
    assert event["detail-type"] == "v2.detail.events.conversation.{id}.customer.end"
    assert event["source"].startswith("aws.partner/genesys.com/cloud/")
    detail = event["detail"]
    assert detail["topicName"] == f"v2.detail.events.conversation.{conversation}.customer.end"
    body = detail["eventBody"]
    assert (body["conversationId"], body["disconnectType"]) == (conversation, "CLIENT")
    assert (body["mediaType"], body["messageType"], body["direction"]) == ("MESSAGE", "OPEN", "INBOUND")
    assert body["participantId"] == ended["participants"][0]["id"]
    assert abs(body["eventTime"] / 1000 - datetime.now(UTC).timestamp()) < 60
    assert waystate.events[1][1]["detail"]["topicName"].endswith(".user.end")
    assert (await simulator.get("/simulator/state"))["webhooks"]["events"]["retried"] == 1


async def test_attributes_become_the_customers_data(simulator):
    body = {"channel": channel() | {"metadata": {"customAttributes": {"whatsapp_payload": "yes"}}}, "text": "Yes"}
    taken = (await simulator.post_genesys("message", body, query="?prefetchConversationId=true")).json()
    found = (await simulator.ask_genesys("GET", f"/conversations/{taken['conversationId']}")).json()
    assert found["participants"][0]["attributes"] == {"whatsapp_payload": "yes"}


async def test_an_end_can_stay_untold(simulate, waystate):
    simulator = await simulate(**TOLD, **QUIET)
    await simulator.tell_genesys("wamid.1")
    await simulator.control("POST", "/genesys/conversations/15550100/end", {"is_told": False})
    (found,) = (await simulator.get("/simulator/genesys/conversations"))["conversations"]
    assert (found["state"], waystate.events) == ("disconnected", [])


@pytest.mark.parametrize("example", EXAMPLES)
async def test_a_bot_sends_every_kind_of_structured_message(simulate, waystate, until, settings, example):
    simulator = await simulate(**QUIET)
    await simulator.tell_genesys("wamid.1")
    ordered = await simulator.control("POST", "/genesys/conversations/15550100/messages", {"example": example})
    await until(lambda: len(waystate.replies) == 1)
    message = waystate.replies[0]
    assert (message["type"], message["originatingEntity"], message["id"]) == ("Structured", "Bot", ordered["id"])
    assert message["content"] == EXAMPLES[example].content
    (item,) = parse_webhook(waystate.bodies[-1], settings["integration_id"], datetime.now(UTC)).items
    assert isinstance(item.value, OutboundMessage)
    details = (await simulator.ask_genesys("GET", f"/conversations/messages/{ordered['id']}/details")).json()
    assert (details["conversationId"], details["direction"]) == (ordered["conversationId"], "outbound")


async def test_an_agent_writes_and_types_when_told_to(simulate, waystate, until):
    simulator = await simulate(**QUIET)
    await simulator.tell_genesys("wamid.1")
    await simulator.control("POST", "/genesys/conversations/15550100/typing")
    await simulator.control("POST", "/genesys/conversations/15550100/messages", {"text": "Good morning"})
    await until(lambda: len(waystate.replies) == 2)
    typing, message = waystate.replies
    assert typing["events"] == [{"eventType": "Typing", "typing": {"type": "On", "duration": 5000}}]
    assert (message["type"], message["text"], message["originatingEntity"]) == ("Text", "Good morning", "Human")
    for body, status in (({}, 422), ({"example": "none"}, 422)):
        path = "/simulator/genesys/conversations/15550100/messages"
        assert (await simulator.client.post(path, json=body)).status_code == status
    assert (await simulator.client.post("/simulator/genesys/conversations/nobody/end")).status_code == 404


async def test_bots_answer_and_agents_end_conversations_by_themselves(simulate, waystate, until):
    simulator = await simulate(**TOLD, agent_structured_share=1.0, agent_end_share=1.0)
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.events) == 2)
    assert (waystate.replies[0]["type"], waystate.replies[0]["originatingEntity"]) == ("Structured", "Bot")
    ends = {event["detail"]["topicName"].rpartition("conversation.")[2] for _, event in waystate.events}
    assert {each.partition(".")[2] for each in ends} == {"customer.end", "user.end"}


async def test_an_agent_ends_no_conversation_before_its_time_or_with_an_answer_waiting(simulate, waystate, until):
    simulator = await simulate(**TOLD, agent_end_share=1.0, agent_end_after=2)
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 1)
    assert waystate.events == []
    await asyncio.gather(*(simulator.tell_genesys(f"wamid.{number}") for number in (2, 3)))
    await until(lambda: len(waystate.replies) == 3 and len(waystate.events) == 2)
    (ended,) = (await simulator.get("/simulator/genesys/conversations"))["conversations"]
    assert ended["endTime"] >= waystate.replies[-1]["channel"]["time"], "the agent answered after they had left"


async def test_it_tells_ends_where_it_is_directed_to(simulate, waystate, until):
    simulator = await simulate(**QUIET)
    await simulator.tell_genesys("wamid.1")
    url, header = TOLD["genesys_events_url"], TOLD["genesys_events_header"]
    shown = await simulator.control("PATCH", "/genesys", {"events_url": url, "events_header": list(header)})
    assert shown == {"requests_per_minute": 300, "events_url": url}
    await simulator.control("POST", "/genesys/conversations/15550100/end", {})
    await until(lambda: len(waystate.events) == 2)
    assert {headers[header[0].lower()] for headers, _ in waystate.events} == {header[1]}


async def test_a_service_sends_without_an_agent(simulator, waystate, until, settings):
    order = {
        "fromAddress": settings["integration_id"],
        "toAddress": "15550100",
        "toAddressMessengerType": "open",
        "textBody": "Your parcel is here",
    }
    sent = (await simulator.ask_genesys("POST", "/conversations/messages/agentless", order)).json()
    await until(lambda: len(waystate.replies) == 1)
    assert (waystate.replies[0]["text"], waystate.replies[0]["id"]) == ("Your parcel is here", sent["id"])
    assert waystate.replies[0]["conversationId"] == sent["conversationId"]
    sms = await simulator.ask_genesys("POST", "/conversations/messages/agentless", order | {"toAddressMessengerType": "sms"})
    assert sms.status_code == 400


async def test_the_answer_to_a_structured_message_names_it(simulate, waystate, until):
    simulator = await simulate(**QUIET)
    await simulator.tell_genesys("wamid.1")
    asked = (await simulator.control("POST", "/genesys/conversations/15550100/messages", {"example": "quick_replies"}))["id"]
    button = {"type": "QuickReply", "text": "Yes", "payload": "yes"}
    body = {"channel": channel("wamid.2"), "buttonResponse": button, "originatingMessageId": asked}
    answer = (await simulator.post_genesys("structured/response", body)).json()
    assert (answer["type"], answer["direction"]) == ("Structured", "Inbound")
    assert answer["content"] == [{"contentType": "ButtonResponse", "buttonResponse": button}]
    for change, status in (
        ({"originatingMessageId": "unknown"}, 404),
        ({"buttonResponse": button | {"type": "ListPicker"}}, 400),
        ({"buttonResponse": button | {"payload": ""}}, 400),
        ({"buttonResponse": None}, 400),
    ):
        assert (await simulator.post_genesys("structured/response", body | change)).status_code == status, change
    state = (await simulator.get("/simulator/state"))["genesys"]
    assert (state["structuredResponses"], state["messages"]) == (1, 2)


async def test_a_text_that_is_too_long_and_a_file_that_is_not_supported_are_refused(simulate):
    simulator = await simulate(genesys_text_limit=5, genesys_media_types=["image/*", "application/pdf"], **QUIET)
    assert (await simulator.post_genesys("message", {"channel": channel(), "text": "12345"})).status_code == 200
    long = await simulator.post_genesys("message", {"channel": channel("2"), "text": "123456"})
    assert (long.status_code, long.json()["details"][0]["fieldName"]) == (400, "text")
    for mime, status in (("image/png", 200), ("application/pdf; v=1", 200), ("video/mp4", 400), (None, 400)):
        attachment = {"mediaType": "File", "url": "https://files.example/1"} | ({"mime": mime} if mime else {})
        body = {"channel": channel(str(mime)), "content": [{"attachment": attachment}]}
        assert (await simulator.post_genesys("message", body)).status_code == status, mime


async def test_fields_that_no_model_has_are_counted(simulator):
    await simulator.post_genesys("message", {"channel": channel(), "text": "Hi", "platform": "Open", "type": "Text"})
    event = {"channel": channel(), "events": [{"eventType": "Typing"}]}
    await simulator.post_genesys("event", event)
    assert (await simulator.get("/simulator/state"))["genesys"]["unknownFields"] == 2


async def test_an_outage_of_genesys_is_its_own(simulator):
    await simulator.ask_genesys("GET", "/tokens/me")
    await simulator.control("PUT", "/faults", {"genesys_outage": 85})
    away = await simulator.ask_genesys("GET", "/tokens/me")
    assert (away.status_code, away.json()["code"]) == (503, "service.unavailable")
    assert (await simulator.send()).status_code == 200
    await simulator.control("PUT", "/faults", {})
    assert (await simulator.ask_genesys("GET", "/tokens/me")).status_code == 200


@pytest.mark.parametrize("factor", [1.0, 1 / 500])
def test_six_attempts_and_their_pauses_last_85_of_genesys_seconds(settings, factor):
    real = {"webhook_timeout": 10.0, "genesys_retry_interval": 5.0, "genesys_time_factor": factor}
    terms = genesys_terms(SimulatorConfig(**settings | real), "https://waystate/x", "secret", {})
    pauses = list(terms.pauses())
    assert (len(pauses) + 1) * terms.timeout + sum(pauses) == pytest.approx(85 * factor)


async def test_a_message_is_lost_after_six_attempts_and_the_pauses_between(simulate, waystate, until):
    simulator = await simulate(genesys_retry_interval=5.0, genesys_time_factor=1 / 500, **QUIET)
    await simulator.tell_genesys("wamid.1")
    waystate.answers.extend([503] * 6)
    began = monotonic()
    await simulator.control("POST", "/genesys/conversations/15550100/messages", {"text": "Good morning"})
    await until(lambda: len(waystate.bodies) == 6)
    assert monotonic() - began >= 5 * 5.0 / 500
    tally = (await simulator.get("/simulator/state"))["webhooks"]["genesys"]
    assert (tally["retried"], tally["givenUp"], waystate.replies) == (5, 1, [])
