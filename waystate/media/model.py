"""A file that a customer sent, or that is sent to one: where its bytes are, what they are, and how far it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from waystate.documents import JsonObject
from waystate.errors import WaystateError

KEPT_BY_WHATSAPP = timedelta(days=7)
"""How long WhatsApp hands out a customer's file by its id."""
URL_LIFE = timedelta(minutes=5)
"""How long the address in a webhook leads to the file."""
UPLOAD_LIFE = timedelta(days=30)
"""How long WhatsApp keeps what was uploaded to it."""
LARGEST = 100 * 2**20
"""Bytes: WhatsApp's limit of a document, the largest that it carries either way."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds between tries."""


class FileDirection(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class FileState(StrEnum):
    """`waiting`: it is fetched, now or again; `stored`: it can be had; `held`: a scanner refused it; `failed`: it never can."""

    WAITING = "waiting"
    STORED = "stored"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRecord:
    """`external_id` is WhatsApp's id of a customer's file; `source_url` is where it is loaded from first.

    `sha256` (32 bytes) is what somebody says of it until it is stored, and true from then on; `size` is in bytes.
    `due_at`: when it is fetched next, while it waits. `attempts` counts claims: who finishes a file names the claim it is of.
    `expires`: until when it can be had at its source.
    """

    id: UUID
    direction: FileDirection
    created_at: datetime
    message_id: UUID | None = None
    phone_number_id: str | None = None
    external_id: str | None = None
    source_url: str | None = None
    mime_type: str | None = None
    filename: str | None = None
    size: int | None = None
    sha256: bytes | None = None
    state: FileState = FileState.WAITING
    attempts: int = 0
    due_at: datetime | None = None
    error: JsonObject | None = None
    object_key: str | None = None
    thumbnail_key: str | None = None
    stored_at: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What is in the object store now, and how large it is (bytes)."""

    object_key: str
    size: int
    sha256: bytes
    mime_type: str | None
    thumbnail_key: str | None = None


class Unfetched(WaystateError):
    """A file could not be had: `is_final` for good, else it is tried again, after `retry_after` seconds at the earliest."""

    def __init__(self, code: str, message: str, *, is_final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_final = is_final
        self.retry_after = retry_after

    @property
    def error(self) -> JsonObject:
        return {"code": self.code, "message": self.message}


def storage_full() -> Unfetched:
    text = "The tenant's quota `storage_bytes` has no room for it. Raise the quota: what comes from then on is stored."
    return Unfetched("storage_full", text, is_final=True)


class HeldByScanner(WaystateError):
    """The scanner refused a file, in its own words."""


def pause_of(attempt: int, retry_after: float | None = None) -> timedelta:
    """Until the next try, after so many: short at first, for most of what fails does so for seconds; an hour in the end."""
    seconds = min(FIRST_PAUSE * 2 ** min(attempt - 1, 20), LONGEST_PAUSE)
    return timedelta(seconds=max(seconds, min(retry_after or 0.0, LONGEST_PAUSE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCopy:
    """A file under WhatsApp's id, which the number `phone_number_id` may send until `expires_at`."""

    media_id: UUID
    phone_number_id: str
    external_id: str
    uploaded_at: datetime
    expires_at: datetime
