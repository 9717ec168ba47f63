"""API keys: without one nobody comes in, and with one only the key's own tenant is there."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.acceptance.installation import Installation, customer_message, envelope, installed, until
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.keys.model import ApiKey

A, B = TenantId("tenant-a"), TenantId("tenant-b")
PHONE = "15550100001"


@dataclass
class Tenants:
    """Outside trusted mode: two tenants, a key of each, and what only B has."""

    place: Installation
    keys: dict[TenantId, str]
    conversation: str
    message: str

    async def call(self, method: str, path: str, key: str | None, body: Any = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = {} if key is None else {"authorization": f"Bearer {key}"}
        return await self.place.http.request(method, path, json=body, headers=bearer | named)


async def make_key(place: Installation, tenant: TenantId, **options: Any) -> tuple[ApiKey, str]:
    async with place.app.db.tenant(tenant) as conn:
        return await key_store.create_key(conn, tenant, "acceptance", utc_now(), **options)


@pytest.fixture(scope="module")
async def tenants(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as place:
            await place.add_tenant(A, number="1", integration="integration-a", sender="external")
            await place.add_tenant(B, number="2", integration="integration-b", sender="external")
            keys = {tenant: (await make_key(place, tenant))[1] for tenant in (A, B)}
            await place.post_meta(envelope(customer_message("wamid.of-b", PHONE), number="2"))
            await place.post_meta(envelope({"messages": [{"id": "wamid.unusable"}]}, number="2"))
            await place.settled()
            (row,) = await place.rows("SELECT id, conversation_id FROM messages")
            correlation = {"conversation_id": "genesys-of-b", "whatsapp_message_id": "wamid.of-b"}
            both = Tenants(place, keys, str(row["conversation_id"]), str(row["id"]))
            assert (await both.call("POST", "/state/correlation", keys[B], correlation)).status_code == 200
            yield both


def operations(*, message: str, wamid: str, conversation: str, genesys: str, letter: str) -> Iterator[Any]:
    """(method, path, body) of everything that names something of a tenant's."""
    for name in (message, wamid):
        yield "GET", f"/v1/messages/{name}/trace", None
        yield "PATCH", f"/state/message/{name}", {"status": "processed"}
    for name in (conversation, genesys):
        yield "GET", f"/state/conversation/{name}", None
        yield "POST", "/state/message", {"conversationId": name, "direction": "inbound", "status": "received"}
    yield "POST", "/state/correlation", {"conversation_id": "x", "whatsapp_message_id": wamid}
    yield "GET", f"/v1/dead-letters/{letter}", None
    yield "PATCH", f"/v1/dead-letters/{letter}", {"originalPayload": {}}
    yield "POST", f"/v1/dead-letters/{letter}/replay", None
    yield "POST", f"/v1/dead-letters/{letter}/discard", None
    yield "GET", f"/state/mapping/{PHONE}?phoneNumberId={'2' if genesys == 'genesys-of-b' else '3'}", None


async def test_what_is_another_tenants_cannot_be_told_from_what_is_not_there(tenants: Tenants) -> None:
    letter = str(await tenants.place.value("SELECT id FROM dead_letters"))
    foreign = operations(
        message=tenants.message,
        wamid="wamid.of-b",
        conversation=tenants.conversation,
        genesys="genesys-of-b",
        letter=letter,
    )
    missing = operations(
        message=str(uuid4()), wamid="wamid.none", conversation=str(uuid4()), genesys="genesys-none", letter=str(uuid4())
    )
    before = await tenants.place.counts()
    for theirs, nobodys in zip(foreign, missing, strict=True):
        answers = [await tenants.call(method, path, tenants.keys[A], body) for method, path, body in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404], theirs
        first, second = (answer.text for answer in answers)
        for ours, other in zip(_words(theirs), _words(nobodys), strict=True):
            first, second = first.replace(ours, "…"), second.replace(other, "…")
        assert first == second, theirs
        assert answers[0].headers.get("content-type") == answers[1].headers.get("content-type")
    assert await tenants.place.counts() == before


def _words(operation: Any) -> list[str]:
    """The ids in a call, which a refusal may quote."""
    _, path, body = operation
    return [*path.split("/"), *(value for value in (body or {}).values() if isinstance(value, str))][1:]


async def test_owner_of_all_that_reaches_it_with_its_own_key(tenants: Tenants) -> None:
    for path in (f"/v1/messages/{tenants.message}/trace", "/v1/messages/wamid.of-b/trace", "/state/conversation/genesys-of-b"):
        assert (await tenants.call("GET", path, tenants.keys[B])).status_code == 200
    letters = (await tenants.call("GET", "/v1/dead-letters", tenants.keys[B])).json()["items"]
    assert [letter["reason"] for letter in letters] == ["invalid_payload"]
    assert (await tenants.call("GET", "/v1/dead-letters", tenants.keys[A])).json()["items"] == []


async def test_same_customer_has_a_conversation_with_each_tenant(tenants: Tenants) -> None:
    path = f"/state/mapping/{PHONE}"
    found = {tenant: (await tenants.call("GET", path, key)).json() for tenant, key in tenants.keys.items()}
    assert found[B]["internalId"] == tenants.conversation
    assert found[A]["internalId"] != tenants.conversation
    assert (found[A]["tenantId"], found[A]["phoneNumberId"], found[A]["contactName"]) == (A, "1", None)


PRIVATE = (
    ("GET", f"/state/mapping/{PHONE}"),
    ("GET", "/state/conversation/genesys-of-b"),
    ("POST", "/state/message"),
    ("PATCH", "/state/message/wamid.of-b"),
    ("POST", "/state/correlation"),
    ("GET", "/v1/messages/wamid.of-b/trace"),
    ("GET", "/v1/dead-letters"),
    ("GET", f"/v1/dead-letters/{UUID(int=1)}"),
    ("PATCH", f"/v1/dead-letters/{UUID(int=1)}"),
    ("POST", f"/v1/dead-letters/{UUID(int=1)}/replay"),
    ("POST", f"/v1/dead-letters/{UUID(int=1)}/discard"),
    ("POST", "/v1/dead-letters/replay"),
    ("POST", "/v1/dead-letters/discard"),
)
GOOD_BODIES = {
    "/state/message": {"conversationId": "genesys-of-b", "direction": "inbound", "status": "received"},
    "/state/message/wamid.of-b": {"status": "processed"},
    "/state/correlation": {"conversation_id": "genesys-of-b", "whatsapp_message_id": "wamid.of-b"},
}


@pytest.mark.parametrize(("method", "path"), PRIVATE)
async def test_nobody_comes_in_without_a_good_key(tenants: Tenants, method: str, path: str) -> None:
    body = GOOD_BODIES.get(path)
    before = await tenants.place.counts()
    good = tenants.keys[B]
    changed = good[:-1] + ("0" if good[-1] != "0" else "1")
    _, revoked = await make_key(tenants.place, B)
    async with tenants.place.app.db.tenant(B) as conn:
        listed = await key_store.list_keys(conn, B)
        await key_store.revoke_key(conn, B, listed[0].id, utc_now())
    for key in (None, "", "wsk.tenant-b.x.y", changed, revoked, good.upper(), good.replace("tenant-b", "tenant-a")):
        answer = await tenants.call(method, path, key, body)
        assert answer.status_code == 401, (key, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
    # On this machine, naming a tenant: only trusted mode believes that.
    assert (await tenants.call(method, path, None, body, x_tenant_id=B)).status_code == 401
    assert {**await tenants.place.counts(), "api_keys": 0} == {**before, "api_keys": 0}


async def test_key_and_named_tenant_must_agree(tenants: Tenants) -> None:
    path = f"/state/mapping/{PHONE}"
    assert (await tenants.call("GET", path, tenants.keys[A], x_tenant_id=A)).status_code == 200
    answer = await tenants.call("GET", path, tenants.keys[A], x_tenant_id=B)
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")
    answer = await tenants.call("GET", path, tenants.keys[A], x_api_key=tenants.keys[B])
    assert (answer.status_code, answer.json()["code"]) == (400, "two_keys")
    assert (await tenants.place.http.get(path, headers={"x-api-key": tenants.keys[A]})).status_code == 200


async def test_revoked_and_expired_keys_stop_working_within_seconds(tenants: Tenants) -> None:
    path = f"/state/mapping/{PHONE}"
    key, plaintext = await make_key(tenants.place, A)
    _, short = await make_key(tenants.place, A, expires_at=utc_now() + timedelta(seconds=1))
    assert (await tenants.call("GET", path, plaintext)).status_code == 200
    assert (await tenants.call("GET", path, short)).status_code == 200
    async with tenants.place.app.db.tenant(A) as conn:
        await key_store.revoke_key(conn, A, key.id, utc_now())

    async def are_refused() -> bool:
        return {(await tenants.call("GET", path, each)).status_code for each in (plaintext, short)} == {401}

    await until(are_refused, timeout=2)
    assert (await tenants.call("GET", path, plaintext)).json()["code"] == "api_key_revoked"
    assert (await tenants.call("GET", path, short)).json()["code"] == "api_key_expired"


async def test_public_doors_need_no_key(tenants: Tenants) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json", "/metrics"):
        assert (await tenants.place.http.get(path)).status_code == 200
