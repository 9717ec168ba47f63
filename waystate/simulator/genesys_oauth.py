"""OAuth clients of Genesys Cloud: their tokens, what they may do, and how often.

Source: developer.genesys.cloud, "Client Credentials Grant" and "Rate limits" (300 requests a minute for a client's tokens,
counted from the first of them, with `inin-ratelimit-…` headers); permissions as the platform's own CLI names them for each
path. A login that fails is 400 there, and not 401.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from waystate.clock import Clock
from waystate.documents import JsonObject
from waystate.simulator.config import OAuthClientConfig, SimulatorConfig
from waystate.simulator.genesys_refusals import GenesysRefusal
from waystate.simulator.journal import Journal

MINUTE = 60.0
ORGANIZATION = {"id": "0f9f2f7a-1c3f-4e4f-8d8d-5a6b7c8d9e0f", "name": "Simulated organization"}
EVERY_PERMISSION = (
    "conversation:communication:view",
    "conversation:message:create",
    "conversation:message:receive",
    "conversation:message:view",
    "messaging:integration:add",
    "messaging:integration:edit",
    "messaging:integration:view",
    "messaging:supportedContent:view",
    "oauth:client:view",
)
"""All that is asked for here."""

Behind = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class _Minute:
    began: datetime
    requests: int = 0


class OAuthClients:
    """`requests_per_minute` may be changed while it runs."""

    def __init__(self, config: SimulatorConfig, journal: Journal, clock: Clock) -> None:
        main = OAuthClientConfig(id=config.client_id, secret=config.client_secret)
        self._clients = {client.id: client for client in (*config.genesys_clients, main)}
        self._life = timedelta(seconds=config.genesys_token_life)
        self._minute = timedelta(seconds=MINUTE * config.genesys_time_factor)
        self._journal = journal
        self._clock = clock
        self._generation = 0
        self._minutes: dict[str, _Minute] = {}
        self.requests_per_minute = config.genesys_requests_per_minute

    async def token(self, request: Request) -> Response:
        client, said = self._find_client(request.headers.get("authorization", ""))
        if client is None:
            return JSONResponse({"error": "invalid_client", "description": said, "error_description": said}, 400)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            said = "grant_type must be client_credentials"
            return JSONResponse({"error": "unsupported_grant_type", "description": said, "error_description": said}, 400)
        self._journal.tally["tokens"] += 1
        life = int(self._life.total_seconds())
        return JSONResponse({"access_token": self._issue(client), "token_type": "bearer", "expires_in": life})

    def end_tokens(self) -> None:
        """All that were given out are worth nothing from now on."""
        self._generation += 1

    def guard(self, endpoint: Behind, *permissions: str) -> Behind:
        """The endpoint for who has a token, one of these permissions (none: whoever) and requests left."""

        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                client = self._authenticate(request)
                headers = self._count(client)
                _check_permission(client, permissions)
                request.state.oauth_client = client
                response = await endpoint(request)
            except GenesysRefusal as error:
                response = error.render()
            response.headers.update(headers)
            return response

        return answer

    async def about_token(self, request: Request) -> Response:
        """`GET /api/v2/tokens/me`."""
        client = _client_of(request)
        about = {
            "organization": ORGANIZATION,
            "homeOrganization": ORGANIZATION,
            "authorizedScope": [],
            "OAuthClient": {**_describe(client), "organization": ORGANIZATION},
        }
        return JSONResponse(about)

    async def about_user(self, request: Request) -> Response:
        """`GET /api/v2/users/me`: a client has no user."""
        said = "This request requires a user context. Client credentials cannot be used for requests to this resource."
        raise GenesysRefusal(400, "bad.request", said)

    async def about_organization(self, request: Request) -> Response:
        """`GET /api/v2/organizations/me`."""
        return JSONResponse({**ORGANIZATION, "state": "active", "defaultLanguage": "en-us"})

    async def about_subject(self, request: Request) -> Response:
        """`GET /api/v2/authorization/subjects/me`: what the client's role allows."""
        client = _client_of(request)
        allowed = EVERY_PERMISSION if client.permissions is None else client.permissions
        role = {"id": "simulated-role", "name": "Simulated role", "policies": [_policy(each) for each in sorted(allowed)]}
        grant = {"subjectId": client.id, "division": {"id": "*", "name": "*"}, "role": role}
        place = "/api/v2/authorization/subjects/me"
        return JSONResponse({"id": client.id, "name": client.id, "grants": [grant], "version": 1, "selfUri": place})

    async def about_client(self, request: Request) -> Response:
        """`GET /api/v2/oauth/clients/{id}`."""
        found = self._clients.get(request.path_params["client_id"])
        if found is None:
            raise GenesysRefusal(404, "not.found", "The requested resource was not found.")
        life = int(self._life.total_seconds())
        place = f"/api/v2/oauth/clients/{found.id}"
        return JSONResponse({**_describe(found), "accessTokenValiditySeconds": life, "roleIds": [], "selfUri": place})

    def _find_client(self, header: str) -> tuple[OAuthClientConfig | None, str]:
        """The client whose id and secret these are, or why there is none."""
        scheme, _, pair = header.partition(" ")
        try:
            name, _, secret = base64.b64decode(pair, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, "client credentials are required"
        client = self._clients.get(name)
        if scheme.lower() != "basic" or client is None:
            return None, "client not found"
        return (client, "") if hmac.compare_digest(client.secret, secret) else (None, "authentication failed")

    def _issue(self, client: OAuthClientConfig) -> str:
        """Says by itself whose it is and until when, so that a restarted simulator goes on accepting it."""
        ends = (self._clock() + self._life).timestamp()
        said = f"{client.id}|{ends:.3f}|{self._generation}"
        return f"{base64.urlsafe_b64encode(said.encode()).decode().rstrip('=')}.{_sign(client, said)}"

    def _authenticate(self, request: Request) -> OAuthClientConfig:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            said = "No authentication bearer token specified in authorization header."
            raise GenesysRefusal(401, "authentication.required", said)
        client = self._find_holder(token)
        if client is None:
            raise GenesysRefusal(401, "bad.credentials", "Invalid login credentials.")
        return client

    def _find_holder(self, token: str) -> OAuthClientConfig | None:
        written, _, signature = token.partition(".")
        try:
            said = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)).decode()
            name, ends, generation = said.rsplit("|", 2)
            client = self._clients[name]
            is_over = self._clock().timestamp() >= float(ends) or int(generation) < self._generation
        except (ValueError, KeyError):
            return None
        return None if is_over or not hmac.compare_digest(_sign(client, said), signature) else client

    def _count(self, client: OAuthClientConfig) -> dict[str, str]:
        """One request more in the client's minute; what Genesys says of it in the headers. Raises GenesysRefusal (429)."""
        now = self._clock()
        minute = self._minutes.get(client.id)
        if minute is None or now >= minute.began + self._minute:
            minute = self._minutes[client.id] = _Minute(now)
        left = max(1, ceil((minute.began + self._minute - now).total_seconds()))
        most = self.requests_per_minute
        if minute.requests >= most:
            self._journal.tally["genesys_throttled"] += 1
            said = f"Rate limit exceeded the maximum [{most}] requests within [{MINUTE:.0f}] seconds"
            raise GenesysRefusal(429, "too.many.requests", said, headers={"retry-after": str(left)})
        minute.requests += 1
        return {
            "inin-ratelimit-count": str(minute.requests),
            "inin-ratelimit-allowed": str(most),
            "inin-ratelimit-reset": str(left),
        }


def _client_of(request: Request) -> OAuthClientConfig:
    client: OAuthClientConfig = request.state.oauth_client
    return client


def _check_permission(client: OAuthClientConfig, permissions: tuple[str, ...]) -> None:
    if permissions and client.permissions is not None and not client.permissions.intersection(permissions):
        said = (
            "Unable to perform the requested action. You must have at least one of the following permissions assigned: "
            f"[{', '.join(permissions)}]"
        )
        raise GenesysRefusal(403, "missing.any.permissions", said)


def _sign(client: OAuthClientConfig, said: str) -> str:
    return hmac.new(client.secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def _describe(client: OAuthClientConfig) -> JsonObject:
    return {
        "id": client.id,
        "name": f"Simulated client {client.id}",
        "authorizedGrantType": "CLIENT-CREDENTIALS",
        "scope": [],
        "state": "active",
    }


def _policy(permission: str) -> JsonObject:
    domain, entity, action = permission.split(":")
    return {"domain": domain, "entityName": entity, "actions": [action]}
