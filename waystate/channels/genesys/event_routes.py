"""What Genesys tells of conversations, by EventBridge or by a trigger: durable before it is answered.

Neither signs what it sends. Both can send a header of the operator's own, which shows a secret of the integration:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html,
https://help.genesys.cloud/articles/about-the-web-services-data-actions-integration/
"""

import hmac
from typing import Any

from waystate.channels.genesys.routes import Append, Find, Found
from waystate.channels.model import PLATFORMS_OWN, WebhookTaken
from waystate.clock import Clock
from waystate.errors import Unauthorized
from waystate.ids import TenantId, new_id
from waystate.ledger.model import GENESYS_EVENTS, Received
from waystate.operations import Operation, Parameter
from waystate.web.asgi import Request, Response, json_response
from waystate.web.metrics import Metrics
from waystate.work.lanes import lane_of

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


class GenesysEventsWebhook:
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
        body = await request.body(self._max_body)
        shown = _secret_of(request)
        # Once more before it is refused: integration or secret may have been set a moment ago.
        owner = _owner(await self._find_integration(request.tail), shown) or _owner(
            await self._find_integration_now(request.tail), shown
        )
        if owner is None:
            self._metrics.webhooks_total.labels(GENESYS_EVENTS, "refused").inc()
            raise Unauthorized(
                "invalid_secret",
                "Neither X-Waystate-Secret nor Authorization: Bearer shows this integration's event_secret. Check the "
                "integration id in the path and the header that EventBridge's connection, or the data action, sends.",
            )
        received = Received(
            id=new_id(),
            source=GENESYS_EVENTS,
            origin=request.tail,
            lane=lane_of(request.tail, self._lanes),
            received_at=self._clock(),
            body=body,
            signer=owner,
        )
        await self._append([received])
        self._metrics.webhooks_total.labels(GENESYS_EVENTS, "accepted").inc()
        return json_response(b"{}")


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
