import base64


async def test_send_is_answered_with_a_wamid_that_contains_the_number(simulator):
    answer = await simulator.send()
    assert answer.status_code == 200
    document = answer.json()
    (contact,) = document["contacts"]
    assert (contact["input"], contact["wa_id"], contact["user_id"][:3]) == ("15550100", "15550100", "US.")
    wamid = document["messages"][0]["id"]
    assert b"15550100" in base64.b64decode(wamid.removeprefix("wamid."))


async def test_sent_delivered_and_read_follow_a_send_and_echo_its_opaque_data(simulator, waystate, until):
    wamid = (await simulator.send(opaque="our-id")).json()["messages"][0]["id"]
    await until(lambda: len(waystate.statuses) == 3)
    assert [status["status"] for status in waystate.statuses] == ["sent", "delivered", "read"]
    assert {(status["id"], status["biz_opaque_callback_data"]) for status in waystate.statuses} == {(wamid, "our-id")}
    assert waystate.badly_signed == 0


async def test_bsuid_in_recipient_is_accepted_and_no_phone_is_invented(simulator, waystate, until):
    answer = await simulator.send(to=None, recipient="US.13491208655302741918")
    assert answer.json()["contacts"] == [{"input": "US.13491208655302741918", "user_id": "US.13491208655302741918"}]
    await until(lambda: len(waystate.statuses) == 3)
    assert waystate.statuses[0]["recipient_user_id"] == "US.13491208655302741918"
    assert "recipient_id" not in waystate.statuses[0]


async def test_customer_is_the_same_by_phone_and_by_user_id(simulator):
    answer = await simulator.send()
    user_id = answer.json()["contacts"][0]["user_id"]
    again = await simulator.post_graph(
        {"messaging_product": "whatsapp", "recipient": user_id, "type": "text", "text": {"body": "Hi"}}
    )
    assert again.json()["contacts"] == [{"input": user_id, "wa_id": "15550100", "user_id": user_id}]


async def test_the_same_opaque_data_sent_twice_counts_as_doubled(simulator):
    first, second = await simulator.send(opaque="a"), await simulator.send(opaque="a")
    await simulator.send(opaque="b")
    assert first.json()["messages"] != second.json()["messages"]
    state = (await simulator.get("/simulator/state"))["whatsapp"]
    assert (state["sends"], state["doubled"]) == (2, 1)


async def test_read_mark_is_no_send(simulator):
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": await simulator.meet()}
    assert (await simulator.post_graph(mark)).json() == {"success": True}
    assert (await simulator.post_graph({**mark, "typing_indicator": {"type": "text"}})).json() == {"success": True}
    state = (await simulator.get("/simulator/state"))["whatsapp"]
    assert (state["sends"], state["readMarks"], state["typingMarks"]) == (0, 1, 1)


async def test_replies_that_reach_whatsapp_out_of_order_are_counted(simulator):
    for number in (1, 3, 2, 4):
        await simulator.send(f"#{number} text", opaque=f"m-{number}")
    assert (await simulator.get("/simulator/state"))["whatsapp"]["orderInversions"] == 1
