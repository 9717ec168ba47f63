"""Conversations over HTTP: listed, searched, read both ways, written in; and who sees which."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.acceptance.installation import NUMBER, TENANT, Installation, installed_with_far_sides, until
from tests.acceptance.outsiders import Caller, key_caller, session_caller
from tests.databases import Databases
from waystate.framework import OPERATIONS
from waystate.operations import Operation
from waystate.principal import KEY_SCOPES, ROLE_SCOPES, Role, Scope

ANA, BOB = "5511987670001", "5511987670002"
SAYS = "secret orange"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            key = await key_caller(installation, TENANT, "inbox", set(KEY_SCOPES) - {Scope.PLATFORM})
            installation.http.headers.update(key.headers)
            for text in ("Onde está meu pedido?", "Olá", "one two", "three"):
                await write(installation, ANA, text)
            await write(installation, BOB, SAYS)
            yield installation


async def write(place: Installation, phone: str, text: str) -> None:
    assert place.far is not None
    sent = await place.far.post(f"/simulator/customers/{phone}/messages", json={"text": text})
    assert sent.status_code < 300, sent.text

    async def has_come() -> bool:
        return bool(await place.value("SELECT count(*) FROM messages WHERE wamid = $1", sent.json()["wamid"]))

    await until(has_come)


async def indexed(place: Installation) -> None:
    async def is_there() -> bool:
        behind = "SELECT (SELECT count(*) FROM conversation_index_due()) + (SELECT count(*) FROM contact_index_due())"
        return bool(await place.value(behind) == 0)

    await place.settled()
    await until(is_there, timeout=30)


async def ask(place: Installation, path: str, *, expect: int = 200, **query: Any) -> dict[str, Any]:
    answer = await place.http.get(f"/v1{path}", params=query)
    assert answer.status_code == expect, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def found(place: Installation, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await ask(place, "/conversations", **query))["items"]
    return items


async def test_a_list_shows_what_was_said_last_and_a_search_what_fits(place: Installation) -> None:
    await indexed(place)
    (one,) = await found(place, q="esta PEDI")
    said = one["matches"]["message"]
    assert [said["text"][start:end] for start, end in said["spans"]] == ["está", "pedi"]
    assert (one["lastMessage"]["preview"], one["lastMessage"]["direction"]) == ("three", "inbound")
    assert [each["id"] for each in await found(place, q=ANA)] == [one["id"]]
    assert (await ask(place, f"/conversations/{one['id']}"))["counts"] == {"messages": 4, "inbound": 4, "outbound": 0}
    assert await found(place, q="nonsense") == []


async def test_pages_of_every_order_join_and_a_cursor_is_of_its_list(place: Installation) -> None:
    await indexed(place)
    everybody = {each["id"] for each in await found(place)}
    assert len(everybody) == 2
    for order in ("lastActivity", "created", "waiting"):
        first = await ask(place, "/conversations", sort=order, limit=1)
        second = await ask(place, "/conversations", sort=order, limit=1, after=first["next"])
        assert {each["id"] for each in first["items"] + second["items"]} == everybody
        assert second["next"] is None
    wrong = await ask(place, "/conversations", expect=400, sort="waiting", limit=1, after=first["next"], q="x")
    assert wrong["code"] == "cursor_invalid"
    refused = await ask(place, "/conversations", expect=400, sort="created", windowOpen="true")
    assert refused["code"] == "sort_not_offered"
    assert (await ask(place, "/conversations", expect=422, assignee="me"))["code"] == "nobody_is_me"


async def test_whatever_is_asked_is_answered_or_refused(place: Installation) -> None:
    for query in (
        {"q": "'; DROP TABLE conversations; --"}, {"q": "\x00a"}, {"q": "((("}, {"sort": "at; --"}, {"tag": "\x00"},
        {"number": "\x00"}, {"updatedSince": "0001-01-01T00:00:00+23:59"}, {"updatedSince": "9999-12-31T23:59:59-23:59"},
        {"assignee": "' OR 1=1"}, {"queue": str(uuid4())}, {"controller": "external"}, {"status": "open"}, {"after": "\x00"},
        {"windowOpen": "true", "status": "closed"}, {"assignee": "none", "status": "expired", "sort": "waiting"},
    ):  # fmt: skip
        answer = await place.http.get("/v1/conversations", params=query)
        assert answer.status_code in (200, 400, 422), (query, answer.text)


async def test_messages_are_read_both_ways_and_around_one(place: Installation) -> None:
    await indexed(place)
    (one,) = await found(place, q="pedido")
    path = f"/conversations/{one['id']}/messages"
    newest = await ask(place, path, limit=2)
    older = await ask(place, path, limit=2, before=newest["before"])
    texts = [each["text"] for each in newest["items"] + older["items"]]
    assert (texts, older["before"]) == (["three", "one two", "Olá", "Onde está meu pedido?"], None)
    newer = await ask(place, path, limit=2, after=older["after"])
    assert [each["text"] for each in newer["items"]] == ["three", "one two"]
    middle = older["items"][0]["id"]
    around = await ask(place, path, limit=3, around=middle)
    assert [each["text"] for each in around["items"]] == ["one two", "Olá", "Onde está meu pedido?"]
    assert (await ask(place, path, expect=404, around=str(uuid4())))["code"] == "message_not_found"
    assert (await ask(place, path, expect=400, around=middle, before=newest["before"]))["code"] == "several_places"
    assert (await ask(place, "/conversations/nobody/messages", expect=404))["code"] == "conversation_not_found"
    nothing = await ask(place, path, after=newest["after"])
    assert (nothing["items"], nothing["after"]) == ([], newest["after"])


async def test_what_is_written_in_a_conversation_stands_in_its_timeline(place: Installation) -> None:
    await indexed(place)
    (one,) = await found(place, q="pedido")
    answer = await place.http.post(
        f"/v1/conversations/{one['id']}/messages", json={"type": "text", "text": {"body": "Está a caminho"}}
    )
    assert (answer.status_code, answer.json()["conversationId"]) == (202, one["id"])
    await place.settled()
    path = f"/customers/{one['customer']['id']}/timeline"
    whole = (await ask(place, path, limit=200))["items"]
    assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)
    assert {each["kind"] for each in whole} == {"message", "status", "log"}
    assert "control.changed" in {each["type"] for each in whole if each["kind"] == "log"}
    assert {each["status"] for each in whole if each.get("messageId") == answer.json()["id"]} >= {"sent"}

    async def is_whole_in_pages() -> bool:
        """Statuses go on coming, and stand where their time is: until they all have."""
        pages, after = [], None
        while after is not None or not pages:
            page = await ask(place, path, limit=3, **({"after": after} if after else {}))
            pages, after = [*pages, *page["items"]], page["next"]
        whole = (await ask(place, path, limit=200))["items"]
        return [each["id"] for each in pages] == [each["id"] for each in whole]

    await until(is_whole_in_pages)


async def test_integrations_tell_of_correlations_transfers_and_failures(place: Installation) -> None:
    (one,) = await found(place, q=ANA)
    event = uuid4()
    await place.database.execute(
        "INSERT INTO deliveries (tenant_id, event_id, target, message_id, conversation_id, account, lane, order_key, position,"
        " state, next_attempt_at, created_at, finished_at, error, request)"
        " VALUES ($1, $2, 'genesys', $2, $3, 'x', 1, 'x', 1, 'failed', now(), now(), now(), '{\"code\": 1}', '{}')",
        *(TENANT, event, UUID(one["id"])),
    )
    items = (await ask(place, f"/customers/{one['customer']['id']}/integrations"))["items"]
    assert (items[0]["kind"], items[0]["id"], items[0]["error"]) == ("failure", str(event), {"code": 1})
    assert "conversation.correlated" in {each.get("type") for each in items}
    await place.database.execute("DELETE FROM deliveries WHERE event_id = $1", event)


# Who sees what.


async def set_scope(place: Installation, scope: str) -> None:
    view = await place.app.directory.find_tenant(TENANT)
    assert view is not None
    changed = view.tenant.settings.model_copy(update={"agent_scope": scope})
    await place.add_tenants([view.tenant.model_copy(update={"settings": changed})])


class Things:
    """What of a conversation could be seen."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.conversation, self.contact, self.message = (str(row[key]) for key in ("id", "contact_id", "message_id"))
        self.wamid, self.genesys, self.phone = row["wamid"], row["genesys_conversation_id"], row["wa_id"]
        self.file = str(uuid4())

    def fill(self, path: str) -> str:
        ids = {
            **dict.fromkeys(("conversation_id", "conversationId"), self.conversation),
            **dict.fromkeys(("message_id", "messageId"), self.message),
            **{"customer_id": self.contact, "media_id": self.file, "waId": self.phone},
        }
        return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], str(uuid4())), path)

    def query(self, path: str) -> dict[str, str]:
        return {"/v1/messages": {"ids": f"{self.message},{self.wamid}"}, "/v1/conversations": {"q": "orange"}}.get(path, {})

    def are_in(self, body: str) -> bool:
        return any(each in body for each in (self.conversation, self.message, SAYS, self.wamid))


async def things_of(place: Installation, phone: str) -> Things:
    (row,) = await place.rows(
        "SELECT c.*, m.id AS message_id, m.wamid FROM conversations c JOIN messages m ON m.conversation_id = c.id"
        " AND m.direction = 'inbound' WHERE c.wa_id = $1 ORDER BY m.sent_at DESC LIMIT 1",
        phone,
    )
    things = Things(row)
    await place.database.execute(
        "INSERT INTO media_files (tenant_id, id, direction, message_id, state, created_at)"
        " VALUES ($1, $2, 'inbound', $3, 'failed', now())",
        *(TENANT, UUID(things.file), UUID(things.message)),
    )
    return things


def readable() -> Iterator[Operation]:
    for each in OPERATIONS.values():
        if each.method == "GET" and each.scope is not None and each.scope in AGENTS:
            yield each


AGENTS = ROLE_SCOPES[Role.AGENT]
SINGLE = re.compile(r"\{(conversation_?[iI]d|message_?[iI]d|media_id)\}")
OF_PEOPLE = {"/v1/customers", "/v1/customers/{customer_id}"}
"""Customers are everybody's: these tell of no conversation."""


async def give(place: Installation, things: Things, user: UUID | None, queue: UUID | None) -> None:
    for table, key in (("conversations", "id"), ("conversation_index", "conversation_id")):
        sql = f"UPDATE {table} SET assigned_user_id = $1, queue_id = $2 WHERE {key} = $3"
        await place.database.execute(sql, user, queue, UUID(things.conversation))


async def call(place: Installation, caller: Caller, method: str, path: str, **given: Any) -> tuple[int, str]:
    headers = {**dict(place.http.headers), **caller.headers}
    if "authorization" not in caller.headers:
        headers.pop("authorization", None)
    answer = await place.http.request(method, path, headers=headers, **given)
    return answer.status_code, answer.text


async def test_who_sees_a_conversation_sees_it_everywhere_and_who_does_not_nowhere(place: Installation) -> None:
    await indexed(place)
    theirs = await things_of(place, BOB)
    owner, other = [await session_caller(place, TENANT, Role.AGENT) for _ in range(2)]
    supervisor = await session_caller(place, TENANT, Role.SUPERVISOR)
    user = await place.value("SELECT id FROM users WHERE name = $1", owner.name)
    await give(place, theirs, user, None)
    place.http.headers.pop("authorization")
    try:
        await set_scope(place, "all")
        seen_by_all = {each.path for each in readable() if await shows(place, other, each, theirs)}
        await set_scope(place, "assigned")
        for each in readable():
            assert not await shows(place, other, each, theirs, hidden=True), f"{each.path} shows what is another's"
        seen = {each.path for each in readable() if await shows(place, owner, each, theirs)}
        assert {each.path for each in readable() if await shows(place, supervisor, each, theirs)} == seen_by_all
        assert seen_by_all - seen == {"/state/mapping/{waId}", "/state/conversation/{conversationId}"}
        assert {"/v1/conversations", "/v1/customers/{customer_id}/timeline", "/v1/customers/{customer_id}/context"} <= seen
        await writes(place, other, theirs)
        await waits_in_queue(place, other, theirs)
    finally:
        await set_scope(place, "all")


async def shows(place: Installation, caller: Caller, operation: Operation, things: Things, *, hidden: bool = False) -> bool:
    status, body = await call(place, caller, "GET", things.fill(operation.path), params=things.query(operation.path))
    if hidden and SINGLE.search(operation.path) and not operation.path.startswith("/state"):
        assert status == 404, (operation.path, body)
        stranger = Things({**vars(things), "id": uuid4(), "contact_id": uuid4(), "message_id": uuid4(), "wa_id": "1",
                           "genesys_conversation_id": None})  # fmt: skip
        _, missing = await call(place, caller, "GET", stranger.fill(operation.path))
        code = re.compile(r'"code":"(\w+)"')
        assert code.findall(body) == code.findall(missing), "what is out of sight is as what is missing"
    if operation.path in OF_PEOPLE:
        return False
    # What was asked for is said again by who does not find it.
    return status == 200 and things.are_in(body)


async def writes(place: Installation, caller: Caller, things: Things) -> None:
    """Nobody writes in, marks, withdraws or sends again what they do not see."""
    text = {"type": "text", "text": {"body": "hello"}}
    for method, path, body in (
        ("POST", "/v1/messages", {**text, "conversationId": things.conversation}),
        ("POST", "/v1/messages", {**text, "customerId": things.contact}),
        ("POST", "/v1/messages", {**text, "to": things.phone}),
        ("POST", "/v1/conversations", {**text, "to": things.phone, "take": True}),
        ("POST", "/v1/messages/bulk", {"messages": [{**text, "to": things.phone}]}),
        ("POST", f"/v1/conversations/{things.conversation}/messages", text),
        ("POST", f"/v1/messages/{things.message}/resend", None),
        ("POST", f"/v1/messages/{things.message}/seen", {}),
        ("DELETE", f"/v1/messages/{things.message}", None),
    ):
        status, said = await call(place, caller, method, path, json=body)
        assert status == 404, (method, path, said)
    for each in OPERATIONS.values():
        if each.method != "GET" and SINGLE.search(each.path) and each.path.startswith("/v1") and each.scope in AGENTS:
            status, said = await call(place, caller, each.method, things.fill(each.path), json=each.example_body)
            assert status == 404, (each.method, each.path, said)
    status, said = await call(place, caller, "POST", "/v1/messages/read", json={"ids": [things.message]})
    assert (status, '"changed":[]' in said) == (200, True)
    met = {"waId": things.phone, "number": NUMBER}
    status, said = await call(place, caller, "POST", "/v1/customers/context", json=met)
    assert (status, '"out_of_sight"' in said) == (403, True), said
    status, said = await call(place, caller, "POST", "/v1/customers/context", json={"waId": things.phone})
    assert (status, json.loads(said)["conversation"], json.loads(said)["messages"]) == (200, None, []), said
    every = {(each.method, each.path) for each in OPERATIONS.values() if each.scope is Scope.MESSAGES_SEND}
    judged = {("POST", f"/v1/{path}") for path in ("messages", "messages/bulk", "messages/read", "conversations")}
    judged |= {("POST", f"/v1/messages/{{message_id}}/{deed}") for deed in ("resend", "seen")}
    judged |= {("DELETE", "/v1/messages/{message_id}"), ("POST", "/v1/conversations/{conversation_id}/messages")}
    assert every - judged == {("POST", "/v1/media"), ("POST", "/v1/templates/sync")}, "whatever else sends is to be judged too"


async def waits_in_queue(place: Installation, caller: Caller, things: Things) -> None:
    """What nobody has is seen by who is in its queue."""
    queue, user = uuid4(), await place.value("SELECT id FROM users WHERE name = $1", caller.name)
    await place.database.execute("INSERT INTO queues VALUES ($1, $2, 'q', NULL, NULL, now(), now())", TENANT, queue)
    await place.database.execute("INSERT INTO queue_members VALUES ($1, $2, $3)", TENANT, queue, user)
    await give(place, things, None, queue)
    status, body = await call(place, caller, "GET", f"/v1/conversations/{things.conversation}")
    assert status == 200, body
    status, body = await call(place, caller, "GET", "/v1/conversations", params={"sort": "waiting"})
    assert (status, things.conversation in body) == (200, True)
    text = {"type": "text", "text": {"body": "I am here"}}
    status, body = await call(place, caller, "POST", f"/v1/conversations/{things.conversation}/messages", json=text)
    assert status == 202, body
