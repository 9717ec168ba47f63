"""Customers over HTTP: found, added, edited, tagged, and what was said with them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.keys import store as key_store
from waystate.principal import Scope

SCOPES = [Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE, Scope.MESSAGES_READ, Scope.CONVERSATIONS_READ]


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            async with installation.app.db.tenant(TENANT) as conn:
                _, secret = await key_store.create_key(conn, TENANT, "customers", utc_now(), scopes=SCOPES)
            installation.http.headers["x-api-key"] = secret
            yield installation


async def ask(place: Installation, method: str, path: str, *, expect: int = 200, **given: Any) -> dict[str, Any]:
    answer = await place.http.request(method, f"/v1/customers{path}", **given)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = {**(answer.json() or {}), "etag": answer.headers.get("etag"), "at": answer.headers.get("location")}
    return said


async def add(place: Installation, **body: Any) -> dict[str, Any]:
    return await ask(place, "POST", "", expect=201, json=body)


async def names(place: Installation, **query: Any) -> list[str]:
    return [each["name"] for each in (await ask(place, "GET", "", params=query))["items"]]


async def write(place: Installation, phone: str, text: str = "Hello") -> str:
    """A customer's message, with the index that knows of it."""
    assert place.far is not None
    sent = await place.far.post(f"/simulator/customers/{phone}/messages", json={"text": text})
    assert sent.status_code < 300, sent.text
    wamid: str = sent.json()["wamid"]

    async def is_indexed() -> bool:
        return bool(
            await place.value(
                "SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id"
                " JOIN contact_index i ON i.contact_id = c.contact_id AND i.message_count = ("
                "SELECT count(*) FROM messages o JOIN conversations v ON v.id = o.conversation_id"
                " WHERE v.contact_id = c.contact_id) WHERE m.wamid = $1",
                wamid,
            )
        )

    await until(is_indexed, timeout=30)
    return wamid


async def test_a_customer_is_added_once(place: Installation) -> None:
    made = await add(place, phoneNumber="11 98761-0001", country="BR", name="Ana Lúcia", tags=["b", " a ", "b"])
    assert (made["waIds"], made["phoneNumber"], made["tags"]) == (["5511987610001"], "+5511987610001", ["a", "b"])
    again = await ask(place, "POST", "", json={"waId": "5511987610001", "name": "Another"})
    assert (again["id"], again["name"]) == (made["id"], "Ana Lúcia"), "returned as they are"
    other = await ask(place, "POST", "", json={"waId": "551187610001", "name": "Changed", "onExisting": "update"})
    assert (other["id"], other["name"]) == (made["id"], "Changed"), "the same phone in its other spelling"
    assert (await ask(place, "GET", f"/{made['id']}"))["name"] == "Changed"
    await ask(place, "PATCH", f"/{made['id']}", json={"name": "Ana Lúcia"})


async def test_who_writes_is_met_in_one_call(place: Installation) -> None:
    body = {"phoneNumber": "11 98761-0009", "country": "BR", "name": "Gil"}
    new = await ask(place, "POST", "/context", expect=201, json=body)
    assert (new["customer"]["name"], new["customer"]["phoneNumber"]) == ("Gil", "+5511987610009")
    assert (new["conversation"], new["messages"]) == (None, [])
    opened = await ask(place, "POST", "/context", json={"waId": "551187610009", "name": "Other", "number": NUMBER})
    assert (opened["customer"]["id"], opened["customer"]["name"]) == (new["customer"]["id"], "Gil"), "in its other spelling"
    assert (opened["conversation"]["number"], opened["conversation"]["status"]) == (NUMBER, "active")
    again = await ask(place, "POST", "/context", json={"waId": "5511987610009", "number": NUMBER})
    assert again["conversation"] == opened["conversation"]
    assert again["conversation"] == (await ask(place, "GET", f"/{new['customer']['id']}/context"))["conversation"]
    events = "SELECT count(*) FROM events WHERE type = $1 AND data->>'contact_id' = $2"
    counts = [await place.value(events, each, new["customer"]["id"]) for each in ("customer.changed", "conversation.opened")]
    assert counts == [1, 1]
    await write(place, "5511987610009")
    heard = await ask(place, "POST", "/context", json={"waId": "5511987610009", "name": "Other"})
    assert heard["customer"]["name"] not in ("Gil", "Other"), "a name that was heard is learned again"
    assert [each["text"] for each in heard["messages"]] == ["Hello"]


async def test_who_writes_is_met_once_by_many_at_once(place: Installation) -> None:
    body = {"waId": "5511987610010", "name": "Hal", "number": NUMBER}
    answers = await asyncio.gather(*(place.http.post("/v1/customers/context", json=body) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201], [each.text for each in answers]
    met = {(each.json()["customer"]["id"], each.json()["conversation"]["id"]) for each in answers}
    assert len(met) == 1


async def test_a_number_of_nobody_adds_nobody(place: Installation) -> None:
    body = {"waId": "5511987610008", "number": "777"}
    assert (await ask(place, "POST", "/context", expect=404, json=body))["code"] == "unknown_number"
    assert await names(place, q="5511987610008") == []
    nobody = await ask(place, "POST", "/context", expect=422, json={"name": "Gil"})
    assert nobody["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"phoneNumber": "+55 11"}, "phone_unusable"),
        ({"phoneNumber": "11 98761-0001"}, "phone_unusable"),
        ({"phoneNumber": "+999 12345678"}, "phone_unusable"),
        ({"name": "nobody"}, "invalid_request"),
        ({"waId": "5511987610001", "userId": "US.1"}, "invalid_request"),
        ({"waId": "5511987610001", "metadata": {"x": "y" * 17_000}}, "invalid_request"),
        ({"waId": "5511987610001", "tags": ["x"] * 51}, "invalid_request"),
        ({"waId": "5511987610001", "tags": [" "]}, "invalid_request"),
        ({"waId": "5511987610001", "email": "nobody"}, "invalid_request"),
        ({"waId": "5511987610001", "unknown": 1}, "invalid_request"),
        ({"waId": "5511987610001", "country": "BR"}, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_refused(place: Installation, body: dict[str, Any], code: str) -> None:
    assert (await ask(place, "POST", "", expect=422, json=body))["code"] == code


async def test_a_patch_is_merged_and_guarded_by_the_etag(place: Installation) -> None:
    made = await add(place, waId="5511987610002", metadata={"plan": "silver", "seats": {"a": 1, "b": 2}})
    path = f"/{made['id']}"
    changed = await ask(
        place, "PATCH", path, json={"metadata": {"plan": "gold", "seats": {"a": None}}}, headers={"If-Match": made["etag"]}
    )
    assert changed["metadata"] == {"plan": "gold", "seats": {"b": 2}}
    late = await ask(place, "PATCH", path, expect=412, json={"name": "Late"}, headers={"If-Match": made["etag"]})
    assert late["code"] == "changed_meanwhile"
    assert (await ask(place, "GET", path))["etag"] == changed["etag"]
    assert (await ask(place, "GET", path))["name"] is None
    await write(place, "5511987610002")
    read = await ask(place, "GET", path)
    assert read["name"] is not None
    assert read["etag"] == changed["etag"], "what is learned from a message is no edit"
    named = await ask(place, "PATCH", path, json={"name": "Bia"})
    assert named["etag"] != read["etag"]
    await write(place, "5511987610002")
    read = await ask(place, "GET", path)
    assert (read["name"], read["etag"]) == ("Bia", named["etag"]), "a name by hand stays, and a message changes no ETag"
    await ask(place, "PATCH", path, json={"name": None})
    await write(place, "5511987610002")
    assert (await ask(place, "GET", path))["name"] not in (None, "Bia"), "without one, WhatsApp's is learned again"


async def test_customers_are_found_by_words_phones_and_tags(place: Installation) -> None:
    tag = f"t{uuid4().hex[:6]}"
    for number, name in enumerate(["Zoë Müller", "zoe Miller", "José Álvarez", None]):
        await add(place, waId=f"551198762000{number}", name=name, tags=[tag] if number else []) if name else await add(
            place, waId=f"551198762000{number}", tags=[tag]
        )
    assert await names(place, q="ZOE", sort="name") == ["zoe Miller", "Zoë Müller"]
    assert await names(place, q="zoe mul", sort="name") == ["Zoë Müller"]
    assert await names(place, q="zoe", tag=tag) == ["zoe Miller"]
    assert await names(place, tag=tag, sort="name") == ["José Álvarez", "zoe Miller", None]
    assert await names(place, q="(11) 98762-0002") == ["José Álvarez"]
    (found,) = (await ask(place, "GET", "", params={"q": "alv"}))["items"]
    assert found["matches"] == {"name": [[5, 8]]}
    assert await names(place, q="nobody-of-this-name") == []


async def test_pages_join_without_a_gap(place: Installation) -> None:
    tag = f"t{uuid4().hex[:6]}"
    made = [(await add(place, waId=f"55119876300{number:02}", name=f"N{number:02}", tags=[tag]))["id"] for number in range(7)]
    for sort in ("lastActivity", "created", "name", "messageCount"):
        for query in ({"tag": tag}, {}):
            found: list[str] = []
            after: dict[str, str] = {}
            while True:
                page = await ask(place, "GET", "", params={"sort": sort, "limit": 3, **query, **after})
                found += [each["id"] for each in page["items"]]
                if page["next"] is None:
                    break
                after = {"after": page["next"]}
            assert len(found) == len(set(found))
            assert set(made) <= set(found) if not query else set(found) == set(made)
    page = await ask(place, "GET", "", params={"tag": tag, "limit": 3})
    for other in ({"tag": tag, "sort": "name"}, {"limit": 3}, {"tag": "other"}):
        refused = await ask(place, "GET", "", expect=400, params={**other, "after": page["next"]})
        assert refused["code"] == "cursor_invalid"
    assert (await ask(place, "GET", "", expect=400, params={"after": "x" + page["next"]}))["code"] == "cursor_invalid"


async def test_an_order_that_has_no_index_is_not_offered(place: Installation) -> None:
    refused = await ask(place, "GET", "", expect=400, params={"sort": "name", "hasOpenConversation": "true"})
    assert refused["code"] == "sort_not_offered"
    assert "hasOpenConversation" in refused["offered"]["lastActivity"]


async def test_many_are_tagged_at_once(place: Installation) -> None:
    one, two = [await add(place, waId=f"551198764000{number}", tags=["old"]) for number in (1, 2)]
    stranger = str(uuid4())
    body = {"ids": [one["id"], two["id"], stranger], "add": ["new"], "remove": ["old"]}
    answer = await ask(place, "POST", "/tags", json=body)
    assert (answer["changed"], answer["missing"]) == (2, [stranger])
    assert (await ask(place, "GET", f"/{one['id']}"))["tags"] == ["new"]
    assert (await ask(place, "POST", f"/{one['id']}/tags", json={"tags": ["new", "more"]}))["tags"] == ["more", "new"]
    assert (await ask(place, "DELETE", f"/{one['id']}/tags/new"))["tags"] == ["more"]
    assert await ask(place, "POST", f"/{stranger}/tags", expect=404, json={"tags": ["x"]})


async def test_history_and_context_tell_what_was_said(place: Installation) -> None:
    phone = "5511987650009"
    wamids = [await write(place, phone, text) for text in ("one", "two", "three")]
    (found,) = (await ask(place, "GET", "", params={"q": phone, "hasOpenConversation": "true"}))["items"]
    path = f"/{found['id']}"
    first = await ask(place, "GET", f"{path}/messages", params={"limit": 2, "direction": "inbound"})
    second = await ask(place, "GET", f"{path}/messages", params={"limit": 2, "direction": "inbound", "after": first["next"]})
    assert {each["wamid"] for each in first["items"] + second["items"]} == set(wamids)
    assert (len(first["items"]), second["next"]) == (2, None)
    back = await ask(
        place, "GET", f"{path}/messages", params={"limit": 2, "direction": "inbound", "before": second["previous"]}
    )
    assert back["items"] == first["items"]
    (conversation,) = (await ask(place, "GET", f"{path}/conversations"))["items"]
    context = await ask(place, "GET", f"{path}/context")
    assert (context["customer"]["id"], context["conversation"]["id"]) == (found["id"], conversation["id"])
    assert context["conversation"]["window"]["open"] is True
    assert {each["wamid"] for each in context["messages"] if each["direction"] == "inbound"} == set(wamids)


async def test_what_was_said_since_is_read_from_where_one_was(place: Installation) -> None:
    phone = "5511987650019"
    await write(place, phone, "one")
    (found,) = (await ask(place, "GET", "", params={"q": phone}))["items"]
    path = f"/{found['id']}/messages"
    page = await ask(place, "GET", path, params={"direction": "inbound"})
    place_ = {"direction": "inbound", "before": page["previous"]}
    nothing = await ask(place, "GET", path, params=place_)
    assert (nothing["items"], nothing["next"]) == ([], None)
    wamids = [await write(place, phone, text) for text in ("two", "three")]
    since = await ask(place, "GET", path, params=place_ | {"before": nothing["previous"]})
    assert {each["wamid"] for each in since["items"]} == set(wamids)
    one = {"after": since["next"], "direction": "inbound"}
    assert [each["text"] for each in (await ask(place, "GET", path, params=one))["items"]] == ["one"]
    assert (await ask(place, "GET", path, params=one | place_, expect=400))["code"] == "two_cursors"
    assert (await ask(place, "GET", path, params=place_ | {"type": "text"}, expect=400))["code"] == "cursor_invalid"


async def test_history_holds_one_type_where_one_is_asked_for(place: Installation) -> None:
    phone = "5511987650020"
    await write(place, phone, "one")
    (found,) = (await ask(place, "GET", "", params={"q": phone}))["items"]
    told = {
        kind: [each["text"] for each in (await ask(place, "GET", f"/{found['id']}/messages", params={"type": kind}))["items"]]
        for kind in ("text", "image")
    }
    assert ("one" in told["text"], told["image"]) == (True, [])


async def test_a_stranger_is_nobody(place: Installation) -> None:
    for path in ("", "/messages", "/conversations", "/context"):
        assert (await ask(place, "GET", f"/{uuid4()}{path}", expect=404))["code"] == "customer_not_found"


async def test_whatever_is_asked_is_answered(place: Installation) -> None:
    """Operators, quotes, zeros, ends of time: found, or refused with a reason."""
    made = await add(place, waId="5511987660001", name="O'Brien & \\ | ! <-> :*")
    assert await names(place, q="o'brien & !") == [made["name"]]
    for q in ("' | 'a", "a:*b", "!!", "(((", "\x00a", "ﷺ" * 200, "0" * 200, "a " * 100, "%", "\\", "+" * 200, "\U0010ffff"):
        answer = await place.http.get("/v1/customers", params={"q": q})
        assert answer.status_code in (200, 422), (q, answer.text)
    for query in (
        {"activeSince": "0001-01-01T00:00:00+23:59"},
        {"activeUntil": "9999-12-31T23:59:59.999999-23:59"},
        {"createdSince": "0001-01-01T00:00:00+00:01", "sort": "created"},
        {"createdUntil": "9999-12-31T23:59:59-14:00", "sort": "created"},
        {"activeSince": "0001-01-01T00:00:00+23:59", "q": "brien"},
        {"activeUntil": "0001-01-01T00:00:00+23:59", "tag": "x"},
        {"activeSince": "1e400"},
        {"activeSince": "99999999999999"},
        {"number": "\x00", "tag": "\x00"},
        {"tag": ""},
        {"after": "\x00"},
        {"after": "é"},
        {"after": "A" * 2000},
    ):
        answer = await place.http.get("/v1/customers", params=query)
        assert answer.status_code in (200, 400, 422), (query, answer.status_code, answer.text)


async def test_whatever_is_written_is_kept_or_refused(place: Installation) -> None:
    made = await add(place, waId="5511987660002")
    deep: dict[str, Any] = {}
    for _ in range(150):
        deep = {"a": deep}
    for body in (
        {"profilePictureUrl": "https://x/\x00"},
        {"profilePictureUrl": "https://x/\ud800"},
        {"metadata": {"a\x00": ["\x00", "\ud800", 1e300, 2**70, None]}},
        {"metadata": {"x": deep}, "preferences": deep},
        {"email": "\x00@\x00"},
        {"name": "ﷺ" * 200, "username": "\u0300" * 200},
        {"name": "\x00"},
        {"tags": ["\x00", "a,b", "{}", '"', "ﷺ" * 60]},
        {"language": "pt_BR"},
        {"phoneNumber": "+1" + "9" * 38},
        {"phoneNumber": "\x00\x00\x00"},
    ):
        data = json.dumps(body).encode()
        answer = await place.http.request(
            "PATCH", f"/v1/customers/{made['id']}", content=data, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (200, 422), (body, answer.text)
    raw = b'{"metadata": {"n": 1e400, "m": ' + b"9" * 5000 + b"}}"
    for content in (raw, b'{"metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"):
        answer = await place.http.request(
            "PATCH", f"/v1/customers/{made['id']}", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (200, 400, 422), answer.text
    assert (await ask(place, "DELETE", f"/{made['id']}/tags/%00"))["id"] == made["id"]


async def test_a_tag_that_a_proxy_weakened_is_the_same_tag(place: Installation) -> None:
    made = await add(place, waId="5511987660003")
    weak = f'"other", W/{made["etag"]}'
    changed = await ask(place, "PATCH", f"/{made['id']}", json={"name": "Caio"}, headers={"If-Match": weak})
    for stale in (weak, '"', "", "x, y", made["etag"].strip('"')):
        refused = await ask(place, "PATCH", f"/{made['id']}", expect=412, json={"name": "Dora"}, headers={"If-Match": stale})
        assert refused["code"] == "changed_meanwhile"
    assert (await ask(place, "GET", f"/{made['id']}"))["etag"] == changed["etag"]
