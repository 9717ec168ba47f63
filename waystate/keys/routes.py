"""`/v1/keys`: the tenant's API keys. A key in clear is in the answer that makes it, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.keys import issue, store
from waystate.keys.bodies import KEY_EXAMPLE, CredentialAnswer, KeyAnswer, KeyPage, MadeKey, NewKey, Overlap, render_key
from waystate.keys.issue import Giver
from waystate.keys.model import ApiKey
from waystate.operations import Operation
from waystate.principal import Principal, Scope, actor_of
from waystate.web.caller import Caller

_MISSING = {404: "The tenant has no key with this id"}
_NOT_HELD = {403: "It would get a scope that you do not hold yourself"}
_OVER = {409: "It is over, or was rotated already"}
_MADE = {**KEY_EXAMPLE, "key": "wsk.acme.0f8d2c71.Zm9yLXRoaXMtcGFnZS1vbmx5"}


class KeyRoutes:
    """`forget` makes this process check credentials anew, so that what ended counts at once."""

    def __init__(self, db: Database, forget: Callable[[], None], clock: Clock) -> None:
        self._db = db
        self._forget = forget
        self._clock = clock

    @Operation(
        "GET",
        "/v1/keys",
        Scope.KEYS_READ,
        tag="API keys",
        summary="The tenant's API keys, newest first",
        example_answer={"items": [KEY_EXAMPLE], "next": None},
    )
    async def list_keys(
        self,
        principal: Caller,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> KeyPage:
        """With what each may do, who made it, when it was last used and when it ends. Never the key itself."""
        tenant = principal.tenant_id
        async with self._db.work(tenant_id=tenant) as conn:
            found = await store.list_key_page(conn, tenant, before=before, batch=limit + 1)
        items = [render_key(each, self._clock()) for each in found[:limit]]
        return KeyPage(items=items, next=items[-1].id if len(found) > limit else None)

    @Operation(
        "GET",
        "/v1/credential",
        None,
        is_of_any_credential=True,
        tag="API keys",
        summary="Whose credential this is, and what it may do",
        example_answer={
            "kind": "key",
            **{each: KEY_EXAMPLE[each] for each in ("id", "name")},
            "tenant": "acme",
            **{each: KEY_EXAMPLE[each] for each in ("scopes", "expiresAt")},
        },
    )
    async def get_credential(self, principal: Caller) -> CredentialAnswer:
        """For a program that is given a key: its tenant, its scopes, its end. It takes no scope. People ask GET /v1/me."""
        read = await self._read(principal, principal.id) if principal.kind == "key" and principal.id is not None else None
        return CredentialAnswer(
            kind=principal.kind,
            id=principal.id,
            name=None if read is None else read.name,
            tenant=principal.tenant_id,
            scopes=sorted(principal.scopes),
            expiresAt=None if read is None else read.expiresAt,
        )

    @Operation(
        "POST",
        "/v1/keys",
        Scope.KEYS_WRITE,
        tag="API keys",
        summary="Make an API key",
        status=201,
        problems=_NOT_HELD,
        example_body={"name": "routing service", "scopes": ["state:read", "state:write"], "expiresAt": "2126-01-31T12:00:00Z"},
        example_answer=_MADE,
    )
    async def create_key(self, response: Response, principal: Caller, body: NewKey) -> MadeKey:
        """`key` in the answer is the key in clear: keep it now, it is kept nowhere else."""
        response.headers["cache-control"] = "no-store"
        made = await issue.create_key(
            self._db,
            principal.tenant_id,
            body.name,
            self._clock(),
            scopes=body.scopes,
            expires_at=body.expiresAt,
            by=giver_of(principal),
        )
        return await self._made(principal, *made)

    @Operation(
        "GET",
        "/v1/keys/{key_id}",
        Scope.KEYS_READ,
        tag="API keys",
        summary="One API key, without the key itself",
        problems=_MISSING,
        example_answer=KEY_EXAMPLE,
    )
    async def get_key(self, key_id: UUID, principal: Caller) -> KeyAnswer:
        return await self._read(principal, key_id)

    @Operation(
        "POST",
        "/v1/keys/{key_id}/rotate",
        Scope.KEYS_WRITE,
        tag="API keys",
        summary="Put another key in its place",
        status=201,
        is_body_optional=True,
        problems={**_NOT_HELD, **_MISSING, **_OVER},
        example_body={"overlapSeconds": 3600},
        example_answer={**_MADE, "replaces": "019c1420-5a01-7f3e-9b2c-4d6e8f0a1c35"},
    )
    async def rotate_key(self, key_id: UUID, response: Response, principal: Caller, body: Overlap) -> MadeKey:
        """A new key of the same name, scopes and length of life. The old one ends after the overlap, at the latest."""
        response.headers["cache-control"] = "no-store"
        overlap = timedelta(seconds=body.overlapSeconds)
        made = await issue.rotate_key(self._db, principal.tenant_id, key_id, overlap, self._clock(), giver_of(principal))
        self._forget()
        return await self._made(principal, *made)

    @Operation(
        "DELETE",
        "/v1/keys/{key_id}",
        Scope.KEYS_WRITE,
        tag="API keys",
        summary="Revoke an API key",
        problems=_MISSING,
        example_answer={**KEY_EXAMPLE, "status": "revoked", "revokedAt": "2026-01-31T12:05:00.000Z"},
    )
    async def revoke_key(self, key_id: UUID, principal: Caller) -> KeyAnswer:
        """Every process refuses it within a second. It stays in the list as a record; revoking it twice is no error."""
        await issue.revoke_key(self._db, principal.tenant_id, key_id, self._clock(), giver_of(principal))
        self._forget()
        return await self._read(principal, key_id)

    async def _read(self, principal: Principal, key_id: UUID) -> KeyAnswer:
        async with self._db.work(tenant_id=principal.tenant_id) as conn:
            return render_key(await store.get_listed(conn, principal.tenant_id, key_id), self._clock())

    async def _made(self, principal: Principal, key: ApiKey, plaintext: str) -> MadeKey:
        return MadeKey(**dict(await self._read(principal, key.id)), key=plaintext)


def giver_of(principal: Principal) -> Giver:
    return Giver(actor_of(principal), principal.scopes)
