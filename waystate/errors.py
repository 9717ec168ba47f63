"""Every error Waystate raises on purpose. Each says what to do next.

WaystateError
├── ConfigError              the start stops, with a sentence that names the setting
├── Rejected(reason)         an item cannot be used: it becomes a dead letter with this reason
├── Retry(after)             not now: the same work is tried again after so many seconds
└── Refused                  an HTTP caller is told: an RFC 9457 problem with a stable `code`
    ├── BadRequest 400       ├── Unauthorized 401   ├── Forbidden 403   ├── NotFound 404
    ├── Conflict 409         ├── TooLarge 413       ├── NotJson 415        ├── Unprocessable 422
    └── TooMany 429, Unavailable 503  (both say when to come back)
"""

from enum import StrEnum
from typing import Any, ClassVar


class Reason(StrEnum):
    """Why an item is a dead letter (seed 000, and those that Waystate adds)."""

    LOCK_TIMEOUT = "lock_timeout"
    MAPPING_NOT_FOUND = "mapping_not_found"
    INVALID_PAYLOAD = "invalid_payload"
    STATE_VIOLATION = "state_violation"
    MAPPING_STATUS_EXPIRED = "mapping_status_expired"
    MAPPING_STATUS_CLOSED = "mapping_status_closed"
    DATABASE_ERROR = "database_error"
    INVALID_MEDIA_URL = "invalid_media_url"
    UNKNOWN_TENANT = "unknown_tenant"
    WINDOW_CLOSED = "window_closed"
    RECIPIENT_MOVED = "recipient_moved"
    GROUP_MESSAGE = "group_message"
    GROUP_UNAVAILABLE = "group_unavailable"
    NOT_FOR_GROUPS = "not_for_groups"
    NOT_IN_CONTROL = "not_in_control"
    DELIVERY_FAILED = "delivery_failed"
    MISSED_GENESYS_MESSAGE = "missed_genesys_message"


class WaystateError(Exception):
    """Root of the tree above."""


class ConfigError(WaystateError):
    pass


class Rejected(WaystateError):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Retry(WaystateError):
    def __init__(self, message: str, *, after: float) -> None:
        super().__init__(message)
        self.after = after


class Refused(WaystateError):
    """`code` is stable and for programs; `detail` is for people and says what to do; `extra` joins the problem body."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(self, code: str, detail: str, *, retry_after: float | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.extra = extra


class Moved(Refused):
    """`location`: where it is now."""

    status, title = 308, "Permanent redirect"

    def __init__(self, code: str, detail: str, *, location: str) -> None:
        super().__init__(code, detail)
        self.location = location


class BadRequest(Refused):
    status, title = 400, "Bad request"


class Unauthorized(Refused):
    status, title = 401, "Unauthorized"


class Forbidden(Refused):
    status, title = 403, "Forbidden"


class NotFound(Refused):
    status, title = 404, "Not found"


class Conflict(Refused):
    status, title = 409, "Conflict"


class PreconditionFailed(Refused):
    status, title = 412, "Precondition failed"


class TooLarge(Refused):
    status, title = 413, "Content too large"


class NotJson(Refused):
    status, title = 415, "Unsupported media type"


class Unprocessable(Refused):
    status, title = 422, "Unprocessable content"


class TooMany(Refused):
    status, title = 429, "Too many requests"


class Unavailable(Refused):
    status, title = 503, "Service unavailable"
