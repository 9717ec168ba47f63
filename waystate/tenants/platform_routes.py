"""`/v1/platform`: all tenants and the Meta apps, by the platform's people and keys."""

from typing import Annotated

from fastapi import Query, Response

from waystate.errors import Unprocessable
from waystate.ids import PLATFORM, parse_tenant_id
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.tenants.bodies import (
    META_APP_EXAMPLE,
    TENANT_EXAMPLE,
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

ERASING = 5.0
"""Seconds that one call works on a deletion: well below what callers and proxies wait."""
_REFUSED = {
    404: "There is no such tenant",
    409: "Not in its present state; `code` and `detail` say why",
    422: "A field is not usable; `errors` names it",
}


class PlatformRoutes:
    def __init__(self, tenants: Tenants, eraser: Eraser) -> None:
        self._tenants = tenants
        self._eraser = eraser

    @Operation(
        "GET",
        "/v1/platform/tenants",
        Scope.PLATFORM,
        tag="Platform",
        summary="All tenants, by id",
        example_answer={"items": [TENANT_EXAMPLE], "next": None},
    )
    async def list_tenants(
        self,
        _: Caller,
        after: Annotated[str | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> TenantPage:
        behind = None if after is None else parse_tenant_id(after)
        rows = await self._tenants.list_page(after=behind, page=limit + 1)
        items = [render_tenant(each) for each in rows[:limit]]
        return TenantPage(items=items, next=items[-1].id if len(rows) > limit else None)

    @Operation(
        "POST",
        "/v1/platform/tenants",
        Scope.PLATFORM,
        tag="Platform",
        summary="Create a tenant",
        status=201,
        problems={code: _REFUSED[code] for code in (409, 422)},
        example_body={"id": "acme", "name": "Acme Stores", "quotas": {"messages_per_second": 50}},
        example_answer=TENANT_EXAMPLE,
    )
    async def create_tenant(self, principal: Caller, body: NewTenant) -> TenantAnswer:
        return render_tenant(await self._tenants.create(actor_of(principal), body.tenant()))

    @Operation(
        "GET",
        "/v1/platform/tenants/{tenant_id}",
        Scope.PLATFORM,
        tag="Platform",
        summary="One tenant",
        problems={404: _REFUSED[404]},
        example_answer=TENANT_EXAMPLE,
    )
    async def get_one_tenant(self, tenant_id: str, _: Caller) -> TenantAnswer:
        return render_tenant(await self._tenants.find(parse_tenant_id(tenant_id)))

    @Operation(
        "PATCH",
        "/v1/platform/tenants/{tenant_id}",
        Scope.PLATFORM,
        tag="Platform",
        summary="Change its name, settings or quotas",
        problems={code: _REFUSED[code] for code in (404, 422)},
        example_body={"quotas": {"messages_per_second": 50, "api_calls_per_second": None}},
        example_answer=TENANT_EXAMPLE,
    )
    async def change_one_tenant(self, tenant_id: str, principal: Caller, body: PlatformTenantChange) -> TenantAnswer:
        changes = body.changes()
        changed = await self._tenants.change(actor_of(principal), parse_tenant_id(tenant_id), changes, log=PLATFORM)
        return render_tenant(changed)

    @Operation(
        "POST",
        "/v1/platform/tenants/{tenant_id}/suspend",
        Scope.PLATFORM,
        tag="Platform",
        summary="Let nobody in and send nothing, but lose nothing",
        problems={code: _REFUSED[code] for code in (404, 409)},
        example_answer={**TENANT_EXAMPLE, "status": "suspended"},
        repeatable="a suspended tenant stays so",
    )
    async def suspend_tenant(self, tenant_id: str, principal: Caller) -> TenantAnswer:
        """Everywhere within a second. Webhooks are answered and kept; what is to be sent waits until it is resumed."""
        return render_tenant(await self._tenants.suspend(actor_of(principal), parse_tenant_id(tenant_id)))

    @Operation(
        "POST",
        "/v1/platform/tenants/{tenant_id}/resume",
        Scope.PLATFORM,
        tag="Platform",
        summary="Let it work again",
        problems={code: _REFUSED[code] for code in (404, 409)},
        example_answer=TENANT_EXAMPLE,
        repeatable="a resumed tenant stays so",
    )
    async def resume_tenant(self, tenant_id: str, principal: Caller) -> TenantAnswer:
        """What waited goes out, in order for each customer."""
        return render_tenant(await self._tenants.resume(actor_of(principal), parse_tenant_id(tenant_id)))

    @Operation(
        "DELETE",
        "/v1/platform/tenants/{tenant_id}",
        Scope.PLATFORM,
        tag="Platform",
        summary="Delete a suspended tenant with everything of it",
        answers={202: DeletionAnswer},
        problems=_REFUSED,
        example_body={"confirm": "acme"},
        example_answer={"id": "acme", "done": True, "deleted": {"messages": 1204, "conversations": 87}, "left": []},
    )
    async def delete_tenant(self, tenant_id: str, response: Response, principal: Caller, body: DeletionBody) -> DeletionAnswer:
        """For good. One call works for some seconds: 202 says what is left, call again until 200 says `done`.

        From the first call on the tenant is gone for everybody, and its numbers are free.
        """
        known = parse_tenant_id(tenant_id)
        if body.confirm != known:
            problem = "must be the tenant's id, as in the path"
            errors = [{"field": "confirm", "problem": problem}]
            raise Unprocessable("invalid_request", f"Not usable: confirm {problem}. Correct it and send again.", errors=errors)
        erased = await self._eraser.run(known, actor_of(principal), seconds=ERASING)
        self._tenants.forget(known)
        response.status_code = 200 if erased.is_done else 202
        return render_deletion(known, erased)

    @Operation(
        "GET",
        "/v1/platform/meta-apps",
        Scope.PLATFORM,
        tag="Platform",
        summary="The apps at Meta whose webhooks come here",
        example_answer={"items": [META_APP_EXAMPLE]},
    )
    async def list_meta_apps(self, _: Caller) -> MetaAppList:
        return MetaAppList(items=[render_meta_app(each) for each in await self._tenants.meta_apps()])

    @Operation(
        "PUT",
        "/v1/platform/meta-apps/{app_id}",
        Scope.PLATFORM,
        tag="Platform",
        summary="Set a Meta app up, or change its secrets",
        problems={422: _REFUSED[422]},
        example_body={"app_secret": "as-Meta-shows-it", "verify_token": "as-you-type-it-at-Meta"},
        example_answer=META_APP_EXAMPLE,
    )
    async def put_meta_app(self, app_id: PathId, principal: Caller, body: MetaAppBody) -> MetaAppAnswer:
        """A secret that is left out stays as it is."""
        await self._tenants.put_meta_app(actor_of(principal), app_id, lambda known: body.app(app_id, known))
        return render_meta_app(app_id)
