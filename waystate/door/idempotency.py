"""Requests that carry an Idempotency-Key: which may be run again, which answers are final, what a known key means. Pure.

The contract is that of the IETF's draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from waystate import documents
from waystate.errors import BadRequest, Conflict, Refused, Unprocessable
from waystate.operations import Operation
from waystate.principal import Principal

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
KEPT = timedelta(hours=24)
"""How long an answer can be had again; a client that tries for longer has given up."""
LOCK = timedelta(minutes=2)
"""A request that has not answered by then has died: no statement of ours runs for more than 30 s."""
LARGEST = 2**20
"""Bytes of an answer that is kept; a larger one is given once."""

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_SAFE_HEADERS = frozenset({b"content-type", b"content-language", b"cache-control", b"location", b"etag", b"link"})
_NOT_FINAL = frozenset({401, 403, 408, 413, 415, 429})
_PASSING = frozenset(
    {
        *("lock_timeout", "database_error"),
        *("window_closed", "not_in_control", "recipient_moved", "number_inactive", "template_unusable"),
        *(
            "message_unknown_at_whatsapp",
            "not_failed",
            "delivery_under_way",
            "others_wait",
            "resent_already",
            "sender_external",
            "media_not_ready",
            "moved_meanwhile",
            "newer_open",
        ),
    }
)
"""Refusals of the moment, which had no effect: the next try may well succeed."""

Headers = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`status` None: not answered yet. `body` is sealed; None with a status: the answer was not kept."""

    request_hash: bytes
    locked_until: datetime | None = None
    status: int | None = None
    headers: Sequence[Sequence[str]] | None = None
    body: bytes | None = field(default=None, repr=False)


class KeyedOperations:
    """Those of `operations` that take keys."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        # The most literal path first, as the routers match.
        rows = sorted(operations, key=lambda each: each.path.count("{"))
        self._patterns: dict[str, list[tuple[re.Pattern[str], Operation]]] = {
            method: [(_pattern(each.path), each) for each in rows if each.method == method and _takes_keys(each)]
            for method in UNSAFE
        }

    def find(self, method: str, raw_path: str) -> Operation | None:
        """The one at this path, which is still percent-encoded; None: a key means nothing there."""
        return next((each for pattern, each in self._patterns.get(method, ()) if pattern.fullmatch(raw_path)), None)


def parse_key(values: Sequence[bytes]) -> str:
    """With or without the quotes that the draft writes around it."""
    if len(set(values)) != 1:
        raise BadRequest("repeated_header", "The header Idempotency-Key came twice with different values. Send it once.")
    value = values[0].strip()
    if len(value) > 2 and value[:1] == value[-1:] == b'"':
        value = value[1:-1]
    if _KEY.fullmatch(value) is None:
        raise BadRequest(
            "invalid_idempotency_key",
            "An Idempotency-Key is 1 to 255 visible ASCII characters without spaces, such as a UUID. Send a new one.",
        )
    return value.decode("ascii")


def hash_request(secret: bytes, principal: Principal, method: str, target: bytes, body: bytes) -> bytes:
    """Keyed, because a body may hold a password, and a plain digest in a stolen dump would let it be guessed offline."""
    who = f"user:{principal.user_id}" if principal.kind == "session" else f"{principal.kind}:{principal.id}"
    parts = (method.encode(), target, who.encode(), hashlib.sha256(body).digest())
    return hmac.digest(secret, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")


def is_repeatable(operation: Operation, body: bytes) -> bool:
    """Whether running it twice has the effect of once, so that a try whose outcome is unknown may be followed by another."""
    if operation.method != "POST":
        return True
    if operation.repeatable_if is not None:
        return operation.repeatable_if(body)
    return bool(operation.repeatable)


def is_final(answer: Answer) -> bool:
    """Whether the same request would be answered so again. What says "come again" is not."""
    if answer.status >= 500 or answer.status in _NOT_FINAL or any(name == b"retry-after" for name, _ in answer.headers):
        return False
    return answer.status not in (409, 422) or _code_of(answer.body) not in _PASSING


def safe_headers(headers: Headers) -> list[tuple[str, str]]:
    """Those worth keeping; a cookie is never among them."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name.lower() in _SAFE_HEADERS]


def why_not_again(record: Record, request_hash: bytes, now: datetime) -> Refused | None:
    """What the holder of a known key is told; None: the kept answer."""
    if not hmac.compare_digest(record.request_hash, request_hash):
        return reused()
    if record.status is not None:
        return None if record.body is not None else not_kept(record.status)
    if record.locked_until is not None and record.locked_until > now:
        return in_use()
    return Conflict(
        "idempotency_outcome_unknown",
        "The first request with this Idempotency-Key ended without an answer, and it may have had its effect. "
        "Look whether it had; if not, send it again with a new key.",
    )


def reused() -> Unprocessable:
    return Unprocessable(
        "idempotency_key_reused",
        "This Idempotency-Key was sent with another path, body or caller, such as another API key. If it is the same request, "
        "look whether the first one had its effect before you repeat it; a new request has a new key.",
    )


def in_use() -> Conflict:
    return Conflict(
        "idempotency_key_in_use",
        "The first request with this Idempotency-Key is still under way. Send the same again after Retry-After seconds.",
        retry_after=1.0,
    )


def not_kept(status: int) -> Conflict:
    return Conflict(
        "idempotency_answer_not_kept",
        f"The request was done and answered with {status}, but that answer is not kept. Read what it made instead.",
        first_status=status,
    )


def _code_of(body: bytes) -> str | None:
    try:
        document = documents.parse(body)
    except documents.Unreadable:
        return None
    return document.get("code") if isinstance(document, dict) else None


def _takes_keys(operation: Operation) -> bool:
    """Webhooks are idempotent by themselves, logging in and out is about credentials, and a stream is not read first."""
    if operation.scope is None or operation.is_streamed:
        return False
    return operation.path.startswith(("/state/", "/v1/")) and not operation.path.startswith("/v1/auth/")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]+\}", path)))
