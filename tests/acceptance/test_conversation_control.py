"""People lead conversations over HTTP: take, answer, pass on, close, reopen, where Genesys and services want the word."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.acceptance.credentials import bearing, key_with, session_of
from tests.acceptance.installation import TENANT, Installation, installed_with_far_sides, until
from tests.acceptance.test_sending import write
from tests.databases import Databases
from waystate.principal import Role, Scope


@dataclass(frozen=True)
class Caller:
    """Of the API; `id` is a person's."""

    place: Installation
    token: str
    id: UUID | None = None

    async def call(self, method: str, path: str, *, expect: int = 200, body: Any = None, **headers: str) -> dict[str, Any]:
        answer = await self.place.http.request(method, f"/v1/{path}", json=body, headers={**bearing(self.token), **headers})
        assert answer.status_code == expect, (path, answer.text)
        said: dict[str, Any] = {"etag": answer.headers.get("etag"), **answer.json()}
        return said

    async def does(
        self, deed: str, talk: str, body: Any = None, *, expect: int = 200, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return await self.call("POST", f"conversations/{talk}/{deed}", expect=expect, body=body, **headers or {})

    async def says(self, talk: str, text: str, *, expect: int = 202, take: bool = False) -> dict[str, Any]:
        body = {"conversationId": talk, "type": "text", "text": {"body": text}, "take": take}
        return await self.call("POST", "messages", expect=expect, body=body)


@dataclass(frozen=True)
class Staff:
    place: Installation
    ana: Caller
    bob: Caller
    eve: Caller
    """She may assign conversations."""
    service: Caller

    async def begin(self, phone: str) -> str:
        """A customer writes; Genesys has the conversation too."""
        await write(self.place, phone)
        found = await self.place.value("SELECT id FROM conversations WHERE wa_id = $1 AND closed_at IS NULL", phone)
        return str(found)

    async def at_genesys(self, phone: str) -> list[str]:
        await self.place.settled()
        return [each["text"] for each in (await self._journal(phone))["genesysReceived"]]

    async def at_whatsapp(self, phone: str) -> list[str]:
        await self.place.settled()
        return [each["text"] for each in (await self._journal(phone))["whatsappGot"]]

    async def _journal(self, phone: str) -> dict[str, Any]:
        assert self.place.far is not None
        (view,) = (await self.place.far.get("/simulator/messages", params={"customer": phone})).json()["customers"]
        found: dict[str, Any] = view
        return found

    async def agent_writes(self, talk: str, text: str) -> Sequence[Any]:
        """An agent at Genesys does; the message as it is kept here."""
        genesys = await self.place.value("SELECT genesys_conversation_id FROM conversations WHERE id = $1", UUID(talk))
        assert self.place.far is not None
        sent = await self.place.far.post(f"/simulator/genesys/conversations/{genesys}/messages", json={"text": text})
        assert sent.status_code < 300, sent.text
        kept = "SELECT status, error->>'code' FROM messages WHERE direction = 'outbound' AND text = $1"

        async def has_come() -> bool:
            return bool(await self.place.rows(kept, text))

        await until(has_come)
        (row,) = await self.place.rows(kept, text)
        return tuple(row.values())


@pytest.fixture(scope="module")
async def staff(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Staff]:
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as place:

            async def person(name: str, role: Role = Role.AGENT) -> Caller:
                user, token = await session_of(place, TENANT, role, name=name)
                return Caller(place, token, user)

            scopes = (Scope.MESSAGES_SEND, Scope.MESSAGES_READ, Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE)
            yield Staff(
                place,
                await person("Ana"),
                await person("Bob"),
                await person("Eve", Role.SUPERVISOR),
                Caller(place, await key_with(place, TENANT, *scopes)),
            )


async def test_a_person_who_answers_has_the_conversation_and_others_are_told(staff: Staff) -> None:
    talk = await staff.begin("5511987640001")
    await staff.ana.says(talk, "Good morning")
    held = await staff.bob.call("GET", f"conversations/{talk}")
    assert (held["controller"], held["controlHolder"]) == ("agent", f"person:{staff.ana.id}")
    assert held["assignee"] == {"id": str(staff.ana.id), "name": "Ana"}
    for refused in (
        await staff.bob.says(talk, "Me", expect=409),
        await staff.bob.says(talk, "Me", expect=409, take=True),
        await staff.service.says(talk, "Me", expect=409),
        await staff.bob.does("take", talk, expect=409),
        await staff.bob.does("transfer", talk, {"to": {"genesys": True}}, expect=409),
        await staff.bob.does("close", talk, {"reason": "mine"}, expect=409),
    ):
        assert (refused["code"], refused["controller"], refused["holder"]) == (
            *("not_in_control", "agent"),
            f"person:{staff.ana.id}",
        )
        assert refused["assignee"] == {"id": str(staff.ana.id), "name": "Ana"}
    assert await staff.agent_writes(talk, "Genesys too?") == ("failed", "not_in_control")
    assert (await staff.eve.says(talk, "I go on", take=True))["status"] == "queued"
    assert (await staff.ana.says(talk, "Me", expect=409))["holder"] == f"person:{staff.eve.id}"
    assert await staff.at_whatsapp("5511987640001") == ["Good morning", "I go on"]


async def test_what_is_passed_to_a_queue_waits_there_with_its_note(staff: Staff) -> None:
    talk = await staff.begin("5511987640011")
    await staff.ana.says(talk, "One moment")
    assert (await staff.eve.call("GET", f"conversations/{talk}"))["waitingSince"] is None
    queue = await staff.eve.call("POST", "queues", expect=201, body={"name": "Returns", "members": [str(staff.bob.id)]})
    passed = await staff.ana.does("transfer", talk, {"to": {"queue": queue["id"]}, "note": "Wants to send it back"})
    assert (passed["status"], passed["queue"]["name"]) == ("waiting", "Returns")
    assert passed["waitingSince"] is not None
    (note,) = (await staff.bob.call("GET", f"conversations/{talk}/notes"))["items"]
    assert (note["text"], note["author"]["name"]) == ("Wants to send it back", "Ana")
    await staff.bob.does("take", talk)

    async def is_listed() -> bool:
        found = await staff.bob.call("GET", "conversations?assignee=me&status=open&sort=waiting")
        return [each["id"] for each in found["items"]] == [talk]

    await until(is_listed)
    await staff.bob.does("close", talk, {"reason": "done"})
    await until(lambda: _is_empty(staff.bob, "conversations?assignee=me&status=open"))


async def _is_empty(caller: Caller, path: str) -> bool:
    return (await caller.call("GET", path))["items"] == []


async def test_who_works_here_is_told_to_whoever_may_pass_conversations_on(staff: Staff) -> None:
    here = (await staff.ana.call("GET", "colleagues"))["items"]
    assert [(each["name"], each["role"]) for each in here] == [("Ana", "agent"), ("Bob", "agent"), ("Eve", "supervisor")]
    talk = await staff.begin("5511987640012")
    await staff.ana.says(talk, "Hello")
    passed = await staff.ana.does("transfer", talk, {"to": {"user": here[1]["id"]}})
    assert passed["assignee"]["name"] == "Bob"
    refused = await staff.ana.says(talk, "Me", expect=409)
    assert "(Bob)" in refused["detail"]


async def test_a_service_is_taken_over_by_a_person_who_passes_the_customer_on_to_genesys(staff: Staff) -> None:
    phone = "5511987640002"
    talk = await staff.begin(phone)
    await staff.service.says(talk, "I am a bot")
    assert (await staff.ana.says(talk, "Let me", expect=409))["controller"] == "external"
    assert (await staff.service.does("take", talk, {}, expect=403))["code"] == "people_only"
    taken = await staff.ana.does("take", talk)
    assert (taken["controller"], taken["assignee"]["name"], taken["controlEpoch"]) == ("agent", "Ana", 2)
    await write(staff.place, phone)
    await staff.ana.says(talk, "I pass you on")
    assert await staff.at_whatsapp(phone) == ["I am a bot", "I pass you on"]
    assert await staff.at_genesys(phone) == ["Hello"], "what was written to Ana is no task there"
    sent = {"idempotency-key": str(uuid4())}
    passed = await staff.ana.does("transfer", talk, {"to": {"genesys": True}, "note": "May"}, headers=sent)
    assert (passed["controller"], passed["controlHolder"], passed["assignee"]) == ("external", "genesys", None)
    again = await staff.ana.does("transfer", talk, {"to": {"genesys": True}, "note": "May"}, headers=sent)
    assert again["controlEpoch"] == passed["controlEpoch"]
    assert await staff.at_genesys(phone) == ["Hello", "Hello"]
    assert (await staff.agent_writes(talk, "I have you"))[1] is None
    assert (await staff.ana.does("transfer", talk, {"to": {"genesys": True}}, expect=409))["holder"] == "genesys"


async def test_a_supervisor_assigns_and_what_they_saw_must_still_be_so(staff: Staff) -> None:
    talk = await staff.begin("5511987640003")
    assert (await staff.ana.does("assign", talk, {"user": str(staff.bob.id)}, expect=403))["code"] == "role_insufficient"
    given = await staff.eve.does("assign", talk, {"user": str(staff.bob.id), "controlEpoch": 0})
    assert given["assignee"]["name"] == "Bob"
    late = await staff.eve.does("assign", talk, {"user": str(staff.ana.id), "controlEpoch": 0}, expect=409)
    assert (late["code"], late["assignee"]["name"], late["controlEpoch"]) == ("moved_meanwhile", "Bob", 1)
    nobody = await staff.eve.does("assign", talk, {"user": None})
    assert (nobody["controller"], nobody["assignee"]) == ("none", None)
    queue = uuid4()
    await staff.place.database.execute(
        "INSERT INTO queues (tenant_id, id, name, created_at, edited_at) VALUES ($1, $2, 'Billing', now(), now())",
        TENANT,
        queue,
    )
    waits = await staff.ana.does("transfer", talk, {"to": {"queue": str(queue)}})
    assert (waits["status"], waits["queue"]) == ("waiting", {"id": str(queue), "name": "Billing"})
    assert (await staff.bob.does("take", talk, expect=403))["code"] == "not_your_queue"
    passed = await staff.ana.does("transfer", talk, {"to": {"user": str(staff.bob.id)}})
    assert (passed["status"], passed["assignee"]["name"]) == ("active", "Bob")
    assert (await staff.bob.does("release", talk))["status"] == "waiting"
    unknown = await staff.eve.does("assign", talk, {"user": str(uuid4())}, expect=422)
    assert unknown["code"] == "assignee_unknown"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": {}},
        {"to": {"flow": str(uuid4())}},
        {"to": {"user": str(uuid4()), "genesys": True}},
        {"to": {"genesys": False}},
    ],
)
async def test_a_transfer_names_one_who_gets_it(staff: Staff, body: Any) -> None:
    assert (await staff.ana.does("transfer", str(uuid4()), body, expect=422))["code"] == "invalid_request"


async def test_a_conversation_is_edited_closed_and_reopened(staff: Staff) -> None:
    talk = await staff.begin("5511987640004")
    seen = await staff.ana.call("GET", f"conversations/{talk}")
    change = {"subject": "Invoice of May", "tags": ["billing"], "metadata": {"ticket": "4711"}}
    edited = await staff.ana.call("PATCH", f"conversations/{talk}", body=change, **{"if-match": seen["etag"]})
    assert {name: edited[name] for name in change} == change
    late = await staff.bob.call(
        "PATCH", f"conversations/{talk}", body={"subject": "x"}, expect=412, **{"if-match": seen["etag"]}
    )
    assert (late["code"], late["etag"]) == ("changed_meanwhile", edited["etag"])
    assert (await staff.ana.call("GET", f"conversations/{talk}"))["etag"] == edited["etag"]
    closed = await staff.ana.does("close", talk, {"reason": "solved"})
    assert (closed["status"], closed["closeReason"], closed["closedAt"] is None) == ("closed", "solved", False)
    assert (await staff.ana.does("take", talk, expect=409))["code"] == "conversation_ended"
    reopened = await staff.bob.does("reopen", talk)
    assert (reopened["status"], reopened["controller"], reopened["closedAt"]) == ("active", "none", None)
    assert reopened["genesysConversationId"] is None
    assert await staff.begin("5511987640004") == talk, "the customer goes on in it"
    for method, path, body in (("GET", "", None), ("PATCH", "", {"subject": "x"}), ("POST", "/take", {})):
        missing = await staff.ana.call(method, f"conversations/{uuid4()}{path}", body=body, expect=404)
        assert missing["code"] == "conversation_not_found"
