"""What of an Open Messaging integration can be asked of Genesys: callback, state, content profile and permissions.

Permissions are found out by calls that change nothing: about a conversation of nobody, and with a message that is none.
Sources: platform SDK, OpenIntegration, SupportedContent; the permissions of its ConversationsApi.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote, urlsplit
from uuid import UUID

from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.findings import Finding
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.genesys.conversations import conversation_path
from waystate.channels.model import AttemptResult
from waystate.documents import JsonObject
from waystate.tenants.model import WEBHOOK_SECRET_FLOOR, GenesysIntegration

INTEGRATION = "integration"
CALLBACK = "notification URL"
_NOBODYS = str(UUID(int=0))
_FORBIDDEN = frozenset({401, 403})
_HTTPS = 443
_READING = "conversation > message > view, and conversation > communication > view"
"""Sources name the second for a conversation, the first for a message, and some none for a conversation of messages."""

Answer: TypeAlias = JsonObject | AttemptResult
Within: TypeAlias = Callable[[Awaitable[Answer]], Awaitable[Answer]]


def callback_path(integration_id: str) -> str:
    return f"/webhooks/genesys/{integration_id}"


def supported_content_path(content_id: str = "") -> str:
    path = "/api/v2/conversations/messaging/supportedcontent"
    return f"{path}/{quote(content_id, safe='')}" if content_id else path


def judge_callback(integration: GenesysIntegration, document: JsonObject) -> list[Finding]:
    """Where Genesys sends what agents write. An integration that is simulated on this machine may be sent to by any address."""
    url, path = find_text(document, "outboundNotificationWebhookUrl"), callback_path(integration.integration_id)
    findings: list[Finding] = []
    if url is not None and not url.rstrip("/").endswith(path):
        advice = f"Set the outbound notification URL of the integration to one of this installation that ends with {path}."
        findings.append(Finding(CALLBACK, "failed", "Genesys sends what agents write to another address.", advice))
    elif url is not None and (wrong := _wrong_form(url)) and integration.api_url.startswith("https://"):
        advice = f"Set it to https://your.host{path}, with a name that Genesys can resolve, and no port but {_HTTPS}."
        findings.append(Finding(CALLBACK, "failed", wrong, advice))
    elif url is not None:
        findings.append(Finding(CALLBACK, "ok", "Genesys sends what agents write to this installation's path."))
    if len(integration.webhook_secret) < WEBHOOK_SECRET_FLOOR:
        advice = f"Set webhook_secret to at least {WEBHOOK_SECRET_FLOOR} characters, here and in Genesys."
        findings.append(Finding("length of the webhook secret", "failed", "Genesys takes none so short.", advice))
    return findings


def judge_state(document: JsonObject) -> list[Finding]:
    created, status = find_text(document, "createStatus"), find_text(document, "status")
    if created is not None and created != "Completed":
        advice = "Wait a minute and check again; if it stays so, delete it in Genesys and make it anew."
        return [Finding("state", "failed", f"Genesys has not finished making it ({created[:40]}).", advice)]
    if status is not None and status.casefold() != "active":
        advice = "Activate it: Genesys, Admin, Message, Platforms."
        return [Finding("state", "failed", f"It is not active ({status[:40]}).", advice)]
    return []


def judge_content(document: JsonObject) -> Finding:
    """A profile that leaves files out lets Genesys refuse messages that have one."""
    allow = find_object(find_object(document, "mediaTypes"), "allow")
    kinds = {direction: {find_text(each, "type") for each in find_list(allow, direction) or []} for direction in _DIRECTIONS}
    closed = [_DIRECTIONS[direction] for direction, types in kinds.items() if not types]
    name = (find_text(document, "name") or "")[:80]
    if closed:
        advice = "Allow */* in both directions in the profile, or set genesys_attachments to false for this tenant."
        return Finding("content profile", "failed", f"Profile '{name}' lets no files through {' and '.join(closed)}.", advice)
    return Finding("content profile", "ok", f"Profile '{name}' lets files through in both directions.")


async def probe(target: Integration, genesys: GenesysClient, document: JsonObject, within: Within) -> list[Finding]:
    """Of an integration that Genesys has: the rest of what Waystate does with it, a question each, side by side."""
    inbound = f"/api/v2/conversations/messages/{quote(target.integration_id, safe='')}/inbound/open/message"
    sending, reading, content = await asyncio.gather(
        within(genesys.make(target, inbound, {})),
        within(genesys.find(target, conversation_path(_NOBODYS))),
        _content(target, genesys, document, within),
    )
    return [
        _permission("permission to send", sending, "conversation > message > receive", "Customers' messages reach Genesys."),
        _permission("permission to read", reading, _READING, "Ends and gaps are found out."),
        content,
    ]


async def _content(target: Integration, genesys: GenesysClient, document: JsonObject, within: Within) -> Finding:
    content_id = find_text(find_object(document, "supportedContent"), "id")
    if content_id is None:
        advice = "Choose a supported content profile for the integration that allows files, or `waystate genesys setup` does."
        return Finding("content profile", "not_checked", "The integration names none, so Genesys' default holds.", advice)
    answer = await within(genesys.find(target, supported_content_path(content_id)))
    if isinstance(answer, AttemptResult):
        advice = "Give the client's role the permission messaging > supportedContent > view, or look at the profile in Genesys."
        return Finding("content profile", "not_checked", "The OAuth client may not read it.", advice)
    return judge_content(answer)


def _permission(what: str, answer: Answer, permission: str, allowed: str) -> Finding:
    """A refusal of what was asked proves that asking was allowed."""
    if not isinstance(answer, AttemptResult):
        return Finding(what, "ok", allowed)
    if answer.http_status in _FORBIDDEN:
        advice = f"Give the client's role the permission {permission}."
        return Finding(what, "failed", f"The OAuth client may not (HTTP {answer.http_status}).", advice)
    if answer.http_status is not None and 400 <= answer.http_status < 500 and answer.http_status not in (408, 429):
        return Finding(what, "ok", allowed)
    return Finding(what, "not_checked", "Genesys gives no usable answer now.", "Check again in a minute.")


_DIRECTIONS = {"inbound": "to agents", "outbound": "to customers"}


def _wrong_form(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "The URL cannot be read."
    if parts.scheme != "https":
        return "Genesys sends over https only."
    if port not in (None, _HTTPS):
        return f"Genesys sends to port {_HTTPS} only, not to {port}."
    if host in ("localhost", "127.0.0.1", "::1") or "." not in host:
        return f"Genesys cannot reach {host or 'a URL without a host'}."
    return None
