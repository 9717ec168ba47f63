"""Open Messaging integrations and their supported content, as an administrator sets them up.

Source: the platform SDK's OpenIntegration, OpenIntegrationRequest and SupportedContent; the secret has more than 15
characters, and no answer shows it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from random import Random
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waystate.clock import Clock, iso
from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.genesys_bodies import read_body
from waystate.simulator.genesys_refusals import GenesysRefusal, not_found
from waystate.simulator.webhooks import WebhookTerms, genesys_terms

PLACE = "/api/v2/conversations/messaging/integrations/open"
SUPPORTED = "/api/v2/conversations/messaging/supportedcontent"
PROFILE_ID = "6a1f0c52-0000-4000-8000-000000000003"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def _check_webhook(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise ValueError("should be a URL that begins with https://")
    return url


WebhookUrl = Annotated[str, AfterValidator(_check_webhook)]
WebhookSecret = Annotated[str, Field(min_length=16)]


class NewProfile(BaseModel):
    name: str = Field(min_length=1)
    mediaTypes: dict[str, Any] = {}


class Reference(BaseModel):
    id: str = Field(min_length=1)


class IntegrationRequest(BaseModel):
    name: str = Field(min_length=1)
    outboundNotificationWebhookUrl: WebhookUrl
    outboundNotificationWebhookSignatureSecretToken: WebhookSecret
    supportedContent: Reference | None = None
    messagingSetting: Reference | None = None
    webhookHeaders: dict[str, str] = {}


class IntegrationChange(BaseModel):
    """What is not named stays."""

    name: Annotated[str, Field(min_length=1)] | None = None
    outboundNotificationWebhookUrl: WebhookUrl | None = None
    outboundNotificationWebhookSignatureSecretToken: WebhookSecret | None = None
    supportedContent: Reference | None = None
    messagingSetting: Reference | None = None
    webhookHeaders: dict[str, str] | None = None


@dataclass(slots=True, kw_only=True)
class IntegrationAtGenesys:
    id: str
    name: str
    url: str
    secret: str = field(repr=False)
    created: datetime
    changed: datetime
    headers: dict[str, str] = field(default_factory=dict)
    supported_content: str = PROFILE_ID

    def render(self) -> JsonObject:
        return {
            "id": self.id,
            "name": self.name,
            "supportedContent": {"id": self.supported_content, "selfUri": f"{SUPPORTED}/{self.supported_content}"},
            "outboundNotificationWebhookUrl": self.url,
            "webhookHeaders": self.headers,
            "status": "Active",
            "createStatus": "Completed",
            "dateCreated": iso(self.created),
            "dateModified": iso(self.changed),
            "selfUri": f"{PLACE}/{self.id}",
        }


class Integrations:
    """That of the configuration, and those made since."""

    def __init__(self, config: SimulatorConfig, clock: Clock, random: Random) -> None:
        self._config = config
        self._clock = clock
        self._random = random
        now = clock()
        first = IntegrationAtGenesys(
            id=config.integration_id,
            name="Simulated integration",
            url=config.genesys_webhook_url,
            secret=config.webhook_secret,
            created=now,
            changed=now,
        )
        self._by_id = {first.id: first}
        self._profiles: dict[str, JsonObject] = {}

    def get(self, integration_id: str) -> IntegrationAtGenesys:
        """Raises GenesysRefusal (404)."""
        found = self._by_id.get(integration_id)
        if found is None:
            raise not_found(f"there is no Open Messaging integration {integration_id}")
        return found

    def terms(self, integration_id: str) -> WebhookTerms:
        """How its webhooks go out, as it is set up now."""
        found = self.get(integration_id)
        return genesys_terms(self._config, found.url, found.secret, found.headers)

    async def list(self, request: Request) -> Response:
        wanted = request.query_params.get("supportedContentId")
        found = [each.render() for each in self._by_id.values() if wanted in (None, each.supported_content)]
        return _listing(request, PLACE, found)

    async def one(self, request: Request) -> Response:
        return JSONResponse(self.get(request.path_params["integration_id"]).render())

    async def add(self, request: Request) -> Response:
        _, body = await read_body(request, IntegrationRequest)
        now = self._clock()
        made = IntegrationAtGenesys(
            id=str(UUID(bytes=self._random.randbytes(16), version=4)),
            name=body.name,
            url=body.outboundNotificationWebhookUrl,
            secret=body.outboundNotificationWebhookSignatureSecretToken,
            created=now,
            changed=now,
            headers=body.webhookHeaders,
            supported_content=self._profile_of(body.supportedContent) or PROFILE_ID,
        )
        self._by_id[made.id] = made
        return JSONResponse(made.render())

    async def change(self, request: Request) -> Response:
        found = self.get(request.path_params["integration_id"])
        _, body = await read_body(request, IntegrationChange)
        found.supported_content = self._profile_of(body.supportedContent) or found.supported_content
        found.name = body.name or found.name
        found.url = body.outboundNotificationWebhookUrl or found.url
        found.secret = body.outboundNotificationWebhookSignatureSecretToken or found.secret
        found.headers = found.headers if body.webhookHeaders is None else body.webhookHeaders
        found.changed = self._clock()
        return JSONResponse(found.render())

    async def list_supported(self, request: Request) -> Response:
        return _listing(request, SUPPORTED, [self._render_profile(), *self._profiles.values()])

    async def add_supported(self, request: Request) -> Response:
        _, body = await read_body(request, NewProfile)
        made = str(UUID(bytes=self._random.randbytes(16), version=4))
        about = {"id": made, "name": body.name, "version": 1, "mediaTypes": body.mediaTypes, "selfUri": f"{SUPPORTED}/{made}"}
        self._profiles[made] = about
        return JSONResponse(about)

    async def one_supported(self, request: Request) -> Response:
        wanted = request.path_params["profile_id"]
        if wanted in self._profiles:
            return JSONResponse(self._profiles[wanted])
        if wanted not in (PROFILE_ID, "default"):
            raise not_found(f"supported content {wanted}")
        return JSONResponse(self._render_profile())

    def _profile_of(self, said: Reference | None) -> str | None:
        if said is not None and said.id != PROFILE_ID and said.id not in self._profiles:
            raise not_found(f"supported content {said.id}")
        return None if said is None else said.id

    def check_media(self, mime: str | None) -> None:
        """Raises GenesysRefusal (400) for what the profile does not let customers attach."""
        allowed = self._config.genesys_media_types
        kind = (mime or "").partition(";")[0].strip().lower()
        if "*/*" in allowed or kind in allowed or f"{kind.partition('/')[0]}/*" in allowed:
            return
        raise GenesysRefusal(
            400,
            "bad.request",
            f"The media type {kind or 'of an attachment without one'} is not in the integration's supported content.",
            details=[{"errorCode": "media.type.not.allowed", "fieldName": "content.attachment.mime"}],
        )

    def _render_profile(self) -> JsonObject:
        allowed = [{"type": each} for each in self._config.genesys_media_types]
        return {
            "id": PROFILE_ID,
            "name": "Simulated profile",
            "version": 1,
            "mediaTypes": {"allow": {"inbound": allowed, "outbound": [{"type": "*/*"}]}},
            "selfUri": f"{SUPPORTED}/{PROFILE_ID}",
        }


def _listing(request: Request, place: str, entities: list[JsonObject]) -> Response:
    try:
        size = int(request.query_params.get("pageSize", "25"))
        number = int(request.query_params.get("pageNumber", "1"))
    except ValueError:
        size, number = 0, 0
    if size < 1 or number < 1:
        raise GenesysRefusal(400, "bad.request", "pageSize and pageNumber should be numbers from 1.")
    page = {
        "entities": entities[(number - 1) * size : number * size],
        "pageSize": size,
        "pageNumber": number,
        "total": len(entities),
        "pageCount": ceil(len(entities) / size),
        "selfUri": f"{place}?pageSize={size}&pageNumber={number}",
    }
    return JSONResponse(page)
