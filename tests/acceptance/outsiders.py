"""T5: who may not call an operation, and what each of them is told. Findings, as sentences; none is good."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2

from tests.acceptance.calls import PLACES, Call, Document, Ids, call_of, missing_ids, names_of, operations_of
from tests.acceptance.installation import Installation
from waystate.clock import utc_now
from waystate.framework import OPERATIONS
from waystate.ids import PLATFORM, TenantId, new_id
from waystate.keys import store as key_store
from waystate.people import store as people_store
from waystate.people.sessions import csrf_token
from waystate.principal import NEVER_OF_A_KEY, ROLE_SCOPES, Role, Scope
from waystate.tokens import COOKIE, parse_token

OF_A_KEY = frozenset(Scope) - NEVER_OF_A_KEY - {Scope.PLATFORM}
OPEN_TO_ALL = ("/webhooks/", "/health", "/metrics", "/docs", "/openapi.json", "/v1/auth/", "/media/")
"""What may be without a scope: each of these looks at a signature or a password itself, or tells nothing of any tenant."""
MANY_AT_ONCE = {("POST", "/v1/dead-letters/replay"), ("POST", "/v1/dead-letters/discard")}
"""Answer 200 with an outcome for each id; what is foreign must have the outcome of what is missing."""
CLAIMED = {
    ("PUT", "/v1/tenant/whatsapp-accounts/{phone_number_id}"),
    ("PUT", "/v1/tenant/genesys-integrations/{integration_id}"),
}
"""Make what is missing. That a number is another's has to be told, as 409, and nothing else of it."""
REFUSED = (401, 403, 404)


@dataclass(frozen=True)
class Caller:
    """`headers` are its credential; `scopes` what it could do if that were good."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[Scope] = frozenset()


@dataclass
class Outsiders:
    """Callers of tenant `own` and of the platform, and the ids of a tenant that is not theirs."""

    place: Installation
    own: TenantId
    foreign: Ids
    keys: list[Caller] = field(default_factory=list)
    people: dict[Role, Caller] = field(default_factory=dict)
    powerless: list[Caller] = field(default_factory=list)

    async def call(self, call: Call, caller: Caller) -> httpx2.Response:
        return await self.place.http.request(
            call.method, call.url, json=call.body, params=dict(call.query), headers={**call.headers, **caller.headers}
        )


async def gather(place: Installation, own: TenantId, foreign: TenantId) -> Outsiders:
    found = {name: await place.value(f"{query} LIMIT 1", foreign) for name, query in PLACES.items()}
    assert None not in found.values(), f"{foreign} lacks something: {found}"
    outsiders = Outsiders(place, own, found)
    outsiders.keys = [await key_caller(place, own, "a key", OF_A_KEY)]
    for role in Role:
        tenant = PLATFORM if role is Role.PLATFORM else own
        outsiders.people[role] = await session_caller(place, tenant, role)
    now = utc_now()
    nobody = await session_caller(place, own, Role.OWNER)
    outsiders.powerless = [
        Caller("nobody"),
        Caller("who only names the tenant", {"x-tenant-id": own}),
        Caller("a made-up key", {"authorization": "Bearer wsk.tenant-a.x.y"}),
        await spoilt_key(place, own, "a revoked key", revoked_at=now),
        await spoilt_key(place, own, "an expired key", expires_at=now - timedelta(seconds=1)),
        await spoilt_session(place, own, "a revoked session", revoked_at=now),
        await spoilt_session(place, own, "an expired session", expires_at=now - timedelta(seconds=1)),
        replace(nobody, name="a session of somebody who was disabled"),
    ]
    await place.database.execute("UPDATE users SET status = 'disabled' WHERE name = $1", nobody.name)
    return outsiders


async def key_caller(place: Installation, tenant: TenantId, name: str, scopes: Collection[Scope]) -> Caller:
    async with place.app.db.tenant(tenant) as conn:
        _, plaintext = await key_store.create_key(conn, tenant, name, utc_now(), scopes=scopes)
    return Caller(name, {"authorization": f"Bearer {plaintext}"}, frozenset(scopes))


async def session_caller(place: Installation, tenant: TenantId, role: Role) -> Caller:
    """A browser's: with its cookie and CSRF token. The person's name is the caller's."""
    user_id, now = new_id(), utc_now()
    name = f"the {role} {str(user_id)[-6:]} of {tenant}"
    await add_person(place, tenant, role, user_id, name)
    async with place.app.db.work(tenant_id=tenant) as conn:
        _, token = await people_store.create_session(conn, tenant, user_id, now)
    headers = {"cookie": f"{COOKIE}={token}", "x-csrf-token": csrf_token(parse_token(token).hash)}
    return Caller(name, headers, ROLE_SCOPES[role])


async def add_person(place: Installation, tenant: TenantId, role: Role, user_id: UUID, name: str) -> None:
    await place.database.execute(
        "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $3, 'active', now())",
        *(user_id, f"{user_id}@example.org", name),
    )
    await place.database.execute(
        "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, now())", tenant, user_id, role
    )


async def spoilt_key(place: Installation, tenant: TenantId, name: str, **fields: Any) -> Caller:
    caller = await key_caller(place, tenant, name, OF_A_KEY)
    ((column, value),) = fields.items()
    await place.database.execute(f"UPDATE api_keys SET {column} = $1 WHERE tenant_id = $2 AND name = $3", value, tenant, name)
    return caller


async def spoilt_session(place: Installation, tenant: TenantId, name: str, **fields: Any) -> Caller:
    caller = await session_caller(place, tenant, Role.OWNER)
    ((column, value),) = fields.items()
    await place.database.execute(
        f"UPDATE sessions SET {column} = $1 WHERE user_id = (SELECT id FROM users WHERE name = $2)", value, caller.name
    )
    return replace(caller, name=name)


def unlisted(document: Document, served: Collection[tuple[str, str]]) -> list[str]:
    """What is served or documented without an entry in the table of operations, or open to all without a reason."""
    known = {*operations_of(document), *served}
    found = [f"{method} {path} has no entry in the table of operations" for method, path in sorted(known - OPERATIONS.keys())]
    return found + [
        f"{method} {path} asks for no scope"
        for (method, path), operation in OPERATIONS.items()
        if operation.scope is None and not operation.is_of_any_credential and path != "/" and not path.startswith(OPEN_TO_ALL)
    ]


def guarded(document: Document) -> dict[tuple[str, str], Scope]:
    """By method and path, what it takes to call each operation that not everybody may call."""
    return {key: scope for key in operations_of(document) if key in OPERATIONS and (scope := OPERATIONS[key].scope) is not None}


async def let_in(document: Document, outsiders: Outsiders, extra: Collection[Caller] = ()) -> list[str]:
    """Whoever comes without a good credential, or without the scope, and is not sent away."""
    found = []
    without = {
        scope: await key_caller(outsiders.place, outsiders.own, f"a key without {scope}", OF_A_KEY - {scope}) for scope in Scope
    }
    for (method, path), scope in guarded(document).items():
        call = call_of(document, method, path, {**missing_ids(outsiders.foreign), "tenant_id": outsiders.own})
        if call.body is not None:
            answer = await outsiders.place.http.request(
                method, call.url, content=b"{", headers={"content-type": "application/json"}
            )
            found += _unlike(call, Caller("nobody with a broken body"), answer, (401,))
        for caller in outsiders.powerless:
            found += _unlike(call, caller, await outsiders.call(call, caller), (401,))
        weak = [without[scope], *(each for each in outsiders.people.values() if scope not in each.scopes)]
        for caller in weak:
            found += _unlike(call, caller, await outsiders.call(call, caller), (403,))
        for caller in extra:
            found += _unlike(call, caller, await outsiders.call(call, caller), (401, 403))
    return found


async def told_apart(document: Document, outsiders: Outsiders) -> list[str]:
    """Operations that let a caller see that something is another tenant's and not just missing."""
    found = []
    for (method, path), scope in guarded(document).items():
        names = names_of(document, method, path)
        if not names or scope is Scope.PLATFORM:
            continue
        able = [*outsiders.keys, outsiders.people[Role.OWNER], outsiders.people[Role.PLATFORM]]
        for caller in (each for each in able if scope in each.scopes):
            missing = missing_ids(outsiders.foreign)
            ours, nobodys = (call_of(document, method, path, ids) for ids in (outsiders.foreign, missing))
            answer = await outsiders.call(ours, caller)
            if (method, path) in CLAIMED:
                found += _unlike(ours, caller, answer, (403, 404, 409))
                continue
            other = await outsiders.call(nobodys, caller)
            good = (200,) if (method, path) in MANY_AT_ONCE else REFUSED
            found += _unlike(ours, caller, answer, good) + _unlike(nobodys, caller, other, good)
            if shown(answer, outsiders.foreign) != shown(other, missing):
                found.append(f"{ours} tells {caller.name} what is foreign from what is missing: {answer.text} / {other.text}")
    return found


async def leaks(document: Document, outsiders: Outsiders, words: Collection[str]) -> list[str]:
    """Reading operations whose answer to a full credential of one's own tenant has a word of another tenant."""
    found = []
    for (method, path), scope in guarded(document).items():
        if method != "GET" or names_of(document, method, path) or scope is Scope.PLATFORM:
            continue
        for caller in (*outsiders.keys, *outsiders.people.values()):
            if scope in caller.scopes:
                answer = await outsiders.call(call_of(document, method, path, outsiders.foreign), caller)
                found += _unlike(call_of(document, method, path, outsiders.foreign), caller, answer, (200, 400, 404))
                found += [f"{method} {path} shows {caller.name} {word}" for word in words if word in answer.text]
    return found


def shown(answer: httpx2.Response, ids: Ids) -> tuple[Any, ...]:
    """All that a caller is told, without the ids that it sent itself."""
    text = answer.text
    for value in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(value, "…")
    body = json.loads(text) if text else None
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("instance", "request_id")}
    return answer.status_code, answer.headers.get("content-type"), body


def _unlike(call: Call, caller: Caller, answer: httpx2.Response, good: Collection[int]) -> list[str]:
    if answer.status_code in good:
        is_problem = answer.status_code < 400 or answer.headers.get("content-type") == "application/problem+json"
        return [] if is_problem else [f"{call} refuses {caller.name} without a problem: {answer.text}"]
    return [f"{call} answers {answer.status_code} to {caller.name}: {answer.text[:300]}"]
