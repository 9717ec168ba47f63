"""What Genesys Cloud's answer to a message or receipt means.

https://developer.genesys.cloud/platform/api/rate-limits
"""

from collections.abc import Mapping
from typing import Any

from waystate.channels.attempts import FailureKind, find_retry_after
from waystate.channels.fields import find_list, find_text
from waystate.channels.model import AttemptResult, Outcome
from waystate.documents import JsonObject, Unreadable, parse

_AGAIN = frozenset({FailureKind.THROTTLE, FailureKind.TRANSIENT})


def outcome_of(http_status: int, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
    """Any 2xx is `sent`: receipts are answered without a body. `conversation_id` comes only if it was asked for."""
    answer = _find_answer(body)
    if 200 <= http_status < 300:
        return AttemptResult(
            outcome=Outcome.SENT,
            http_status=http_status,
            external_id=find_text(answer, "id"),
            conversation_id=find_text(answer, "conversationId"),
        )
    kind = _kind_of(http_status)
    return AttemptResult(
        outcome=Outcome.RETRY if kind in _AGAIN else Outcome.FAILED,
        http_status=http_status,
        error=_error(answer, http_status, kind, headers),
        retry_after=find_retry_after(headers) if kind in _AGAIN else None,
    )


def _kind_of(http_status: int) -> FailureKind:
    match http_status:
        case 401 | 403:
            return FailureKind.AUTH
        case 429:
            return FailureKind.THROTTLE
        case 408:
            return FailureKind.TRANSIENT
    return FailureKind.TRANSIENT if http_status >= 500 else FailureKind.REQUEST


def _error(answer: Any, http_status: int, kind: FailureKind, headers: Mapping[str, str]) -> JsonObject:
    """`{code, message, details, correlation_id, kind}` without what is absent. The login server says `error`, `description`."""
    fields = {name.lower(): value for name, value in headers.items()}
    message = find_text(answer, "message") or find_text(answer, "error_description") or find_text(answer, "description")
    words = {
        "code": find_text(answer, "code") or find_text(answer, "error") or str(http_status),
        "message": message or f"HTTP {http_status} without an explanation",
        "details": find_list(answer, "details") or find_list(answer, "errors") or None,
        "correlation_id": find_text(answer, "contextId") or fields.get("inin-correlation-id"),
        "kind": kind.value,
    }
    return {key: value for key, value in words.items() if value is not None}


def _find_answer(body: bytes) -> Any:
    try:
        return parse(body)
    except Unreadable:
        return None
