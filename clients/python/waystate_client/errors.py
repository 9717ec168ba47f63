"""What can go wrong, and what to do about it.

WaystateError
├── NoAnswer                 nobody answered, however often it was tried
├── UnexpectedAnswer         somebody answered, and not as Waystate does
├── SignatureInvalid         a webhook that is not Waystate's, or is too old
└── Refused                  Waystate said no: `code` is for programs, `detail` for people
    ├── InvalidRequest 400, 413, 415, 422    ├── Unauthorized 401       ├── Forbidden 403
    ├── NotFound 404         ├── Conflict 409                           ├── ChangedMeanwhile 412
    └── TooManyRequests 429  └── ServerFailed 5xx, and what proxies say
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class WaystateError(Exception):
    """Root of the tree above."""


class NoAnswer(WaystateError):
    """`may_have_happened`: the request had left when the connection broke. `idempotency_key` is what it was sent with: the same
    call with this key is done once, whether the first one was or not.
    """

    def __init__(self, message: str, *, may_have_happened: bool, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened
        self.idempotency_key = idempotency_key


class UnexpectedAnswer(WaystateError):
    pass


class SignatureInvalid(WaystateError):
    pass


class Refused(WaystateError):
    """`errors` name each wrong field, `body` is the whole problem (RFC 9457), with what a code brings beside `detail`."""

    def __init__(self, status: int, body: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.body = dict(body)
        self.code = str(body.get("code", f"http_{status}"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.errors: list[dict[str, str]] = list(body.get("errors") or [])
        self.retry_after = retry_after
        super().__init__(f"{self.detail} ({status} {self.code})")


class InvalidRequest(Refused):
    pass


class Unauthorized(Refused):
    pass


class Forbidden(Refused):
    @property
    def missing_scope(self) -> str | None:
        """Which scope the key lacks, where that is why."""
        return self.body.get("scope")


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class ChangedMeanwhile(Refused):
    """Somebody edited it since it was read: read it again, and decide again."""


class TooManyRequests(Refused):
    pass


class ServerFailed(Refused):
    pass


class _Kinds:
    by_status: ClassVar[dict[int, type[Refused]]] = {
        400: InvalidRequest,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        412: ChangedMeanwhile,
        413: InvalidRequest,
        415: InvalidRequest,
        422: InvalidRequest,
        429: TooManyRequests,
    }


def refusal(status: int, body: Mapping[str, Any], *, retry_after: float | None = None) -> Refused:
    """The error of a status, known or not."""
    kind = _Kinds.by_status.get(status, ServerFailed if status >= 499 else Refused)
    return kind(status, body, retry_after=retry_after)
