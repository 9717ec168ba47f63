"""Notes, participants and reads of a conversation, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.acceptance.credentials import key_with, session_of
from tests.acceptance.installation import TENANT, customer_message, envelope, until
from tests.acceptance.test_queues import Desk, ask, at_the_desk
from tests.databases import Databases
from waystate.conversations import merge
from waystate.conversations.desk import store
from waystate.principal import Role, Scope


@pytest.fixture(scope="module")
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    with databases.fresh() as url:
        async with at_the_desk(url, tmp_path_factory.mktemp("home")) as desk:
            yield desk


async def write(desk: Desk, phone: str, wamid: str, at: int = 1_790_000_000) -> tuple[UUID, UUID]:
    """Conversation and message of what a customer writes."""
    await desk.place.post_meta(envelope(customer_message(wamid, phone, at=at)))
    found: list[tuple[UUID, UUID]] = []

    async def is_there() -> bool:
        rows = await desk.place.rows("SELECT conversation_id, id FROM messages WHERE wamid = $1", wamid)
        found.extend((row["conversation_id"], row["id"]) for row in rows)
        return bool(found)

    await until(is_there)
    return found[0]


async def read(desk: Desk, conversation: UUID, message: UUID, **given: Any) -> dict[str, Any]:
    token = given.pop("token", desk.agent_token)
    return await ask(desk, "POST", f"/conversations/{conversation}/read", json={"upTo": str(message), **given}, token=token)


async def test_a_note_is_kept_with_its_author_and_never_told_outside(desk: Desk) -> None:
    conversation, _ = await write(desk, "15550108001", "wamid.n1")
    path = f"/conversations/{conversation}/notes"
    leaver, token = await session_of(desk.place, TENANT, Role.AGENT, name="Lea")
    by_leaver = await ask(desk, "POST", path, expect=201, json={"text": " Secret one "}, token=token)
    assert (by_leaver["text"], by_leaver["author"]) == ("Secret one", {"kind": "user", "id": str(leaver), "name": "Lea"})
    key = await key_with(desk.place, TENANT, Scope.CONVERSATIONS_WRITE)
    by_key = await ask(desk, "POST", path, expect=201, json={"text": "Secret two"}, token=key)
    assert (by_key["author"]["kind"], by_key["author"]["name"]) == ("key", None)
    await desk.place.rows("DELETE FROM memberships WHERE user_id = $1", leaver)
    first = await ask(desk, "GET", path, params={"limit": 1})
    rest = await ask(desk, "GET", path, params={"limit": 1, "after": first["next"]})
    told = [(each["text"], each["author"]["name"]) for each in (*first["items"], *rest["items"])]
    assert (told, rest["next"]) == ([("Secret two", None), ("Secret one", None)], None)
    said = await desk.place.value(
        "SELECT count(*) FROM events WHERE type = 'conversation.noted' AND data::text NOT LIKE '%Secret%'"
    )
    kept = await desk.place.value("SELECT count(*) FROM conversation_log WHERE type = 'conversation.noted'")
    assert (said, kept) == (2, 2)
    for body in ({"text": " "}, {"text": "x" * 4097}, {}):
        assert (await ask(desk, "POST", path, expect=422, json=body))["code"] == "invalid_request"
    assert (await ask(desk, "GET", f"/conversations/{uuid4()}/notes", expect=404))["code"] == "conversation_not_found"
    await desk.place.rows("UPDATE conversations SET genesys_conversation_id = 'genesys-n1' WHERE id = $1", conversation)
    assert len((await ask(desk, "GET", "/conversations/genesys-n1/notes"))["items"]) == 2


async def test_participants_are_those_of_the_conversation_and_those_added(desk: Desk) -> None:
    conversation, _ = await write(desk, "15550108002", "wamid.p1")
    other, _ = await write(desk, "15550108003", "wamid.p2")
    own, added = [
        await desk.place.value("SELECT contact_id FROM conversations WHERE id = $1", each) for each in (conversation, other)
    ]
    await desk.place.rows("UPDATE conversations SET assigned_user_id = $2 WHERE id = $1", conversation, desk.agent)
    observer, _ = await session_of(desk.place, TENANT, Role.VIEWER, name="Vera")
    path = f"/conversations/{conversation}/participants"
    before = await ask(desk, "GET", path)
    assert [(each["id"], each["role"], each["source"]) for each in before["items"]] == [
        (str(own), "customer", "conversation"),
        (str(desk.agent), "agent", "assignment"),
    ]
    wanted = [
        {"userId": str(observer), "role": "observer"},
        {"customerId": str(added), "role": "customer"},
        {"customerId": str(own), "role": "observer"},
        {"userId": str(desk.agent), "role": "observer"},
    ]
    seen = {"If-Match": before["etag"]}
    put = await ask(desk, "PUT", path, json={"participants": wanted}, headers=seen)
    assert {each["id"]: (each["role"], each["source"], each["name"]) for each in put["items"]} == {
        str(own): ("customer", "conversation", "Ada"),
        str(desk.agent): ("agent", "assignment", "Ana"),
        str(observer): ("observer", "added", "Vera"),
        str(added): ("customer", "added", "Ada"),
    }
    late = await ask(desk, "PUT", path, expect=412, json={"participants": []}, headers=seen)
    assert late["etag"] == put["etag"]
    await ask(desk, "DELETE", f"{path}/{observer}", expect=204)
    assert (await ask(desk, "DELETE", f"{path}/{observer}", expect=404))["code"] == "participant_not_found"
    assert (await ask(desk, "DELETE", f"{path}/{own}", expect=404))["code"] == "participant_not_found"
    for wrong, code in (
        ([{"userId": str(uuid4()), "role": "agent"}], "not_a_colleague"),
        ([{"customerId": str(uuid4()), "role": "customer"}], "unknown_customer"),
        ([{"customerId": str(added), "role": "agent"}], "invalid_request"),
        ([{"userId": str(desk.agent), "role": "customer"}], "invalid_request"),
        ([{"role": "customer"}], "invalid_request"),
        ([wanted[0], wanted[0]], "invalid_request"),
    ):
        assert (await ask(desk, "PUT", path, expect=422, json={"participants": wrong}))["code"] == code
    log = await desk.place.rows(
        "SELECT data->'removed' AS gone FROM conversation_log WHERE conversation_id = $1"
        " AND type = 'conversation.participants_changed' ORDER BY id",
        conversation,
    )
    assert [str(observer) in each["gone"] for each in log] == [False, True]


async def test_a_participant_who_turns_out_to_be_another_takes_part_as_that_one(desk: Desk) -> None:
    conversation, _ = await write(desk, "15550108004", "wamid.m1")
    gone, stays = [(await write(desk, f"1555010800{each}", f"wamid.m{each}"))[0] for each in (5, 6)]
    contacts = [await desk.place.value("SELECT contact_id FROM conversations WHERE id = $1", each) for each in (gone, stays)]
    path = f"/conversations/{conversation}/participants"
    body = {"participants": [{"customerId": str(contacts[0]), "role": "observer"}]}
    await ask(desk, "PUT", path, json=body)

    async def nothing(*_: Any) -> dict[UUID, list[UUID]]:
        return {contacts[0]: []}

    async with desk.place.app.db.tenant(TENANT) as conn:
        await merge.merge_many(conn, TENANT, {contacts[0]: contacts[1]}, "", desk.place.app.services.clock(), nothing)
    assert [each["id"] for each in (await ask(desk, "GET", path))["items"]][1:] == [str(contacts[1])]
    again = await ask(desk, "PUT", path, json=body)
    assert [each["id"] for each in again["items"]][1:] == [str(contacts[1])], "by the former id, too"
    await ask(desk, "DELETE", f"{path}/{contacts[0]}", expect=204)


async def test_who_reads_goes_forward_only_and_late_messages_are_new(desk: Desk) -> None:
    conversation, first = await write(desk, "15550108007", "wamid.r1", at=1_790_000_100)
    _, second = await write(desk, "15550108007", "wamid.r2", at=1_790_000_200)

    async def unread() -> int:
        async with desk.place.app.db.tenant(TENANT) as conn:
            return (await store.count_unread(conn, TENANT, desk.agent, [conversation, uuid4()]))[conversation]

    assert await unread() == 2
    assert (await read(desk, conversation, first))["unread"] == 1
    assert (await read(desk, conversation, second))["unread"] == 0
    assert (await read(desk, conversation, first))["unread"] == 0, "nobody goes back"
    await write(desk, "15550108007", "wamid.r3", at=1_790_000_050)
    assert await unread() == 1, "it came late, and stands before what was read"
    assert (await read(desk, conversation, second))["unread"] == 0
    _, same_second = await write(desk, "15550108007", "wamid.r4", at=1_790_000_200)
    assert await unread() == 1
    assert (await read(desk, conversation, same_second))["unread"] == 0
    told = await desk.place.value(
        "SELECT count(*) FROM events WHERE type = 'conversation.read' AND data->>'mapping_id' = $1", str(conversation)
    )
    assert told == 4, "each step forward, and no other"


async def test_a_customer_is_told_once_that_they_were_read(desk: Desk) -> None:
    conversation, first = await write(desk, "15550108008", "wamid.t1", at=1_790_000_100)
    _, second = await write(desk, "15550108008", "wamid.t2", at=1_790_000_200)
    _, viewer = await session_of(desk.place, TENANT, Role.VIEWER)
    refused = await ask(
        desk, "POST", f"/conversations/{conversation}/read", expect=403, token=viewer,
        json={"upTo": str(first), "tellCustomer": True},
    )  # fmt: skip
    assert (refused["code"], refused["scope"]) == ("scope_missing", "messages:send")
    assert not (await read(desk, conversation, second, token=viewer))["customerTold"]
    assert (await read(desk, conversation, second, tellCustomer=True))["customerTold"]
    for message in (first, second):
        assert not (await read(desk, conversation, message, tellCustomer=True, token=desk.supervisor))["customerTold"]
    marks = await desk.place.rows("SELECT data->>'wamid' AS wamid FROM events WHERE type = 'message.marked_read'")
    assert [each["wamid"] for each in marks] == ["wamid.t2"]
    key = await key_with(desk.place, TENANT, Scope.CONVERSATIONS_READ, Scope.MESSAGES_SEND)
    _, third = await write(desk, "15550108008", "wamid.t3", at=1_790_000_300)
    by_key = await read(desk, conversation, third, tellCustomer=True, token=key)
    assert (by_key["customerTold"], by_key["unread"]) == (True, None)
    path = f"/conversations/{conversation}/read"
    assert (await ask(desk, "POST", path, expect=422, json={"upTo": str(third)}, token=key))["code"] == "nobody_reads"
    assert (await ask(desk, "POST", path, expect=404, json={"upTo": str(uuid4())}))["code"] == "message_not_found"
