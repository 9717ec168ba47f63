"""What the Graph API's answer to a send means. Decided on `error.code`: titles change and HTTP statuses are inconsistent.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

from collections.abc import Mapping
from typing import Any

from waystate.channels.attempts import HELD, FailureKind, find_retry_after
from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.model import AttemptResult, Outcome
from waystate.documents import JsonObject, Unreadable, parse

_CODES: dict[FailureKind, tuple[int, ...]] = {
    FailureKind.AUTH: (0, 3, 10, 102, 190, *range(200, 300), 131005),
    FailureKind.ACCOUNT: (33, 368, 131031, 131037, 131045, 133000, 133006, 133007, 133010, 133015),
    FailureKind.BILLING: (131042, 131044, 134011),
    FailureKind.THROTTLE: (4, 17, 32, 341, 613, 80007, 80008, 130429, 131048, 131056, 131057),
    FailureKind.TRANSIENT: (1, 2, 131000, 131016, 133004),
    FailureKind.WINDOW: (131047,),
    FailureKind.RECIPIENT: (130472, 130497, 131021, 131026, 131030, 131049, 131050, 131062),
    FailureKind.TEMPLATE: (132000, 132001, 132005, 132007, 132012, 132015, 132016, 132068, 132069),
    FailureKind.REQUEST: (100, 131008, 131009, 131051, 131052, 131053, 131070, 135000),
}
_NO_SUCH_OBJECT = 33
"""The `error_subcode` of code 100 when the number itself does not exist, or is not the token's to use."""
_OUTCOMES = {FailureKind.THROTTLE: Outcome.RETRY, FailureKind.TRANSIENT: Outcome.UNKNOWN}
"""A limit is judged before anything is done. A fault over there can come at any moment, also after the message was taken."""
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes}


def outcome_of(http_status: int, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
    """What one answered send came to.

    Only what proves that nothing was sent is `retry` or `failed`: there is no idempotency key, so a second send is a second
    message. Whatever else came, a success that cannot be read among it, is `unknown` (decision 0022).
    """
    answer = _find_answer(body)
    if 200 <= http_status < 300:
        return _accepted(http_status, answer)
    error = find_object(answer, "error")
    kind = _kind_of_error(error, http_status)
    outcome = _OUTCOMES.get(kind, Outcome.FAILED)
    return AttemptResult(
        outcome=outcome,
        http_status=http_status,
        error=_error(error, http_status, kind),
        # An unknown send is not tried again, but those of the account that have not left yet need not become unknown too.
        retry_after=None if outcome is Outcome.FAILED else find_retry_after(headers),
    )


def kind_of(code: Any, http_status: int = 400) -> FailureKind:
    """The class of an error code, of an answer or of a `failed` status; unknown codes go by the HTTP status."""
    return _find_kind(code) or _kind_of_status(http_status)


def _kind_of_error(error: JsonObject | None, http_status: int) -> FailureKind:
    """What says of itself that it passes was not judged, unless its code is a known one; a limit was."""
    code = error.get("code") if error is not None else None
    if error is not None and code == 100 and _lacks_object(error):
        return FailureKind.ACCOUNT
    kind = kind_of(code, http_status)
    is_vague = (kind is FailureKind.REQUEST or kind in HELD) and _find_kind(code) is None
    if is_vague and error is not None and error.get("is_transient") is True:
        return FailureKind.TRANSIENT
    return kind


def _lacks_object(error: JsonObject) -> bool:
    """Newer versions of the Graph API leave the subcode out; then the type tells it from a parameter that is wrong."""
    subcode = error.get("error_subcode")
    return str(subcode) == str(_NO_SUCH_OBJECT) if subcode is not None else error.get("type") == "GraphMethodException"


def _find_kind(code: Any) -> FailureKind | None:
    return _KINDS.get(code) if isinstance(code, int) and not isinstance(code, bool) else None


def _kind_of_status(http_status: int) -> FailureKind:
    """Only a 4xx refuses. 303 says "done, look there"; a gateway's 444, 460 and 499 tell of a connection that ended."""
    match http_status:
        case 401 | 403:
            return FailureKind.AUTH
        case 402:
            return FailureKind.BILLING
        case 425 | 429:
            return FailureKind.THROTTLE
        case 408 | 444 | 460 | 499:
            return FailureKind.TRANSIENT
    return FailureKind.REQUEST if 400 <= http_status < 500 else FailureKind.TRANSIENT


def _accepted(http_status: int, answer: Any) -> AttemptResult:
    messages = find_list(answer, "messages")
    wamid = find_text(messages[0], "id") if messages else None
    if wamid is None:
        error = {"code": "unreadable_answer", "message": "the API accepted the request but named no message"}
        return AttemptResult(
            outcome=Outcome.UNKNOWN, http_status=http_status, error=error | {"kind": FailureKind.TRANSPORT.value}
        )
    return AttemptResult(outcome=Outcome.SENT, http_status=http_status, external_id=wamid)


def _error(error: JsonObject | None, http_status: int, kind: FailureKind) -> JsonObject:
    """`{code, title, message, details, kind}` without what is absent; `title` is the message without its `(#code)`."""
    message = find_text(error, "message") or f"HTTP {http_status} without an explanation"
    code = error.get("code") if error is not None else None
    words = {
        "code": code if isinstance(code, int | str) else http_status,
        "title": find_text(error, "error_user_title") or message.removeprefix(f"(#{code})").strip(),
        "message": message,
        "details": find_text(find_object(error, "error_data"), "details") or find_text(error, "error_user_msg"),
        "kind": kind.value,
    }
    return {key: value for key, value in words.items() if value is not None}


def _find_answer(body: bytes) -> Any:
    try:
        return parse(body)
    except Unreadable:
        return None
