"""`/v1/keys`: the tenant's API keys. A key in clear is in the answer that makes it, and nowhere else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from waystate.access import store
from waystate.access.model import ApiKey
from waystate.access.rotation import LONGEST_OVERLAP, OVERLAP
from waystate.access.store import Listed
from waystate.administration import keys
from waystate.administration.keys import Giver
from waystate.clock import Clock, iso
from waystate.db.pool import Database
from waystate.principal import DATA_PLANE, Principal, Scope, actor_of
from waystate.web.requests import Caller, read_body, takes

Text = Annotated[str, Field(description="ISO 8601 with Z")]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "The tenant has no key with this id"}}
_NOT_HELD: dict[int | str, dict[str, Any]] = {403: {"description": "It would get a scope that you do not hold yourself"}}
_OVER: dict[int | str, dict[str, Any]] = {409: {"description": "It is over, or was rotated already"}}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewKey(Body):
    name: Annotated[str, Field(description="Who or what will use it")]
    scopes: Annotated[list[Scope], Field(description="What it may do; none that you do not hold yourself")] = sorted(DATA_PLANE)
    expiresAt: Annotated[AwareDatetime | None, Field(description="In the future; null is never")] = None


class Overlap(Body):
    overlapSeconds: Annotated[
        int,
        Field(ge=0, le=round(LONGEST_OVERLAP.total_seconds()), description="How long the old key goes on; 0 ends it at once"),
    ] = round(OVERLAP.total_seconds())


class Maker(BaseModel):
    """`operator` is whoever ran a command on the machine itself."""

    kind: Literal["operator", "user", "key"]
    id: UUID | None
    name: str | None


class KeyAnswer(BaseModel):
    """`replaces` is the key it was rotated from; `lastUsedAt` is up to a minute old."""

    id: UUID
    name: str
    scopes: list[Scope]
    status: Literal["active", "expired", "revoked"]
    createdAt: Text
    createdBy: Maker
    replaces: UUID | None
    expiresAt: Text | None
    revokedAt: Text | None
    lastUsedAt: Text | None


class KeyPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[KeyAnswer]
    next: UUID | None


class MadeKey(KeyAnswer):
    """`key` is the key in clear. Keep it now: nobody can show it again."""

    key: str


class KeyRoutes:
    """`forget` makes this process check credentials anew, so that what ended counts at once."""

    def __init__(self, db: Database, forget: Callable[[], None], clock: Clock) -> None:
        self._db = db
        self._forget = forget
        self._clock = clock

    async def page(self, principal: Principal, *, before: UUID | None, limit: int) -> KeyPage:
        tenant = principal.tenant_id
        async with self._db.work(tenant_id=tenant) as conn:
            found = await store.list_key_page(conn, tenant, before=before, batch=limit + 1)
        items = [render_key(each, self._clock()) for each in found[:limit]]
        return KeyPage(items=items, next=items[-1].id if len(found) > limit else None)

    async def read(self, principal: Principal, key_id: UUID) -> KeyAnswer:
        async with self._db.work(tenant_id=principal.tenant_id) as conn:
            return render_key(await store.get_listed(conn, principal.tenant_id, key_id), self._clock())

    async def create(self, principal: Principal, body: NewKey) -> MadeKey:
        made = await keys.create_key(
            self._db,
            principal.tenant_id,
            body.name,
            self._clock(),
            scopes=body.scopes,
            expires_at=body.expiresAt,
            by=giver_of(principal),
        )
        return await self._made(principal, *made)

    async def rotate(self, principal: Principal, key_id: UUID, body: Overlap) -> MadeKey:
        overlap = timedelta(seconds=body.overlapSeconds)
        made = await keys.rotate_key(self._db, principal.tenant_id, key_id, overlap, self._clock(), giver_of(principal))
        self._forget()
        return await self._made(principal, *made)

    async def revoke(self, principal: Principal, key_id: UUID) -> KeyAnswer:
        await keys.revoke_key(self._db, principal.tenant_id, key_id, self._clock(), giver_of(principal))
        self._forget()
        return await self.read(principal, key_id)

    async def _made(self, principal: Principal, key: ApiKey, plaintext: str) -> MadeKey:
        return MadeKey(**dict(await self.read(principal, key.id)), key=plaintext)


def key_routes(routes: KeyRoutes) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["API keys"])
    _add_reading(router, routes)
    _add_acting(router, routes)
    return router


def _add_reading(router: APIRouter, routes: KeyRoutes) -> None:
    @router.get("", summary="The tenant's API keys, newest first")
    async def list_keys(
        principal: Caller,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> KeyPage:
        """With what each may do, who made it, when it was last used and when it ends. Never the key itself."""
        return await routes.page(principal, before=before, limit=limit)

    @router.get("/{key_id}", summary="One API key, without the key itself", responses=_MISSING)
    async def get_key(key_id: UUID, principal: Caller) -> KeyAnswer:
        return await routes.read(principal, key_id)


def _add_acting(router: APIRouter, routes: KeyRoutes) -> None:
    @router.post("", summary="Make an API key", status_code=201, responses=_NOT_HELD, openapi_extra=takes(NewKey))
    async def create_key(request: Request, response: Response, principal: Caller) -> MadeKey:
        """`key` in the answer is the key in clear: keep it now, it is kept nowhere else."""
        response.headers["cache-control"] = "no-store"
        return await routes.create(principal, await read_body(request, NewKey))

    @router.post(
        "/{key_id}/rotate",
        summary="Put another key in its place",
        status_code=201,
        responses={**_NOT_HELD, **_MISSING, **_OVER},
        openapi_extra=takes(Overlap, required=False),
    )
    async def rotate_key(key_id: UUID, request: Request, response: Response, principal: Caller) -> MadeKey:
        """A new key of the same name, scopes and length of life. The old one ends after the overlap, at the latest."""
        response.headers["cache-control"] = "no-store"
        return await routes.rotate(principal, key_id, await read_body(request, Overlap, default=b"{}"))

    @router.delete("/{key_id}", summary="Revoke an API key", responses=_MISSING)
    async def revoke_key(key_id: UUID, principal: Caller) -> KeyAnswer:
        """Every process refuses it within a second. It stays in the list as a record; revoking it twice is no error."""
        return await routes.revoke(principal, key_id)


def giver_of(principal: Principal) -> Giver:
    return Giver(actor_of(principal), principal.scopes)


def render_key(listed: Listed, now: datetime) -> KeyAnswer:
    key = listed.key
    return KeyAnswer(
        id=key.id,
        name=key.name,
        scopes=sorted(key.scopes),
        status=status_of(key, now),
        createdAt=iso(key.created_at),
        createdBy=Maker(kind=listed.maker_kind, id=key.created_by, name=listed.maker_name),
        replaces=key.replaces,
        expiresAt=_time(key.expires_at),
        revokedAt=_time(key.revoked_at),
        lastUsedAt=_time(key.last_used_at),
    )


def status_of(key: ApiKey, now: datetime) -> Literal["active", "expired", "revoked"]:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
