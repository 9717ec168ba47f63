"""Meta's callback: verification, and webhooks that are durable before they are answered.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from waystate.channels.model import PLATFORMS_OWN, SIGNATURE, WEBHOOK_PROBLEMS, WebhookTaken
from waystate.channels.signature import sign_as_meta, verify
from waystate.channels.whatsapp.parse import find_numbers
from waystate.clock import Clock
from waystate.errors import Forbidden, Unauthorized
from waystate.ids import new_id
from waystate.ledger.model import Received, split
from waystate.operations import TEXT, Operation, Parameter
from waystate.tenants.model import MetaApp
from waystate.web.asgi import Request, Response, json_response, text_response
from waystate.web.metrics import Metrics
from waystate.work.lanes import lane_of

Append = Callable[[Sequence[Received]], Awaitable[None]]
"""Returns when all rows of the body are durable; raises `Unavailable` when they cannot be made so."""
Find = Callable[[str], Awaitable[MetaApp | None]]
"""The app of an id: as it is remembered, or as the database has it now."""
_EXAMPLE = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
                        "contacts": [{"profile": {"name": "Asha Rao"}, "wa_id": "919876543210"}],
                        "messages": [
                            {
                                "from": "919876543210",
                                "id": "wamid.HBgMOTE5ODc2NTQzMjEw",
                                "timestamp": "1769860800",
                                "type": "text",
                                "text": {"body": "Where is my order?"},
                            }
                        ],
                    },
                }
            ],
        }
    ],
}


class WhatsAppWebhook:
    """The path names the Meta app and so the secret, before a byte is parsed. Nothing else is on this path."""

    def __init__(
        self,
        find_app: Find,
        find_app_now: Find,
        append: Append,
        metrics: Metrics,
        clock: Clock,
        *,
        lanes: int,
        max_body: int,
    ) -> None:
        self._find_app = find_app
        self._find_app_now = find_app_now
        self._append = append
        self._metrics = metrics
        self._clock = clock
        self._lanes = lanes
        self._max_body = max_body

    @Operation(
        "GET",
        "/webhooks/whatsapp/{appId}",
        None,
        tag="Webhooks",
        name="verifyWhatsAppWebhook",
        summary="Meta's verification of the callback",
        description="Meta asks this when callback or token are edited: the challenge comes back verbatim.",
        parameters=(
            Parameter(name="appId"),
            Parameter(name="hub.mode", place="query", example="subscribe"),
            Parameter(name="hub.challenge", place="query"),
            Parameter(name="hub.verify_token", place="query"),
        ),
        answers={200: TEXT},
        problems={403: "The app or the token is not the configured one"},
        example_answer="1158201444",
        ignores_query=PLATFORMS_OWN,
        is_fast=True,
    )
    async def verify(self, request: Request) -> Response:
        app = await self._find_app_now(request.tail)
        given = request.query("hub.verify_token") or ""
        if request.query("hub.mode") != "subscribe" or app is None or not _same(app.verify_token, given):
            raise Forbidden(
                "verification_refused",
                "The app id in the path or hub.verify_token is not the configured one. Correct it in the app's settings.",
            )
        return text_response(request.query("hub.challenge") or "")

    @Operation(
        "POST",
        "/webhooks/whatsapp/{appId}",
        None,
        tag="Webhooks",
        name="receiveWhatsAppWebhook",
        summary="A webhook of Meta: durable before it is answered",
        parameters=(
            Parameter(name="appId"),
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
        body = await request.body(self._max_body)
        signature = request.header(b"x-hub-signature-256")
        # Once more before it is refused: app or secret may have been set a moment ago.
        if not (
            _fits(await self._find_app(request.tail), body, signature)
            or _fits(await self._find_app_now(request.tail), body, signature)
        ):
            self._metrics.webhooks_total.labels("whatsapp", "refused").inc()
            raise Unauthorized(
                "invalid_signature",
                "X-Hub-Signature-256 is missing or does not fit the body and this app's secret. Check the app id in the path "
                "and the app secret.",
            )
        received = Received(
            id=new_id(),
            source="whatsapp",
            origin=request.tail,
            lane=lane_of(request.tail, self._lanes),
            received_at=self._clock(),
            body=body,
        )
        await self._append(split(received, find_numbers(body), self._lanes))
        self._metrics.webhooks_total.labels("whatsapp", "accepted").inc()
        return json_response(b"{}")


def _fits(app: MetaApp | None, body: bytes, signature: bytes | None) -> bool:
    return app is not None and verify(sign_as_meta, app.app_secret.encode(), body, signature)


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
