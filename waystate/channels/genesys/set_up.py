"""An Open Messaging integration made in Genesys, or brought to what Waystate needs: done again, it changes nothing.

Waystate knows the secret before Genesys signs with it: what Genesys sends in between, and is refused, it does not send again.
Sources: platform SDK, OpenIntegrationRequest, OpenIntegrationUpdateRequest, SupportedContent.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote

from waystate.channels.attempts import NOT_ALLOWED
from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.integration_checks import callback_path, find_fault_of_url, supported_content_path
from waystate.channels.model import AttemptResult
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Conflict, Unavailable

INTEGRATIONS = "/api/v2/conversations/messaging/integrations/open"
PROFILE = "Waystate: all files"
"""The name of the content profile that lets files through in both directions."""
_ALL = [{"type": "*/*"}]
_PAGE = 100
_MADE_IN = 30
"""Looks, a second apart, until Genesys has made an integration."""
_SECRET_BYTES = 32


class WantedIntegration(NamedTuple):
    """`url` is where Genesys reaches this installation, without a path."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """`webhook_secret` is what Genesys signs with; `steps` say what was done, or, dry, would be: then a new one has no id."""

    integration_id: str
    webhook_secret: str
    steps: tuple[str, ...] = ()

    def after(self, step: str) -> "SetUp":
        return replace(self, steps=(*self.steps, step))


Learn = Callable[[SetUp], Awaitable[None]]
"""Makes Waystate know the integration with its secret."""


class Preparation:
    """`known`: integration id → the webhook secret that Waystate has; `store` is called before Genesys is told the secret."""

    def __init__(
        self,
        genesys: GenesysClient,
        target: Integration,
        known: Mapping[str, str],
        store: Learn,
        *,
        told: Callable[[str], None] = lambda _: None,
        is_dry: bool = False,
        pause: float = 1.0,
    ) -> None:
        self._genesys = genesys
        self._target = target
        self._known = known
        self._store = store
        self._told = told
        self._is_dry = is_dry
        self._pause = pause

    async def run(self, wanted: WantedIntegration) -> SetUp:
        """Raises `Refused` with what to do where Genesys does not let it be done, or could not send to the URL."""
        self._check_url(wanted.url)
        named = [each for each in await self._list(INTEGRATIONS, "integration") if find_text(each, "name") == wanted.name]
        if len(named) > 1:
            ids = ", ".join(find_text(each, "id") or "?" for each in named)
            raise Conflict(
                "integration_ambiguous", f"Genesys has {len(named)} integrations '{wanted.name}': {ids}. Rename all but one."
            )
        profile = await self._profile()
        if named:
            return await self._bring_up(named[0], wanted, profile)
        return await self._make(wanted, profile)

    def _check_url(self, url: str) -> None:
        """Before anything is made. A Genesys that is simulated on this machine sends to any address."""
        is_simulated = not self._target.api_url.startswith("https://")
        if is_simulated and url.startswith(("http://", "https://")):
            return
        if fault := find_fault_of_url(url):
            advice = "Give the URL under which the internet reaches this installation, such as https://waystate.example.com."
            raise BadRequest("url_unusable", f"Genesys cannot send to {url[:200]}. {fault} {advice}")

    async def _make(self, wanted: WantedIntegration, profile: str) -> SetUp:
        done = SetUp("", secrets.token_urlsafe(_SECRET_BYTES))
        done = self._tell(done, f"Make the integration '{wanted.name}'.")
        if self._is_dry:
            return self._tell(done, f"Set its notification URL below {wanted.url}, and store it.")
        body = _body(wanted, "", done.webhook_secret, profile)
        document = _checked(
            await self._genesys.make(self._target, INTEGRATIONS, body), "make the integration", "integration > add"
        )
        made = replace(done, integration_id=find_text(document, "id") or "")
        await self._wait(made.integration_id)
        return await self._finish(made, wanted, profile)

    async def _bring_up(self, document: JsonObject, wanted: WantedIntegration, profile: str) -> SetUp:
        name = find_text(document, "id") or ""
        secret = self._known.get(name)
        found = SetUp(name, secret or secrets.token_urlsafe(_SECRET_BYTES))
        is_right = find_text(document, "outboundNotificationWebhookUrl") == _callback(wanted, name)
        has_profile = find_text(find_object(document, "supportedContent"), "id") == profile
        if secret is not None and is_right and has_profile:
            if not self._is_dry:
                await self._store(found)
            return self._tell(found, f"Integration '{wanted.name}' ({name}) is as it should be.")
        if self._is_dry:
            return self._tell(found, f"Change integration '{wanted.name}' ({name}): notification URL, secret, content profile.")
        return await self._finish(found, wanted, profile)

    async def _finish(self, found: SetUp, wanted: WantedIntegration, profile: str) -> SetUp:
        await self._store(found)
        found = self._tell(found, f"Integration {found.integration_id} is stored.")
        body = _body(wanted, found.integration_id, found.webhook_secret, profile)
        path = f"{INTEGRATIONS}/{quote(found.integration_id, safe='')}"
        _checked(await self._genesys.change(self._target, path, body), "change the integration", "integration > edit")
        return self._tell(found, f"Genesys sends what agents write to {_callback(wanted, found.integration_id)}.")

    async def _profile(self) -> str:
        """The id of the content profile; dry, that of one that is not there is empty."""
        for each in await self._list(supported_content_path(), "supportedContent"):
            if find_text(each, "name") == PROFILE:
                return find_text(each, "id") or ""
        self._told(f"Make the content profile '{PROFILE}'.")
        if self._is_dry:
            return ""
        body = {"name": PROFILE, "mediaTypes": {"allow": {"inbound": _ALL, "outbound": _ALL}}}
        answer = await self._genesys.make(self._target, supported_content_path(), body)
        return find_text(_checked(answer, "make the content profile", "supportedContent > add"), "id") or ""

    async def _list(self, path: str, what: str) -> list[JsonObject]:
        found: list[JsonObject] = []
        page = pages = 1
        while page <= pages:
            answer = await self._genesys.find(self._target, f"{path}?pageSize={_PAGE}&pageNumber={page}")
            document = _checked(answer, f"list each {what}", f"{what} > view")
            found += [each for each in find_list(document, "entities") or [] if isinstance(each, dict)]
            count = document.get("pageCount")
            pages, page = count if isinstance(count, int) else 1, page + 1
        return found

    async def _wait(self, name: str) -> None:
        for _ in range(_MADE_IN):
            document = _checked(
                await self._genesys.find(self._target, f"{INTEGRATIONS}/{quote(name, safe='')}"), "look", "integration > view"
            )
            state = find_text(document, "createStatus")
            if state in (None, "Completed"):
                return
            if state == "Error":
                raise Conflict(
                    "integration_failed", f"Genesys could not make integration {name}. Delete it there and try again."
                )
            await asyncio.sleep(self._pause)
        raise Unavailable("integration_unfinished", f"Genesys still makes integration {name}. Run this again in a minute.")

    def _tell(self, done: SetUp, step: str) -> SetUp:
        self._told(step)
        return done.after(step)


def _callback(wanted: WantedIntegration, name: str) -> str:
    return f"{wanted.url.rstrip('/')}{callback_path(name or 'being-made')}"


def _body(wanted: WantedIntegration, name: str, secret: str, profile: str) -> JsonObject:
    return {
        "name": wanted.name,
        "supportedContent": {"id": profile},
        "outboundNotificationWebhookUrl": _callback(wanted, name),
        "outboundNotificationWebhookSignatureSecretToken": secret,
    }


def _checked(answer: JsonObject | AttemptResult, doing: str, permission: str) -> JsonObject:
    """The document, or why there is none and what to do. Genesys' own words stay out: they may quote a token."""
    if not isinstance(answer, AttemptResult):
        return answer
    error, status = answer.error or {}, answer.http_status
    if error.get("code") == NOT_ALLOWED:
        raise BadRequest("address_not_allowed", str(error.get("message")))
    if status is None and error.get("kind") == "auth":
        raise BadRequest("client_refused", "Genesys does not accept the OAuth client. Correct its id, secret or region.")
    if status in (401, 403):
        text = f"The OAuth client may not {doing}. Give its role the permission messaging > {permission}, then run this again."
        raise BadRequest("permission_missing", text)
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        code = str(error.get("code") or "")[:60]
        raise BadRequest("genesys_refused", f"Genesys refuses to {doing} (HTTP {status} {code}). Correct name and URL.")
    raise Unavailable("genesys_away", f"Genesys gives no usable answer when asked to {doing}. Run this again: it goes on.")
