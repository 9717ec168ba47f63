"""Genesys' callback (outboundNotificationWebhookUrl): messages of agents and bots, durable before they are answered.

https://developer.genesys.cloud/commdigital/digital/openmessaging/validate
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from waystate.channels.model import PLATFORMS_OWN, SIGNATURE, WEBHOOK_PROBLEMS, WebhookTaken
from waystate.channels.signature import sign_as_genesys, verify
from waystate.clock import Clock
from waystate.errors import Unauthorized
from waystate.ids import TenantId, new_id
from waystate.ledger.model import Received
from waystate.operations import Operation, Parameter
from waystate.tenants.model import GenesysIntegration
from waystate.web.asgi import Request, Response, json_response
from waystate.web.metrics import Metrics
from waystate.work.lanes import lane_of

Append = Callable[[Sequence[Received]], Awaitable[None]]
Found = tuple[TenantId, GenesysIntegration] | None
Find = Callable[[str], Awaitable[Found]]
"""The integration of an id: as it is remembered, or as the database has it now."""
_EXAMPLE = {
    "id": "9f2f7a1c3f0e4f2d8d5a6b7c8d9e0f10",
    "channel": {
        "id": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
        "platform": "Open",
        "type": "Private",
        "to": {"id": "919876543210", "idType": "Opaque"},
        "time": "2026-01-31T12:00:03.000Z",
    },
    "type": "Text",
    "text": "It left our warehouse this morning.",
    "direction": "Outbound",
}


class IntegrationDoor:
    """What comes for one integration is kept in the ledger, once it is known whose it is."""

    source: ClassVar[str]
    """In the ledger, and in metrics."""
    refused: ClassVar[tuple[str, str]]
    """Code and detail of the answer to who shows no secret of the integration."""

    def __init__(
        self,
        find_integration: Find,
        find_integration_now: Find,
        append: Append,
        metrics: Metrics,
        clock: Clock,
        *,
        lanes: int,
        max_body: int,
    ) -> None:
        self._find_integration = find_integration
        self._find_integration_now = find_integration_now
        self._append = append
        self._metrics = metrics
        self._clock = clock
        self._lanes = lanes
        self._max_body = max_body

    async def keep(self, request: Request, owner_of: Callable[[Found, bytes], TenantId | None]) -> Response:
        """`owner_of`: the tenant that an integration is of, if what came fits its secret."""
        body = await request.body(self._max_body)
        # Once more before it is refused: integration or secret may have been set a moment ago.
        owner = owner_of(await self._find_integration(request.tail), body) or owner_of(
            await self._find_integration_now(request.tail), body
        )
        if owner is None:
            self._metrics.webhooks_total.labels(self.source, "refused").inc()
            raise Unauthorized(*self.refused)
        received = Received(
            id=new_id(),
            source=self.source,
            origin=request.tail,
            lane=lane_of(request.tail, self._lanes),
            received_at=self._clock(),
            body=body,
            signer=owner,
        )
        await self._append([received])
        self._metrics.webhooks_total.labels(self.source, "accepted").inc()
        return json_response(b"{}")


class GenesysWebhook(IntegrationDoor):
    source = "genesys"
    refused = (
        "invalid_signature",
        "X-Hub-Signature-256 is missing or does not fit the body and this integration's secret. Genesys sends it in "
        "base64; check the integration id in the path and outboundNotificationWebhookSignatureSecretToken.",
    )

    @Operation(
        "POST",
        "/webhooks/genesys/{integrationId}",
        None,
        tag="Webhooks",
        name="receiveGenesysWebhook",
        summary="An outbound message of Genesys: durable before it is answered",
        parameters=(
            Parameter(name="integrationId"),
            SIGNATURE,
        ),
        body=dict[str, Any],
        answers={200: WebhookTaken},
        problems=WEBHOOK_PROBLEMS,
        example_body=_EXAMPLE,
        example_answer={},
        ignores_query=PLATFORMS_OWN,
        is_fast=True,
    )
    async def receive(self, request: Request) -> Response:
        signature = request.header(b"x-hub-signature-256")
        return await self.keep(request, lambda found, body: _signer(found, body, signature))


def _signer(found: Found, body: bytes, signature: bytes | None) -> TenantId | None:
    """The tenant whose secret fits."""
    if found is None or not verify(sign_as_genesys, found[1].webhook_secret.encode(), body, signature):
        return None
    return found[0]
