"""What a known key means, which answers are final, and what may run twice."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.world import START
from waystate.documents import dump
from waystate.door.idempotency import (
    UNSAFE,
    Answer,
    KeyedOperations,
    Record,
    hash_request,
    is_final,
    is_repeatable,
    parse_key,
    safe_headers,
    why_not_again,
)
from waystate.errors import BadRequest
from waystate.framework import OPERATIONS
from waystate.ids import TenantId
from waystate.principal import Principal

JSON = (b"content-type", b"application/json")
ACME = TenantId("acme")
KEYED = KeyedOperations(OPERATIONS.values())


def test_every_unsafe_operation_takes_keys_but_webhooks_logins_and_streams() -> None:
    unsafe = [each for each in OPERATIONS.values() if each.method in UNSAFE and not each.is_streamed]
    taking = {each for each in unsafe if KEYED.find(each.method, each.path.replace("{", "").replace("}", "")) == each}
    left_out = {each.path for each in unsafe if each not in taking}
    assert all(path.startswith(("/webhooks/", "/v1/auth/")) for path in left_out), left_out
    assert len(taking) > 25


def test_what_may_run_twice_is_what_says_so() -> None:
    assert {each.path for each in OPERATIONS.values() if each.repeatable} == {
        "/state/message",
        "/state/correlation",
        "/v1/messages/{message_id}/seen",
        "/v1/messages/read",
        "/v1/customers",
        "/v1/customers/tags",
        "/v1/customers/{customer_id}/tags",
        "/v1/conversations/{conversation_id}/assign",
        "/v1/conversations/{conversation_id}/take",
        "/v1/conversations/{conversation_id}/release",
        "/v1/conversations/{conversation_id}/read",
        "/v1/replies/{reply_id}/render",
        "/v1/customers/context",
        "/v1/customers/{customer_id}/merge",
        "/v1/templates/sync",
        "/v1/templates/{template_id}/preview",
        "/v1/dead-letters/{letter_id}/replay",
        "/v1/dead-letters/{letter_id}/discard",
        "/v1/dead-letters/replay",
        "/v1/dead-letters/discard",
        "/v1/platform/tenants/{tenant_id}/suspend",
        "/v1/platform/tenants/{tenant_id}/resume",
        "/v1/platform/webhooks/replay",
        "/v1/tenant/whatsapp-accounts/{phone_number_id}/check",
        "/v1/tenant/genesys-integrations/{integration_id}/check",
    }


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/messages", "/v1/messages/bulk", "/v1/messages/{message_id}/resend", "/v1/conversations"),
        *("/v1/keys", "/v1/keys/{key_id}/rotate", "/v1/users", "/v1/users/{user_id}/reset", "/v1/platform/tenants"),
    ],
)
def test_what_makes_a_second_thing_is_not_run_again(path: str) -> None:
    assert not is_repeatable(OPERATIONS["POST", path], b"{}")


@pytest.mark.parametrize("code", ["window_closed", "others_wait", "resent_already", "sender_external"])
def test_a_refusal_of_the_moment_is_not_kept(code: str) -> None:
    assert not is_final(Answer(409, [], dump({"code": code}).encode()))


def test_a_message_without_an_id_of_a_platform_is_a_second_one_each_time() -> None:
    track = OPERATIONS["POST", "/state/message"]
    assert is_repeatable(track, b'{"metaMessageId": "wamid.1"}')
    assert is_repeatable(track, b'{"genesysMessageId": "g-1"}')
    assert not is_repeatable(track, b'{"metaMessageId": null, "content": "x"}')


def test_an_encoded_slash_is_part_of_an_id() -> None:
    assert KEYED.find("PATCH", "/state/message/a%2Fb") == OPERATIONS["PATCH", "/state/message/{messageId}"]
    assert KEYED.find("PATCH", "/state/message/a/b") is None


@pytest.mark.parametrize(("sent", "key"), [(b"abc", "abc"), (b'"abc"', "abc"), (b" a-1 ", "a-1"), (b"x" * 255, "x" * 255)])
def test_a_key_comes_with_or_without_quotes(sent: bytes, key: str) -> None:
    assert parse_key([sent]) == key


@pytest.mark.parametrize("sent", [b"", b'""x y', b"a b", b"x" * 256, b"\xff", b"a\x00", b"tab\tx", "ä".encode()])
def test_what_is_no_key_is_refused(sent: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_key([sent])
    assert refused.value.code == "invalid_idempotency_key"


def test_two_different_keys_are_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        parse_key([b"a", b"b"])
    assert refused.value.code == "repeated_header"


def test_any_part_of_a_request_makes_it_another() -> None:
    key = Principal(ACME, "key", uuid4())
    person = uuid4()
    requests = {
        hash_request(secret, principal, method, target, body)
        for secret, principal, method, target, body in [
            (b"s", key, "POST", b"/a?", b"1"),
            (b"t", key, "POST", b"/a?", b"1"),
            (b"s", Principal(ACME, "key", uuid4()), "POST", b"/a?", b"1"),
            (b"s", Principal(ACME, "trusted"), "POST", b"/a?", b"1"),
            (b"s", key, "PUT", b"/a?", b"1"),
            (b"s", key, "POST", b"/b?", b"1"),
            (b"s", key, "POST", b"/a?x=1", b"1"),
            (b"s", key, "POST", b"/a?", b"2"),
            (b"s", key, "POST", b"/a?1", b""),
        ]
    }
    assert len(requests) == 9
    sessions = [Principal(ACME, "session", uuid4(), user_id=person) for _ in range(2)]
    assert len({hash_request(b"s", each, "POST", b"/a?", b"1") for each in sessions}) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 409, 422])
def test_what_depends_on_the_request_is_final(status: int) -> None:
    assert is_final(Answer(status, [JSON], b"{}"))


@pytest.mark.parametrize("status", [401, 403, 408, 413, 415, 429, 500, 503])
def test_what_depends_on_the_moment_is_not_final(status: int) -> None:
    assert not is_final(Answer(status, [JSON], b"{}"))


def test_a_conflict_of_the_moment_is_not_final() -> None:
    assert not is_final(Answer(409, [JSON], b'{"code":"lock_timeout"}'))
    assert not is_final(Answer(409, [JSON, (b"retry-after", b"1")], b"{}"))
    assert is_final(Answer(409, [JSON], b'{"code":"settled"}'))


def test_no_cookie_is_kept() -> None:
    assert safe_headers([JSON, (b"set-cookie", b"s=1"), (b"www-authenticate", b"Bearer")]) == [
        ("content-type", "application/json")
    ]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (Record(request_hash=b"other", status=200, body=b"x"), "idempotency_key_reused"),
        (Record(request_hash=b"same", locked_until=START + timedelta(seconds=1)), "idempotency_key_in_use"),
        (Record(request_hash=b"same", locked_until=START), "idempotency_outcome_unknown"),
        (Record(request_hash=b"same", status=201), "idempotency_answer_not_kept"),
        (Record(request_hash=b"same", status=201, body=b"x"), None),
    ],
)
def test_a_known_key_is_told_what_became_of_the_first_request(record: Record, code: str | None) -> None:
    refused = why_not_again(record, b"same", START)
    assert (None if refused is None else refused.code) == code
    assert (code == "idempotency_key_in_use") == (refused is not None and refused.retry_after is not None)
