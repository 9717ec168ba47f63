"""Genesys as its administrators see it: the one integration of this simulation, and content profiles.

Whoever makes an integration gets this one, with the name, address and secret that they gave; webhooks go there from then on.
Source: platform SDK, OpenIntegration, OpenIntegrationRequest, SupportedContent.
"""

from collections.abc import Callable
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waystate.documents import JsonObject, Unreadable, parse
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys import refusal
from waystate.simulator.webhooks import Webhooks, base64_signature, genesys_terms

SECRET_FLOOR = 16

Refuse = Callable[[Request], Response | None]
"""Why a caller without a token, or for another integration, gets nothing."""


class GenesysAdministration:
    def __init__(self, config: SimulatorConfig, webhooks: Webhooks, refuse: Refuse) -> None:
        self._webhooks = webhooks
        self._refuse = refuse
        self._terms = genesys_terms(config)
        self._profiles: dict[str, JsonObject] = {}
        self._integration: JsonObject = {
            "id": config.integration_id,
            "name": "Simulated integration",
            "outboundNotificationWebhookUrl": config.genesys_webhook_url,
            "status": "Active",
            "createStatus": "Completed",
        }

    async def show(self, request: Request) -> Response:
        """The secret is not among it."""
        return self._refuse(request) or JSONResponse(self._integration)

    async def list(self, request: Request) -> Response:
        return self._refuse(request) or _listed([self._integration])

    async def change(self, request: Request) -> Response:
        if refused := self._refuse(request):
            return refused
        try:
            body = parse(await request.body())
        except Unreadable as error:
            return refusal(400, "bad.request", str(error))
        wrong = _problem(body) if isinstance(body, dict) else "The body should be an object."
        if wrong is not None:
            return refusal(400, "bad.request", wrong)
        secret = str(body["outboundNotificationWebhookSignatureSecretToken"]).encode()
        self._integration |= {
            name: body[name] for name in ("name", "outboundNotificationWebhookUrl", "supportedContent") if name in body
        }
        url = self._integration["outboundNotificationWebhookUrl"]
        self._terms = replace(self._terms, url=url, sign=lambda sent: base64_signature(secret, sent))
        self._webhooks.change_terms(self._terms)
        return JSONResponse(self._integration)

    async def list_profiles(self, request: Request) -> Response:
        return self._refuse(request) or _listed(list(self._profiles.values()))

    async def show_profile(self, request: Request) -> Response:
        profile = self._profiles.get(request.path_params["profile_id"])
        missing = refusal(404, "not.found", "There is no such content profile.")
        return self._refuse(request) or (missing if profile is None else JSONResponse(profile))

    async def make_profile(self, request: Request) -> Response:
        if refused := self._refuse(request):
            return refused
        try:
            body = parse(await request.body())
        except Unreadable as error:
            return refusal(400, "bad.request", str(error))
        name = body.get("name") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            return refusal(400, "bad.request", "should have required property 'name'")
        profile = {**body, "id": str(uuid5(NAMESPACE_URL, name))}
        self._profiles[profile["id"]] = profile
        return JSONResponse(profile)


def _listed(entities: list[JsonObject]) -> Response:
    return JSONResponse({"entities": entities, "pageSize": 25, "pageNumber": 1, "pageCount": 1, "total": len(entities)})


def _problem(body: JsonObject) -> str | None:
    for name in ("name", "outboundNotificationWebhookUrl", "outboundNotificationWebhookSignatureSecretToken"):
        if not isinstance(body.get(name), str) or not body[name]:
            return f"should have required property '{name}'"
    if len(body["outboundNotificationWebhookSignatureSecretToken"]) < SECRET_FLOOR:
        return "The signature secret token must be longer than 15 characters."
    return None
