"""`/v1/keys`: an administrator makes, sees, rotates and revokes keys, and nobody gives more than they hold."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.acceptance.credentials import bearing, key_with, session_of
from tests.acceptance.installation import TENANT, Installation, installed
from tests.databases import Databases
from waystate.clock import iso, utc_now
from waystate.ids import PLATFORM, TenantId
from waystate.keys.model import DATA_PLANE
from waystate.principal import NEVER_OF_A_KEY, ROLE_SCOPES, Role, Scope

OTHER = TenantId("globex")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as installation:
            await installation.add_tenant(TENANT, number="1", integration="integration-a")
            await installation.add_tenant(OTHER, number="2", integration="integration-b")
            yield installation


@pytest.fixture(scope="module")
async def admin(place: Installation) -> str:
    return (await session_of(place, TENANT, Role.ADMIN))[1]


async def call(place: Installation, token: str, method: str, path: str, body: Any = None) -> httpx2.Response:
    return await place.http.request(method, path, json=body, headers=bearing(token))


async def made(place: Installation, token: str, **body: Any) -> dict[str, Any]:
    answer = await call(place, token, "POST", "/v1/keys", {"name": "bridge", **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    key: dict[str, Any] = answer.json()
    return key


async def test_a_key_is_shown_once_and_then_only_what_is_known_of_it(place: Installation, admin: str) -> None:
    ends = iso(utc_now() + HOUR)
    key = await made(place, admin, expiresAt=ends)
    assert (key["status"], key["scopes"], key["expiresAt"]) == ("active", sorted(DATA_PLANE), ends)
    assert (key["createdBy"]["kind"], key["createdBy"]["name"], key["lastUsedAt"]) == ("user", "Ada", None)
    assert (await call(place, key["key"], "GET", "/v1/dead-letters")).status_code == 200
    read = (await call(place, admin, "GET", f"/v1/keys/{key['id']}")).json()
    listed = (await call(place, admin, "GET", "/v1/keys")).json()["items"]
    assert read in listed
    assert datetime.fromisoformat(read["lastUsedAt"]) >= datetime.fromisoformat(read["createdAt"])
    told = str((await call(place, admin, "GET", "/v1/audit?action=key")).json())
    for place_of_key in (str(listed), told):
        assert key["key"].rpartition(".")[2] not in place_of_key


async def test_a_credential_tells_what_it_is_and_may(place: Installation, admin: str) -> None:
    key = await made(place, admin, scopes=["state:read"])
    told = (await call(place, key["key"], "GET", "/v1/credential")).json()
    told_of_key = {each: key[each] for each in ("id", "name", "scopes", "expiresAt")}
    assert told == {"kind": "key", "tenant": TENANT, **told_of_key}
    told = (await call(place, admin, "GET", "/v1/credential")).json()
    assert (told["kind"], told["name"], told["scopes"]) == ("session", None, sorted(ROLE_SCOPES[Role.ADMIN]))
    await call(place, admin, "DELETE", f"/v1/keys/{key['id']}")
    for token in (key["key"], key["key"] + "x"):
        assert (await call(place, token, "GET", "/v1/credential")).status_code == 401
    assert (await place.http.get("/v1/credential")).status_code == 401


async def test_a_list_comes_in_pages(place: Installation, admin: str) -> None:
    newest = [(await made(place, admin, name=f"page {number}"))["id"] for number in range(3)][::-1]
    first = (await call(place, admin, "GET", "/v1/keys?limit=2")).json()
    second = (await call(place, admin, "GET", f"/v1/keys?limit=2&before={first['next']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]][:3] == newest


async def test_nobody_gives_a_key_more_than_they_hold(place: Installation, admin: str) -> None:
    everything = [each.value for each in ROLE_SCOPES[Role.ADMIN] - NEVER_OF_A_KEY]
    assert (await made(place, admin, scopes=everything))["scopes"] == sorted(everything)
    small = await key_with(place, TENANT, Scope.KEYS_WRITE, Scope.STATE_READ)
    assert (await made(place, small, scopes=["state:read"]))["createdBy"]["kind"] == "key"
    mighty = await made(place, admin, scopes=["state:read", "audit:read"])
    platform = (await session_of(place, PLATFORM, Role.PLATFORM))[1]
    for token, scopes, expected in (
        (small, ["state:read", "state:write"], (403, "scope_not_held")),
        (admin, ["platform"], (403, "scope_not_held")),
        (admin, ["self"], (400, "invalid_scopes")),
        (admin, [], (400, "invalid_scopes")),
        (admin, ["state:*"], (422, "invalid_request")),
        (platform, ["state:read"], (403, "scope_not_held")),
        (platform, ["self", "platform"], (400, "invalid_scopes")),
    ):
        answer = await call(place, token, "POST", "/v1/keys", {"name": "x", "scopes": scopes})
        assert (answer.status_code, answer.json()["code"]) == expected, (scopes, answer.text)
    answer = await call(place, small, "POST", f"/v1/keys/{mighty['id']}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_held"), "its successor would tell them more"
    unheard_of = await call(place, admin, "POST", "/v1/keys", {"name": "x", "scopes": ["state:red"]})
    (error,) = unheard_of.json()["errors"]
    assert (unheard_of.status_code, error["field"]) == (422, "scopes.0")
    assert error["problem"].partition("one of ")[2].split(", ") == sorted(set(Scope) - NEVER_OF_A_KEY, key=list(Scope).index)
    assert (await made(place, platform, scopes=["platform", "audit:read"]))["scopes"] == ["audit:read", "platform"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": ""}, "invalid_key_name"),
        ({"name": "x" * 101}, "invalid_key_name"),
        ({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}, "invalid_expiry"),
        ({"name": "x", "expiresAt": "9999-12-31T23:59:59-12:00"}, "invalid_expiry"),
        ({"name": "x", "expiresAt": "2030-01-01T00:00:00"}, "invalid_request"),
        ({"name": "x", "hash": "0"}, "invalid_request"),
        ({"name": 7}, "invalid_request"),
        ({}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
async def test_what_cannot_be_meant_is_refused(place: Installation, admin: str, body: Any, code: str) -> None:
    before = await place.counts()
    answer = await call(place, admin, "POST", "/v1/keys", body)
    assert (answer.status_code // 100, answer.json()["code"]) == (4, code)
    assert await place.counts() == before


async def test_a_rotated_key_and_its_successor_both_work_for_the_overlap(place: Installation, admin: str) -> None:
    old = await made(place, admin, scopes=["messages:read", "dead_letters:read"])
    answer = await call(place, admin, "POST", f"/v1/keys/{old['id']}/rotate")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    new = answer.json()
    assert (new["replaces"], new["name"], new["scopes"], new["expiresAt"]) == (old["id"], old["name"], old["scopes"], None)
    for key in (old, new):
        assert (await call(place, key["key"], "GET", "/v1/dead-letters")).status_code == 200
    ends = (await call(place, admin, "GET", f"/v1/keys/{old['id']}")).json()["expiresAt"]
    assert timedelta(hours=23) < datetime.fromisoformat(ends) - utc_now() < timedelta(hours=25)
    again = await call(place, admin, "POST", f"/v1/keys/{old['id']}/rotate", {"overlapSeconds": 0})
    assert (again.status_code, again.json()["code"], again.json()["successor"]) == (409, "key_rotated", new["id"])
    for wrong in ({"overlapSeconds": -1}, {"overlapSeconds": 30 * 86_400 + 1}, {"overlap": 1}, {"overlapSeconds": "x"}):
        answer = await call(place, admin, "POST", f"/v1/keys/{new['id']}/rotate", wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), wrong
    at_once = await call(place, admin, "POST", f"/v1/keys/{new['id']}/rotate", {"overlapSeconds": 0})
    assert (await call(place, new["key"], "GET", "/v1/dead-letters")).json()["code"] == "api_key_revoked"
    assert (await call(place, at_once.json()["key"], "GET", "/v1/dead-letters")).status_code == 200


async def test_a_revoked_key_is_refused_at_once_and_stays_on_record(place: Installation, admin: str) -> None:
    key = await made(place, admin)
    assert (await call(place, key["key"], "GET", "/v1/dead-letters")).status_code == 200
    for _ in range(2):
        answer = await call(place, admin, "DELETE", f"/v1/keys/{key['id']}")
        assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
        refused = await call(place, key["key"], "GET", "/v1/dead-letters")
        assert (refused.status_code, refused.json()["code"]) == (401, "api_key_revoked")
    told = (await call(place, admin, "GET", f"/v1/audit?subject=key:{key['id']}")).json()["items"]
    assert [each["action"] for each in told] == ["key.revoked", "key.created"]
    answer = await call(place, admin, "POST", f"/v1/keys/{key['id']}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_over")


async def test_a_foreign_key_is_as_missing_as_one_that_never_was(place: Installation, admin: str) -> None:
    foreign = (await made(place, (await session_of(place, OTHER, Role.OWNER))[1]))["id"]
    missing = str(uuid4())
    before = await place.counts()
    for method, path in (("GET", "/v1/keys/{}"), ("POST", "/v1/keys/{}/rotate"), ("DELETE", "/v1/keys/{}")):
        theirs, nobodys = [await call(place, admin, method, path.format(each)) for each in (foreign, missing)]
        assert (theirs.status_code, theirs.json()["code"]) == (404, "unknown_key")
        assert theirs.text.replace(foreign, "…") == nobodys.text.replace(missing, "…")
    assert foreign not in (await call(place, admin, "GET", "/v1/keys")).text
    assert await place.counts() == before


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.VIEWER])
async def test_other_roles_neither_see_nor_make_keys(place: Installation, role: Role) -> None:
    token = (await session_of(place, TENANT, role))[1]
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("GET", "/v1/audit"), ("GET", "/v1/audit/verify")):
        answer = await call(place, token, method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_insufficient")


async def test_who_calls_what_is_for_people_is_not_sent_for_a_key(place: Installation, admin: str) -> None:
    key = (await made(place, admin, scopes=["state:read"]))["key"]
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/auth/logout"), ("GET", "/v1/me/sessions")):
        refused = (await call(place, key, method, path)).json()
        assert (refused["status"], refused["code"], refused["scope"]) == (403, "scope_missing", "self")
        assert "Use a key" not in refused["detail"]
        assert "Log in" in refused["detail"]
