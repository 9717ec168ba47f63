"""What `/v1/media` answers."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.ids import TenantId
from waystate.media.links import FOR_CALLERS, Links
from waystate.media.model import FileState, MediaRecord

Instant = Annotated[str, Field(description="ISO 8601 with Z")]


class FileError(BaseModel):
    """Why the last try failed, or why there is none any more."""

    code: str
    message: str


class MediaAnswer(BaseModel):
    """`state`: `waiting` (it is fetched, and tried again at `nextTryAt`), `stored`, `held` (by the scanner) or `failed`.

    `url` and `thumbnailUrl` take no credentials and end at `urlExpiresAt`; without PUBLIC_URL they are paths of this server.
    They are null of what is not stored, and a thumbnail of what is no image. `size` is in bytes, `sha256` hexadecimal.
    """

    id: UUID
    direction: Literal["inbound", "outbound"]
    messageId: UUID | None
    state: Literal["waiting", "stored", "held", "failed"]
    mimeType: str | None
    filename: str | None
    size: int | None
    sha256: str | None
    url: str | None
    thumbnailUrl: str | None
    urlExpiresAt: Instant | None
    error: FileError | None
    attempts: int
    nextTryAt: Instant | None
    createdAt: Instant
    storedAt: Instant | None


def render_media(file: MediaRecord, tenant: TenantId, links: Links, now: datetime) -> MediaAnswer:
    is_stored, ends_at = file.state is FileState.STORED, now + FOR_CALLERS
    has_thumbnail = is_stored and file.thumbnail_key is not None
    return MediaAnswer(
        id=file.id,
        direction=file.direction.value,
        messageId=file.message_id,
        state=file.state.value,
        mimeType=file.mime_type,
        filename=file.filename,
        size=file.size,
        sha256=file.sha256.hex() if file.sha256 is not None else None,
        url=links.address(tenant, file.id, ends_at) if is_stored else None,
        thumbnailUrl=links.address(tenant, file.id, ends_at, "thumbnail") if has_thumbnail else None,
        urlExpiresAt=iso(ends_at.replace(microsecond=0)) if is_stored else None,
        error=render_error(file.error),
        attempts=file.attempts,
        nextTryAt=iso(file.due_at) if file.due_at is not None else None,
        createdAt=iso(file.created_at),
        storedAt=iso(file.stored_at) if file.stored_at is not None else None,
    )


def render_error(error: JsonObject | None) -> FileError | None:
    return None if error is None else FileError(code=str(error.get("code")), message=str(error.get("message")))


MEDIA_EXAMPLE: JsonObject = {
    "id": "019c1420-8f3b-7d10-8a6c-1f5e2d9b7a44",
    "direction": "inbound",
    "messageId": "019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83",
    "state": "stored",
    "mimeType": "image/jpeg",
    "filename": None,
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "url": "https://waystate.example.com/media/acme/019c1420-8f3b-7d10-8a6c-1f5e2d9b7a44?expires=1769864400&signature=aBc",
    "thumbnailUrl": None,
    "urlExpiresAt": "2026-01-31T13:00:00.000Z",
    "error": None,
    "attempts": 1,
    "nextTryAt": None,
    "createdAt": "2026-01-31T12:00:00.090Z",
    "storedAt": "2026-01-31T12:00:00.640Z",
}
