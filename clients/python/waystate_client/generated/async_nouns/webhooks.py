"""Of `webhooks`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models


class AsyncWebhooksNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def verify_whatsapp(self, app_id: str, *, hub_mode: str, hub_challenge: str, hub_verify_token: str) -> str:
        """Meta's verification of the callback

        Meta asks this when callback or token are edited: the challenge comes back verbatim.
        """
        return await self._caller.call(
            "GET",
            f"/webhooks/whatsapp/{in_path(app_id)}",
            str,
            query={"hub.mode": hub_mode, "hub.challenge": hub_challenge, "hub.verify_token": hub_verify_token},
        )

    async def receive_whatsapp(self, app_id: str, body: Mapping[str, Any], *, x_hub_signature_256: str) -> models.WebhookTaken:
        """A webhook of Meta: durable before it is answered

        x_hub_signature_256: HMAC-SHA256 over the raw body
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/whatsapp/{in_path(app_id)}",
            models.WebhookTaken,
            headers={"X-Hub-Signature-256": x_hub_signature_256},
            body=body,
        )

    async def receive_genesys(
        self, integration_id: str, body: Mapping[str, Any], *, x_hub_signature_256: str
    ) -> models.WebhookTaken:
        """An outbound message of Genesys: durable before it is answered

        x_hub_signature_256: HMAC-SHA256 over the raw body
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/genesys/{in_path(integration_id)}",
            models.WebhookTaken,
            headers={"X-Hub-Signature-256": x_hub_signature_256},
            body=body,
        )

    async def receive_genesys_events(
        self,
        integration_id: str,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        x_waystate_secret: str | None = None,
    ) -> models.WebhookTaken:
        """Ends of Genesys' conversations: durable before they are answered

        x_waystate_secret: The integration's `event_secret`; or `Authorization: Bearer` with it
        """
        return await self._caller.call(
            "POST",
            f"/webhooks/genesys/{in_path(integration_id)}/events",
            models.WebhookTaken,
            headers={"X-Waystate-Secret": x_waystate_secret},
            body=body,
        )
