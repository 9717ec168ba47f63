"""What calls to both platforms have in common: one POST, what kind of refusal came back, and when to come back."""

from base64 import b64decode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx2

from waystate.channels.model import AttemptResult, Outcome
from waystate.documents import JsonObject, Unreadable, parse
from waystate.egress import NotAllowed


class FailureKind(StrEnum):
    """Why an attempt did not succeed, as `error["kind"]`: what to do about it differs, whatever the platform's code.

    `auth` (credentials), `account` (number or business account), `billing` (payment): nothing leaves until somebody mends it.
    `throttle`, `transient`, `transport`: again later. `window`: a template is needed. `recipient`: this person cannot get it,
    `opt_out`: and does not want to. `owner`: another responder speaks. `template`, `request`: the message itself must change.
    """

    AUTH = "auth"
    ACCOUNT = "account"
    BILLING = "billing"
    THROTTLE = "throttle"
    TRANSIENT = "transient"
    TRANSPORT = "transport"
    WINDOW = "window"
    RECIPIENT = "recipient"
    OPT_OUT = "opt_out"
    OWNER = "owner"
    TEMPLATE = "template"
    REQUEST = "request"


HELD = frozenset({FailureKind.AUTH, FailureKind.ACCOUNT, FailureKind.BILLING})
"""Kinds that are no message's fault: the account's queue waits until somebody mends the cause (decision 0007)."""
NOT_ALLOWED = "address_not_allowed"
"""The `code` of a host that may not be called."""
_LONGEST_WAIT_S = 86_400.0  # after a day a delivery is given up anyway
_NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NEVER_SENDABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


async def post(http: httpx2.AsyncClient, url: str, **content: Any) -> httpx2.Response | AttemptResult:
    """The answer, or what it means that there is none. `content` is what `build_request` takes (json, data, headers…)."""
    return await _call(http, "POST", url, **content)


async def get(http: httpx2.AsyncClient, url: str, **content: Any) -> httpx2.Response | AttemptResult:
    """As `post`; nothing is changed over there, so a lost answer may be asked for again."""
    return await _call(http, "GET", url, **content)


async def patch(http: httpx2.AsyncClient, url: str, **content: Any) -> httpx2.Response | AttemptResult:
    """As `post`, of what changes what is there."""
    return await _call(http, "PATCH", url, **content)


async def _call(http: httpx2.AsyncClient, method: str, url: str, **content: Any) -> httpx2.Response | AttemptResult:
    try:
        request = http.build_request(method, url, **content)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        return _not_sendable(error)
    try:
        return _without_credentials(await http.send(request), request)
    except NotAllowed as error:
        # As with a refused token, somebody must mend a setting, and until then the account's queue waits.
        message = {"code": NOT_ALLOWED, "message": str(error), "kind": FailureKind.AUTH.value}
        return AttemptResult(outcome=Outcome.FAILED, error=message)
    except _NEVER_SENDABLE as error:
        return _not_sendable(error)
    except httpx2.RequestError as error:
        return _lost(error)


def find_document(answer: httpx2.Response) -> JsonObject | None:
    """What a successful answer says, if it is a JSON object."""
    try:
        document = parse(answer.content)
    except Unreadable:
        return None
    return document if answer.is_success and isinstance(document, dict) else None


def find_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, as `Retry-After` asks: written as such, or as a date that counts from the answer's own `Date`. A day at most."""
    fields = {name.lower(): value for name, value in headers.items()}
    asked = fields.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return min(float(asked), _LONGEST_WAIT_S)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(fields.get("date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(0.0, wait.total_seconds()), _LONGEST_WAIT_S)


def _without_credentials(answer: httpx2.Response, request: httpx2.Request) -> httpx2.Response:
    """A refusal may quote what it refuses (Meta: "Malformed access token …"), and its words are stored and shown."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    secrets = {credentials}
    if scheme == "Basic":
        secrets.add(b64decode(credentials).decode().partition(":")[2])
    content = answer.content
    for secret in filter(None, secrets):
        content = content.replace(secret.encode(), "…".encode())
    if answer.is_success or content == answer.content:
        return answer
    told = [(name, value) for name, value in answer.headers.multi_items() if name not in ("content-encoding", "content-length")]
    return httpx2.Response(answer.status_code, headers=told, content=content, request=request)


def _lost(error: httpx2.RequestError) -> AttemptResult:
    """Only what failed before a connection stood is certainly not done; after that the far side may have acted."""
    if isinstance(error, _NEVER_LEFT):
        outcome, code = Outcome.RETRY, "not_connected"
    else:
        outcome, code = Outcome.UNKNOWN, "answer_lost"
    return AttemptResult(outcome=outcome, error={"code": code, "message": _words(error), "kind": FailureKind.TRANSPORT.value})


def _not_sendable(error: Exception) -> AttemptResult:
    """The exception's own words may quote the access token, so they are left out."""
    message = f"the request cannot be sent as it is ({type(error).__name__}): check address, access token and text"
    return AttemptResult(
        outcome=Outcome.FAILED, error={"code": "unsendable_request", "message": message, "kind": FailureKind.REQUEST.value}
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
