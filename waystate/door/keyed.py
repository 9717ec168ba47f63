"""In front of the whole application: a request with an Idempotency-Key has one effect and one answer, however often it comes.

A request without the header, or one that changes nothing, goes through as if this were not here.
"""

import hmac
from collections.abc import Awaitable
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog

from waystate import documents
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.door import store
from waystate.door.guard import Guard
from waystate.door.idempotency import (
    HEADER,
    LARGEST,
    LOCK,
    REPLAYED,
    UNSAFE,
    Answer,
    KeyedOperations,
    Record,
    hash_request,
    in_use,
    is_final,
    is_repeatable,
    not_kept,
    parse_key,
    reused,
    safe_headers,
    why_not_again,
)
from waystate.door.limits import counted
from waystate.ids import TenantId
from waystate.operations import Operation
from waystate.vault.sealing import Unsealable, Vault, aad
from waystate.web.asgi import Asgi, Request, Scope
from waystate.web.bodies import Bodies, BrokenOff, Message, Receive, Send
from waystate.web.facts import Facts, facts_of
from waystate.web.problems import Answers, OnError, refusal_of, render_problem

log = structlog.get_logger()

_TRIES = 3


class Claim(NamedTuple):
    """The request is ours to run, until then."""

    tenant_id: TenantId
    key: str
    locked_until: datetime


class Records:
    """What was answered, with its bodies sealed: some are credentials that exist nowhere else."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    async def claim(self, tenant: TenantId, key: str, request_hash: bytes, *, may_repeat: bool) -> Claim | Answer:
        """Or the answer that was given. `Refused` for whom the key is not, or not now."""
        for _ in range(_TRIES):
            now = self._clock()
            until = now + LOCK
            async with self._db.tenant(tenant) as conn:
                found = await store.claim(conn, tenant, key, request_hash, now, locked_until=until, may_repeat=may_repeat)
            if found is True:
                return Claim(tenant, key, until)
            if isinstance(found, Record):
                if refused := why_not_again(found, request_hash, now):
                    raise refused
                return self._open(tenant, key, found)
        raise in_use()

    async def keep(self, claim: Claim, answer: Answer) -> None:
        is_large = len(answer.body) > LARGEST
        bound_to = aad(claim.tenant_id, "idempotency_keys", "body", claim.key)
        body = None if is_large else self._vault.seal(answer.body.decode("latin-1"), aad=bound_to)
        async with self._db.tenant(claim.tenant_id) as conn:
            await store.keep(
                conn,
                claim.tenant_id,
                claim.key,
                locked_until=claim.locked_until,
                status=answer.status,
                headers=safe_headers(answer.headers),
                body=body,
            )

    async def release(self, claim: Claim) -> None:
        """The same key may run the request again."""
        async with self._db.tenant(claim.tenant_id) as conn:
            await store.release(conn, claim.tenant_id, claim.key, locked_until=claim.locked_until)

    async def give_up(self, claim: Claim) -> None:
        """Nobody knows whether it had its effect."""
        async with self._db.tenant(claim.tenant_id) as conn:
            await store.give_up(conn, claim.tenant_id, claim.key, self._clock(), locked_until=claim.locked_until)

    def _open(self, tenant: TenantId, key: str, record: Record) -> Answer:
        status = record.status or 0
        try:
            body = self._vault.open(record.body or b"", aad=aad(tenant, "idempotency_keys", "body", key)).encode("latin-1")
        except Unsealable:  # sealed with a master key that was taken out since
            raise not_kept(status) from None
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in record.headers or ()]
        return Answer(status, [*headers, REPLAYED], body)


class Application(Protocol):
    operations: list[tuple[str, str]]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]: ...


class Keyed:
    """`secret` keys the digests of requests. `app` is the lane; its own answers are counted there, those given here, here.

    `keyed` are the operations that take keys.
    """

    def __init__(
        self,
        app: Application,
        guard: Guard,
        records: Records,
        on_error: OnError,
        *,
        keyed: KeyedOperations,
        secret: bytes,
        max_body: int,
        bodies: Bodies,
        answers: Answers,
    ) -> None:
        self._app: Asgi = app
        self.operations = app.operations
        self._guard = guard
        self.records = records
        self._on_error = on_error
        self._keyed = keyed
        self._secret = secret
        self._max_body = max_body
        self._bodies = bodies
        self._answers = answers
        self._under_way: dict[tuple[TenantId, str], bytes] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """No coroutine of its own for what needs none."""
        if scope["type"] == "http" and scope["method"] in UNSAFE:
            keys = [value for name, value in scope["headers"] if name == HEADER]
            if keys and (operation := self._keyed.find(scope["method"], _raw_path(scope).decode("latin-1"))):
                return self._answer(scope, receive, send, keys, operation)
        return self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, keys: list[bytes], operation: Operation) -> None:
        try:
            answer, is_ours = await self._respond(scope, receive, keys, operation)
        except Exception as error:
            answer, is_ours = self._refuse(error, operation), True
        if is_ours:
            counter = (f"{operation.method} {operation.path}", answer.status)
            self._answers[counter] = self._answers.get(counter, 0) + 1
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _respond(self, scope: Scope, receive: Receive, keys: list[bytes], operation: Operation) -> tuple[Answer, bool]:
        """The answer, and whether it is one that the application does not know of."""
        request = Request(scope, receive, bodies=self._bodies)
        facts = facts_of(scope)
        if self._guard.waits_for_a_name(facts):
            facts = _with_tenant_of(facts, await request.body(self._max_body))
        principal = await self._guard.admit(facts, operation)
        key = parse_key(keys)
        body = await request.body(self._max_body)
        target = _raw_path(scope) + b"?" + scope["query_string"]
        hashed = hash_request(self._secret, principal, operation.method, target, body)
        place = (principal.tenant_id, key)
        if (under_way := self._under_way.get(place)) is not None:
            # Impatient callers ask often; while the first one is here, nobody else need be asked.
            raise in_use() if hmac.compare_digest(under_way, hashed) else reused()
        self._under_way[place] = hashed
        try:
            return await self._once(scope, receive, body, place, hashed, may_repeat=is_repeatable(operation, body))
        finally:
            del self._under_way[place]

    async def _once(
        self, scope: Scope, receive: Receive, body: bytes, place: tuple[TenantId, str], hashed: bytes, *, may_repeat: bool
    ) -> tuple[Answer, bool]:
        claim = await self.records.claim(*place, hashed, may_repeat=may_repeat)
        if isinstance(claim, Answer):
            return claim, True
        answer = await self._run(scope, body, receive)
        await self._note(claim, answer, may_repeat=may_repeat)
        return answer, False

    async def _run(self, scope: Scope, body: bytes, receive: Receive) -> Answer:
        """An error that gets through leaves the claim until its lock lapses: nobody knows what was done."""
        collected = _Collected(body, receive)
        token = counted.set(True)
        try:
            await self._app(scope, collected.receive, collected.send)
        finally:
            counted.reset(token)
        return collected.answer

    async def _note(self, claim: Claim, answer: Answer, *, may_repeat: bool) -> None:
        """Before the caller hears it: who has heard an answer hears the same one again."""
        try:
            if is_final(answer):
                await self.records.keep(claim, answer)
            elif may_repeat or answer.status < 500:
                await self.records.release(claim)
            else:
                await self.records.give_up(claim)
        except Exception as error:
            # What was done is done; the lock lapses by itself.
            log.warning("An answer could not be kept under its Idempotency-Key.", error=type(error).__name__)

    def _refuse(self, error: Exception, operation: Operation) -> Answer:
        return Answer(*render_problem(refusal_of(error, f"{operation.method} {operation.path}", self._on_error)))


class _Collected:
    """The application's side of one request whose body was read already, and whose answer is to be looked at first."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []

    async def receive(self) -> Message:
        if self._body is None:
            return await self._receive()
        message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))

    @property
    def answer(self) -> Answer:
        if self._status == 0:
            raise BrokenOff
        return Answer(self._status, self._headers, b"".join(self._chunks))


def _raw_path(scope: Scope) -> bytes:
    return scope.get("raw_path") or str(scope["path"]).encode()


def _with_tenant_of(facts: Facts, body: bytes) -> Facts:
    """In trusted mode the body may name the tenant, as the operation itself takes it."""
    try:
        document = documents.parse(body)
    except documents.Unreadable:
        return facts
    named = document.get("tenantId") if isinstance(document, dict) else None
    return facts._replace(tenant=named.encode()) if isinstance(named, str) else facts
