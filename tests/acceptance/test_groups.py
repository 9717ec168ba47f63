"""A WhatsApp group whole: its people write, an agent answers, the API writes, somebody leaves, WhatsApp suspends it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.errors import Reason
from waystate.keys import store as key_store
from waystate.principal import Scope

ANN, BOB = "15550177101", "15550177102"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), agent_typing_share=0.0) as installation:
            scopes = [
                Scope.MESSAGES_READ,
                Scope.MESSAGES_SEND,
                Scope.CONVERSATIONS_READ,
                Scope.CUSTOMERS_READ,
                Scope.DEAD_LETTERS_READ,
                Scope.DEAD_LETTERS_WRITE,
            ]
            async with installation.app.db.tenant(TENANT) as conn:
                _, secret = await key_store.create_key(conn, TENANT, "groups", utc_now(), scopes=scopes)
            installation.http.headers["x-api-key"] = secret
            yield installation


async def far(place: Installation, method: str, path: str, body: Any = None) -> Any:
    assert place.far is not None
    answer = await place.far.request(method, f"/simulator{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def journal(place: Installation, identity: str) -> Any:
    customers = (await far(place, "GET", "/messages"))["customers"]
    return next(each for each in customers if each["id"] == identity)


async def settle(place: Installation) -> None:
    """Whatever is under way at the far side has come, and was worked on."""

    async def is_quiet() -> bool:
        waiting = (await far(place, "GET", "/state"))["waiting"]
        return not any(waiting.values())

    await until(is_quiet)
    await place.settled()
    await until(is_quiet)
    await place.settled()


async def post(place: Installation, group: str, **said: Any) -> Any:
    return await place.http.post("/v1/messages", json={"customerId": group, **said})


async def test_the_life_of_a_group(place: Installation) -> None:
    """While webhooks come again, and statuses early and in any order."""
    await far(place, "PUT", "/faults", {"duplicates": 0.5, "reordering": 1.0, "early_statuses": 0.5})
    await far(place, "POST", f"/customers/{ANN}/messages", {"text": "private", "name": "Ann Example"})
    await settle(place)
    private = await place.rows("SELECT * FROM conversations")
    group = (await far(place, "POST", "/groups", {"subject": "Trip to Oslo", "members": [ANN, BOB]}))["id"]
    first = await far(place, "POST", f"/groups/{group}/messages", {"member": ANN, "text": "Who comes?"})
    second = await far(
        place, "POST", f"/groups/{group}/messages", {"member": BOB, "name": "Bob Example", "file": {"kind": "image"}}
    )
    await settle(place)
    assert await place.rows("SELECT * FROM conversations WHERE id = $1", private[0]["id"]) == private

    seen = await journal(place, group)
    assert [each["text"].split(":")[0] for each in seen["genesysReceived"]] == ["Ann Example", "Bob Example"]
    assert [each["to"] for each in seen["whatsappGot"]] == [group] * 2
    assert [each["text"] for each in seen["whatsappGot"]] == [each["text"] for each in seen["agentReplied"]]
    assert len((await journal(place, ANN))["whatsappGot"]) == 1

    trace = await place.trace(second["wamid"])
    assert (trace["contact"]["kind"], trace["contact"]["name"], trace["contact"]["waId"]) == ("group", "Trip to Oslo", None)
    assert {each["name"] for each in trace["contact"]["group"]["participants"]} == {"Ann Example", "Bob Example"}
    people = {each["waId"]: each["id"] for each in trace["contact"]["group"]["participants"]}
    assert (trace["sender"], trace["senderContactId"]) == (BOB, people[BOB])
    contact = trace["contact"]["id"]
    shown = [(await place.http.get(f"/v1/customers/{each}")).json() for each in (contact, people[ANN])]
    assert [(each["kind"], each["groupId"]) for each in shown] == [("group", group), ("person", None)]
    message = (await place.http.get(f"/v1/messages/{first['wamid']}")).json()
    assert (message["customerId"], message["senderCustomerId"], message["sender"]) == (contact, people[ANN], ANN)

    async def all_have_read() -> bool:
        answered = await place.rows("SELECT status FROM messages WHERE direction = 'outbound' AND status <> 'read'")
        return not answered

    await until(all_have_read)
    opaque = seen["whatsappGot"][0]["opaque"]
    said = [
        (each["status"], each["recipient"]) for each in (await place.trace(opaque))["statuses"] if each["source"] == "whatsapp"
    ]
    assert sorted(said, key=str) == sorted(
        [("sent", None), *((word, one) for word in ("delivered", "read") for one in (ANN, BOB))], key=str
    )

    reaction = {"type": "reaction", "reaction": {"message_id": second["wamid"], "emoji": "👍"}}
    await far(place, "POST", f"/groups/{group}/messages", {"member": ANN, "message": reaction})
    await far(place, "PATCH", f"/groups/{group}", {"leave": [BOB], "subject": "Oslo"})
    await settle(place)
    message = (await place.http.get(f"/v1/messages/{second['wamid']}")).json()
    assert [(each["customerId"], each["emoji"]) for each in message["reactions"]] == [(people[ANN], "👍")]
    shown = (await place.http.get(f"/v1/conversations/{trace['conversation']['internalId']}")).json()["customer"]
    assert (shown["kind"], shown["name"], shown["group"]["state"]) == ("group", "Oslo", "active")
    assert {each["waId"]: each["leftAt"] is None for each in shown["group"]["participants"]} == {ANN: True, BOB: False}

    await far(place, "PATCH", f"/groups/{group}", {"state": "suspended"})
    await settle(place)
    refused = await post(place, contact, type="text", text={"body": "Still there?"})
    assert (refused.status_code, refused.json()["code"]) == (409, "group_unavailable")
    assert (await place.http.get(f"/v1/conversations/{trace['conversation']['internalId']}")).status_code == 200
    state = await far(place, "GET", "/state")
    assert (state["whatsapp"]["doubled"], state["genesys"]["receipts"]["Failed"]) == (0, 0)
    await far(place, "PUT", "/faults", {})


async def test_a_service_writes_to_a_group_what_groups_take(place: Installation) -> None:
    await far(place, "PATCH", "/rules", {"agents": False})
    group = (await far(place, "POST", "/groups", {"subject": "Books", "members": [ANN, BOB]}))["id"]
    wamid = (await far(place, "POST", f"/groups/{group}/messages", {"member": ANN, "text": "Which one?"}))["wamid"]
    await settle(place)
    trace = await place.trace(wamid)
    contact = trace["contact"]["id"]
    answer = await post(place, contact, type="text", text={"body": "We read Ibsen"})
    assert answer.is_success, answer.text
    template = {"name": "welcome", "language": {"code": "en_US"}}
    answer = await post(place, contact, type="template", template=template)
    assert answer.is_success, answer.text
    for said in (
        {"type": "location", "location": {"latitude": 1, "longitude": 2}},
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "Lee", "first_name": "Lee"}}]},
        {"type": "reaction", "reaction": {"messageId": wamid, "emoji": "👍"}},
    ):
        refused = await post(place, contact, **said)
        assert (refused.status_code, refused.json()["code"]) == (422, "not_for_groups"), refused.text
    seen = await place.http.post(f"/v1/messages/{wamid}/seen", json={"typing": True})
    assert seen.status_code < 300, seen.text
    await settle(place)
    got = (await journal(place, group))["whatsappGot"]
    assert got[0]["text"] == "We read Ibsen"
    assert {each["to"] for each in got} == {group}
    state = (await far(place, "GET", "/state"))["whatsapp"]
    assert (state["readMarks"], state["typingMarks"]) == (1, 0)


async def test_a_groups_message_that_was_set_aside_once_goes_through_by_a_replay(place: Installation) -> None:
    """As an older release kept it."""
    kept = {
        "wamid": "wamid.set-aside",
        "phone_number_id": NUMBER,
        "sent_at": utc_now().isoformat(),
        "wa_id": ANN,
        "contact_name": "Ann Example",
        "text": "Is anybody there?",
        "content": {"body": "Is anybody there?"},
        "metadata": {"group_id": "T0xEX0dST1VQ"},
    }
    letter = DeadLetter(
        pipeline=Pipeline.INBOUND, reason=Reason.GROUP_MESSAGE, error_message="set aside", original_payload=kept, origin="test"
    )
    async with place.app.db.tenant(TENANT) as conn:
        await dead_letter_store.insert_many(conn, TENANT, [letter])
    (found,) = await place.rows("SELECT id FROM dead_letters WHERE reason = 'group_message'")
    answer = await place.http.post(f"/v1/dead-letters/{found['id']}/replay")
    assert answer.is_success, answer.text
    await settle(place)
    trace = await place.trace("wamid.set-aside")
    assert (trace["contact"]["kind"], trace["contact"]["group"]["groupId"]) == ("group", "T0xEX0dST1VQ")
