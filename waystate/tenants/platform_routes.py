"""`/v1/platform`: all tenants and the Meta apps, by the platform's people and keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from waystate.errors import Unprocessable
from waystate.ids import PLATFORM, parse_tenant_id
from waystate.principal import actor_of
from waystate.tenants.bodies import (
    DeletionAnswer,
    DeletionBody,
    MetaAppAnswer,
    MetaAppBody,
    MetaAppList,
    NewTenant,
    PlatformTenantChange,
    TenantAnswer,
    TenantPage,
    render_deletion,
    render_meta_app,
    render_tenant,
)
from waystate.tenants.change import Tenants
from waystate.tenants.erasure.erase import Eraser
from waystate.tenants.model import PathId
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

ERASING = 5.0
"""Seconds that one call works on a deletion: well below what callers and proxies wait."""
_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such tenant"},
    409: {"description": "Not in its present state; `code` and `detail` say why"},
    422: {"description": "A field is not usable; `errors` names it"},
}


def platform_routes(tenants: Tenants, eraser: Eraser) -> APIRouter:
    router = APIRouter(prefix="/v1/platform", tags=["Platform"])
    _add_tenants(router, tenants)
    _add_states(router, tenants, eraser)
    _add_meta_apps(router, tenants)
    return router


def _add_tenants(router: APIRouter, tenants: Tenants) -> None:
    @router.get("/tenants", summary="All tenants, by id")
    async def list_tenants(
        _: Caller,
        after: Annotated[str | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> TenantPage:
        behind = None if after is None else parse_tenant_id(after)
        rows = await tenants.list_page(after=behind, page=limit + 1)
        items = [render_tenant(each) for each in rows[:limit]]
        return TenantPage(items=items, next=items[-1].id if len(rows) > limit else None)

    @router.post(
        "/tenants",
        status_code=201,
        summary="Create a tenant",
        responses={code: _REFUSED[code] for code in (409, 422)},
        openapi_extra=takes(NewTenant),
    )
    async def create_tenant(request: Request, principal: Caller) -> TenantAnswer:
        tenant = (await read_body(request, NewTenant)).tenant()
        return render_tenant(await tenants.create(actor_of(principal), tenant))

    @router.get("/tenants/{tenant_id}", summary="One tenant", responses={404: _REFUSED[404]})
    async def get_one_tenant(tenant_id: str, _: Caller) -> TenantAnswer:
        return render_tenant(await tenants.find(parse_tenant_id(tenant_id)))

    @router.patch(
        "/tenants/{tenant_id}",
        summary="Change its name, settings or quotas",
        responses={code: _REFUSED[code] for code in (404, 422)},
        openapi_extra=takes(PlatformTenantChange),
    )
    async def change_one_tenant(tenant_id: str, request: Request, principal: Caller) -> TenantAnswer:
        changes = (await read_body(request, PlatformTenantChange)).changes()
        changed = await tenants.change(actor_of(principal), parse_tenant_id(tenant_id), changes, log=PLATFORM)
        return render_tenant(changed)


def _add_states(router: APIRouter, tenants: Tenants, eraser: Eraser) -> None:
    @router.post(
        "/tenants/{tenant_id}/suspend",
        summary="Let nobody in and send nothing, but lose nothing",
        responses={code: _REFUSED[code] for code in (404, 409)},
    )
    async def suspend_tenant(tenant_id: str, principal: Caller) -> TenantAnswer:
        """Everywhere within a second. Webhooks are answered and kept; what is to be sent waits until it is resumed."""
        return render_tenant(await tenants.suspend(actor_of(principal), parse_tenant_id(tenant_id)))

    @router.post(
        "/tenants/{tenant_id}/resume",
        summary="Let it work again",
        responses={code: _REFUSED[code] for code in (404, 409)},
    )
    async def resume_tenant(tenant_id: str, principal: Caller) -> TenantAnswer:
        """What waited goes out, in order for each customer."""
        return render_tenant(await tenants.resume(actor_of(principal), parse_tenant_id(tenant_id)))

    @router.delete(
        "/tenants/{tenant_id}",
        summary="Delete a suspended tenant with everything of it",
        responses={**_REFUSED, 202: {"model": DeletionAnswer, "description": "There is more: call again"}},
        openapi_extra=takes(DeletionBody),
    )
    async def delete_tenant(tenant_id: str, request: Request, response: Response, principal: Caller) -> DeletionAnswer:
        """For good. One call works for some seconds: 202 says what is left, call again until 200 says `done`.

        From the first call on the tenant is gone for everybody, and its numbers are free.
        """
        known = parse_tenant_id(tenant_id)
        if (await read_body(request, DeletionBody)).confirm != known:
            problem = "must be the tenant's id, as in the path"
            errors = [{"field": "confirm", "problem": problem}]
            raise Unprocessable("invalid_request", f"Not usable: confirm {problem}. Correct it and send again.", errors=errors)
        erased = await eraser.run(known, actor_of(principal), seconds=ERASING)
        tenants.forget(known)
        response.status_code = 200 if erased.is_done else 202
        return render_deletion(known, erased)


def _add_meta_apps(router: APIRouter, tenants: Tenants) -> None:
    @router.get("/meta-apps", summary="The apps at Meta whose webhooks come here")
    async def list_meta_apps(_: Caller) -> MetaAppList:
        return MetaAppList(items=[render_meta_app(each) for each in await tenants.meta_apps()])

    @router.put(
        "/meta-apps/{app_id}",
        summary="Set a Meta app up, or change its secrets",
        responses={422: _REFUSED[422]},
        openapi_extra=takes(MetaAppBody),
    )
    async def put_meta_app(app_id: PathId, request: Request, principal: Caller) -> MetaAppAnswer:
        """A secret that is left out stays as it is."""
        body = await read_body(request, MetaAppBody)
        await tenants.put_meta_app(actor_of(principal), app_id, lambda known: body.app(app_id, known))
        return render_meta_app(app_id)
