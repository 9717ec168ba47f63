"""Calls to the data plane that cannot be answered: each is refused with a problem that says what to do, none is an error."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.installation import TENANT, Installation, installed
from tests.databases import Databases

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Two tenants, so that a call that names none is ambiguous."""
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenant(sender="external", genesys_sender="external", settings={"correlation": "local"})
            await installation.add_tenant("several", number="1", integration=None)
            yield installation


@pytest.fixture(scope="module")
async def conversation(place: Installation) -> str:
    return str((await place.state("GET", "/state/mapping/+919876543210")).json()["conversationId"])


@pytest.fixture(scope="module")
async def sent(place: Installation, conversation: str) -> str:
    """The wamid of an outbound message that is delivered already."""
    body = {"metaMessageId": "wamid.sent", "conversationId": conversation, "direction": "outbound", "status": "delivered"}
    assert (await place.state("POST", "/state/message", body)).status_code == 201
    return "wamid.sent"


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:waystate:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    # More than the title: a sentence that says what to do.
    assert len(problem["detail"]) > 30
    return problem


MAPPINGS = {
    "letters": ("nobody", 400, "invalid_wa_id"),
    "too short": ("+919", 400, "invalid_wa_id"),
    "too long": ("9" * 21, 400, "invalid_wa_id"),
    "two plus signs": ("++919876543210", 400, "invalid_wa_id"),
    "blanks": ("91%20987", 400, "invalid_wa_id"),
    "other digits": ("%D9%A9%D9%A1%D9%A9%D9%A8%D9%A7%D9%A6", 400, "invalid_wa_id"),
    "line end": ("919876543210%0A", 400, "invalid_wa_id"),
    "NUL": ("91987%00", 404, "not_found"),
    "nothing": ("", 404, "not_found"),
    "not UTF-8": ("%ff%fe", 400, "invalid_wa_id"),
    "half a user id": ("US.", 400, "invalid_wa_id"),
    "unknown number": ("919876543210?phoneNumberId=42", 404, "unknown_number"),
    "NUL as number": ("919876543210?phoneNumberId=%00", 404, "unknown_number"),
    "empty number": ("919876543210?phoneNumberId=", 404, "unknown_number"),
}


@pytest.mark.parametrize("name", MAPPINGS)
async def test_look_up_of_what_is_nobodys_id_is_refused(place: Installation, name: str) -> None:
    path, status, code = MAPPINGS[name]
    is_problem(await place.state("GET", f"/state/mapping/{path}"), status, code)


async def test_tenant_that_is_unknown_malformed_or_missing_is_refused(place: Installation) -> None:
    is_problem(await place.state("GET", "/state/mapping/919876543210", tenant="nobody"), 404, "unknown_tenant")
    for wrong in ("", "Acme", "-acme", "a b", "a" * 64, "acme'--", "../acme"):
        is_problem(await place.state("GET", "/state/mapping/919876543210", tenant=wrong), 400, "invalid_tenant_id")
    is_problem(await place.state("GET", "/state/mapping/919876543210", tenant=None), 400, "tenant_required")
    both = [("x-tenant-id", "acme"), ("x-tenant-id", "several")]
    is_problem(await place.http.get("/state/mapping/919876543210", headers=both), 400, "repeated_header")


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Via", "Origin", "Sec-Fetch-Site"],
)
async def test_proxy_and_web_page_do_not_come_in_by_the_door_without_a_key(place: Installation, header: str) -> None:
    answer = await place.http.get("/state/mapping/919876543210", headers={"x-tenant-id": TENANT, header: "x"})
    is_problem(answer, 401, "trusted_mode_refused")
    answer = await place.http.get("/state/mapping/919876543210", headers={"x-tenant-id": TENANT, "host": "evil.example"})
    is_problem(answer, 401, "trusted_mode_refused")


async def test_unknown_conversations_and_messages_are_not_found(place: Installation) -> None:
    for unknown in ("nothing", str(uuid4()), "%F0%9F%98%80", "a%2Fb", "x" * 5000):
        is_problem(await place.state("GET", f"/state/conversation/{unknown}"), 404, "conversation_not_found")
        answer = await place.state("PATCH", f"/state/message/{unknown}", {"status": "read"})
        is_problem(answer, 404, "message_not_found")
    body = {"conversationId": str(uuid4()), "direction": "inbound", "status": "received"}
    is_problem(await place.state("POST", "/state/message", body), 404, "conversation_not_found")
    body = {"conversation_id": "x", "whatsapp_message_id": "wamid.nobodys"}
    is_problem(await place.state("POST", "/state/correlation", body), 404, "message_not_found")


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no conversation": ({"conversationId": None}, "conversationId"),
    "empty conversation": ({"conversationId": ""}, "conversationId"),
    "conversation as number": ({"conversationId": 5}, "conversationId"),
    "conversation as list": ({"conversationId": ["x"]}, "conversationId"),
    "endless conversation": ({"conversationId": "x" * 513}, "conversationId"),
    "no direction": ({"direction": None}, "direction"),
    "unknown direction": ({"direction": "sideways"}, "direction"),
    "direction as object": ({"direction": {"in": 1}}, "direction"),
    "no status": ({"status": None}, "status"),
    "status as number": ({"status": 3}, "status"),
    "empty wamid": ({"metaMessageId": ""}, "metaMessageId"),
    "endless wamid": ({"metaMessageId": "x" * 513}, "metaMessageId"),
    "wamid as boolean": ({"metaMessageId": True}, "metaMessageId"),
    "endless type": ({"messageType": "x" * 101}, "messageType"),
    "endless address": ({"mediaUrl": "x" * 4097}, "mediaUrl"),
    "content as list": ({"content": [1]}, "content"),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_message_with_a_field_that_is_missing_or_wrong_is_refused_by_the_fields_name(
    place: Installation, conversation: str, name: str
) -> None:
    changes, field = FIELDS[name]
    body = {"conversationId": conversation, "direction": "inbound", "status": "received", **changes}
    body = {key: value for key, value in body.items() if value is not None}
    before = await place.counts()
    problem = is_problem(await place.state("POST", "/state/message", body), 422, "invalid_request")
    assert problem["errors"][0]["field"].split(".")[0] == field
    assert field in problem["detail"]
    assert await place.counts() == before


@pytest.mark.parametrize(("direction", "status"), [("inbound", "queued"), ("outbound", "received"), ("inbound", "gone")])
async def test_status_that_the_direction_does_not_have_is_refused(
    place: Installation, conversation: str, direction: str, status: str
) -> None:
    body = {"conversationId": conversation, "direction": direction, "status": status}
    is_problem(await place.state("POST", "/state/message", body), 422, "state_violation")


async def test_body_that_names_another_tenant_than_the_call_is_refused(place: Installation, conversation: str) -> None:
    body = {"conversationId": conversation, "direction": "inbound", "status": "received", "tenantId": "several"}
    is_problem(await place.state("POST", "/state/message", body), 400, "tenant_mismatch")
    body = {"status": "read", "tenantId": "several"}
    is_problem(await place.state("PATCH", "/state/message/wamid.x", body), 400, "tenant_mismatch")


async def test_status_that_goes_backwards_is_a_conflict_that_names_what_may_follow(place: Installation, sent: str) -> None:
    problem = is_problem(await place.state("PATCH", f"/state/message/{sent}", {"status": "sent"}), 409, "state_violation")
    assert (problem["current"], problem["valid_next_states"]) == ("delivered", ["failed", "read"])
    problem = is_problem(await place.state("PATCH", f"/state/message/{sent}", {"status": "QUEUED"}), 409, "state_violation")
    assert "does not go back to queued" in problem["detail"]
    same = await place.state("PATCH", f"/state/message/{sent}", {"status": "delivered"})
    assert (same.status_code, same.json()["status"]) == (200, "delivered")
    is_problem(await place.state("PATCH", f"/state/message/{sent}", {"status": "received"}), 422, "state_violation")
    is_problem(await place.state("PATCH", f"/state/message/{sent}", {"status": "gone"}), 422, "state_violation")
    told = await place.trace(sent)
    assert told["status"] == "delivered"
    refused = [each["status"] for each in told["statuses"] if not each["applied"]]
    assert refused == ["sent", "QUEUED", "delivered", "received", "gone"]


CHANGES: dict[str, Any] = {
    "no status": {},
    "empty status": {"status": ""},
    "status as number": {"status": 1},
    "endless status": {"status": "x" * 51},
    "timestamp as word": {"status": "read", "timestamp": "yesterday"},
    "timestamp beyond time": {"status": "read", "timestamp": 10**30},
    "error as text": {"status": "failed", "error": "broken"},
    "a list": [],
    "a word": "read",
    "null": None,
}


@pytest.mark.parametrize("name", CHANGES)
async def test_change_of_status_with_a_wrong_field_is_refused(place: Installation, sent: str, name: str) -> None:
    headers = {"x-tenant-id": TENANT, "content-type": "application/json"}
    answer = await place.http.patch(f"/state/message/{sent}", content=json.dumps(CHANGES[name]), headers=headers)
    is_problem(answer, 422, "invalid_request")


async def test_timestamp_without_a_zone_or_before_the_calendar_is_refused(place: Installation, sent: str) -> None:
    body = {"status": "read", "timestamp": "2026-11-20T12:00:00"}
    is_problem(await place.state("PATCH", f"/state/message/{sent}", body), 422, "invalid_timestamp")
    for impossible in (
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:29:55Z",
        "9999-12-31T23:59:59-14:00",
    ):
        answer = await place.state("PATCH", f"/state/message/{sent}", {"status": "read", "timestamp": impossible})
        is_problem(answer, 422, "invalid_timestamp")


UNREADABLE = {
    "empty": b"",
    "broken": b"{",
    "two": b"{}{}",
    "deep": b'{"content":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"status":"\xff"}',
    "single quotes": b"{'status':'read'}",
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize(("method", "path"), [("POST", "message"), ("PATCH", "message/wamid.x"), ("POST", "correlation")])
async def test_body_that_is_no_json_is_refused(place: Installation, method: str, path: str, name: str) -> None:
    headers = {"x-tenant-id": TENANT, "content-type": "application/json"}
    answer = await place.http.request(method, f"/state/{path}", content=UNREADABLE[name], headers=headers)
    is_problem(answer, 400, "unreadable_body")


async def test_body_of_another_media_type_is_no_neighbours(place: Installation) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"x-tenant-id": TENANT, "content-type": media_type}
        answer = await place.http.post("/state/correlation", content=b"{}", headers=headers)
        assert answer.status_code in (401, 422)


async def test_body_over_four_mebibytes_is_refused(place: Installation, conversation: str) -> None:
    body = {"conversationId": conversation, "direction": "inbound", "status": "received", "content": "x" * 2**22}
    is_problem(await place.state("POST", "/state/message", body), 413, "body_too_large")


async def test_wrong_method_names_the_right_ones(place: Installation) -> None:
    problem = await place.state("DELETE", "/state/message/wamid.sent")
    is_problem(problem, 405, "method_not_allowed")
    assert problem.headers["allow"] == "PATCH"
    is_problem(await place.state("GET", "/state/nothing"), 404, "not_found")


async def test_odd_content_is_kept_as_far_as_it_can_be(place: Installation, conversation: str) -> None:
    content = r'{"nul":"a\u0000b","half":"\ud800","nan":NaN,"inf":-Infinity,"long":' + "9" * 5000 + "}"
    body = {"metaMessageId": "wamid.odd", "conversationId": conversation, "direction": "INBOUND", "status": "RECEIVED"}
    raw = json.dumps({**body, "shoeSize": 42, "content": 0}).replace('"content": 0', f'"content": {content}')
    headers = {"x-tenant-id": TENANT, "content-type": "application/json"}
    answer = await place.http.post("/state/message", content=raw, headers=headers)
    assert answer.status_code == 201, answer.text
    told = await place.trace("wamid.odd")
    assert told["content"] == {"nul": "a\ufffdb", "half": "\ufffd", "nan": None, "inf": None, "long": "9" * 5000}
    assert (told["direction"], told["status"]) == ("inbound", "received")


@pytest.mark.parametrize("direction", ["inbound", "INBOUND", "Inbound"])
@pytest.mark.parametrize("status", ["sent", "SENT", "Sent"])
async def test_enumerations_are_taken_in_either_case_and_answered_with_what_holds(
    place: Installation, conversation: str, direction: str, status: str
) -> None:
    wamid = f"wamid.{direction}-{status}"
    body = {"metaMessageId": wamid, "conversationId": conversation, "direction": direction, "status": status, "extra": {"a": 1}}
    assert (await place.state("POST", "/state/message", body)).status_code == 201
    changed = await place.state("PATCH", f"/state/message/{wamid}", {"status": "DELIVERED", "extra": [1]})
    assert (changed.status_code, changed.json()["status"]) == (200, "processed")
    assert (await place.trace(wamid))["status"] == "processed"


async def test_customer_is_found_with_and_without_the_plus(place: Installation) -> None:
    with_plus = (await place.state("GET", "/state/mapping/+919876543211")).json()
    without = (await place.state("GET", "/state/mapping/919876543211")).json()
    encoded = (await place.state("GET", "/state/mapping/%2B919876543211")).json()
    assert [with_plus["isNew"], without["isNew"], encoded["isNew"]] == [True, False, False]
    assert with_plus["internalId"] == without["internalId"] == encoded["internalId"]
    assert [with_plus["waId"], without["waId"], encoded["waId"]] == ["+919876543211", "919876543211", "+919876543211"]
