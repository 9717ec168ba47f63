import base64

import pytest

from waystate.simulator.graph import find_problem


async def test_send_is_answered_with_a_wamid_that_contains_the_number(simulator):
    answer = await simulator.send()
    assert answer.status_code == 200
    document = answer.json()
    assert document["contacts"] == [{"input": "15550100", "wa_id": "15550100"}]
    wamid = document["messages"][0]["id"]
    assert b"15550100" in base64.b64decode(wamid.removeprefix("wamid."))


async def test_sent_delivered_and_read_follow_a_send_and_echo_its_opaque_data(simulator, waystate, until):
    wamid = (await simulator.send(opaque="our-id")).json()["messages"][0]["id"]
    await until(lambda: len(waystate.statuses) == 3)
    assert [status["status"] for status in waystate.statuses] == ["sent", "delivered", "read"]
    assert {(status["id"], status["biz_opaque_callback_data"]) for status in waystate.statuses} == {(wamid, "our-id")}
    assert waystate.badly_signed == 0


async def test_wrong_token_is_refused_with_code_190(simulator):
    answer = await simulator.post_graph({}, token="another")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)


async def test_unknown_number_is_refused(simulator):
    headers = {"authorization": "Bearer EAAtoken"}
    answer = await simulator.client.post("/graph/v24.0/1/messages", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_body_that_is_no_json_is_refused(simulator):
    headers = {"authorization": "Bearer EAAtoken"}
    answer = await simulator.client.post("/graph/v24.0/106540352242922/messages", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 100),
        ({"to": "1"}, 100),
        ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}}, 131008),
        ({"messaging_product": "whatsapp", "to": "1", "type": "image"}, 131008),
        ({"messaging_product": "whatsapp", "to": "1", "text": {"body": "x" * 4097}}, 131009),
        ({"messaging_product": "whatsapp", "to": "1", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 131009),
        ({"messaging_product": "whatsapp", "status": "read", "message_id": 7}, 131009),
    ],
)
def test_what_the_real_api_refuses_is_refused(body, code):
    problem = find_problem(body)
    assert problem is not None
    assert problem[0] == code


async def test_bsuid_in_recipient_is_accepted_and_no_phone_is_invented(simulator, waystate, until):
    answer = await simulator.send(to=None, recipient="US.13491208655302741918")
    assert answer.json()["contacts"] == [{"input": "US.13491208655302741918", "user_id": "US.13491208655302741918"}]
    await until(lambda: len(waystate.statuses) == 3)
    assert waystate.statuses[0]["recipient_user_id"] == "US.13491208655302741918"
    assert "recipient_id" not in waystate.statuses[0]


async def test_the_same_opaque_data_sent_twice_counts_as_doubled(simulator):
    first, second = await simulator.send(opaque="a"), await simulator.send(opaque="a")
    await simulator.send(opaque="b")
    assert first.json()["messages"] != second.json()["messages"]
    state = (await simulator.get("/simulator/state"))["whatsapp"]
    assert (state["sends"], state["doubled"]) == (2, 1)


async def test_read_mark_is_no_send(simulator):
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
    assert (await simulator.post_graph(mark)).json() == {"success": True}
    assert (await simulator.post_graph({**mark, "typing_indicator": {"type": "text"}})).json() == {"success": True}
    state = (await simulator.get("/simulator/state"))["whatsapp"]
    assert (state["sends"], state["readMarks"], state["typingMarks"]) == (0, 1, 1)


async def test_replies_that_reach_whatsapp_out_of_order_are_counted(simulator):
    for number in (1, 3, 2, 4):
        await simulator.send(f"#{number} text", opaque=f"m-{number}")
    assert (await simulator.get("/simulator/state"))["whatsapp"]["orderInversions"] == 1
