import asyncio
import time

import httpx2
import pytest


async def switch(simulator, **switches):
    return await simulator.control("PUT", "/faults", switches)


async def test_duplicates_send_the_same_bytes_again(simulator, waystate, until):
    await switch(simulator, duplicates=1)
    await simulator.control("POST", "/customers/15550100123/messages")
    await until(lambda: len(waystate.bodies) >= 2)
    assert len(set(waystate.bodies)) == 1
    await simulator.tell_genesys("wamid.1")
    await until(lambda: len(waystate.replies) >= 2)
    assert len({reply["id"] for reply in waystate.replies}) == 1
    assert (await simulator.get("/simulator/state"))["struck"]["duplicates"] == 2


async def test_reordering_mixes_the_statuses_of_a_send(simulator, waystate, until):
    await switch(simulator, reordering=1)
    for number in range(10):
        await simulator.send(opaque=f"m-{number}")
    await until(lambda: len(waystate.statuses) == 30)
    orders = {}
    for status in waystate.statuses:
        orders.setdefault(status["id"], []).append(status["status"])
    assert all(sorted(order) == ["delivered", "read", "sent"] for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) > 2


async def test_early_status_arrives_before_the_answer_to_the_send(simulator, waystate):
    await switch(simulator, early_statuses=1)
    answer = await simulator.send()
    assert waystate.statuses[0]["status"] == "sent"
    assert waystate.statuses[0]["id"] == answer.json()["messages"][0]["id"]


async def test_undeliverable_send_fails_later(simulator, waystate, until):
    await switch(simulator, undeliverable=1)
    assert (await simulator.send()).status_code == 200
    await until(lambda: len(waystate.statuses) == 2)
    assert [status["status"] for status in waystate.statuses] == ["sent", "failed"]
    assert waystate.statuses[1]["errors"][0]["code"] == 131026


async def test_throttle_says_when_to_come_back_and_does_nothing(simulator):
    await simulator.log_in()
    await switch(simulator, throttle=1)
    answer = await simulator.send()
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (429, 130429, "2")
    answer = await simulator.log_in()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert (await simulator.get("/simulator/state"))["whatsapp"]["sends"] == 0


async def test_server_error_does_nothing(simulator):
    await simulator.tell_genesys("wamid.1")
    await switch(simulator, server_errors=1)
    assert (await simulator.send()).status_code == 500
    assert (await simulator.tell_genesys("wamid.2")).json()["code"] == "internal.server.error"
    state = await simulator.get("/simulator/state")
    assert (state["whatsapp"]["sends"], state["genesys"]["messages"]) == (0, 1)


async def test_lost_answer_is_done_and_reported_by_status(simulator, waystate, until):
    await simulator.tell_genesys("wamid.1")
    await switch(simulator, lost_answers=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        await simulator.send(opaque="our-id")
    with pytest.raises(httpx2.RemoteProtocolError):
        await simulator.tell_genesys("wamid.2")
    await until(lambda: len(waystate.statuses) == 3)
    assert waystate.statuses[0]["biz_opaque_callback_data"] == "our-id"
    state = await simulator.get("/simulator/state")
    assert (state["whatsapp"]["sends"], state["genesys"]["messages"]) == (1, 2)


async def test_a_refusal_is_not_lost(simulator):
    await switch(simulator, lost_answers=1)
    assert (await simulator.post_graph({}, token="another")).status_code == 401


async def test_outage_ends_by_itself(simulator):
    switches = await switch(simulator, outage=0.1)
    assert 0 < switches["outage"] <= 0.1
    assert (await simulator.send()).status_code == 503
    assert (await simulator.log_in()).status_code == 503
    await asyncio.sleep(0.12)
    assert (await simulator.send()).status_code == 200


async def test_a_rate_is_a_share(simulator):
    await switch(simulator, server_errors=0.5)
    answers = [(await simulator.send(opaque=f"m-{number}")).status_code for number in range(60)]
    assert 15 <= answers.count(500) <= 45


async def test_switches_that_are_not_named_are_off(simulator):
    await switch(simulator, server_errors=1, throttle=0.5)
    switches = await switch(simulator, duplicates=0.2)
    assert {name: rate for name, rate in switches.items() if rate} == {"duplicates": 0.2}


@pytest.mark.parametrize(("switches", "status"), [({"gremlins": 1}, 400), ({"throttle": 2}, 400), ({"throttle": "often"}, 422)])
async def test_impossible_switch_is_refused_with_what_to_do(simulator, switches, status):
    answer = await simulator.client.put("/simulator/faults", json=switches)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_answers_take_as_long_as_configured(simulate):
    simulator = await simulate(answer_delay=0.05)
    started = time.monotonic()
    await simulator.send()
    assert time.monotonic() - started >= 0.05
