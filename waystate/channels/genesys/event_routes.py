"""What Genesys tells of conversations, by EventBridge or by a trigger: durable before it is answered.

Neither signs what it sends. Both can send a header of the operator's own, which shows a secret of the integration:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html,
https://help.genesys.cloud/articles/about-the-web-services-data-actions-integration/
"""

import hmac
from typing import Any

from waystate.channels.genesys.routes import Found, IntegrationDoor
from waystate.channels.model import PLATFORMS_OWN, WebhookTaken
from waystate.ids import TenantId
from waystate.ledger.model import GENESYS_EVENTS
from waystate.operations import Operation, Parameter
from waystate.web.asgi import Request, Response

SECRET_HEADER = b"x-waystate-secret"
_PROBLEMS = {401: "The header shows no secret of this integration", 413: "Over 4 MiB", 503: "Not durable now; send again"}
_EXAMPLE = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "v2.detail.events.conversation.{id}.customer.end",
    "source": "aws.partner/genesys.com/cloud/5f0c1d9e-6a0b-4c3d-8e7f-2a1b3c4d5e6f/waystate",
    "time": "2026-01-31T12:20:00Z",
    "detail": {
        "topicName": "v2.detail.events.conversation.3b1f6a52-8c7d-4e9f-a0b1-c2d3e4f5a6b7.customer.end",
        "eventBody": {
            "eventTime": 1769862000123,
            "conversationId": "3b1f6a52-8c7d-4e9f-a0b1-c2d3e4f5a6b7",
            "disconnectType": "PEER",
            "mediaType": "MESSAGE",
        },
    },
}


class GenesysEventsWebhook(IntegrationDoor):
    source = GENESYS_EVENTS
    refused = (
        "invalid_secret",
        "Neither X-Waystate-Secret nor Authorization: Bearer shows this integration's event_secret. Check the "
        "integration id in the path and the header that EventBridge's connection, or the data action, sends.",
    )

    @Operation(
        "POST",
        "/webhooks/genesys/{integrationId}/events",
        None,
        tag="Webhooks",
        name="receiveGenesysEvents",
        summary="Ends of Genesys' conversations: durable before they are answered",
        parameters=(
            Parameter(name="integrationId"),
            Parameter(
                name="X-Waystate-Secret",
                place="header",
                required=False,
                description="The integration's `event_secret`; or `Authorization: Bearer` with it",
            ),
        ),
        body=dict[str, Any] | list[dict[str, Any]],
        answers={200: WebhookTaken},
        problems=_PROBLEMS,
        example_body=_EXAMPLE,
        example_answer={},
        ignores_query=PLATFORMS_OWN,
        is_fast=True,
    )
    async def receive(self, request: Request) -> Response:
        shown = _secret_of(request)
        return await self.keep(request, lambda found, _: _owner(found, shown))


def _secret_of(request: Request) -> bytes | None:
    own = request.header(SECRET_HEADER)
    if own is not None:
        return own
    scheme, _, credentials = (request.header(b"authorization") or b"").partition(b" ")
    return credentials.strip() if scheme.lower() == b"bearer" else None


def _owner(found: Found, shown: bytes | None) -> TenantId | None:
    """The tenant whose secret it is. Where none is set nobody has it."""
    if found is None or not shown or not found[1].event_secret:
        return None
    return found[0] if hmac.compare_digest(found[1].event_secret.encode(), shown) else None
