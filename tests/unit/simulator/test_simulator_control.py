"""The journal and the counts, with the smallest possible bridge between the two far sides."""

import pytest


@pytest.fixture
def bridge(simulator, waystate):
    """Hands on what has arrived so far, once, as Waystate would."""

    async def hand_on():
        for message in waystate.messages:
            sender = message.get("from") or message["from_user_id"]
            await simulator.tell_genesys(message["id"], sender=sender, text=message["text"]["body"])
        waystate.messages.clear()
        for reply in waystate.replies:
            simulator.met.add(reply["channel"]["to"]["id"])
            await simulator.send(reply["text"], opaque=f"for-{reply['id']}", to=reply["channel"]["to"]["id"])
        waystate.replies.clear()

    return hand_on


async def test_journal_shows_a_message_on_its_whole_way(simulator, waystate, until, bridge):
    written = await simulator.control("POST", "/customers/15550100123/messages", {"text": "Hello"})
    await until(lambda: len(waystate.messages) == 1)
    await bridge()
    await until(lambda: len(waystate.replies) == 1)
    await bridge()
    journal = await simulator.get("/simulator/messages?customer=15550100123")
    assert journal["complete"] is True
    [customer] = journal["customers"]
    assert (customer["waId"], customer["userId"][:3]) == ("15550100123", "US.")
    [wrote], [received] = customer["wrote"], customer["genesysReceived"]
    assert (wrote["wamid"], wrote["text"], wrote["number"], wrote["accepted"]) == (written["wamid"], "Hello", 1, True)
    assert (received["messageId"], received["text"], received["repeats"]) == (written["wamid"], "Hello", 0)
    [replied], [got] = customer["agentReplied"], customer["whatsappGot"]
    assert (replied["inReplyTo"], replied["conversationId"]) == (written["wamid"], received["conversationId"])
    assert (got["text"], got["opaque"], len(got["wamids"])) == (replied["text"], f"for-{replied['id']}", 1)


async def test_order_inversions_at_genesys_are_counted_by_customer(simulator, waystate, until, bridge):
    for customer in ("15550100123", "15550100124"):
        for text in ("one", "two", "three"):
            await simulator.control("POST", f"/customers/{customer}/messages", {"text": text})
    await until(lambda: len(waystate.messages) == 6)
    waystate.messages.sort(key=lambda message: message["text"]["body"])  # one, three, two
    await bridge()
    assert (await simulator.get("/simulator/state"))["genesys"]["orderInversions"] == 2


async def test_reset_forgets_everything_and_goes_on(simulator, waystate, until):
    await simulator.control("PUT", "/faults", {"server_errors": 1})
    await simulator.control("POST", "/load", {"customers": 2, "rate": 200})
    await until(lambda: len(waystate.messages) > 5)
    await simulator.control("POST", "/reset")
    state = await simulator.get("/simulator/state")
    assert (state["customers"], state["load"]) == ({"count": 0, "messagesWritten": 0}, None)
    assert not any(state["faults"].values())
    assert (await simulator.send()).status_code == 200


async def test_token_survives_a_reset(simulator):
    assert (await simulator.tell_genesys("wamid.1")).status_code == 200
    await simulator.control("POST", "/reset")
    assert (await simulator.tell_genesys("wamid.1")).status_code == 200


async def test_fresh_state_names_every_count(simulator):
    state = await simulator.get("/simulator/state")
    sides = {"customers", "groups", "webhooks", "waiting", "genesys", "agents", "whatsapp", "load"}
    assert set(state) == sides | {"faults", "struck", "rules", "failuresLeft", "tokenRevoked"}
    assert state["webhooks"]["whatsapp"] == {"accepted": 0, "retried": 0, "copies": 0, "refused": 0, "givenUp": 0}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/load", {"rate": 0}, 422),
        ("POST", "/load", {"speed": 5}, 422),
        ("POST", "/load", b"{", 400),
        ("POST", "/failures", {}, 422),
        ("POST", "/failures", {"code": 131026, "count": 0}, 422),
        ("PATCH", "/rules", {"winodw": False}, 422),
        ("PATCH", "/rules", {"pair_burst": 0}, 422),
        ("PATCH", "/rules", {"agents": "out"}, 422),
        ("POST", "/customers/15550100123/messages", {"wamid": "my-first"}, 422),
        ("PUT", "/token", {}, 422),
        ("POST", "/templates", {"name": "Not a name", "components": [{"type": "BODY", "text": "A"}]}, 422),
        ("PATCH", "/templates/welcome/en_US", {}, 422),
        ("PATCH", "/templates/welcome/xx", {"status": "PAUSED"}, 404),
        ("DELETE", "/templates/nobody/en_US", None, 404),
        ("POST", "/customers/nobody/messages", {}, 422),
        ("POST", "/customers/15550100123/messages", {"message": {}}, 422),
        ("GET", "/messages?customer=15550100999", None, 404),
    ],
)
async def test_misuse_of_the_controls_is_explained(simulator, method, path, body, status):
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await simulator.client.request(method, f"/simulator{path}", **content)
    assert answer.status_code == status
    assert answer.json()["detail"]


CONTROLS = [
    ("GET", "/simulator/state", None),
    ("GET", "/simulator/messages", None),
    ("PUT", "/simulator/faults", {}),
    ("POST", "/simulator/failures", {"code": 131026}),
    ("DELETE", "/simulator/failures", None),
    ("PATCH", "/simulator/rules", {"window": False}),
    ("PUT", "/simulator/token", {"revoked": True}),
    ("GET", "/simulator/templates", None),
    ("POST", "/simulator/templates", {"name": "a", "components": [{"type": "BODY", "text": "A"}]}),
    ("PATCH", "/simulator/templates/welcome/en_US", {"status": "PAUSED"}),
    ("DELETE", "/simulator/templates/welcome/en_US", None),
    ("POST", "/simulator/load", {"customers": 1}),
    ("DELETE", "/simulator/load", None),
    ("POST", "/simulator/reset", None),
    ("POST", "/simulator/customers/15550100123/messages", {"text": "Hello"}),
    ("GET", "/simulator/nothing", None),
]
FOREIGN = [
    ({"host": "rebound.example"}, "foreign_host"),
    ({"host": "localhost.example:3006"}, "foreign_host"),
    ({"host": "10.0.0.7:3006"}, "foreign_host"),
    ({"host": ""}, "foreign_host"),
    ({"origin": "https://evil.example"}, "foreign_origin"),
    ({"origin": "null"}, "foreign_origin"),
    ({"origin": "http://localhost:3005"}, "foreign_origin"),
    ({"sec-fetch-site": "cross-site"}, "foreign_origin"),
    ({"sec-fetch-site": "same-site"}, "foreign_origin"),
]


@pytest.mark.parametrize(("headers", "code"), FOREIGN, ids=str)
async def test_no_other_name_and_no_foreign_page_controls_it(simulator, waystate, headers, code):
    for method, path, body in CONTROLS:
        answer = await simulator.client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code), path
    assert (await simulator.get("/simulator/messages"))["customers"] == waystate.messages == []


async def test_its_own_names_and_its_own_page_control_it(simulator):
    for host in ("localhost", "LOCALHOST:3006", "127.0.0.1:3006", "[::1]:3006"):
        for said in ({}, {"origin": f"http://{host}"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
            answer = await simulator.client.get("/simulator/state", headers={"host": host, **said})
            assert answer.status_code == 200, (host, said)
