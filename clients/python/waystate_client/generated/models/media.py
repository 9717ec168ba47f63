"""Of `media`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["FileError", "MediaAnswer", "UploadAnswer"]


class FileError(Record):
    """Why the last try failed, or why there is none any more."""

    code: str
    message: str


class MediaAnswer(CamelRecord):
    """`state`: `waiting` (it is fetched, and tried again at `nextTryAt`), `stored`, `held` (by the scanner) or
    `failed`.

    `url` and `thumbnailUrl` take no credentials and end at `urlExpiresAt`; without PUBLIC_URL they are paths of this
    server.
    They are null of what is not stored, and a thumbnail of what is no image. `size` is in bytes, `sha256`
    hexadecimal.
    """

    id: UUID
    direction: Literal["inbound", "outbound"] | str
    message_id: UUID | None
    state: Literal["waiting", "stored", "held", "failed"] | str
    mime_type: str | None
    filename: str | None
    size: int | None
    sha256: str | None
    url: str | None
    thumbnail_url: str | None
    url_expires_at: datetime | None
    error: FileError | None
    attempts: int
    next_try_at: datetime | None
    created_at: datetime
    stored_at: datetime | None


class UploadAnswer(CamelRecord):
    """A file that can be sent: a message names its `id` as `mediaId`. `size` is in bytes, `sha256` is hexadecimal."""

    id: str
    state: str
    mime_type: str
    size: int
    sha256: str
    filename: str | None
