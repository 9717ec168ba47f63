"""`/v1/tenant`: a tenant's settings, numbers and integrations, by its own people and keys."""

from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.tenants.bodies import (
    ACCOUNT_EXAMPLE,
    INTEGRATION_EXAMPLE,
    TENANT_EXAMPLE,
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

_REFUSED = {
    404: "This tenant has no account of this id",
    409: "Another tenant has this number or integration, or two accounts want the same",
    422: "A field is not usable; `errors` names it",
}


class TenantRoutes:
    """`graph_api_url` is where new numbers are reached."""

    def __init__(self, tenants: Tenants, *, graph_api_url: str) -> None:
        self._tenants = tenants
        self._graph_api_url = graph_api_url

    @Operation(
        "GET",
        "/v1/tenant",
        Scope.TENANT_READ,
        tag="Tenant",
        summary="The tenant, its settings and its quotas",
        example_answer=TENANT_EXAMPLE,
    )
    async def get_tenant(self, principal: Caller) -> TenantAnswer:
        return render_tenant(await self._tenants.find(principal.tenant_id))

    @Operation(
        "PATCH",
        "/v1/tenant",
        Scope.TENANT_WRITE,
        tag="Tenant",
        summary="Change its name or settings",
        problems={422: _REFUSED[422]},
        example_body={"name": "Acme Stores", "settings": {"mapping_ttl": None}},
        example_answer={**TENANT_EXAMPLE, "name": "Acme Stores"},
    )
    async def change_tenant(self, principal: Caller, body: TenantChange) -> TenantAnswer:
        """Quotas are the platform's to set."""
        tenant_id = principal.tenant_id
        return render_tenant(await self._tenants.change(actor_of(principal), tenant_id, body.changes(), log=tenant_id))

    @Operation(
        "GET",
        "/v1/tenant/whatsapp-accounts",
        Scope.TENANT_READ,
        tag="Tenant",
        name="listWhatsAppAccounts",
        summary="Its WhatsApp numbers",
        example_answer={"items": [ACCOUNT_EXAMPLE]},
    )
    async def list_whatsapp_accounts(self, principal: Caller) -> WhatsAppAccountList:
        accounts, integrations = await self._tenants.accounts(principal.tenant_id)
        held = await self._tenants.holds(principal.tenant_id)
        facts = await self._tenants.facts(principal.tenant_id)
        return WhatsAppAccountList(
            items=[
                render_account(each, integrations, held.get(each.phone_number_id), facts.get(each.phone_number_id))
                for each in accounts
            ]
        )

    @Operation(
        "PUT",
        "/v1/tenant/whatsapp-accounts/{phone_number_id}",
        Scope.TENANT_WRITE,
        tag="Tenant",
        name="putWhatsAppAccount",
        summary="Set a WhatsApp number up, or change it",
        problems=_REFUSED,
        example_body={
            "display_phone_number": ACCOUNT_EXAMPLE["display_phone_number"],
            "business_account_id": ACCOUNT_EXAMPLE["business_account_id"],
            "meta_app_id": ACCOUNT_EXAMPLE["meta_app_id"],
            "access_token": "EAAG-as-Meta-shows-it",
            "is_default": True,
        },
        example_answer={**ACCOUNT_EXAMPLE, "genesys_integration": None},
    )
    async def put_whatsapp_account(
        self, phone_number_id: PathId, principal: Caller, body: WhatsAppAccountBody
    ) -> WhatsAppAccountAnswer:
        """The whole account; only a secret that is left out stays as it is."""
        account = await self._tenants.put_account(
            actor_of(principal),
            principal.tenant_id,
            phone_number_id,
            lambda known, integrations: body.account(phone_number_id, self._graph_api_url, known, integrations),
        )
        held = (await self._tenants.holds(principal.tenant_id)).get(phone_number_id)
        facts = (await self._tenants.facts(principal.tenant_id)).get(phone_number_id)
        return render_account(account, (await self._tenants.accounts(principal.tenant_id))[1], held, facts)

    @Operation(
        "DELETE",
        "/v1/tenant/whatsapp-accounts/{phone_number_id}",
        Scope.TENANT_WRITE,
        tag="Tenant",
        name="removeWhatsAppAccount",
        summary="Take a WhatsApp number off",
        status=204,
        problems={404: _REFUSED[404]},
    )
    async def remove_whatsapp_account(self, phone_number_id: PathId, principal: Caller) -> None:
        """Its conversations and messages stay. What waits to be sent through it fails."""
        await self._tenants.remove_account(actor_of(principal), principal.tenant_id, phone_number_id)

    @Operation(
        "GET",
        "/v1/tenant/genesys-integrations",
        Scope.TENANT_READ,
        tag="Tenant",
        summary="Its Genesys integrations",
        example_answer={"items": [INTEGRATION_EXAMPLE]},
    )
    async def list_genesys_integrations(self, principal: Caller) -> GenesysIntegrationList:
        _, integrations = await self._tenants.accounts(principal.tenant_id)
        return GenesysIntegrationList(items=[render_integration(each) for each in integrations])

    @Operation(
        "PUT",
        "/v1/tenant/genesys-integrations/{integration_id}",
        Scope.TENANT_WRITE,
        tag="Tenant",
        summary="Set a Genesys integration up, or change it",
        problems={code: _REFUSED[code] for code in (409, 422)},
        example_body={
            "region": INTEGRATION_EXAMPLE["region"],
            "client_id": INTEGRATION_EXAMPLE["client_id"],
            "client_secret": "as-Genesys-shows-it",
            "webhook_secret": "at least 16 characters",
        },
        example_answer=INTEGRATION_EXAMPLE,
    )
    async def put_genesys_integration(
        self, integration_id: PathId, principal: Caller, body: GenesysIntegrationBody
    ) -> GenesysIntegrationAnswer:
        """The whole integration; only a secret that is left out stays as it is."""
        integration = await self._tenants.put_integration(
            actor_of(principal), principal.tenant_id, integration_id, lambda known: body.integration(integration_id, known)
        )
        return render_integration(integration)

    @Operation(
        "DELETE",
        "/v1/tenant/genesys-integrations/{integration_id}",
        Scope.TENANT_WRITE,
        tag="Tenant",
        summary="Take a Genesys integration off",
        status=204,
        problems={404: _REFUSED[404], 409: "A number passes its customers' messages on through it"},
    )
    async def remove_genesys_integration(self, integration_id: PathId, principal: Caller) -> None:
        """Only one that no number uses: what its customers write would be passed on to nobody."""
        await self._tenants.remove_integration(actor_of(principal), principal.tenant_id, integration_id)
