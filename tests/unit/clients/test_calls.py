"""What the Python client makes of answers and of their absence; the server is a function."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import TypeAdapter

from tests.unit.clients.answers import Server, customer
from waystate_client import AsyncClient, Client, errors, models
from waystate_client.calls import retry_after
from waystate_client.webhooks import verify


def problem(status: int, code: str, **members: Any) -> httpx2.Response:
    headers = {name: members.pop(name) for name in ("retry-after",) if name in members}
    return httpx2.Response(status, json={"code": code, "detail": "It is so.", "status": status, **members}, headers=headers)


def test_a_page_keeps_what_the_client_never_heard_of() -> None:
    new = customer(kind="robot", aura="blue", matches={"name": [[0, 3]]})
    server = Server([httpx2.Response(200, json={"items": [new, customer()], "next": None, "total": 2})])
    page = server.client().customers.list(q="ana", tag=["vip", "gold"], has_open_conversation=True)
    assert (page.items[0].kind, page.items[0].model_extra) == ("robot", {"aura": "blue"})
    assert page.items[0].created_at == datetime(2026, 1, 2, 8, 30, tzinfo=UTC)
    assert str(server.requests[0].url.query, "ascii") == "q=ana&tag=vip&tag=gold&hasOpenConversation=true"


def test_an_unknown_variant_of_a_content_is_a_mapping() -> None:
    found = {"id": "hologram-1", "type": "hologram", "depth": 3}
    content: TypeAdapter[Any] = TypeAdapter(models.MessageAnswer.model_fields["content"].annotation)
    assert content.validate_python(found) == found
    assert isinstance(content.validate_json('{"type": "text", "body": "Hi"}'), models.Text)


def test_all_pages_are_walked() -> None:
    pages = [{"items": [customer(name="a"), customer(name="b")], "next": "c1"}, {"items": [customer(name="c")], "next": None}]
    server = Server([httpx2.Response(200, json=each) for each in pages])
    assert [each.name for each in server.client().customers.iterate(sort="name", page_size=2)] == ["a", "b", "c"]
    assert [each.url.params.get("after") for each in server.requests] == [None, "c1"]
    assert {each.url.params["limit"] for each in server.requests} == {"2"}


def test_a_post_is_tried_again_with_the_same_key() -> None:
    lost = httpx2.ReadError("the connection broke")
    server = Server(
        [lost, problem(409, "idempotency_key_in_use", **{"retry-after": "0"}), problem(429, "x", **{"retry-after": "0"})]
    )
    server.answers.append(httpx2.Response(201, json=customer()))
    server.client().customers.add(phone_number="+5511987654321", name=None)
    assert len({each.headers["idempotency-key"] for each in server.requests}) == 1
    assert [json.loads(each.content) for each in server.requests] == [{"phoneNumber": "+5511987654321"}] * 4


def test_none_is_sent_where_it_means_nobody() -> None:
    """`user: null` assigns a conversation to nobody; what was not said of it is not sent."""
    server = Server([problem(404, "conversation_not_found")])
    with pytest.raises(errors.NotFound):
        server.client().conversations.assign("talk-1", user=None)
    assert json.loads(server.requests[0].content) == {"user": None}


def test_a_key_of_the_callers_own_is_sent() -> None:
    server = Server([httpx2.Response(201, json=customer())])
    server.client().customers.add(wa_id="1", idempotency_key="order-7")
    assert server.requests[0].headers["idempotency-key"] == "order-7"


def test_what_has_no_key_is_not_repeated_once_it_left() -> None:
    server = Server([httpx2.ReadTimeout("too slow")])
    with pytest.raises(errors.NoAnswer, match="look before you do it again") as caught:
        server.client().media.upload(b"file", filename="a.jpg")
    assert (len(server.requests), caught.value.may_have_happened) == (1, True)
    server = Server([httpx2.ConnectError("refused"), httpx2.Response(204)])
    server.client().auth.log_out()
    assert len(server.requests) == 2, "it never left"


def test_who_gets_no_answer_is_told_how_to_go_on() -> None:
    server = Server([httpx2.ReadError("broken")] * 3)
    with pytest.raises(errors.NoAnswer, match=r"in 3 tries \(broken\)\. It may have been done: the same call with") as caught:
        server.client(retries=2).customers.add(wa_id="1")
    assert caught.value.idempotency_key == server.requests[0].headers["idempotency-key"]


@pytest.mark.parametrize("status", [499, 520, 599, 418])
def test_a_status_that_nobody_knows_is_an_error_with_advice(status: int) -> None:
    server = Server([httpx2.Response(status, html="<h1>Bad luck</h1>")])
    with pytest.raises(errors.Refused, match="not as Waystate does") as caught:
        server.client().customers.list()
    assert (caught.value.status, caught.value.code) == (status, f"http_{status}")


def test_a_wait_that_is_too_long_is_the_callers_to_decide() -> None:
    server = Server([problem(429, "too_many_requests", **{"retry-after": "3600"})])
    with pytest.raises(errors.TooManyRequests) as caught:
        server.client().customers.list()
    assert (caught.value.retry_after, len(server.requests)) == (3600.0, 1)


def test_a_refusal_names_its_code_and_fields() -> None:
    wrong = [{"field": "email", "problem": "is no address"}]
    server = Server([problem(422, "invalid_request", errors=wrong), problem(403, "scope_missing", scope="messages:send")])
    with pytest.raises(errors.InvalidRequest, match=r"It is so\. \(422 invalid_request\)") as caught:
        server.client().customers.edit(UUID(int=1), email="x", name=None)
    assert caught.value.errors == wrong
    assert json.loads(server.requests[0].content) == {"email": "x", "name": None}, "None takes away, what is not said stays"
    with pytest.raises(errors.Forbidden) as forbidden:
        server.client().messages.send(type="text", text={"body": "Hi"}, to="1")
    assert forbidden.value.missing_scope == "messages:send"


def test_one_follows_to_where_a_customer_is_now_and_to_no_other_server() -> None:
    moved = problem(308, "customer_merged")
    moved.headers["location"] = "/v1/customers/other"
    server = Server([moved, httpx2.Response(200, json=customer(name="Ana"), headers={"etag": '"e"'})])
    found = server.client().customers.get("one")
    assert (found.name, found.etag, server.requests[1].url.path) == ("Ana", '"e"', "/v1/customers/other")
    moved.headers["location"] = "https://elsewhere.example/v1/customers/other"
    server = Server([moved])
    with pytest.raises(errors.UnexpectedAnswer, match="sends you on"):
        server.client().customers.get("one")


def test_an_answer_that_is_not_waystates_says_so() -> None:
    server = Server([httpx2.Response(200, html="<h1>Log in to the hotel's network</h1>"), httpx2.Response(200, json={"a": 1})])
    for _ in range(2):
        with pytest.raises(errors.UnexpectedAnswer, match=r"GET http://waystate\.test/v1/customers answered"):
            server.client().customers.list()


@pytest.mark.parametrize("missing", ["", ".", ".."])
def test_an_id_that_names_something_else_is_not_sent(missing: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        Server([]).client().customers.get(missing)


def test_a_time_without_a_zone_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Server([]).client().customers.list(active_since=datetime(2026, 1, 1))


def test_who_says_no_address_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYSTATE_URL", raising=False)
    for url, said in ((None, "or set WAYSTATE_URL"), ("localhost:3005", "begins with http://")):
        with pytest.raises(ValueError, match=said):
            Client(url)
    with pytest.raises(ValueError, match="put your own"):
        Client("http://waystate.test", "wsk.…")


def test_the_awaited_client_does_the_same() -> None:
    server = Server([httpx2.ReadError("lost"), problem(503, "x", **{"retry-after": "0"})])
    server.answers += [httpx2.Response(200, json={"items": [customer(name="a")], "next": "n"})]
    server.answers += [httpx2.Response(200, json={"items": [], "next": None})]

    async def walk() -> list[str | None]:
        async with AsyncClient("http://waystate.test", "k", transport=httpx2.MockTransport(server)) as waystate:
            return [each.name async for each in waystate.customers.iterate()]

    assert asyncio.run(walk()) == ["a"]


@pytest.mark.parametrize(
    ("said", "seconds"), [("2", 2.0), ("0.5", 0.5), ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_retry_after_is_seconds_or_a_date(said: str, seconds: float | None) -> None:
    assert retry_after(httpx2.Response(429, headers={"retry-after": said})) == seconds


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1a,of-another-kind v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The published vector of the standard."""
BODY = '{"test": 2432232314}'


def test_a_webhook_is_verified_as_the_standard_has_it() -> None:
    assert verify(BODY, SIGNED, ["whsec_b3RoZXI=", SECRET], now=1614265330) == {"test": 2432232314}


@pytest.mark.parametrize(
    ("body", "headers", "secret", "now", "said"),
    [
        (BODY + " ", SIGNED, SECRET, 1614265330, "not made with this secret"),
        (BODY, SIGNED, "whsec_b3RoZXI=", 1614265330, "not made with this secret"),
        (BODY, SIGNED | {"webhook-timestamp": "1614265331"}, SECRET, 1614265330, "not made with this secret"),
        (BODY, SIGNED | {"webhook-signature": "v1,\u00e4 v1,"}, SECRET, 1614265330, "not made with this secret"),
        (BODY, SIGNED, SECRET, 1614265330 + 301, "too old"),
        (BODY, SIGNED, SECRET, 1614265330 - 301, "too early"),
        (BODY, SIGNED | {"webhook-timestamp": "now"}, SECRET, 1614265330, "no number"),
        (BODY, {}, SECRET, 1614265330, "'webhook-id' is missing"),
    ],
)
def test_a_webhook_that_is_not_ours_is_refused(body: str, headers: dict[str, str], secret: str, now: float, said: str) -> None:
    with pytest.raises(errors.SignatureInvalid, match=said):
        verify(body, headers, secret, now=now)
