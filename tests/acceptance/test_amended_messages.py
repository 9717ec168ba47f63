"""What a reader sees of a message and of what its customer did to it afterwards; and what WhatsApp charges for one of ours."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.keys import store as key_store
from waystate.principal import Scope
from waystate.simulator.mix import EVERY_TYPE

PHONE = "15550177001"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            scopes = [Scope.MESSAGES_READ, Scope.STATE_READ, Scope.STATE_WRITE]
            async with installation.app.db.tenant(TENANT) as conn:
                _, secret = await key_store.create_key(conn, TENANT, "reader", utc_now(), scopes=scopes)
            installation.http.headers["x-api-key"] = secret
            yield installation


async def write(place: Installation, **message: Any) -> str:
    assert place.far is not None
    answer = await place.far.post(f"/simulator/customers/{PHONE}/messages", json={"message": message})
    assert answer.status_code < 300, answer.text
    wamid: str = answer.json()["wamid"]

    async def has_come() -> bool:
        return bool(await place.value("SELECT count(*) FROM messages WHERE wamid = $1", wamid))

    await until(has_come)
    await place.settled()
    return wamid


async def read(place: Installation, wamid: str, more: str = "") -> Any:
    answer = await place.http.get(f"/v1/messages/{wamid}{more}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def edit(place: Installation, wamid: str, body: str) -> None:
    changed = {"original_message_id": wamid, "message": {"type": "text", "text": {"body": body}}}
    await write(place, type="edit", edit=changed)


async def test_a_location_is_read_as_one_with_a_line_of_it(place: Installation) -> None:
    wamid = await write(place, type="location", location={"latitude": "48.2", "longitude": 16, "name": "Shop", "new": 1})
    found = await read(place, wamid)
    assert found["content"] == {
        "type": "location",
        "latitude": 48.2,
        "longitude": 16,
        "name": "Shop",
        "address": None,
        "url": None,
        "further": {"new": 1},
    }
    assert found["preview"].startswith("[location: Shop (48.2, 16)]")
    assert (found["reactions"], found["editedAt"], found["revokedAt"], found["versions"]) == ([], None, None, 1)
    (version,) = (await read(place, wamid, "/versions"))["items"]
    assert (version["kind"], version["content"]) == ("original", found["content"])


async def test_what_surrounds_a_message_is_read_with_it(place: Installation) -> None:
    ad = {"source_type": "ad", "source_id": "1", "headline": "Chat", "welcome_message": {"text": "Hi"}}
    wamid = await write(place, type="text", text={"body": "Hi"}, referral=ad, context={"frequently_forwarded": True})
    found = await read(place, wamid)
    assert (found["referral"]["headline"], found["referral"]["welcomeMessage"]) == ("Chat", {"text": "Hi"})
    assert found["context"]["frequentlyForwarded"] is True


async def test_what_is_not_made_as_its_type_is_read_as_unsupported_with_all_that_came(place: Installation) -> None:
    wamid = await write(place, type="location", location={"latitude": "north", "name": "Shop"})
    found = await read(place, wamid)
    assert (found["type"], found["text"]) == ("location", "[unsupported message] location")
    assert found["content"]["type"] == "unsupported"
    assert found["content"]["raw"] == {"latitude": "north", "name": "Shop"}


async def test_a_message_is_read_as_it_was_edited_and_reacted_to(place: Installation) -> None:
    wamid = await write(place, type="text", text={"body": "first"})
    await edit(place, wamid, "second")
    await write(place, type="reaction", reaction={"message_id": wamid, "emoji": "👍"})
    found = await read(place, wamid)
    assert (found["text"], found["content"]["body"], found["preview"], found["versions"]) == ("second", *["second"] * 2, 2)
    assert found["editedAt"] is not None
    assert [(each["customerId"], each["emoji"]) for each in found["reactions"]] == [(found["customerId"], "👍")]
    versions = (await read(place, wamid, "/versions"))["items"]
    assert [(each["kind"], each["text"]) for each in versions] == [("original", "first"), ("edit", "second")]
    await write(place, type="reaction", reaction={"message_id": wamid})
    assert (await read(place, wamid))["reactions"] == []


async def test_what_was_taken_back_is_shown_nowhere_and_kept(place: Installation) -> None:
    wamid = await write(place, type="image", image={"id": "5", "caption": "my secret"})
    await write(place, type="revoke", revoke={"original_message_id": wamid})
    found = await read(place, wamid)
    assert (found["content"], found["media"], found["preview"]) == (None, None, "[message deleted]")
    assert found["revokedAt"] is not None
    for shown in (found, await read(place, wamid, "/versions"), await read(place, wamid, "/trace")):
        assert "my secret" not in str({**shown, "deliveries": None})
    kept = await place.value("SELECT text FROM message_versions WHERE wamid = $1 AND kind = 'original'", wamid)
    assert kept == "my secret"


async def test_a_reply_from_then_on_quotes_what_the_message_says_by_then(place: Installation) -> None:
    wamid = await write(place, type="text", text={"body": "first"})
    await edit(place, wamid, "second")
    reply = await write(place, type="text", text={"body": "see above"}, context={"id": wamid})
    await write(place, type="revoke", revoke={"original_message_id": wamid})
    later = await write(place, type="text", text={"body": "or not"}, context={"id": wamid})
    sent = "SELECT d.request ->> 'text' FROM deliveries d JOIN messages m ON m.id = d.message_id WHERE m.wamid = $1"
    assert await place.value(sent, reply) == "[in reply to: second]\nsee above"
    assert await place.value(sent, later) == "[in reply to: [message deleted]]\nor not"


async def test_the_trace_tells_what_whatsapp_charges(place: Installation) -> None:
    await write(place, type="text", text={"body": "Hi"})
    answer = await place.http.get(f"/state/mapping/{PHONE}", headers={"x-tenant-id": TENANT})
    body = {
        "metaMessageId": "wamid.priced",
        "conversationId": answer.json()["internalId"],
        "direction": "outbound",
        "status": "queued",
    }
    assert (await place.state("POST", "/state/message", body)).status_code == 201
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    status = {"id": "wamid.priced", "status": "played", "timestamp": "1767225600", "recipient_id": PHONE, "pricing": pricing}
    value = {"metadata": {"phone_number_id": NUMBER}, "statuses": [status]}
    await place.post_meta({"entry": [{"id": f"waba-{NUMBER}", "changes": [{"field": "messages", "value": value}]}]})
    await place.settled()
    told = await place.trace("wamid.priced")
    (reported,) = [each for each in told["statuses"] if each["status"] == "played"]
    assert (told["status"], reported["pricing"], reported["conversation"]) == ("read", pricing, None)


async def test_what_simulated_customers_send_of_every_type_is_tracked_and_acts(place: Installation) -> None:
    assert place.far is not None
    load = {"customers": 3, "rate": 200, "total": 200, "mix": {**EVERY_TYPE, "text": 5, "reaction": 3, "edit": 3}}
    answer = await place.far.post("/simulator/load", json=load)
    assert answer.status_code == 202, answer.text

    async def is_written() -> bool:
        state = (await place.far.get("/simulator/state")).json() if place.far is not None else {}
        return not state["load"]["running"] and state["waiting"]["customerMessages"] == 0

    await until(is_written, timeout=60)
    await place.settled(timeout=60)
    rows = await place.rows("SELECT type, text FROM messages WHERE direction = 'inbound'")
    types = {row["type"] for row in rows}
    assert types >= {"text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "button"}
    assert types >= {"order", "reaction", "edit", "revoke", "unsupported"}
    assert all(row["text"] for row in rows)
    assert await place.value("SELECT count(*) FROM dead_letters") == 0
    for acted in (
        "SELECT count(*) FROM messages WHERE edited_at IS NOT NULL AND revoked_at IS NULL AND text LIKE '%(corrected)'",
        "SELECT count(*) FROM messages WHERE revoked_at IS NOT NULL AND text = '[message deleted]'",
        "SELECT count(*) FROM message_reactions r JOIN messages m ON m.tenant_id = r.tenant_id AND m.wamid = r.wamid",
    ):
        assert await place.value(acted) > 0, acted
    assert await place.value("SELECT count(*) FROM messages WHERE direction = 'inbound' AND status <> 'processed'") == 0
