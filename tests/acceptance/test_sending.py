"""A business writes to its customers over HTTP, and is told at once of what cannot be sent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.conversations.control import SYSTEM
from waystate.keys import store as key_store
from waystate.principal import Actor, Scope
from waystate.sends.model import Draft, Mode, Posted
from waystate.sends.sending import Sends
from waystate.work.loops import Hint

PHONE = "5511987650001"
TEMPLATE = {"name": "welcome", "language": {"code": "en_US"}}
SCOPES = [Scope.MESSAGES_SEND, Scope.MESSAGES_READ, Scope.CONVERSATIONS_READ]


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            installation.http.headers["x-api-key"] = await key(installation, "sender")
            yield installation


async def key(place: Installation, name: str) -> str:
    async with place.app.db.tenant(TENANT) as conn:
        _, secret = await key_store.create_key(conn, TENANT, name, utc_now(), scopes=SCOPES)
    return secret


async def write(place: Installation, phone: str) -> None:
    """The customer writes, which opens their window."""
    assert place.far is not None
    answer = await place.far.post(f"/simulator/customers/{phone}/messages", json={"text": "Hello"})
    assert answer.status_code < 300, answer.text

    async def has_come() -> bool:
        return bool(await place.value("SELECT count(*) FROM messages WHERE wamid = $1", answer.json()["wamid"]))

    await until(has_come)
    await place.settled()


async def send(place: Installation, *, expect: int = 202, **body: Any) -> dict[str, Any]:
    given = {"type": "text", "text": {"body": "Your order left today."}} | body
    answer = await place.http.post("/v1/messages", json=given)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def get(place: Installation, message: str) -> dict[str, Any]:
    answer = await place.http.get(f"/v1/messages/{message}")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_a_text_to_a_customer_who_wrote_is_sent_and_read(place: Installation) -> None:
    await write(place, PHONE)
    sent = await send(place, to="+55 11 98765-0001")
    assert (sent["status"], sent["type"], sent["text"], sent["number"]) == ("queued", "text", "Your order left today.", NUMBER)
    await place.settled()
    for _ in range(100):
        if (now := await get(place, sent["id"]))["status"] == "read":
            break
        await asyncio.sleep(0.05)
    assert now["status"] == "read"
    assert now["wamid"].startswith("wamid.")
    assert now["customerId"] == sent["customerId"]


async def test_free_text_to_somebody_who_never_wrote_is_refused_and_opens_nothing(place: Installation) -> None:
    before = await place.value("SELECT count(*) FROM conversations")
    refused = await send(place, to="+55 11 98765-0002", expect=409)
    assert refused["code"] == "window_closed"
    assert "template" in refused["detail"]
    assert await place.value("SELECT count(*) FROM conversations") == before


async def test_a_template_opens_a_conversation_with_somebody_new(place: Installation) -> None:
    sent = await send(place, to="+55 11 98765-0003", type="template", text=None, template=TEMPLATE)
    row = await place.rows("SELECT status, wa_id FROM conversations WHERE id = $1", sent["conversationId"])
    assert [dict(each) for each in row] == [{"status": "active", "wa_id": "5511987650003"}]
    event = await place.value(
        "SELECT type FROM events WHERE conversation_id = $1 ORDER BY position LIMIT 1", sent["conversationId"]
    )
    assert event == "conversation.opened"
    # They answer, in the other spelling of a Brazilian phone: it is the same customer and the same conversation.
    await write(place, "551187650003")
    assert await place.value("SELECT count(*) FROM conversations WHERE contact_id = $1", sent["customerId"]) == 1
    assert (await send(place, customerId=sent["customerId"]))["conversationId"] == sent["conversationId"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/conversations/%00", 404),
        ("/v1/conversations/a%00b", 404),
        ("/v1/messages/%00", 404),
        ("/v1/messages/%00/trace", 404),
        *((f"/v1/templates?{name}=a%00", 200) for name in ("name", "language", "status", "category")),
    ],
)
async def test_a_name_with_a_nul_is_nobodys_and_no_fault(place: Installation, path: str, status: int) -> None:
    answer = await place.http.get(path)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "98765"}, 422, "phone_unusable"),
        ({"to": "+55 11 98765-0001-998877"}, 422, "phone_unusable"),
        ({"to": "hello"}, 422, "phone_unusable"),
        ({}, 422, "invalid_request"),
        ({"to": PHONE, "customerId": str(uuid4())}, 422, "invalid_request"),
        ({"customerId": str(uuid4())}, 404, "customer_not_found"),
        ({"conversationId": "nothing"}, 404, "conversation_not_found"),
        ({"to": PHONE, "number": "1"}, 404, "number_not_found"),
        ({"to": PHONE, "text": {"body": "x" * 4097}}, 422, "invalid_request"),
        ({"to": PHONE, "type": "postcard"}, 422, "invalid_request"),
        ({"to": PHONE, "replyTo": str(uuid4())}, 422, "message_unknown_at_whatsapp"),
        ({"to": PHONE, "replyTo": "nonsense"}, 422, "invalid_request"),
        ({"to": PHONE, "sendAt": "20271201"}, 422, "invalid_request"),
        ({"to": PHONE, "sendAt": 1_900_000_000}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_once(
    place: Installation, body: dict[str, Any], status: int, code: str
) -> None:
    await write(place, PHONE)
    before = await place.value("SELECT count(*) FROM messages")
    assert (await send(place, expect=status, **body))["code"] == code
    assert await place.value("SELECT count(*) FROM messages") == before


async def test_a_field_is_taken_in_whatsapps_spelling_and_a_wrong_one_is_told_its_name(place: Installation) -> None:
    await write(place, PHONE)
    sent = await send(place, to=PHONE, text={"body": "See https://example.org", "preview_url": True})
    assert sent["content"] == {"body": "See https://example.org", "preview_url": True}
    refused = await send(place, expect=422, to=PHONE, text={"body": "Hi", "preview_urls": True}, sendAt="2026-01-31T12:00:00")
    assert {each["field"]: each["problem"].partition(";")[0] for each in refused["errors"]} == {
        "text.preview_urls": "is not taken here",
        "sendAt": "lacks its offset from UTC",
    }
    assert "send `previewUrl` if that is meant" in refused["detail"]


async def test_who_is_not_found_can_be_addressed_by_their_phone(place: Installation) -> None:
    for named in ({"customerId": str(uuid4())}, {"conversationId": "nothing"}):
        assert "address the customer by `to`" in (await send(place, expect=404, **named))["detail"]


async def test_one_speaks_and_another_key_is_told_who(place: Installation) -> None:
    await write(place, "5511987650004")
    first = await send(place, to="5511987650004")
    mine, other = place.http.headers["x-api-key"], await key(place, "other")
    place.http.headers["x-api-key"] = other
    try:
        refused = await send(place, to="5511987650004", expect=409)
        assert (refused["code"], refused["controller"]) == ("not_in_control", "external")
        assert refused["holder"].startswith("key:")
        await send(place, to="5511987650004", type="template", text=None, template=TEMPLATE)
    finally:
        place.http.headers["x-api-key"] = mine
    assert (await send(place, to="5511987650004"))["conversationId"] == first["conversationId"]


async def test_all_or_nothing_takes_none_where_one_is_refused(place: Installation) -> None:
    await write(place, "5511987650005")
    good = {"to": "5511987650005", "type": "text", "text": {"body": "One"}}
    bad = {"to": "5511987650006", "type": "text", "text": {"body": "Two"}}
    before = await place.value("SELECT count(*) FROM messages")
    answer = await place.http.post("/v1/messages/bulk", json={"messages": [good, bad, good]})
    assert (answer.status_code, answer.json()["code"], answer.json()["place"]) == (409, "window_closed", 1)
    assert await place.value("SELECT count(*) FROM messages") == before
    answer = await place.http.post("/v1/messages/bulk", json={"messages": [good, bad, good], "mode": "each"})
    assert answer.status_code == 202
    said = answer.json()
    assert [each and each["text"] for each in said["messages"]] == ["One", None, "One"]
    assert [(each["place"], each["code"]) for each in said["refused"]] == [(1, "window_closed")]
    assert said["taken"] == 2


async def test_one_bad_of_a_thousand_keeps_all_back_and_is_named(place: Installation) -> None:
    await write(place, "5511987650055")
    known = {"to": "5511987650055", "type": "text", "text": {"body": "One of many"}}
    new = {"to": "+5511987650056", "type": "template", "template": TEMPLATE}
    said_here = "SELECT id FROM messages WHERE text = 'One of many'"
    counts = (
        "SELECT ARRAY[(SELECT count(*) FROM contact_identities WHERE external_id IN ('5511987650056', '5511987650057')),"
        f" (SELECT count(*) FROM messages WHERE id IN ({said_here})),"
        f" (SELECT count(*) FROM message_events WHERE message_id IN ({said_here})),"
        f" (SELECT count(*) FROM deliveries WHERE message_id IN ({said_here})),"
        " (SELECT count(*) FROM events WHERE data->>'message_text' = 'One of many'),"
        " (SELECT count(*) FROM planned_messages WHERE request->>'text' = 'One of many')]"
    )
    for bad, status, code in (
        (known | {"to": "5511987650057"}, 409, "window_closed"),
        (known | {"to": "+49 30"}, 422, "phone_unusable"),
        (known | {"text": {}}, 422, "invalid_request"),
    ):
        messages = [known if each % 2 else new for each in range(1000)]
        messages[517] = bad
        answer = await place.http.post("/v1/messages/bulk", json={"messages": messages})
        said = answer.json()
        assert (answer.status_code, said.get("code")) == (status, code), str(said)[:500]
        assert [(each["place"], each["code"]) for each in said.get("refused", [])] == [(517, code)] or ".517." in str(said)
        assert await place.value(counts) == [0] * 6


async def test_a_thousand_leave_in_one_call_in_their_order(place: Installation) -> None:
    await write(place, "5511987650007")
    messages = [{"to": "5511987650007", "type": "text", "text": {"body": f"Number {each}"}} for each in range(40)]
    said = (await place.http.post("/v1/messages/bulk", json={"messages": messages})).json()
    ids = [each["id"] for each in said["messages"]]
    listed = (await place.http.get("/v1/messages", params={"ids": ",".join(ids)})).json()["items"]
    assert [each["text"] for each in listed] == [f"Number {each}" for each in range(40)]
    rows = await place.rows(
        "SELECT message_id FROM deliveries WHERE target = 'whatsapp' AND message_id = ANY($1) ORDER BY position", ids
    )
    await place.settled()
    rows = await place.rows(
        "SELECT message_id FROM deliveries WHERE target = 'whatsapp' AND message_id = ANY($1) ORDER BY position", ids
    )
    assert [str(row["message_id"]) for row in rows] == ids


async def test_a_key_repeats_a_send_without_a_second_message(place: Installation) -> None:
    body = {"to": "5511987650008", "type": "text", "text": {"body": "Once"}}
    early = await place.http.post("/v1/messages", json=body, headers={"idempotency-key": "order-77"})
    assert early.json()["code"] == "window_closed"
    await write(place, "5511987650008")
    # A refusal of the moment is not what the key is kept for.
    answers = [await place.http.post("/v1/messages", json=body, headers={"idempotency-key": "order-77"}) for _ in range(3)]
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert await place.value("SELECT count(*) FROM messages WHERE text = 'Once'") == 1


async def test_every_type_reaches_the_simulated_whatsapp(place: Installation) -> None:
    await write(place, "5511987650009")
    quoted = await place.value("SELECT wamid FROM messages WHERE sender = '5511987650009'")
    bodies: list[dict[str, Any]] = [
        {"type": "text", "text": {"body": "Hello", "previewUrl": True}, "replyTo": quoted},
        {"type": "image", "media": {"link": "https://example.org/cup.png", "caption": "The blue one"}},
        {"type": "location", "location": {"latitude": -23.55, "longitude": -46.63, "name": "Store"}},
        {"type": "contacts", "contacts": [{"name": {"formattedName": "Ada Lovelace", "firstName": "Ada"}}]},
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "Keep it?"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]},
            },
        },
        {"type": "reaction", "reaction": {"messageId": quoted, "emoji": "👍"}},
    ]
    sent = [await send(place, to="5511987650009", **({"text": None} | body)) for body in bodies]
    await place.settled()
    for each in sent:
        row = (await place.rows("SELECT state, request, error FROM deliveries WHERE message_id = $1::uuid", each["id"]))[0]
        assert row["state"] == "sent", row
    requests = await place.rows(
        "SELECT request->>'type' AS type, request FROM deliveries WHERE message_id = ANY($1::uuid[]) ORDER BY position",
        [each["id"] for each in sent],
    )
    assert [row["type"] for row in requests] == [body["type"] for body in bodies]


async def test_a_failed_message_is_sent_again_as_a_new_one(place: Installation) -> None:
    await write(place, "5511987650010")
    sent = await send(place, to="5511987650010")
    assert (await place.http.post(f"/v1/messages/{sent['id']}/resend")).status_code == 409
    await place.settled()
    await place.database.execute("UPDATE messages SET status = 'failed', failed_at = now() WHERE id = $1::uuid", sent["id"])
    answer = await place.http.post(f"/v1/messages/{sent['id']}/resend")
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert again["id"] != sent["id"]
    assert (again["text"], again["conversationId"]) == (sent["text"], sent["conversationId"])
    assert (again["resendOf"], (await get(place, sent["id"]))["resentAs"]) == (sent["id"], again["id"])
    twice = await place.http.post(f"/v1/messages/{sent['id']}/resend")
    assert (twice.status_code, twice.json()["code"], twice.json()["resentAs"]) == (409, "resent_already", again["id"])


async def test_delivered_messages_are_marked_read_and_others_stay(place: Installation) -> None:
    await write(place, "5511987650011")
    sent = [await send(place, to="5511987650011") for _ in range(2)]
    await place.settled()
    first, second = (each["id"] for each in sent)
    for status, message in (("delivered", first), ("failed", second)):
        await place.database.execute(
            "UPDATE messages SET status = $1, read_at = NULL, failed_at = CASE WHEN $1 = 'failed' THEN now() END,"
            " delivered_at = now() WHERE id = $2::uuid",
            status,
            message,
        )
    answer = await place.http.post("/v1/messages/read", json={"ids": [first, second, str(uuid4())]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] == [first]
    assert len(answer.json()["unchanged"]) == 2
    assert (await get(place, first))["status"] == "read"


async def test_a_key_without_the_scope_may_not_send(place: Installation) -> None:
    async with place.app.db.tenant(TENANT) as conn:
        _, reader = await key_store.create_key(conn, TENANT, "reader", utc_now())
    answer: httpx2.Response = await place.http.post(
        "/v1/messages", json={"to": PHONE, "type": "text", "text": {"body": "No"}}, headers={"x-api-key": reader}
    )
    assert answer.status_code == 403


async def test_what_is_held_or_planned_waits_and_is_withdrawn(place: Installation) -> None:
    at = (utc_now() + timedelta(days=2)).isoformat()
    held = await send(place, to="5511987650012", holdUntilWindow=True)
    planned = await send(place, to="5511987650012", sendAt=at)
    assert [(each["status"], each["conversationId"], each["messageId"]) for each in (held, planned)] == [
        ("planned", None, None)
    ] * 2
    assert held["sendAt"] is None
    assert planned["sendAt"][:16] == at[:16]
    query = {"customerId": held["customerId"], "state": "waiting", "limit": 1}
    first = (await place.http.get("/v1/messages/planned", params=query)).json()
    second = (await place.http.get("/v1/messages/planned", params=query | {"after": first["next"]})).json()
    assert [each["id"] for each in (*first["items"], *second["items"])] == [planned["id"], held["id"]]
    assert second["next"] is None
    answer = await place.http.delete(f"/v1/messages/{planned['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert (await get(place, planned["id"]))["status"] == "withdrawn"
    again = await place.http.delete(f"/v1/messages/{planned['id']}")
    assert (again.status_code, again.json()["code"]) == (409, "not_waiting")
    traced = await place.http.get(f"/v1/messages/{held['id']}/trace")
    assert (traced.status_code, traced.json()["code"]) == (404, "no_message_yet")
    past = (utc_now() - timedelta(hours=1)).isoformat()
    assert (await send(place, to="5511987650012", sendAt=past, expect=422))["code"] == "plan_in_the_past"
    far = (utc_now() + timedelta(days=31)).isoformat()
    refused = await send(place, to="5511987650012", sendAt=far, expect=422)
    assert (refused["code"], "Choose a nearer time" in refused["detail"]) == ("plan_too_far", True)


async def test_a_queued_message_is_withdrawn_before_it_leaves(place: Installation) -> None:
    await write(place, "5511987650013")
    await place.database.execute("UPDATE tenants SET status = 'suspended' WHERE id = 'acme'")
    place.app.directory.clear()
    try:
        async with place.app.db.tenant(TENANT) as conn:
            view = await place.app.directory.find_tenant_in(conn, TENANT)
        assert view is not None
        sends = Sends(place.app.db, place.app.directory, place.app.services.templates, Hint(), lambda *_: None, utc_now)
        draft = Draft(type="text", content={"body": "No"}, text="No", speaker=SYSTEM, actor=Actor("key"), to="5511987650013")
        (posted,) = await sends.post(TENANT, [draft], Mode.EACH)
        assert isinstance(posted, Posted)
        withdrawn = await sends.withdraw(TENANT, str(posted.message_id))
        assert (withdrawn.status, (withdrawn.error or {})["code"]) == ("failed", "withdrawn")
    finally:
        await place.database.execute("UPDATE tenants SET status = 'active' WHERE id = 'acme'")
        place.app.directory.clear()
    await place.settled()
    assert await place.value("SELECT count(*) FROM deliveries WHERE state = 'sent' AND message_id = $1", posted.message_id) == 0


async def test_a_customer_sees_that_their_message_was_read_and_that_somebody_types(place: Installation) -> None:
    await write(place, "5511987650014")
    assert place.far is not None
    before = (await place.far.get("/simulator/state")).json()["whatsapp"]
    theirs = await place.value("SELECT wamid FROM messages WHERE sender = '5511987650014'")
    for body in (None, {"typing": True}):
        answer = await place.http.post(f"/v1/messages/{theirs}/seen", json=body)
        assert answer.status_code == 202, answer.text
    await place.settled()
    after = (await place.far.get("/simulator/state")).json()["whatsapp"]
    assert (after["readMarks"] - before["readMarks"], after["typingMarks"] - before["typingMarks"]) == (1, 1)
    ours = await send(place, to="5511987650014")
    refused = await place.http.post(f"/v1/messages/{ours['id']}/seen")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_inbound")


async def test_nobodys_id_is_not_found_whatever_is_in_it(place: Installation) -> None:
    for path in ("nothing", "%00", "a%00b"):
        for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/resend"), ("POST", "/seen")):
            answer = await place.http.request(method, f"/v1/messages/{path}{end}")
            assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found"), (method, path, end)
    assert (await place.http.get("/v1/messages", params={"ids": "a\0b"})).json() == {"items": []}
    assert (await place.http.get("/v1/messages/planned", params={"number": "a\0b"})).json()["items"] == []


async def test_a_number_that_somebody_else_sends_for_takes_no_sends(place: Installation) -> None:
    await write(place, "5511987650015")
    await place.database.execute("UPDATE whatsapp_accounts SET sender = 'external'")
    place.app.directory.clear()
    try:
        assert (await send(place, to="5511987650015", expect=409))["code"] == "sender_external"
    finally:
        await place.database.execute("UPDATE whatsapp_accounts SET sender = 'waystate'")
        place.app.directory.clear()


async def test_the_phone_that_is_named_is_written_to_however_it_is_spelled(place: Installation) -> None:
    """Of a customer with two phones the conversation goes on at the latest; who names the other one means it."""
    await write(place, "5511987650016")
    contact = await place.value("SELECT contact_id FROM contact_identities WHERE external_id = '5511987650016'")
    await place.database.execute(
        "INSERT INTO contact_identities (tenant_id, channel, kind, external_id, valid_from, contact_id)"
        " VALUES ('acme', 'whatsapp', 'wa_id', '4917012345678', now(), $1)",
        contact,
    )
    for to, expected in (("+49 (0)170 12345678", "4917012345678"), ("+55 11 98765-0016", "5511987650016")):
        sent = await send(place, to=to)
        await place.settled()
        request = await place.value("SELECT request FROM deliveries WHERE message_id = $1::uuid", sent["id"])
        assert request["to"] == expected
