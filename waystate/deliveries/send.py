"""One attempt to reach a platform: what is sent where, and what came back, as a value."""

from dataclasses import dataclass, replace
from datetime import datetime

import httpx2

from waystate.channels.attempts import FailureKind
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.genesys.render import is_structured_response, render_in_words
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries.addresses import RECIPIENT_MOVED
from waystate.deliveries.model import ACCOUNT_MISSING, SENDER_EXTERNAL, TO_AGENTS, Claimed, Target
from waystate.documents import JsonObject
from waystate.errors import Reason
from waystate.messages.typing import SHOWN
from waystate.tenants.routing import TenantView

WINDOW_CLOSED: JsonObject = {
    "code": Reason.WINDOW_CLOSED,
    "title": "Not sent: while it waited, 24 hours went by since the customer wrote. Only a template may be sent now.",
    "kind": FailureKind.WINDOW.value,
}
ATTACHMENT_REFUSED: JsonObject = {
    "code": "attachment_refused",
    "title": "Genesys refused the message with its file and took it without. Look at the integration's supported content.",
}


RESPONSE_REFUSED: JsonObject = {
    "code": "response_refused",
    "title": "Genesys refused the answer as a structured response and took it as a text, which has no payload.",
}
_NOT_TAKEN = frozenset({httpx2.codes.BAD_REQUEST, httpx2.codes.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Platforms:
    """The far sides of the network."""

    graph: GraphClient
    genesys: GenesysClient


async def send(claimed: Claimed, view: TenantView, platforms: Platforms, now: datetime) -> AttemptResult:
    """One attempt, by the accounts as they were when it was claimed. The answer, whatever it is, comes back as a value."""
    if claimed.is_astray:
        return AttemptResult(outcome=Outcome.FAILED, error=RECIPIENT_MOVED)
    if claimed.is_outside_window:
        return AttemptResult(outcome=Outcome.FAILED, error=WINDOW_CLOSED)
    if claimed.is_needless:
        return AttemptResult(outcome=Outcome.SENT, requests=0)
    if claimed.fault is not None:
        return AttemptResult(outcome=Outcome.FAILED, error=claimed.fault)
    if claimed.target in (Target.WHATSAPP, Target.WHATSAPP_MARK):
        account = view.accounts.get(claimed.account)
        if account is None or not account.is_active:
            return _no_account(f"WhatsApp number {claimed.account} is not configured or not active any more.")
        if account.sender != "waystate":
            return _not_ours(f"WhatsApp number {account.phone_number_id}")
        said = {"api_url": account.api_url, "phone_number_id": account.phone_number_id, "access_token": account.access_token}
        if claimed.target is Target.WHATSAPP_MARK:
            return await platforms.graph.mark_read(**said, body=_in_time(claimed, now))
        return await platforms.graph.send(**said, body=claimed.request)
    # The conversation's own: by now the integration may be another number's, or nobody's.
    number = view.accounts.get(claimed.phone_number_id)
    if number is not None and number.sender != "waystate":
        return _not_ours(f"WhatsApp number {number.phone_number_id}")
    integration = next((each for each in view.integrations.values() if each.integration_id == claimed.account), None)
    if integration is None:
        return _no_account(f"Genesys integration {claimed.account} is not configured any more.")
    if integration.sender != "waystate":
        return _not_ours(f"Genesys integration {integration.integration_id}")
    target = Integration.of(integration)
    if claimed.target in TO_AGENTS:
        return await _send_message(platforms.genesys, target, claimed.request, prefetch=integration.prefetch_conversation_id)
    if claimed.target is Target.GENESYS_LOOKUP:
        return await platforms.genesys.find_conversation(integration=target, message_id=str(claimed.request["message_id"]))
    return await platforms.genesys.send_receipt(integration=target, body=claimed.request)


async def _send_message(
    genesys: GenesysClient, integration: Integration, request: JsonObject, *, prefetch: bool
) -> AttemptResult:
    """An integration may take no attachments, or none of a type, and refuses the message for it: then its line goes alone."""
    if is_structured_response(request):
        return await _send_response(genesys, integration, request, prefetch=prefetch)
    result = await genesys.send_message(integration=integration, body=request, prefetch=prefetch)
    is_refused = result.outcome is Outcome.FAILED and result.http_status == httpx2.codes.BAD_REQUEST
    if not is_refused or "content" not in request or not request.get("text"):
        return result
    line = {key: value for key, value in request.items() if key != "content"}
    alone = await genesys.send_message(integration=integration, body=line, prefetch=prefetch)
    error = ATTACHMENT_REFUSED if alone.outcome is Outcome.SENT else alone.error
    return replace(alone, error=error, requests=alone.requests + result.requests)


async def _send_response(
    genesys: GenesysClient, integration: Integration, request: JsonObject, *, prefetch: bool
) -> AttemptResult:
    """What cannot be matched to its offer there any more is no reason to lose what the customer said."""
    result = await genesys.send_structured_response(integration=integration, body=request)
    if result.outcome is not Outcome.FAILED or result.http_status not in _NOT_TAKEN:
        return result
    words = await genesys.send_message(integration=integration, body=render_in_words(request), prefetch=prefetch)
    error = RESPONSE_REFUSED if words.outcome is Outcome.SENT else words.error
    return replace(words, error=error, requests=words.requests + result.requests)


def _not_ours(account: str) -> AttemptResult:
    title = f"Not sent: somebody else sends for {account} since the message came."
    return AttemptResult(outcome=Outcome.FAILED, error={"code": SENDER_EXTERNAL, "title": title})


def _no_account(message: str) -> AttemptResult:
    return AttemptResult(outcome=Outcome.FAILED, error={"code": ACCOUNT_MISSING, "title": message})


def _in_time(claimed: Claimed, now: datetime) -> JsonObject:
    """Who was to be seen typing is done by now."""
    if now - claimed.created_at < SHOWN:
        return claimed.request
    return {key: value for key, value in claimed.request.items() if key != "typing_indicator"}
