"""`/v1/keys`: the tenant's API keys. A key in clear is in the answer that makes it, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.keys import issue, store
from waystate.keys.bodies import KeyAnswer, KeyPage, MadeKey, NewKey, Overlap, render_key
from waystate.keys.issue import Giver
from waystate.keys.model import ApiKey
from waystate.principal import Principal, actor_of
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "The tenant has no key with this id"}}
_NOT_HELD: dict[int | str, dict[str, Any]] = {403: {"description": "It would get a scope that you do not hold yourself"}}
_OVER: dict[int | str, dict[str, Any]] = {409: {"description": "It is over, or was rotated already"}}


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

    async def rotate(self, principal: Principal, key_id: UUID, body: Overlap) -> MadeKey:
        overlap = timedelta(seconds=body.overlapSeconds)
        made = await issue.rotate_key(self._db, principal.tenant_id, key_id, overlap, self._clock(), giver_of(principal))
        self._forget()
        return await self._made(principal, *made)

    async def revoke(self, principal: Principal, key_id: UUID) -> KeyAnswer:
        await issue.revoke_key(self._db, principal.tenant_id, key_id, self._clock(), giver_of(principal))
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
