import pytest


def receipt(reply_id, status="Delivered", **fields):
    channel = {"to": {"id": "15550100"}, "time": "2026-11-20T12:00:01.000Z"}
    return {"id": reply_id, "channel": channel, "status": status, "isFinalReceipt": True, **fields}


async def test_client_credentials_are_exchanged_for_a_token(simulator):
    answer = await simulator.log_in()
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 86399)


async def test_wrong_client_secret_gets_no_token(simulator):
    answer = await simulator.log_in("guess")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_message_without_token_is_refused(simulator):
    simulator.genesys_token = "stale"
    answer = await simulator.tell_genesys("wamid.1")
    assert (answer.status_code, answer.json()["code"]) == (401, "bad.credentials")


async def test_an_agent_answers_each_message_in_its_conversation(simulator, waystate, until, settings):
    body = (await simulator.post_genesys("message", message("wamid.1"), query="?prefetchConversationId=true")).json()
    await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.replies) == 2)
    assert [reply["text"].split()[0] for reply in waystate.replies] == ["#1", "#2"]
    assert {reply["conversationId"] for reply in waystate.replies} == {body["conversationId"]}
    reply = waystate.replies[0]
    assert reply["channel"]["to"] == {"id": "15550100", "idType": "Opaque"}
    assert reply["channel"]["id"] == settings["integration_id"]
    assert (reply["direction"], reply["type"], len(reply["id"])) == ("Outbound", "Text", 32)
    assert waystate.badly_signed == 0


async def test_agents_who_are_sent_away_answer_nothing_until_they_are_back(simulator, waystate, until):
    assert (await simulator.control("PATCH", "/rules", {"agents": False}))["agents"] is False
    await simulator.tell_genesys("wamid.1")
    await simulator.control("PATCH", "/rules", {"agents": True})
    await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.replies) == 1)
    state = await simulator.get("/simulator/state")
    assert (state["genesys"]["messages"], state["agents"]["replies"]) == (2, 1)


async def test_conversation_id_is_only_in_the_answer_when_asked_for(simulator):
    answer = (await simulator.tell_genesys("wamid.1")).json()
    assert "conversationId" not in answer
    path = f"/genesys/api/v2/conversations/messages/{answer['id']}/details"
    headers = {"authorization": f"Bearer {simulator.genesys_token}"}
    details = (await simulator.client.get(path, headers=headers)).json()
    asked = (await simulator.post_genesys("message", message("wamid.1"), query="?prefetchConversationId=true")).json()
    assert asked["conversationId"] == details["conversationId"]


async def test_a_repeat_gets_the_same_answer_and_no_second_reply(simulator, waystate, until):
    first, second = await simulator.tell_genesys("wamid.1"), await simulator.tell_genesys("wamid.1")
    assert first.json() == second.json()
    await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.replies) == 2)
    state = await simulator.get("/simulator/state")
    assert (state["genesys"]["messages"], state["genesys"]["repeats"], state["agents"]["replies"]) == (2, 1, 2)


async def test_each_customer_has_a_conversation(simulator, waystate, until):
    for sender in ("15550100", "US.13491208655302741918"):
        await simulator.tell_genesys(f"wamid.{sender}", sender=sender)
    await until(lambda: len(waystate.replies) == 2)
    assert len({reply["conversationId"] for reply in waystate.replies}) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": "", "content": []},
        {"type": "Event"},
        {"direction": "Outbound"},
        {"channel": {"from": {"id": "1"}}},
        {"channel": {"from": {"id": "1"}, "time": "2026-11-20T12:00:00.000"}},
        {"channel": {"time": "2026-11-20T12:00:00.000Z"}},
        {"channel": {"from": {"id": ""}, "time": "2026-11-20T12:00:00.000Z"}},
        {"channel": {"from": {"id": "1", "idType": "Name"}, "time": "2026-11-20T12:00:00.000Z"}},
        {"channel": {"from": {"id": "1"}, "time": "yesterday"}},
        {"metadata": {"nested": {"not": "allowed"}}},
        {"content": [{"attachment": {"mediaType": "Sticker", "url": "https://x"}}]},
        {"content": [{"attachment": {"mediaType": "Image", "url": "a.png"}}]},
        {"content": [{"contentType": "Attachment"}]},
    ],
)
async def test_malformed_message_is_refused_as_genesys_does(simulator, change):
    answer = await simulator.post_genesys("message", {**message("wamid.1"), **change})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad.request")


async def test_message_without_text_and_content_is_refused_in_the_words_of_genesys(simulator):
    said = (await simulator.post_genesys("message", message("wamid.1") | {"text": None})).json()
    assert said["message"] == "should have required property 'content', should have required property '.text'"
    assert set(said) == {"message", "code", "status", "contextId", "details", "errors"}
    assert said["status"] == 400


@pytest.mark.parametrize("path", ["api/v2/conversations/messages/inbound/open", "api/v2/nothing", ""])
async def test_path_that_does_not_exist_is_an_error_of_genesys(simulator, path):
    await simulator.tell_genesys("wamid.1")
    headers = {"authorization": f"Bearer {simulator.genesys_token}"}
    answer = await simulator.client.post(f"/genesys/{path}", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not.found")
    assert (await simulator.client.post(f"/genesys/{path}", json={})).status_code == 401


async def test_body_that_is_no_json_is_refused_as_genesys_does(simulator, settings):
    await simulator.tell_genesys("wamid.1")
    path = f"/genesys/api/v2/conversations/messages/{settings['integration_id']}/inbound/open/message"
    headers = {"authorization": f"Bearer {simulator.genesys_token}"}
    answer = await simulator.client.post(path, content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad.request")


async def test_attachment_without_text_is_a_message(simulator):
    content = [{"attachment": {"mediaType": "Image", "url": "https://x/y.png"}}]
    answer = await simulator.post_genesys("message", {**message("wamid.1"), "text": None, "content": content})
    assert answer.status_code == 200


async def test_receipt_for_a_message_that_genesys_did_not_send_is_refused(simulator):
    answer = await simulator.post_genesys("receipt", receipt("nobody"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not.found")
    assert (await simulator.get("/simulator/state"))["genesys"]["receipts"]["Delivered"] == 0


async def test_receipts_are_counted_by_status_and_repeats_apart(simulate, waystate, until):
    simulator = await simulate(genesys_known_messages=False)
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 1)
    reply = waystate.replies[0]["id"]
    unknown = receipt("nobody", "Failed", reasons=[{"code": "MessageExpired"}])
    for body in (receipt(reply), receipt(reply), unknown):
        assert (await simulator.post_genesys("receipt", body)).status_code == 200
    receipts = (await simulator.get("/simulator/state"))["genesys"]["receipts"]
    assert (receipts["Delivered"], receipts["Failed"], receipts["repeats"], receipts["unknown"]) == (1, 1, 1, 1)


async def test_receipt_with_a_word_genesys_does_not_know_is_refused(simulator):
    no_one = {"channel": {"time": "2026-11-20T12:00:01.000Z"}}
    for body in (
        receipt("x", "Read"),
        receipt("x", "Failed", reasons=[{"code": "131047"}]),
        receipt("x", direction="Inbound"),
        receipt("x", **no_one),
        receipt(""),
    ):
        assert (await simulator.post_genesys("receipt", body)).status_code == 400


async def test_typing_event_is_accepted(simulator):
    event = {"channel": message("wamid.1")["channel"], "events": [{"eventType": "Typing"}]}
    assert (await simulator.post_genesys("event", event)).status_code == 200
    for events in ([], [{"eventType": "Reaction"}]):
        assert (await simulator.post_genesys("event", event | {"events": events})).status_code == 400
    assert (await simulator.get("/simulator/state"))["genesys"]["events"] == 1


async def test_genesys_gives_up_after_its_retries(simulator, waystate, until):
    waystate.answers.extend([503] * 6)
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.bodies) == 6)
    await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.replies) == 1)
    assert waystate.replies[0]["text"].startswith("#2 ")
    replied = (await simulator.get("/simulator/messages"))["customers"][0]["agentReplied"]
    assert [(reply["accepted"], reply["waiting"]) for reply in replied] == [(False, False), (True, False)]


async def test_genesys_does_not_retry_what_is_refused(simulator, waystate, until):
    waystate.answers.append(403)
    await simulator.tell_genesys("wamid.1")
    await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.replies) == 1)
    webhooks = (await simulator.get("/simulator/state"))["webhooks"]["genesys"]
    assert (webhooks["refused"], webhooks["accepted"], webhooks["retried"]) == (1, 1, 0)


async def test_agents_also_type(simulate, waystate, until):
    simulator = await simulate(agent_typing_share=1.0)
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) == 2)
    assert [reply["type"] for reply in waystate.replies] == ["Event", "Text"]


def message(message_id):
    channel = {"from": {"id": "15550100", "idType": "Opaque"}, "time": "2026-11-20T12:00:00.000Z", "messageId": message_id}
    return {"channel": channel, "text": "Hi"}
