"""Whether a tenant's accounts work, asked of the platforms themselves: what does, what does not, and what to do about it."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from waystate.channels.attempts import NOT_ALLOWED, FailureKind
from waystate.channels.fields import find_text
from waystate.channels.findings import Finding
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.integration_checks import INTEGRATION, judge_callback, judge_state, probe
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.documents import JsonObject
from waystate.tenants.model import GenesysIntegration, WhatsAppAccount

LONGEST = 10.0
"""Seconds for one question about an account; accounts are asked about side by side."""


class Checked(NamedTuple):
    """An account by the platform's id."""

    platform: Literal["whatsapp", "genesys"]
    id: str
    findings: Sequence[Finding]

    @property
    def is_ok(self) -> bool:
        return all(each.verdict != "failed" for each in self.findings)


META_SECRET = Finding(
    "app secret",
    "not_checked",
    "Meta never tells it; only a signed webhook proves it.",
    "Send a message to the number: a wrong secret shows as 401 invalid_signature.",
)
GENESYS_SECRET = Finding(
    "webhook secret",
    "not_checked",
    "Genesys never tells it; only a signed notification proves it.",
    "Answer a conversation as an agent: a wrong secret shows as 401 invalid_signature.",
)


async def check_many(
    accounts: Sequence[WhatsAppAccount],
    integrations: Sequence[GenesysIntegration],
    graph: GraphClient,
    genesys: GenesysClient,
    *,
    seconds: float = LONGEST,
) -> list[Checked]:
    """All at once, each for so many `seconds` at the most."""
    return list(
        await asyncio.gather(
            *(check_account(each, graph, seconds=seconds) for each in accounts),
            *(check_integration(each, genesys, seconds=seconds) for each in integrations),
        )
    )


async def check_account(account: WhatsAppAccount, graph: GraphClient, *, seconds: float = LONGEST) -> Checked:
    answer = await _within(
        seconds,
        graph.find_number(api_url=account.api_url, phone_number_id=account.phone_number_id, access_token=account.access_token),
    )
    return Checked("whatsapp", account.phone_number_id, [*judge_number(account, answer), META_SECRET])


async def check_integration(integration: GenesysIntegration, genesys: GenesysClient, *, seconds: float = LONGEST) -> Checked:
    target = Integration.of(integration)
    answer = await _within(seconds, genesys.find_integration(target))
    findings = judge_integration(integration, answer)
    if not isinstance(answer, AttemptResult):
        findings += await probe(target, genesys, answer, partial(_within, seconds))
    return Checked("genesys", integration.integration_id, [*findings, GENESYS_SECRET])


def judge_number(account: WhatsAppAccount, answer: JsonObject | AttemptResult) -> list[Finding]:
    if isinstance(answer, AttemptResult):
        return [Finding("access token and number", "failed", *_why_no_number(account, answer))]
    shown = find_text(answer, "display_phone_number") or ""
    token = Finding("access token and number", "ok", f"The number is {shown or 'known'} to WhatsApp.")
    if _digits(shown) and _digits(shown) != _digits(account.display_phone_number):
        advice = "Correct display_phone_number, or the phone number id if this is another number."
        return [token, Finding("display number", "failed", f"It is {shown}, not {account.display_phone_number}.", advice)]
    return [token]


def judge_integration(integration: GenesysIntegration, answer: JsonObject | AttemptResult) -> list[Finding]:
    if not isinstance(answer, AttemptResult):
        found = Finding(INTEGRATION, "ok", f"Genesys has it as {find_text(answer, 'name') or integration.integration_id}.")
        return [_login(), found, *judge_state(answer), *judge_callback(integration, answer)]
    # An answer of the login server comes without a status: it is not the integration's.
    if answer.http_status is None:
        return [Finding("login", "failed", *_why_no_login(integration, answer))]
    return [_login(), Finding(INTEGRATION, "failed", *_why_no_integration(integration, answer))]


def _login() -> Finding:
    return Finding("login", "ok", "The OAuth client gets a token.")


def _why_no_number(account: WhatsAppAccount, answer: AttemptResult) -> tuple[str, str]:
    error = answer.error or {}
    if error.get("code") == NOT_ALLOWED:
        return _why_not_called(error)
    match error.get("code"), error.get("kind"):
        case 190, _:
            return (
                "WhatsApp does not accept the access token.",
                "Make a new system user token in Meta's Business Manager and set it.",
            )
        case 100, _:
            return (
                f"No number {account.phone_number_id} is known for this token.",
                "Correct the phone number id, or give the token's system user the WhatsApp account that the number is in.",
            )
        case _, FailureKind.AUTH:
            return (
                f"The token may not read the number ({_code(answer)}).",
                "Give the system user the permissions whatsapp_business_management and whatsapp_business_messaging.",
            )
        case _, FailureKind.ACCOUNT | FailureKind.BILLING:
            return (
                f"WhatsApp lets the number send nothing ({_code(answer)}).",
                "See in WhatsApp Manager whether the number is registered, named and not blocked, and whether a bill is open.",
            )
    return _why_nothing(answer, account.api_url)


def _why_no_login(integration: GenesysIntegration, answer: AttemptResult) -> tuple[str, str]:
    error = answer.error or {}
    if error.get("code") == NOT_ALLOWED:
        return _why_not_called(error)
    if error.get("kind") == FailureKind.AUTH:
        return (
            "Genesys does not accept the OAuth client.",
            f"Correct client_id and client_secret; and the region, if the organisation is not in {integration.region}.",
        )
    return _why_nothing(answer, integration.login_url, of_region=integration.region)


def _why_no_integration(integration: GenesysIntegration, answer: AttemptResult) -> tuple[str, str]:
    match answer.http_status:
        case 401 | 403:
            return (
                f"The OAuth client may not read the integration (HTTP {answer.http_status}).",
                "Give the client's role the permission messaging > integration > view, and the scope messaging.",
            )
        case 404:
            return (
                f"Genesys has no Open Messaging integration {integration.integration_id}.",
                f"Correct the integration's id; and the region, if the organisation is not in {integration.region}.",
            )
    return _why_nothing(answer, integration.api_url)


def _why_not_called(error: JsonObject) -> tuple[str, str]:
    """Nothing was sent, so it looks the same whichever platform it is."""
    what, _, advice = str(error["message"]).partition(". ")
    return f"{what}.", advice


def _why_nothing(answer: AttemptResult, url: str, *, of_region: str | None = None) -> tuple[str, str]:
    kind = (answer.error or {}).get("kind")
    if kind == FailureKind.TRANSPORT:
        checked = f"the region {of_region}, " if of_region else ""
        return f"{url} cannot be reached.", f"Check {checked}the address, the name service and the firewall, and check again."
    if kind in (FailureKind.THROTTLE, FailureKind.TRANSIENT):
        return f"The platform is busy or disturbed ({_code(answer)}).", "Check again in a minute."
    return f"The platform gives no usable answer ({_code(answer)}).", "Check the address and the id of the account."


def _code(answer: AttemptResult) -> str:
    code = (answer.error or {}).get("code")
    status = f"HTTP {answer.http_status}" if answer.http_status else "no status"
    return f"{status}, code {code}" if isinstance(code, int | str) and len(str(code)) <= 40 else status


def _digits(number: str) -> str:
    return "".join(each for each in number if each.isdigit())


async def _within(seconds: float, call: Awaitable[JsonObject | AttemptResult]) -> JsonObject | AttemptResult:
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        error = {"code": "no_answer", "kind": FailureKind.TRANSPORT.value}
        return AttemptResult(outcome=Outcome.RETRY, error=error)
