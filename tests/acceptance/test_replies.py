"""Ready answers over HTTP: kept, found as somebody types, and filled in for a customer."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.credentials import key_with
from tests.acceptance.installation import TENANT
from tests.acceptance.test_queues import Desk, ask, at_the_desk, queue, wait_in
from tests.databases import Databases
from waystate.principal import Scope


@pytest.fixture(scope="module")
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    with databases.fresh() as url:
        async with at_the_desk(url, tmp_path_factory.mktemp("home")) as desk:
            yield desk


async def reply(desk: Desk, shortcut: str, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    return await ask(desk, "POST", "/replies", expect=201, json={"shortcut": shortcut, "text": text, **fields})


async def found(desk: Desk, **params: Any) -> list[str]:
    page = await ask(desk, "GET", "/replies", params=params, token=desk.agent_token)
    return [each["shortcut"] for each in page["items"]]


async def test_a_shortcut_is_there_once_in_a_queue_and_once_for_all(desk: Desk) -> None:
    place = await queue(desk, "Once")
    made = await reply(desk, "/Once", title="Once")
    assert (made["shortcut"], made["queue"]) == ("once", None)
    await reply(desk, "once", queue=place["id"])
    for where in (None, place["id"]):
        taken = await ask(desk, "POST", "/replies", expect=409, json={"shortcut": "ONCE", "text": "x", "queue": where})
        assert taken["code"] == "shortcut_taken"
    other = await reply(desk, "twice", queue=place["id"])
    clash = await ask(desk, "PATCH", f"/replies/{other['id']}", expect=409, json={"shortcut": "once"})
    assert clash["code"] == "shortcut_taken"
    lost = await ask(desk, "POST", "/replies", expect=422, json={"shortcut": "lost", "text": "x", "queue": str(uuid4())})
    assert lost["code"] == "unknown_queue"


async def test_they_are_found_as_somebody_types(desk: Desk) -> None:
    place, other = await queue(desk, "Typing"), await queue(desk, "Elsewhere")
    for shortcut, where in (("find-a", None), ("find-b", place["id"]), ("find-c", other["id"]), ("fir", None), ("find", None)):
        await reply(desk, shortcut, queue=where)
    assert await found(desk, q="/FIND") == ["find", "find-a", "find-b", "find-c"]
    assert await found(desk, q="find", queue=place["id"]) == ["find", "find-a", "find-b"]
    assert await found(desk, q="find", queue="none") == ["find", "find-a"]
    first = await ask(desk, "GET", "/replies", params={"q": "find", "limit": 3})
    rest = await ask(desk, "GET", "/replies", params={"q": "find", "limit": 3, "after": first["next"]})
    assert ([each["shortcut"] for each in rest["items"]], rest["next"]) == (["find-c"], None)
    other_list = await ask(desk, "GET", "/replies", expect=400, params={"q": "fin", "after": first["next"]})
    assert other_list["code"] == "cursor_invalid"
    await ask(desk, "DELETE", f"/queues/{other['id']}", expect=204)
    assert await found(desk, q="find-c") == [], "they go with their queue"


async def test_a_text_that_cannot_be_filled_in_is_refused_with_its_line(desk: Desk) -> None:
    broken = {"shortcut": "broken", "text": "Dear\n{{ customer.nme }}\n{{ agent.nme }}"}
    refused = await ask(desk, "POST", "/replies", expect=422, json=broken)
    assert (refused["code"], refused["line"], [each["line"] for each in refused["errors"]]) == ("reply_unusable", 2, [2, 3])
    made = await reply(desk, "whole")
    await ask(desk, "PATCH", f"/replies/{made['id']}", expect=422, json={"text": "{% if %}"})
    assert (await ask(desk, "GET", f"/replies/{made['id']}"))["text"] == "Hello"


async def test_a_change_is_guarded_told_and_audited(desk: Desk) -> None:
    made = await reply(desk, "guarded")
    path, seen = f"/replies/{made['id']}", {"If-Match": made["etag"]}
    changed = await ask(desk, "PATCH", path, json={"text": "Bye", "title": "Bye"}, headers=seen)
    assert (await ask(desk, "PATCH", path, expect=412, json={"title": None}, headers=seen))["etag"] == changed["etag"]
    assert (await ask(desk, "PATCH", path, json={"title": None}))["title"] is None
    await ask(desk, "DELETE", path, expect=204)
    assert (await ask(desk, "DELETE", path, expect=404))["code"] == "reply_not_found"
    told = await desk.place.rows(
        "SELECT data->>'change' AS change FROM events WHERE type = 'reply.changed' AND data->>'reply_id' = $1"
        " ORDER BY position",
        made["id"],
    )
    assert [each["change"] for each in told] == ["added", "edited", "edited", "deleted"]
    entries = await desk.place.rows("SELECT action FROM audit_log WHERE subject = $1 ORDER BY position", f"reply:{made['id']}")
    assert [each["action"] for each in entries] == ["reply.added", "reply.edited", "reply.edited", "reply.deleted"]
    assert (await ask(desk, "POST", "/replies", expect=403, json={}, token=desk.agent_token))["code"] == "role_insufficient"


async def test_it_is_filled_in_for_who_is_spoken_to_by_who_speaks(desk: Desk) -> None:
    place = await queue(desk, "Billing")
    conversation = await wait_in(desk, place["id"], "15550107102")
    text = (
        "{{ customer.phone_number }} {{ customer.name }}/{{ queue.name }}/{{ agent.first_name }}/{{ customer.metadata.plan }}"
    )
    made = await reply(desk, "fill", text)
    path = f"/replies/{made['id']}/render"
    filled = await ask(desk, "POST", path, json={"conversationId": str(conversation)}, token=desk.agent_token)
    assert filled["text"] == "+15550107102 Ada/Billing/Ana/"
    assert filled["missing"] == ["customer.metadata.plan"]
    contact = await desk.place.value("SELECT contact_id FROM conversations WHERE id = $1", conversation)
    key = await key_with(desk.place, TENANT, Scope.CUSTOMERS_READ)
    by_key = {"customerId": str(contact), "agentId": str(desk.agent)}
    told = await ask(desk, "POST", path, json=by_key, token=key)
    assert (told["text"], told["missing"][0]) == ("+15550107102 Ada//Ana/", "queue.name")
    stranger = await ask(desk, "POST", path, expect=422, json={**by_key, "agentId": str(uuid4())}, token=key)
    assert stranger["code"] == "not_a_colleague"
    for missing, code in (("conversationId", "conversation_not_found"), ("customerId", "customer_not_found")):
        assert (await ask(desk, "POST", path, expect=404, json={missing: str(uuid4())}))["code"] == code
    assert (await ask(desk, "POST", path, expect=422, json={}))["code"] == "invalid_request"
