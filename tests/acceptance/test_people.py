"""People of a tenant, over HTTP: invited, let in, changed, sent away; and what one tenant can do to people of another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from tests.acceptance.installation import Installation, installed
from tests.acceptance.staff import PASSWORD, Person, accept, employ, enter, invite, log_in, send
from tests.databases import Databases
from waystate.clock import utc_now
from waystate.ids import PLATFORM, TenantId
from waystate.keys import store as key_store
from waystate.principal import Role, Scope

A, B = "tenant-a", "tenant-b"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), TRUSTED_MODE="off") as place:
            for number, tenant in enumerate((A, B)):
                await place.add_tenant(tenant, number=str(number), integration=f"integration-{tenant}")
            yield place


@pytest.fixture(scope="module")
async def owner(place: Installation) -> Person:
    return await employ(place, A, "owner@a.example", Role.OWNER)


async def user_id(caller: Person, email: str) -> str:
    _, page = await caller.call("GET", "/v1/users?limit=500")
    (found,) = [each["id"] for each in page["items"] if each["email"] == email]
    return str(found)


async def actions(place: Installation, subject: str, tenant: str = A) -> list[str]:
    rows = await place.rows(
        "SELECT action FROM audit_log WHERE tenant_id = $1 AND subject = $2 ORDER BY position", tenant, subject
    )
    return [row["action"] for row in rows]


async def test_the_way_of_an_agent_from_invitation_to_dismissal(place: Installation, owner: Person) -> None:
    email = "Grace.Hopper@A.Example"
    status, invited = await owner.call("POST", "/v1/users", {"email": email, "role": "agent", "name": "Grace Hopper"})
    assert (status, invited["user"]["status"], invited["user"]["email"]) == (201, "invited", "grace.hopper@a.example")
    assert await accept(place, invited["token"], PASSWORD) == (200, {"email": "grace.hopper@a.example", "tenant": A})
    first, second = await enter(place, email), await enter(place, email)
    assert first.token != second.token
    status, me = await first.call("GET", "/v1/me")
    assert (status, me["tenant"], me["role"], me["user"]["name"]) == (200, A, "agent", "Grace Hopper")

    new = "a new and better phrase"
    wrong = {"currentPassword": "not the password", "newPassword": new}
    assert (await first.call("POST", "/v1/me/password", wrong))[1]["code"] == "password_wrong"
    change = {"currentPassword": PASSWORD, "newPassword": new}
    assert await first.call("POST", "/v1/me/password", change) == (200, {"revokedSessions": 1})
    assert (await second.call("GET", "/v1/me"))[1]["code"] == "session_revoked"
    assert (await first.call("GET", "/v1/me"))[0] == 200
    assert (await log_in(place, email))[1]["code"] == "login_failed"

    status, begun = await first.call("POST", "/v1/me/totp", {"password": new})
    assert status == 200
    assert (await log_in(place, email, new))[0] == 200
    now = utc_now()
    totp = pyotp.TOTP(begun["secret"])
    code, following = totp.at(now), totp.at(now + timedelta(seconds=30))
    assert (await first.call("POST", "/v1/me/totp/confirm", {"code": code}))[0] == 204
    assert (await log_in(place, email, new))[1]["code"] == "totp_required"
    assert (await log_in(place, email, new, code=code))[1]["code"] == "totp_wrong", "it was used to confirm"
    assert (await log_in(place, email, new, code=following))[0] == 200
    assert (await log_in(place, email, new, code=following))[1]["code"] == "totp_wrong", "a code is taken once"

    subject = invited["user"]["id"]
    assert (await owner.call("PATCH", f"/v1/users/{subject}", {"status": "disabled"}))[1]["status"] == "disabled"
    assert (await first.call("GET", "/v1/me"))[1]["code"] == "session_revoked"
    assert (await log_in(place, email, new, code=following))[1]["code"] == "login_failed"
    noted = await actions(place, f"user:{subject}")
    assert noted[:3] == ["user.invited", "user.joined", "login.succeeded"]
    assert {"password.changed", "totp.enabled", "session.revoked", "login.failed", "user.disabled"} <= set(noted)


async def test_a_role_counts_at_once(place: Installation, owner: Person) -> None:
    person = await employ(place, A, "rises@a.example", Role.VIEWER)
    assert (await person.call("GET", "/v1/users"))[1]["code"] == "role_insufficient"
    subject = await user_id(owner, person.email)
    assert (await owner.call("PATCH", f"/v1/users/{subject}", {"role": "admin"}))[0] == 200
    assert (await person.call("GET", "/v1/users"))[0] == 200
    assert (await owner.call("PATCH", f"/v1/users/{subject}", {"role": "viewer"}))[0] == 200
    assert (await person.call("GET", "/v1/users"))[0] == 403
    assert (await actions(place, f"user:{subject}")).count("user.role_changed") == 2


async def test_only_owners_change_owners_and_the_last_one_stays(place: Installation, owner: Person) -> None:
    admin = await employ(place, A, "admin@a.example", Role.ADMIN)
    boss, subject = await user_id(owner, owner.email), await user_id(owner, admin.email)
    attempts: list[tuple[str, str, Any]] = [
        ("PATCH", f"/v1/users/{boss}", {"role": "agent"}),
        ("PATCH", f"/v1/users/{boss}", {"status": "disabled"}),
        ("PATCH", f"/v1/users/{boss}", {"name": "Somebody"}),
        ("PATCH", f"/v1/users/{subject}", {"role": "owner"}),
        ("POST", f"/v1/users/{boss}/reset", {}),
        ("DELETE", f"/v1/users/{boss}", None),
        ("POST", "/v1/users", {"email": "x@a.example", "role": "owner"}),
    ]
    for attempt in attempts:
        assert (await admin.call(*attempt))[1]["code"] == "owners_only", attempt
    async with place.app.db.tenant(TenantId(A)) as conn:
        _, key = await key_store.create_key(conn, TenantId(A), "k", utc_now(), scopes=[Scope.USERS_WRITE])
    for attempt in attempts:
        status, told = await send(place, *attempt, authorization=f"Bearer {key}")
        assert (status, told["code"]) == (403, "owners_only"), attempt
    for method, path, body in attempts[:2] + attempts[5:6]:
        assert (await owner.call(method, path, body))[1]["code"] == "last_owner", path
    assert (await owner.call("PATCH", f"/v1/users/{subject}", {"role": "platform"}))[0] == 422
    assert (await owner.call("PATCH", f"/v1/users/{subject}", {"role": "owner"}))[0] == 200
    assert (await admin.call("PATCH", f"/v1/users/{boss}", {"role": "agent"}))[0] == 200
    assert (await admin.call("PATCH", f"/v1/users/{boss}", {"role": "owner"}))[0] == 200
    assert (await admin.call("PATCH", f"/v1/users/{subject}", {"role": "admin"}))[0] == 200


async def test_one_tenant_has_no_say_over_an_account_of_another(place: Installation, owner: Person) -> None:
    victim = await employ(place, B, "victim@b.example", Role.OWNER)
    subject = await user_id(victim, victim.email)
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/reset"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
    ):
        assert (await owner.call(method, f"/v1/users/{subject}{path}", {}))[0] == 404, (method, path)

    status, invited = await owner.call("POST", "/v1/users", {"email": victim.email, "role": "viewer", "name": "Whoever"})
    assert (status, invited["user"]["name"], invited["user"]["status"]) == (201, "Whoever", "invited")
    assert (await accept(place, invited["token"], "a password of the attacker"))[1]["code"] == "login_failed"
    assert (await owner.call("POST", f"/v1/users/{subject}/reset"))[1]["code"] == "not_accepted"
    assert (await victim.call("PATCH", f"/v1/users/{subject}", {"name": "Mine Alone"}))[0] == 200
    assert (await owner.call("GET", f"/v1/users/{subject}"))[1]["name"] == "Whoever", "not the name of another tenant"
    assert (await log_in(place, victim.email))[1]["tenant"] == B

    assert (await accept(place, invited["token"]))[0] == 200
    for who in (owner, victim):
        assert (await who.call("POST", f"/v1/users/{subject}/reset"))[1]["code"] == "account_shared"
        assert (await who.call("PATCH", f"/v1/users/{subject}", {"status": "disabled"}))[1]["code"] == "account_shared"
    status, told = await log_in(place, victim.email)
    assert (status, told["code"]) == (409, "tenant_required")
    assert told["tenants"] == [{"tenant": B, "role": "owner"}, {"tenant": A, "role": "viewer"}]
    assert "tenants" not in (await log_in(place, victim.email, "not the password"))[1]
    assert (await log_in(place, victim.email, tenant=PLATFORM))[1]["code"] == "not_a_member"
    assert (await owner.call("DELETE", f"/v1/users/{subject}"))[0] == 204
    assert (await victim.call("GET", "/v1/me"))[0] == 200


async def test_a_newer_invitation_ends_the_older_and_either_is_taken_once(place: Installation, owner: Person) -> None:
    body = {"email": "twice@a.example", "role": "agent"}
    (_, older), (_, newer) = await owner.call("POST", "/v1/users", body), await owner.call("POST", "/v1/users", body)
    assert (await accept(place, older["token"]))[1]["code"] == "invitation_unusable"
    assert (await accept(place, newer["token"], "short"))[1]["errors"][0]["field"] == "password"
    answers = await asyncio.gather(*(accept(place, newer["token"]) for _ in range(4)))
    assert sorted(status for status, _ in answers)[0] == 200
    assert sum(status == 200 for status, _ in answers) == 1
    assert (await accept(place, newer["token"]))[1]["code"] == "invitation_unusable"
    assert (await owner.call("POST", "/v1/users", body))[1]["code"] == "already_member"


async def test_a_reset_ends_every_session_and_is_taken_once(place: Installation, owner: Person) -> None:
    person = await employ(place, A, "forgets@a.example")
    subject = await user_id(owner, person.email)
    (_, older), (_, made) = [await owner.call("POST", f"/v1/users/{subject}/reset") for _ in range(2)]
    assert (await person.call("GET", "/v1/me"))[0] == 200
    new = {"password": "a phrase that is remembered"}
    assert (await send(place, "POST", "/v1/auth/reset", {"token": older["token"], **new}))[1]["code"] == "reset_unusable"
    answers = await asyncio.gather(*(send(place, "POST", "/v1/auth/reset", {"token": made["token"], **new}) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [200, 400, 400, 400]
    assert (await person.call("GET", "/v1/me"))[1]["code"] == "session_revoked"
    assert (await log_in(place, person.email))[0] == 401
    assert (await log_in(place, person.email, new["password"]))[0] == 200


async def test_sessions_are_listed_and_ended_by_their_person_and_by_an_admin(place: Installation, owner: Person) -> None:
    here = await employ(place, A, "busy@a.example")
    there = await enter(place, here.email)
    _, listed = await here.call("GET", "/v1/me/sessions")
    assert [each["current"] for each in listed["items"]] == [False, True]
    other = listed["items"][0]["id"]
    assert (await owner.call("DELETE", f"/v1/me/sessions/{other}"))[0] == 404
    assert (await here.call("DELETE", f"/v1/me/sessions/{other}"))[0] == 204
    assert (await there.call("GET", "/v1/me"))[1]["code"] == "session_revoked"
    subject = await user_id(owner, here.email)
    assert len((await owner.call("GET", f"/v1/users/{subject}/sessions"))[1]["items"]) == 1
    assert await owner.call("DELETE", f"/v1/users/{subject}/sessions") == (200, {"revokedSessions": 1})
    assert (await here.call("GET", "/v1/me"))[0] == 401


async def test_who_is_removed_is_out_and_forgotten(place: Installation, owner: Person) -> None:
    person = await employ(place, A, "leaves@a.example")
    subject = await user_id(owner, person.email)
    assert (await owner.call("DELETE", f"/v1/users/{subject}"))[0] == 204
    assert (await person.call("GET", "/v1/me"))[0] == 401
    assert await place.value("SELECT count(*) FROM users WHERE email = $1", person.email) == 0
    assert (await log_in(place, person.email))[1]["code"] == "login_failed"


async def test_the_platforms_people_come_in_by_the_tenant_platform(place: Installation) -> None:
    person = await employ(place, PLATFORM, "root@example.com", Role.PLATFORM)
    _, me = await person.call("GET", "/v1/me")
    assert (me["tenant"], me["role"]) == (PLATFORM, "platform")
    subject = me["user"]["id"]
    assert (await person.call("DELETE", f"/v1/users/{subject}"))[1]["code"] == "last_owner"
    assert (await person.call("PATCH", f"/v1/users/{subject}", {"role": "owner"}))[0] == 422


async def test_fields_that_are_wrong_are_named_and_passwords_never_repeated(place: Installation, owner: Person) -> None:
    for body, field in (
        ({"email": "x@a.example", "role": "king"}, "role"),
        ({"email": "no address", "role": "agent"}, "email"),
        ({"email": "ä@example.com", "role": "agent"}, "email"),
        ({"email": "x@a.example", "role": "agent", "name": "x\x07"}, "name"),
        ({"email": "x@a.example", "role": "agent", "extra": 1}, "extra"),
        ({"email": 7, "role": "agent"}, "email"),
        ({"role": "agent"}, "email"),
    ):
        status, told = await owner.call("POST", "/v1/users", body)
        assert (status, told["errors"][0]["field"]) == (422, field), body
    secret = "tenletters"
    for body, field in (
        ({"currentPassword": PASSWORD, "newPassword": secret}, "newPassword"),
        ({"currentPassword": [secret], "newPassword": secret}, "currentPassword"),
        ({"currentPassword": PASSWORD, "newPassword": "x" * 1000 + secret}, "newPassword"),
    ):
        status, told = await owner.call("POST", "/v1/me/password", body)
        assert (status, told["errors"][0]["field"]) == (422, field)
        assert secret not in str(told)
    assert (await owner.call("POST", "/v1/users", {"email": "x@a.example", "role": "agent", "name": "x" * 5_000_000}))[0] == 413


async def test_nothing_that_opens_a_door_is_stored_or_audited_in_clear(place: Installation, owner: Person) -> None:
    invited = await invite(place, A, "dumped@a.example")
    subject = str(invited.member.id)
    assert (await accept(place, invited.token))[0] == 200
    _, made = await owner.call("POST", f"/v1/users/{subject}/reset")
    person = await enter(place, "dumped@a.example")
    _, begun = await person.call("POST", "/v1/me/totp", {"password": PASSWORD})
    secrets = [invited.token, made["token"], person.token, begun["secret"], PASSWORD]
    tables = ("users", "memberships", "sessions", "audit_log")
    stored = [str([*row.values()]) for table in tables for row in await place.rows(f"SELECT * FROM {table}")]
    for secret in secrets:
        assert not any(secret in row for row in stored)
