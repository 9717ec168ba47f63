"""Idempotency-Key in front of an application that counts its effects, on a real database."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.world import LANES, SetClock, World
from waystate.cache.limits import Limits
from waystate.door.auth import Authenticator
from waystate.door.guard import Guard
from waystate.door.idempotency import LARGEST, LOCK, KeyedOperations
from waystate.door.keyed import Claim, Keyed, Records
from waystate.door.limits import Rates, RequestLimits
from waystate.framework import OPERATIONS
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.principal import Scope
from waystate.timers import Timers
from waystate.vault.sealing import vault_of
from waystate.web.bodies import Bodies
from waystate.web.metrics import Metrics
from waystate.work.loops import Hint

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
SCOPES = (Scope.STATE_WRITE, Scope.KEYS_WRITE, Scope.TENANT_WRITE)
KEYS, MESSAGE = "/v1/keys", "/state/message"
TRACKED = {"metaMessageId": "wamid.1"}


class Died(BaseException):
    """The process ends in the middle."""


@dataclass
class Application:
    """Each call is an effect; `say` decides the answer."""

    operations: list[tuple[str, str]] = field(default_factory=list)
    effects: int = 0
    bodies: list[bytes] = field(default_factory=list)
    say: Callable[[int], tuple[int, bytes]] = lambda number: (201, b'{"number":%d}' % number)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    wait: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.effects += 1
        self.begun.set()
        self.bodies.append(message["body"])
        status, body = self.say(self.effects)
        if self.wait is not None:
            await self.wait.wait()
        headers = [(b"content-type", b"application/json"), (b"location", b"/there"), (b"set-cookie", b"session=secret")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Place:
    world: World
    app: Application
    keyed: Keyed
    other: Keyed
    """In another process, with the same database behind it."""
    http: httpx2.AsyncClient
    elsewhere: httpx2.AsyncClient
    tokens: dict[TenantId, str]
    errors: list[Exception]

    async def send(
        self,
        key: str | None = "k-1",
        body: Any = None,
        *,
        path: str = KEYS,
        method: str = "POST",
        tenant: TenantId = ACME,
        elsewhere: bool = False,
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.tokens[tenant]}"}
        if key is not None:
            headers["idempotency-key"] = key
        http = self.elsewhere if elsewhere else self.http
        return await http.request(method, path, json={"a": 1} if body is None else body, headers=headers)

    async def dump(self) -> list[dict[str, Any]]:
        async with self.world.db.login() as conn:
            return [dict(row) for row in await conn.fetch("SELECT * FROM idempotency_keys ORDER BY key")]


@pytest.fixture
async def place(world: World) -> AsyncIterator[Place]:
    tokens: dict[TenantId, str] = {}
    for number, tenant in enumerate((ACME, GLOBEX)):
        await world.add(tenant, number=f"100{number}")
        async with world.db.tenant(tenant) as conn:
            _, tokens[tenant] = await key_store.create_key(conn, tenant, "test", world.clock.now, scopes=SCOPES)
    guard = Guard(Authenticator(world.db, world.directory, trusted=True, clock=world.clock))
    app, errors = Application(), list[Exception]()
    async with AsyncExitStack() as stack:
        keyed, other = (front(world, app, guard, errors) for _ in range(2))
        http, elsewhere = [await stack.enter_async_context(client_of(each)) for each in (keyed, other)]
        yield Place(world, app, keyed, other, http, elsewhere, tokens, errors)


def front(world: World, app: Application, guard: Guard, errors: list[Exception]) -> Keyed:
    return Keyed(
        app,
        guard,
        Records(world.db, vault_of(bytes(range(32))), world.clock),
        lambda _, error, __: errors.append(error),
        keyed=KeyedOperations(OPERATIONS.values()),
        secret=b"secret",
        max_body=10_000,
        bodies=Bodies(5),
        answers={},
    )


def client_of(keyed: Keyed) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(keyed, client=("127.0.0.1", 1)), base_url="http://localhost")


async def test_the_same_request_again_has_the_same_answer_and_no_second_effect(place: Place) -> None:
    first = await place.send()
    again = await place.send()
    assert (first.status_code, first.json(), "idempotency-replayed" in first.headers) == (201, {"number": 1}, False)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (201, first.content, "true")
    assert (again.headers["location"], again.headers["content-type"]) == ("/there", "application/json")
    assert "set-cookie" in first.headers
    assert "set-cookie" not in again.headers
    assert place.app.effects == 1
    assert json.loads(place.app.bodies[0]) == {"a": 1}


async def test_without_a_key_every_request_is_one_of_its_own(place: Place) -> None:
    assert [(await place.send(None)).json()["number"] for _ in range(3)] == [1, 2, 3]
    assert await place.dump() == []


async def test_a_read_and_a_login_take_no_keys(place: Place) -> None:
    for method, path in (("GET", KEYS), ("POST", "/v1/auth/login"), ("POST", "/webhooks/whatsapp/app-1"), ("POST", "/nothing")):
        await place.send("k", method=method, path=path)
    assert place.app.effects == 4
    assert await place.dump() == []


@pytest.mark.parametrize("change", [{"body": {"a": 2}}, {"path": f"{KEYS}/1/rotate"}, {"path": f"{KEYS}?x=1"}])
async def test_a_key_with_another_request_is_refused(place: Place, change: dict[str, Any]) -> None:
    await place.send()
    other = await place.send(**change)
    assert (other.status_code, other.json()["code"], place.app.effects) == (422, "idempotency_key_reused", 1)


async def test_another_caller_of_the_tenant_is_not_told_the_answer(place: Place) -> None:
    await place.send()
    async with place.world.db.tenant(ACME) as conn:
        _, place.tokens[ACME] = await key_store.create_key(conn, ACME, "other", place.world.clock.now, scopes=SCOPES)
    assert (await place.send()).status_code == 422


async def test_the_same_key_of_another_tenant_is_another_key(place: Place) -> None:
    assert (await place.send()).json() == {"number": 1}
    assert (await place.send(tenant=GLOBEX)).json() == {"number": 2}
    assert {row["tenant_id"] for row in await place.dump()} == {ACME, GLOBEX}


async def test_a_stranger_cannot_probe_for_keys(place: Place) -> None:
    await place.send()
    place.tokens[ACME] = place.tokens[ACME][:-1] + "x"
    for key in ("k-1", "k-2", "not a key"):
        assert (await place.send(key)).status_code == 401
    assert len(await place.dump()) == 1


async def test_who_may_not_do_it_is_not_told_what_was_done(place: Place) -> None:
    async with place.world.db.tenant(ACME) as conn:
        _, place.tokens[ACME] = await key_store.create_key(conn, ACME, "w", place.world.clock.now, scopes=[Scope.STATE_READ])
    answer = await place.send()
    assert (answer.status_code, answer.json()["code"], place.app.effects) == (403, "scope_missing", 0)
    assert await place.dump() == []


async def test_while_the_first_is_under_way_others_are_told_to_wait(place: Place) -> None:
    place.app.wait = asyncio.Event()
    first = asyncio.create_task(place.send())
    await place.app.begun.wait()
    for elsewhere in (False, True):
        waiting = await place.send(elsewhere=elsewhere)
        assert (waiting.status_code, waiting.json()["code"], waiting.headers["retry-after"]) == (
            409,
            "idempotency_key_in_use",
            "1",
        )
        other = await place.send(body={"another": "request"}, elsewhere=elsewhere)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    place.app.wait.set()
    assert (await first).content == (await place.send()).content
    assert place.app.effects == 1


@pytest.mark.parametrize(("status", "effects"), [(401, 2), (403, 2), (429, 2), (404, 1), (422, 1), (400, 1)])
async def test_only_final_refusals_are_kept(place: Place, status: int, effects: int) -> None:
    place.app.say = lambda _: (status, b"{}")
    await place.send()
    await place.send()
    assert place.app.effects == effects


async def test_after_a_failure_what_is_repeatable_runs_again_and_what_creates_does_not(place: Place) -> None:
    place.app.say = lambda number: (503, b"{}") if number < 3 else (201, b"{}")
    assert [(await place.send("m", TRACKED, path=MESSAGE)).status_code for _ in range(3)] == [503, 503, 201]
    place.app.effects = 0
    answers = [await place.send("c") for _ in range(2)]
    assert [each.status_code for each in answers] == [503, 409]
    assert answers[1].json()["code"] == "idempotency_outcome_unknown"
    assert place.app.effects == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "effects"), [(MESSAGE, TRACKED, 201, 2), (MESSAGE, {"content": "x"}, 409, 1), (KEYS, {}, 409, 1)]
)
async def test_after_a_death_the_lock_lapses_and_only_what_is_repeatable_runs_again(
    place: Place, path: str, body: Any, status: int, effects: int
) -> None:
    def die(_: int) -> tuple[int, bytes]:
        raise Died

    place.app.say, said = die, place.app.say
    with pytest.raises(Died):
        await place.send("k", body, path=path)
    place.app.say = said
    early = await place.send("k", body, path=path)
    assert early.json()["code"] == "idempotency_key_in_use"
    place.world.clock.now += LOCK
    later = await place.send("k", body, path=path)
    assert (later.status_code, place.app.effects) == (status, effects)
    if status == 409:
        assert later.json()["code"] == "idempotency_outcome_unknown"


async def test_who_slept_through_its_lock_does_not_overwrite_its_successors_answer(place: Place) -> None:
    place.app.wait = asyncio.Event()
    slow = asyncio.create_task(place.send("k", TRACKED, path=MESSAGE))
    await place.app.begun.wait()
    place.world.clock.now += LOCK
    sleeping, place.app.wait = place.app.wait, None
    assert (await place.send("k", TRACKED, path=MESSAGE, elsewhere=True)).json() == {"number": 2}
    sleeping.set()
    assert (await slow).json() == {"number": 1}
    assert (await place.send("k", TRACKED, path=MESSAGE)).json() == {"number": 2}


async def test_after_a_day_the_key_is_new_and_the_timer_makes_room(place: Place) -> None:
    await place.send("kept")
    place.world.clock.forward(hours=1)
    await place.send("young")
    place.world.clock.now += timedelta(hours=23)
    assert (await place.send("kept", {"another": "request"})).status_code == 201
    place.world.clock.now += timedelta(hours=1)
    timers = Timers(place.world.db, place.world.directory, Metrics(), Hint(), lambda *_: None, place.world.clock, lanes=LANES)
    await timers.drop_idempotency_keys()
    assert [row["key"] for row in await place.dump()] == ["kept"]


async def test_a_dump_of_the_table_holds_no_credential_and_no_guessable_digest_of_one(place: Place) -> None:
    token = "wsk.acme.0123456789"
    place.app.say = lambda _: (201, json.dumps({"key": token}).encode())
    await place.send("k", {"password": "hunter2"})
    again = await place.send("k", {"password": "hunter2"})
    assert again.json() == {"key": token}
    (row,) = await place.dump()
    assert token.encode() not in row["body"]
    assert token not in str(row)
    place.keyed._secret = b"another"
    assert (await place.send("k", {"password": "hunter2"})).status_code == 422


async def test_a_sealed_answer_opens_in_its_own_row_only(place: Place) -> None:
    await place.send("one")
    await place.send("two")
    async with place.world.db.login() as conn:
        await conn.execute(
            "UPDATE idempotency_keys t SET body = f.body FROM idempotency_keys f WHERE t.key = 'two' AND f.key = 'one'"
        )
    moved = await place.send("two")
    assert (moved.status_code, moved.json()["code"]) == (409, "idempotency_answer_not_kept")


async def test_an_answer_that_is_too_large_is_given_once_and_its_effect_is_had_once(place: Place) -> None:
    place.app.say = lambda _: (200, b'"' + b"x" * LARGEST + b'"')
    first, again = await place.send(), await place.send()
    assert (first.status_code, len(first.content)) == (200, LARGEST + 2)
    assert (again.status_code, again.json()["code"], again.json()["first_status"]) == (409, "idempotency_answer_not_kept", 200)
    assert place.app.effects == 1


async def test_bytes_that_are_no_text_come_back_as_they_were(place: Place) -> None:
    place.app.say = lambda _: (200, bytes(range(256)))
    assert (await place.send()).content == (await place.send()).content == bytes(range(256))


async def test_in_trusted_mode_the_body_may_name_the_tenant(place: Place) -> None:
    body = {"tenantId": "acme", **TRACKED}
    answers = [await place.http.post(MESSAGE, json=body, headers={"idempotency-key": "t"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert [row["tenant_id"] for row in await place.dump()] == ["acme"]


async def test_a_body_over_the_limit_is_refused_before_the_key_is_claimed(place: Place) -> None:
    answer = await place.send(body={"a": "x" * 20_000})
    assert (answer.status_code, await place.dump(), place.errors) == (413, [], [])


async def test_a_request_with_a_key_counts_once_and_a_repeat_counts_too(place: Place) -> None:
    guard = Guard(
        Authenticator(place.world.db, place.world.directory, clock=place.world.clock),
        limit=RequestLimits(Rates(tenant=0.001), Limits(monotonic=lambda: 1.0)),
    )
    place.keyed._guard = guard
    assert (await place.send()).status_code == 201
    refused = await place.send()
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "tenant_rate_limit", "1000")


class Forgetful(Records):
    """The mutant: what the unique row decides, it does not."""

    async def claim(self, tenant: TenantId, key: str, request_hash: bytes, *, may_repeat: bool) -> Any:
        return Claim(tenant, key, SetClock().now)


@pytest.mark.parametrize("mutant", [False, True])
async def test_many_at_once_have_one_effect_and_a_planted_bug_is_seen(place: Place, mutant: bool) -> None:
    if mutant:
        place.other.records = Forgetful(place.world.db, vault_of(bytes(range(32))), place.world.clock)
    await asyncio.gather(*(place.send("same", elsewhere=bool(number % 2)) for number in range(20)))
    assert (place.app.effects > 1) is mutant


async def test_a_strangers_body_is_not_read(place: Place) -> None:
    told: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("its body was asked for")

    async def send(message: Any) -> None:
        told.append(message)

    headers = [(b"host", b"localhost:3005"), (b"idempotency-key", b"k1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": MESSAGE,
        "query_string": b"",
        "headers": headers,
        "client": ("10.0.0.7", 1),
    }
    await place.keyed(scope, receive, send)
    assert (told[0]["status"], json.loads(told[1]["body"])["code"]) == (401, "trusted_mode_refused")
    assert place.app.effects == 0
