"""`/v1/tenant`: a tenant's settings, numbers and integrations, by its own people and keys."""

from typing import Any

from fastapi import APIRouter, Request

from waystate.principal import actor_of
from waystate.tenants.bodies import (
    GenesysIntegrationAnswer,
    GenesysIntegrationBody,
    GenesysIntegrationList,
    TenantAnswer,
    TenantChange,
    WhatsAppAccountAnswer,
    WhatsAppAccountBody,
    WhatsAppAccountList,
    render_account,
    render_integration,
    render_tenant,
)
from waystate.tenants.change import Tenants
from waystate.tenants.model import PathId
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "This tenant has no account of this id"},
    409: {"description": "Another tenant has this number or integration, or two accounts want the same"},
    422: {"description": "A field is not usable; `errors` names it"},
}


def tenant_routes(tenants: Tenants, *, graph_api_url: str) -> APIRouter:
    """`graph_api_url` is where new numbers are reached."""
    router = APIRouter(prefix="/v1/tenant", tags=["Tenant"])
    _add_tenant(router, tenants)
    _add_accounts(router, tenants, graph_api_url)
    _add_integrations(router, tenants)
    return router


def _add_tenant(router: APIRouter, tenants: Tenants) -> None:
    @router.get("", summary="The tenant, its settings and its quotas")
    async def get_tenant(principal: Caller) -> TenantAnswer:
        return render_tenant(await tenants.find(principal.tenant_id))

    @router.patch("", summary="Change its name or settings", responses={422: _REFUSED[422]}, openapi_extra=takes(TenantChange))
    async def change_tenant(request: Request, principal: Caller) -> TenantAnswer:
        """Quotas are the platform's to set."""
        changes = (await read_body(request, TenantChange)).changes()
        tenant_id = principal.tenant_id
        return render_tenant(await tenants.change(actor_of(principal), tenant_id, changes, log=tenant_id))


def _add_accounts(router: APIRouter, tenants: Tenants, graph_api_url: str) -> None:
    path = "/whatsapp-accounts/{phone_number_id}"

    @router.get("/whatsapp-accounts", summary="Its WhatsApp numbers")
    async def list_whatsapp_accounts(principal: Caller) -> WhatsAppAccountList:
        accounts, integrations = await tenants.accounts(principal.tenant_id)
        return WhatsAppAccountList(items=[render_account(each, integrations) for each in accounts])

    @router.put(
        path,
        summary="Set a WhatsApp number up, or change it",
        responses=_REFUSED,
        openapi_extra=takes(WhatsAppAccountBody),
    )
    async def put_whatsapp_account(phone_number_id: PathId, request: Request, principal: Caller) -> WhatsAppAccountAnswer:
        """The whole account; only a secret that is left out stays as it is."""
        body = await read_body(request, WhatsAppAccountBody)
        account = await tenants.put_account(
            actor_of(principal),
            principal.tenant_id,
            phone_number_id,
            lambda known, integrations: body.account(phone_number_id, graph_api_url, known, integrations),
        )
        return render_account(account, (await tenants.accounts(principal.tenant_id))[1])

    @router.delete(path, status_code=204, summary="Take a WhatsApp number off", responses={404: _REFUSED[404]})
    async def remove_whatsapp_account(phone_number_id: PathId, principal: Caller) -> None:
        """Its conversations and messages stay. What waits to be sent through it fails."""
        await tenants.remove_account(actor_of(principal), principal.tenant_id, phone_number_id)


def _add_integrations(router: APIRouter, tenants: Tenants) -> None:
    path = "/genesys-integrations/{integration_id}"

    @router.get("/genesys-integrations", summary="Its Genesys integrations")
    async def list_genesys_integrations(principal: Caller) -> GenesysIntegrationList:
        _, integrations = await tenants.accounts(principal.tenant_id)
        return GenesysIntegrationList(items=[render_integration(each) for each in integrations])

    @router.put(
        path,
        summary="Set a Genesys integration up, or change it",
        responses={code: _REFUSED[code] for code in (409, 422)},
        openapi_extra=takes(GenesysIntegrationBody),
    )
    async def put_genesys_integration(integration_id: PathId, request: Request, principal: Caller) -> GenesysIntegrationAnswer:
        """The whole integration; only a secret that is left out stays as it is."""
        body = await read_body(request, GenesysIntegrationBody)
        integration = await tenants.put_integration(
            actor_of(principal), principal.tenant_id, integration_id, lambda known: body.integration(integration_id, known)
        )
        return render_integration(integration)

    @router.delete(path, status_code=204, summary="Take a Genesys integration off", responses={404: _REFUSED[404]})
    async def remove_genesys_integration(integration_id: PathId, principal: Caller) -> None:
        """Its number goes on without Genesys."""
        await tenants.remove_integration(actor_of(principal), principal.tenant_id, integration_id)
