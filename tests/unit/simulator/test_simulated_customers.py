import asyncio
import re

import pytest

from waystate.simulator.journal import Recent


async def test_a_customer_writes_one_message_now(simulator, waystate, until):
    written = await simulator.control("POST", "/customers/5511987654321/messages", {"text": "Olá", "name": "João"})
    await until(lambda: len(waystate.messages) == 1)
    message = waystate.messages[0]
    assert (message["id"], message["from"], message["text"]["body"]) == (written["wamid"], "5511987654321", "Olá")
    user_id = message["from_user_id"]
    assert user_id[:3] == "US."
    assert message["contact"] == {"profile": {"name": "João"}, "wa_id": "5511987654321", "user_id": user_id}
    assert waystate.badly_signed == 0


async def test_webhooks_are_escaped_as_meta_escapes_them(simulator, waystate, until):
    await simulator.control("POST", "/customers/15550100123/messages", {"text": "Grüße/😊"})
    await until(lambda: len(waystate.bodies) == 1)
    assert rb"Gr\u00fc\u00dfe\/\ud83d\ude0a" in waystate.bodies[0]


async def test_a_customer_without_a_phone_shows_only_the_user_id(simulator, waystate, until):
    await simulator.control("POST", "/customers/US.13491208655302741918/messages", {"name": "Ana Rossi"})
    await until(lambda: len(waystate.messages) == 1)
    message = waystate.messages[0]
    assert message["from_user_id"] == message["contact"]["user_id"] == "US.13491208655302741918"
    assert "from" not in message
    assert "wa_id" not in message["contact"]
    assert message["contact"]["profile"]["username"] == "@ana.rossi"


async def test_a_message_of_any_type_can_be_written(simulator, waystate, until):
    location = {"type": "location", "location": {"latitude": 52.5, "longitude": 13.4}}
    await simulator.control("POST", "/customers/15550100123/messages", {"message": location})
    await until(lambda: len(waystate.messages) == 1)
    assert waystate.messages[0]["location"] == {"latitude": 52.5, "longitude": 13.4}


async def test_refused_webhook_is_retried_until_200_and_later_messages_wait(simulator, waystate, until):
    waystate.answers.extend([503, 500, 429, 204])
    for text in ("one", "two"):
        await simulator.control("POST", "/customers/15550100123/messages", {"text": text})
    await until(lambda: len(waystate.messages) == 2)
    assert [message["text"]["body"] for message in waystate.messages] == ["one", "two"]
    webhooks = (await simulator.get("/simulator/state"))["webhooks"]["whatsapp"]
    assert (webhooks["accepted"], webhooks["retried"], webhooks["givenUp"]) == (2, 4, 0)


async def test_one_customer_that_waits_does_not_hold_up_another(simulate, waystate, until):
    simulator = await simulate(meta_retry_first=0.3)
    waystate.answers.append(503)
    await simulator.control("POST", "/customers/15550100123/messages", {"text": "first"})
    await until(lambda: len(waystate.bodies) == 1)
    await simulator.control("POST", "/customers/15550100124/messages", {"text": "second"})
    await until(lambda: len(waystate.messages) == 2)
    assert [message["text"]["body"] for message in waystate.messages] == ["second", "first"]


async def test_load_writes_its_total_in_order_per_customer(simulator, waystate, until):
    await simulator.control("POST", "/load", {"customers": 5, "rate": 1000, "total": 100})
    await until(lambda: len(waystate.messages) == 100)
    numbers = {}
    for message in waystate.messages:
        customer = message.get("from") or message["from_user_id"]
        numbers.setdefault(customer, []).append(int(re.match(r"#(\d+) ", message["text"]["body"])[1]))
    assert len(numbers) == 5
    assert all(seen == list(range(1, len(seen) + 1)) for seen in numbers.values())
    load = (await simulator.get("/simulator/state"))["load"]
    assert load.pop("mix") == {"text": 1.0}
    assert load == {"customers": 5, "rate": 1000.0, "total": 100, "groups": 0, "files": 0.0, "written": 100, "running": False}


async def test_the_crowd_has_customers_with_and_without_phone_and_all_have_a_user_id(simulator, waystate, until):
    await simulator.control("POST", "/load", {"customers": 100, "rate": 2000, "total": 300})
    await until(lambda: len(waystate.messages) == 300)
    kinds = {("from" in message, "from_user_id" in message) for message in waystate.messages}
    assert kinds == {(True, True), (False, True)}


async def test_load_keeps_its_rate_and_stops_when_told(simulator, waystate):
    await simulator.control("POST", "/load", {"customers": 3, "rate": 100})
    await asyncio.sleep(0.3)
    state = await simulator.control("DELETE", "/load")
    assert 20 <= state["written"] <= 45
    await asyncio.sleep(0.05)
    assert len(waystate.messages) == state["written"]


async def test_the_same_seed_writes_the_same_texts(simulate, waystate, until):
    runs = []
    for _ in range(2):
        simulator = await simulate(seed=7)
        await simulator.control("POST", "/load", {"customers": 1, "rate": 1000, "total": 10})
        await until(lambda: len(waystate.messages) == 10)
        runs.append([(message["id"], message["text"]["body"]) for message in waystate.messages])
        waystate.messages.clear()
    assert runs[0] == runs[1]


def test_journal_forgets_the_oldest_when_full():
    entries = Recent(2)
    for key in "abc":
        entries[key] = key.upper()
    assert (list(entries), entries.dropped) == (["b", "c"], 1)


async def test_a_message_can_have_an_id_that_its_writer_chose_once(simulator, waystate, until):
    said = {"text": "Hello!", "wamid": "wamid.my-first"}
    assert (await simulator.control("POST", "/customers/15550100/messages", said))["wamid"] == "wamid.my-first"
    await until(lambda: [message["id"] for message in waystate.messages] == ["wamid.my-first"])
    again = await simulator.client.post("/simulator/customers/15550100/messages", json=said)
    assert (again.status_code, again.json()["code"]) == (409, "wamid_taken")


BUTTONS = [{"type": "reply", "reply": {"id": f"size-{size}", "title": size}} for size in ("Small", "Large")]
ROWS = [{"id": "express", "title": "Express", "description": "Next day"}, {"id": "slow", "title": "Slow"}]
OFFERS = {
    "button_reply": {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": BUTTONS}},
    "list_reply": {"type": "list", "body": {"text": "How?"}, "action": {"button": "Ways", "sections": [{"rows": ROWS}]}},
}


@pytest.mark.parametrize(
    ("kind", "named", "id"), [("button_reply", "Large", "size-Large"), ("list_reply", "express", "express")]
)
async def test_a_customer_taps_on_what_was_offered(simulator, waystate, until, kind, named, id):
    sent = await simulator.send(type="interactive", interactive=OFFERS[kind])
    wamid = sent.json()["messages"][0]["id"]
    await simulator.control("POST", "/customers/15550100/taps", {"option": named})
    await until(lambda: len(waystate.messages) == 2)
    message = waystate.messages[1]
    assert message["interactive"]["type"] == kind
    assert message["interactive"][kind]["id"] == id
    assert message["context"] == {"from": "15550783881", "id": wamid}
    unknown = await simulator.client.post("/simulator/customers/15550100/taps", json={"option": "Huge"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_option")


async def test_who_was_offered_nothing_cannot_tap(simulator):
    await simulator.meet()
    for identity in ("15550100", "15550177"):
        answer = await simulator.client.post(f"/simulator/customers/{identity}/taps", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "nothing_to_tap")


async def test_the_load_taps_on_what_was_offered(simulator, waystate, until):
    """The one customer of the load got buttons; a tap is on one of them."""
    await simulator.control("POST", "/load", {"customers": 1, "rate": 100, "total": 1, "mix": {"text": 1}})
    await until(lambda: len(waystate.messages) == 1)
    contact = waystate.messages[0]["contact"]
    identity = contact.get("wa_id") or contact["user_id"]
    simulator.met.add(identity)
    to = {"to": identity} if identity.isdigit() else {"to": None, "recipient": identity}
    sent = await simulator.send(type="interactive", interactive=OFFERS["button_reply"], **to)
    assert sent.status_code == 200, sent.text
    await simulator.control("POST", "/load", {"customers": 1, "rate": 100, "total": 1, "mix": {"list_reply": 1}})
    await until(lambda: len(waystate.messages) == 2)
    assert waystate.messages[1]["context"]["id"] == sent.json()["messages"][0]["id"]
