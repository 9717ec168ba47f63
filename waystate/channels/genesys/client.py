"""Calls to Genesys Cloud Open Messaging with client-credentials tokens."""

import asyncio
import dataclasses
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import httpx2

from waystate.channels.attempts import FailureKind, find_document, get, patch, post
from waystate.channels.fields import find_text
from waystate.channels.genesys.errors import outcome_of
from waystate.channels.model import AttemptResult, Outcome
from waystate.documents import JsonObject, Unreadable, parse
from waystate.tenants.model import GenesysIntegration

Call: TypeAlias = Callable[..., Awaitable[httpx2.Response | AttemptResult]]
NOT_THEIRS: JsonObject = {
    "code": "unreadable_answer",
    "message": "a success whose body is not Genesys' own",
    "kind": FailureKind.TRANSPORT.value,
}
_Call = Callable[[dict[str, str]], Awaitable[httpx2.Response | AttemptResult]]
_LONGEST_EARLY_S = 60.0  # a token is renewed this long before it ends, or a tenth of its life if that is less
_DEFAULT_LIFE_S = 300.0  # for an answer without `expires_in`


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """An Open Messaging integration and the OAuth client that may use it. URLs are of the region, without a path."""

    integration_id: str
    api_url: str
    login_url: str
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def of(cls, configured: GenesysIntegration) -> Self:
        return cls(
            integration_id=configured.integration_id,
            api_url=configured.api_url,
            login_url=configured.login_url,
            client_id=configured.client_id,
            client_secret=configured.client_secret,
        )


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    good_until: float


class GenesysClient:
    """`http` brings time-outs and pool. Tokens are kept per OAuth client; however many wait, one request fetches one."""

    def __init__(self, http: httpx2.AsyncClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._monotonic = monotonic
        self._tokens: dict[tuple[str, str], _Token] = {}
        self._fetches: dict[tuple[str, str], asyncio.Task[str | AttemptResult]] = {}

    async def send_message(self, *, integration: Integration, body: JsonObject, prefetch: bool = True) -> AttemptResult:
        """A customer's message. A lost answer is `unknown`; the same body may be sent again (same messageId and time).

        `prefetch`: Genesys is to answer with the id of its conversation.
        """
        return await self._post(integration, "message?prefetchConversationId=true" if prefetch else "message", body)

    async def send_structured_response(self, *, integration: Integration, body: JsonObject) -> AttemptResult:
        """What a customer chose of an offer; repeated as a message is."""
        return await self._post(integration, "structured/response", body)

    async def send_event(self, *, integration: Integration, body: JsonObject) -> AttemptResult:
        """That a customer types (`eventType` Typing)."""
        return await self._post(integration, "event", body)

    async def send_receipt(self, *, integration: Integration, body: JsonObject) -> AttemptResult:
        return await self._post(integration, "receipt", body)

    async def find_conversation(self, *, integration: Integration, message_id: str) -> AttemptResult:
        """The conversation that a message is in, by the id that Genesys gave it. `retry` while Genesys does not say."""
        place = quote(message_id, safe="")
        url = f"{integration.api_url.rstrip('/')}/api/v2/conversations/messages/{place}/details"
        result = await self._with_token(integration, lambda headers: get(self._http, url, headers=headers))
        is_unknown = result.outcome is Outcome.SENT and result.conversation_id is None
        is_not_yet = is_unknown or result.http_status == httpx2.codes.NOT_FOUND
        return dataclasses.replace(result, outcome=Outcome.RETRY if is_not_yet else result.outcome, external_id=None)

    async def find_integration(self, integration: Integration) -> JsonObject | AttemptResult:
        """What Genesys says of it, or why nothing. With a new token: a kept one would hide a secret that is wrong now."""
        token = await self._fetch_token(integration)
        if isinstance(token, AttemptResult):
            return token
        place = quote(integration.integration_id, safe="")
        url = f"{integration.api_url.rstrip('/')}/api/v2/conversations/messaging/integrations/open/{place}"
        answer = await get(self._http, url, headers={"Authorization": f"Bearer {token}"})
        if isinstance(answer, AttemptResult):
            return answer
        document = find_document(answer)
        if document is not None:
            return document
        result = outcome_of(answer.status_code, answer.content, answer.headers)
        return dataclasses.replace(result, outcome=Outcome.FAILED, retry_after=None)

    async def find(self, integration: Integration, path: str) -> JsonObject | AttemptResult:
        """What Genesys says of what is at this path of its API, or why nothing."""
        token = await self._token(integration)
        answer = await self._get_with(token, integration, path)
        if isinstance(answer, AttemptResult) and answer.http_status == httpx2.codes.UNAUTHORIZED and isinstance(token, str):
            self._forget(integration, token)
            answer = await self._get_with(await self._token(integration), integration, path)
        return answer

    async def make(self, integration: Integration, path: str, body: JsonObject) -> JsonObject | AttemptResult:
        """POST; what Genesys made of it, or why nothing."""
        token = await self._token(integration)
        return token if isinstance(token, AttemptResult) else await self._ask(post, token, integration, path, json=body)

    async def change(self, integration: Integration, path: str, body: JsonObject) -> JsonObject | AttemptResult:
        """PATCH; how it is now, or why nothing changed."""
        token = await self._token(integration)
        return token if isinstance(token, AttemptResult) else await self._ask(patch, token, integration, path, json=body)

    async def _get_with(self, token: str | AttemptResult, integration: Integration, path: str) -> JsonObject | AttemptResult:
        return token if isinstance(token, AttemptResult) else await self._ask(get, token, integration, path)

    async def _ask(
        self, call: Call, token: str, integration: Integration, path: str, **content: Any
    ) -> JsonObject | AttemptResult:
        url = f"{integration.api_url.rstrip('/')}{path}"
        answer = await call(self._http, url, headers={"Authorization": f"Bearer {token}"}, **content)
        if isinstance(answer, AttemptResult):
            return answer
        document = find_document(answer)
        if document is not None:
            return document
        if answer.is_success:
            return AttemptResult(outcome=Outcome.UNKNOWN, http_status=answer.status_code, error=NOT_THEIRS)
        return outcome_of(answer.status_code, answer.content, answer.headers)

    async def _post(self, integration: Integration, what: str, body: JsonObject) -> AttemptResult:
        place = quote(integration.integration_id, safe="")
        url = f"{integration.api_url.rstrip('/')}/api/v2/conversations/messages/{place}/inbound/open/{what}"
        return await self._with_token(integration, lambda headers: post(self._http, url, json=body, headers=headers))

    async def _with_token(self, integration: Integration, call: _Call) -> AttemptResult:
        """Once more with a new token where Genesys does not take the one that is remembered."""
        token = await self._token(integration)
        result = await self._called(token, call)
        if result.http_status == httpx2.codes.UNAUTHORIZED and isinstance(token, str):
            self._forget(integration, token)
            again = await self._called(await self._token(integration), call)
            return dataclasses.replace(again, requests=again.requests + 1)
        return result

    async def _called(self, token: str | AttemptResult, call: _Call) -> AttemptResult:
        if isinstance(token, AttemptResult):
            return token
        answer = await call({"Authorization": f"Bearer {token}"})
        if isinstance(answer, AttemptResult):
            return answer
        if answer.is_success and answer.content and find_document(answer) is None:
            # A gateway's page, or half an answer: taken for `sent`, the message could be lost. A repeat is recognised.
            return AttemptResult(outcome=Outcome.UNKNOWN, http_status=answer.status_code, error=NOT_THEIRS)
        return outcome_of(answer.status_code, answer.content, answer.headers)

    async def _token(self, integration: Integration) -> str | AttemptResult:
        """The token, or what it means for the delivery that there is none."""
        key = (integration.login_url, integration.client_id)
        token = self._tokens.get(key)
        if token is not None and self._monotonic() < token.good_until:
            return token.value
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = self._fetches[key] = asyncio.create_task(self._fetch_token(integration))
        return await asyncio.shield(fetch)  # one waiter's cancellation must not take the token from the others

    async def _fetch_token(self, integration: Integration) -> str | AttemptResult:
        key = (integration.login_url, integration.client_id)
        try:
            answer = await post(
                self._http,
                f"{integration.login_url.rstrip('/')}/oauth/token",
                data={"grant_type": "client_credentials"},
                headers={"Authorization": _basic(integration)},
            )
            if isinstance(answer, AttemptResult):
                return _without_token(answer)
            token = _find_token(answer, self._monotonic())
            if token is None:
                return _without_token(outcome_of(answer.status_code, answer.content, answer.headers))
            self._tokens[key] = token
            return token.value
        finally:
            self._fetches.pop(key, None)

    def _forget(self, integration: Integration, token: str) -> None:
        key = (integration.login_url, integration.client_id)
        held = self._tokens.get(key)
        if held is not None and held.value == token:
            del self._tokens[key]


def _basic(integration: Integration) -> str:
    return "Basic " + b64encode(f"{integration.client_id}:{integration.client_secret}".encode()).decode()


def _find_token(answer: httpx2.Response, now: float) -> _Token | None:
    try:
        document = parse(answer.content)
    except Unreadable:
        return None
    value = find_text(document, "access_token")
    if not answer.is_success or value is None:
        return None
    life = document.get("expires_in")
    seconds = float(life) if isinstance(life, int | float) and life > 0 else _DEFAULT_LIFE_S
    return _Token(value, now + seconds - min(_LONGEST_EARLY_S, seconds / 10))


def _without_token(result: AttemptResult) -> AttemptResult:
    """The delivery's result: nothing of it has left, so what is no refusal of the credentials can be tried again.

    The status of the login server is not the message's, and is left out.
    """
    refused = result.outcome is Outcome.FAILED
    error = {"code": "no_token", "message": "the login server gave no token", "kind": FailureKind.TRANSIENT.value}
    error |= (result.error or {}) | ({"kind": FailureKind.AUTH.value} if refused else {})
    return dataclasses.replace(
        result,
        outcome=Outcome.FAILED if refused else Outcome.RETRY,
        http_status=None,
        requests=0,
        external_id=None,
        conversation_id=None,
        error=error,
    )
