"""Of `tenant`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Mapping
from typing import Any, Literal

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class AsyncTenantNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.TenantAnswer:
        """The tenant, its settings and its quotas"""
        return await self._caller.call("GET", "/v1/tenant", models.TenantAnswer)

    async def change(
        self,
        *,
        name: str | Unset | None = UNSET,
        settings: models.TenantSettingsChanges | Mapping[str, Any] | Unset | None = UNSET,
    ) -> models.TenantAnswer:
        """Change its name or settings

        Quotas are the platform's to set.
        """
        return await self._caller.call(
            "PATCH", "/v1/tenant", models.TenantAnswer, fields={"name": name, "settings": settings}, is_keyed=True
        )

    async def list_whatsapp_accounts(self) -> models.WhatsAppAccountList:
        """Its WhatsApp numbers"""
        return await self._caller.call("GET", "/v1/tenant/whatsapp-accounts", models.WhatsAppAccountList)

    async def put_whatsapp_account(
        self,
        phone_number_id: str,
        *,
        display_phone_number: str,
        business_account_id: str,
        meta_app_id: str,
        access_token: str | None = None,
        limits: models.WhatsAppLimits | Mapping[str, Any] | None = None,
        genesys_integration: str | None = None,
        sender: Literal["waystate", "external"] | None = None,
        is_default: bool | None = None,
        is_active: bool | None = None,
    ) -> models.WhatsAppAccountAnswer:
        """Set a WhatsApp number up, or change it

        The whole account; only a secret that is left out stays as it is.

        access_token: Left out, the one that is stored stays. It is shown to nobody.
        genesys_integration: The id of the integration in Genesys that serves this number.
        """
        return await self._caller.call(
            "PUT",
            f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}",
            models.WhatsAppAccountAnswer,
            fields={
                "display_phone_number": display_phone_number,
                "business_account_id": business_account_id,
                "meta_app_id": meta_app_id,
                "access_token": access_token,
                "limits": limits,
                "genesys_integration": genesys_integration,
                "sender": sender,
                "is_default": is_default,
                "is_active": is_active,
            },
            is_keyed=True,
        )

    async def remove_whatsapp_account(self, phone_number_id: str) -> None:
        """Take a WhatsApp number off

        Its conversations and messages stay. What waits to be sent through it fails.
        """
        return await self._caller.call(
            "DELETE", f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}", None, is_keyed=True
        )

    async def list_genesys_integrations(self) -> models.GenesysIntegrationList:
        """Its Genesys integrations"""
        return await self._caller.call("GET", "/v1/tenant/genesys-integrations", models.GenesysIntegrationList)

    async def put_genesys_integration(
        self,
        integration_id: str,
        *,
        region: str,
        client_id: str,
        client_secret: str | None = None,
        webhook_secret: str | None = None,
        event_secret: str | None = None,
        limits: models.GenesysLimits | Mapping[str, Any] | None = None,
        sender: Literal["waystate", "external"] | None = None,
        receipts: Literal["all", "final", "failed", "none"] | None = None,
        prefetch_conversation_id: bool | None = None,
    ) -> models.GenesysIntegrationAnswer:
        """Set a Genesys integration up, or change it

        The whole integration; only a secret that is left out stays as it is.

        client_secret: Left out, the one that is stored stays; a new region takes it anew. It is shown to nobody.
        webhook_secret: At least 16 characters, the same as in Genesys. Left out, the one that is stored stays. It is
        shown to nobody.
        event_secret: At least 16 characters, which whoever tells of ends of conversations shows in a header. Left
        out, the one that is stored stays; without one nothing is taken there. It is shown to nobody.
        receipts: What Genesys is told of agents' messages, each for a request of the client's budget: `final`,
        whether it was delivered or failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`);
        `none`, nothing.
        prefetch_conversation_id: Genesys tells its conversation's id with each answer, which then takes longer.
        false: it is looked up afterwards.
        """
        return await self._caller.call(
            "PUT",
            f"/v1/tenant/genesys-integrations/{in_path(integration_id)}",
            models.GenesysIntegrationAnswer,
            fields={
                "region": region,
                "client_id": client_id,
                "client_secret": client_secret,
                "webhook_secret": webhook_secret,
                "event_secret": event_secret,
                "limits": limits,
                "sender": sender,
                "receipts": receipts,
                "prefetch_conversation_id": prefetch_conversation_id,
            },
            is_keyed=True,
        )

    async def remove_genesys_integration(self, integration_id: str) -> None:
        """Take a Genesys integration off

        Only one that no number uses: what its customers write would be passed on to nobody.
        """
        return await self._caller.call(
            "DELETE", f"/v1/tenant/genesys-integrations/{in_path(integration_id)}", None, is_keyed=True
        )

    async def check_whatsapp_account(self, phone_number_id: str, *, idempotency_key: str | None = None) -> models.CheckAnswer:
        """Ask WhatsApp whether it works

        200 whatever comes out: `ok` and `findings` tell.
        """
        return await self._caller.call(
            "POST",
            f"/v1/tenant/whatsapp-accounts/{in_path(phone_number_id)}/check",
            models.CheckAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def check_genesys_integration(self, integration_id: str, *, idempotency_key: str | None = None) -> models.CheckAnswer:
        """Ask Genesys whether it works

        200 whatever comes out: `ok` and `findings` tell.
        """
        return await self._caller.call(
            "POST",
            f"/v1/tenant/genesys-integrations/{in_path(integration_id)}/check",
            models.CheckAnswer,
            headers={"Idempotency-Key": idempotency_key},
            is_keyed=True,
        )

    async def list_genesys_queues(self) -> models.GenesysQueueList:
        """What waits for Genesys, by OAuth client

        Genesys takes 300 requests a minute of a client, unless its support has raised that. Messages go before
        receipts.
        """
        return await self._caller.call("GET", "/v1/tenant/genesys-queues", models.GenesysQueueList)

    async def get_identity_provider(self) -> models.ProviderAnswer:
        """The identity provider, without its secret"""
        return await self._caller.call("GET", "/v1/tenant/identity-provider", models.ProviderAnswer)

    async def put_identity_provider(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        settings: models.ProviderSettings | Mapping[str, Any] | None = None,
    ) -> models.ProviderAnswer:
        """Let people log in by an OpenID Connect provider

        An owner's to decide: who runs the provider decides who anybody of this tenant is.

        Another issuer or client knows people by other names, so each is found by the e-mail address again.
        """
        return await self._caller.call(
            "PUT",
            "/v1/tenant/identity-provider",
            models.ProviderAnswer,
            fields={"issuer": issuer, "client_id": client_id, "client_secret": client_secret, "settings": settings},
            is_keyed=True,
        )

    async def delete_identity_provider(self) -> None:
        """No login by an identity provider any more

        People stay, and log in with their passwords; sessions go on until they end.
        """
        return await self._caller.call("DELETE", "/v1/tenant/identity-provider", None, is_keyed=True)
