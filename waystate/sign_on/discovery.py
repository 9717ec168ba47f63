"""Calls to identity providers: their document, their keys, and a code for a token.

A tenant names the address, so a call goes to the internet and nowhere else than it says (`egress`), no cookie is kept, and what
is answered is small and soon here, or refused.
"""

import asyncio
import base64
import time
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waystate import documents
from waystate.documents import JsonObject
from waystate.egress import NotAllowed, open_to_anybody
from waystate.errors import Unauthorized, Unavailable
from waystate.sign_on.attempt import Attempt
from waystate.sign_on.model import check_endpoint
from waystate.tenants.routing import Monotonic, ShortMemory

TIMEOUT = 10.0
"""Seconds for one whole answer; somebody looks at an empty page meanwhile."""
LARGEST = 256 * 1024
"""Bytes. The largest sets of keys in use have 20,000."""
METADATA_TTL, KEYS_TTL = 600.0, 600.0

_SUFFIX = "/.well-known/openid-configuration"
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "waystate"}


class Metadata(BaseModel):
    """What is used of the provider's document (OpenID Connect Discovery, section 3)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    auth_methods: tuple[str, ...] = Field(("client_secret_basic",), alias="token_endpoint_auth_methods_supported")
    names_issuer: bool = Field(False, alias="authorization_response_iss_parameter_supported")


class Discovery:
    """`http` may be given to stand in for the network; it is closed here."""

    def __init__(
        self,
        own_hosts: Iterable[str] = (),
        *,
        http: httpx2.AsyncClient | None = None,
        timeout: float = TIMEOUT,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._own_hosts = tuple(own_hosts)
        self._timeout = timeout
        self._metadata = ShortMemory(self._load_metadata, ttl=METADATA_TTL, size=1000, monotonic=monotonic)
        self._keys = ShortMemory(self._load_keys, ttl=KEYS_TTL, size=1000, monotonic=monotonic)
        self._http = http

    async def metadata_of(self, issuer: str) -> Metadata:
        found = await self._metadata.find(issuer)
        assert found is not None
        return found

    async def keys_of(self, metadata: Metadata) -> JsonObject:
        found = await self._keys.find(metadata.jwks_uri)
        assert found is not None
        return found

    async def newer_keys_of(self, metadata: Metadata) -> JsonObject:
        """Fetched again, because one was missing: providers change their keys without notice."""
        self._keys.forget(metadata.jwks_uri)
        return await self.keys_of(metadata)

    async def redeem(self, metadata: Metadata, attempt: Attempt, code: str, client_secret: str) -> JsonObject:
        """The token endpoint's answer to the code. A code works once, so nothing is tried again."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers: dict[str, str] = {}
        if "client_secret_basic" in metadata.auth_methods or "client_secret_post" not in metadata.auth_methods:
            pair = f"{quote(attempt.client_id, safe='')}:{quote(client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": attempt.client_id, "client_secret": client_secret}
        status, answer = await self._call("POST", metadata.token_endpoint, form=form, headers=headers)
        if status != 200:
            raise _refused_code(status, answer.get("error"))
        return answer

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def _load_metadata(self, issuers: Sequence[str]) -> dict[str, Metadata]:
        return {issuer: await self._load_document(issuer) for issuer in issuers}

    async def _load_document(self, issuer: str) -> Metadata:
        status, document = await self._call("GET", issuer.rstrip("/") + _SUFFIX)
        if status != 200:
            raise unusable(f"its document {_SUFFIX} is not there (status {status})")
        try:
            metadata = Metadata.model_validate(document)
        except ValidationError as error:
            names = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
            raise unusable(f"its document lacks {names}") from None
        if metadata.issuer != issuer:
            raise unusable("its document names another issuer; it must be written the same, to the last slash")
        for endpoint in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
            _check_belongs(endpoint, issuer)
        return metadata

    async def _load_keys(self, uris: Sequence[str]) -> dict[str, JsonObject]:
        found = {}
        for uri in uris:
            status, document = await self._call("GET", uri)
            if status != 200:
                raise unusable(f"its keys are not there (status {status})")
            found[uri] = document
        return found

    async def _call(
        self, method: str, url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, JsonObject]:
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._fetch(method, url, form, {**_HEADERS, **(headers or {})})
        except NotAllowed:
            # Who may not know the inside is not told of it either.
            raise unusable("its address is not on the internet, and the operator has not listed it in EGRESS_HOSTS") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError):
            raise Unavailable(
                "identity_provider_unreachable",
                "The identity provider does not answer. Try again; if it stays, the tenant's owner must check the issuer.",
                retry_after=10.0,
            ) from None
        if 300 <= status < 400:
            raise unusable("it redirects where it must answer; give the address that it redirects to")
        try:
            document: Any = documents.parse(body)
        except documents.Unreadable:
            document = None
        if isinstance(document, dict):
            return status, document
        if status == 200:
            raise unusable("it answers with something else than a JSON object")
        return status, {}

    async def _fetch(self, method: str, url: str, form: dict[str, str] | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._http is None:
            limits = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
            self._http = open_to_anybody(self._own_hosts, timeout=self._timeout, limits=limits)
        self._http.cookies.clear()
        async with self._http.stream(method, url, data=form, headers=headers) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise unusable("it compresses its answers, though it was asked not to")
            chunks, size = [], 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > LARGEST:
                    raise unusable(f"its answer has more than {LARGEST} bytes")
                chunks.append(chunk)
            return answer.status_code, b"".join(chunks)


def unusable(reason: str) -> Unavailable:
    return Unavailable(
        "identity_provider_unusable", f"The identity provider cannot be used: {reason}. The tenant's owner must correct it."
    )


def _check_belongs(endpoint: str, issuer: str) -> None:
    """A provider reached over TLS must not send secrets, or browsers, anywhere without it."""
    try:
        check_endpoint(endpoint)
    except ValueError:
        raise unusable("its document names an endpoint that is no https URL") from None
    if issuer.startswith("https://") and not endpoint.startswith("https://"):
        raise unusable("its document names an endpoint that is no https URL")


def _refused_code(status: int, error: Any) -> Unauthorized | Unavailable:
    if error == "invalid_grant":
        return Unauthorized(
            "code_refused", "The identity provider takes this login no more: it is used or too old. Begin again."
        )
    if error in ("invalid_client", "unauthorized_client") or status in (401, 403):
        return unusable("it does not accept the client id and secret; enter the secret again")
    return unusable(f"it gives no token for the code (status {status})")
