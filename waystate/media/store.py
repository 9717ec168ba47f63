"""Files' descriptions in PostgreSQL; their bytes are in the object store (`objects`)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.media.model import FileDirection, FileState, MediaRecord, StoredObject, WhatsAppCopy

_queries = load_queries(__file__)


class DueFiles(NamedTuple):
    """A tenant's files that are to be fetched: how many, and since when the oldest."""

    tenant: TenantId
    items: int
    oldest: datetime


async def insert_many(conn: Connection, tenant: TenantId, files: Sequence[MediaRecord]) -> None:
    if not files:
        return
    await _queries.insert_many(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in files],
        directions=[each.direction for each in files],
        message_ids=[each.message_id for each in files],
        phone_number_ids=[each.phone_number_id for each in files],
        external_ids=[each.external_id for each in files],
        source_urls=[each.source_url for each in files],
        mime_types=[each.mime_type for each in files],
        filenames=[each.filename for each in files],
        sizes=[each.size for each in files],
        sha256s=[each.sha256 for each in files],
        states=[each.state for each in files],
        due_at=[each.due_at for each in files],
        errors=[None if each.error is None else dump(each.error) for each in files],
        object_keys=[each.object_key for each in files],
        thumbnail_keys=[each.thumbnail_key for each in files],
        created_at=[each.created_at for each in files],
        stored_at=[each.stored_at for each in files],
        expires=[each.expires for each in files],
    )


async def find_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, MediaRecord]:
    """Those that there are."""
    rows = await _queries.find_many(conn, tenant_id=tenant, ids=list(ids))
    return {row["id"]: _file(row) for row in rows}


async def get_file(conn: Connection, tenant: TenantId, file_id: UUID) -> MediaRecord:
    """`NotFound` where the tenant has none of this id."""
    found = await find_many(conn, tenant, [file_id])
    if file_id not in found:
        raise unknown_media(file_id)
    return found[file_id]


def unknown_media(file_id: UUID) -> NotFound:
    text = f"This tenant has no file {file_id}. A message's `media.file_id` is the id of its file."
    return NotFound("unknown_media", text)


async def lock_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, MediaRecord]:
    """Those that there are; nobody else changes them until the transaction ends."""
    rows = await _queries.lock_many(conn, tenant_id=tenant, ids=list(ids))
    return {row["id"]: _file(row) for row in rows}


async def list_due(conn: Connection, direction: FileDirection, moment: datetime) -> list[DueFiles]:
    """Of all tenants, the longest due first; in a transaction of role `waystate_work`."""
    rows = await _queries.list_due(conn, direction=direction, moment=moment)
    return [DueFiles(TenantId(row["tenant_id"]), row["items"], row["oldest"]) for row in rows]


async def claim(
    conn: Connection, tenant: TenantId, direction: FileDirection, *, now: datetime, due_at: datetime, batch: int
) -> list[MediaRecord]:
    """Files that were due and are the caller's until `due_at`."""
    rows = await _queries.claim(conn, tenant_id=tenant, direction=direction, now=now, due_at=due_at, batch=batch)
    return [_file(row) for row in rows]


async def keep_claims(conn: Connection, tenant: TenantId, files: Sequence[MediaRecord], due_at: datetime) -> None:
    """Those that are still the caller's stay so until then."""
    await _queries.keep_claims(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in files],
        attempts=[each.attempts for each in files],
        due_at=due_at,
    )


async def finish_stored(conn: Connection, tenant: TenantId, file: MediaRecord, stored: StoredObject, now: datetime) -> bool:
    """Whether it was still the caller's, whose claim `file` is."""
    finished = await _queries.finish_stored(
        conn,
        tenant_id=tenant,
        id=file.id,
        attempt=file.attempts,
        now=now,
        object_key=stored.object_key,
        size=stored.size,
        sha256=stored.sha256,
        mime_type=stored.mime_type,
        thumbnail_key=stored.thumbnail_key,
    )
    return finished is not None


async def finish_refused(conn: Connection, tenant: TenantId, file: MediaRecord, state: FileState, error: JsonObject) -> bool:
    """`held` or `failed`, for good; whether it was still the caller's."""
    finished = await _queries.finish_refused(
        conn, tenant_id=tenant, id=file.id, attempt=file.attempts, state=state, error=error
    )
    return finished is not None


async def put_off(conn: Connection, tenant: TenantId, file: MediaRecord, error: JsonObject, due_at: datetime) -> bool:
    """It is tried again then; whether it was still the caller's."""
    put = await _queries.put_off(conn, tenant_id=tenant, id=file.id, attempt=file.attempts, error=error, due_at=due_at)
    return put is not None


async def take_room(conn: Connection, tenant: TenantId, size: int, quota: int | None) -> bool:
    """Whether so many bytes more are within the quota; then they count."""
    return await _queries.take_room(conn, tenant_id=tenant, size=size, quota=quota) is not None


async def get_usage(conn: Connection, tenant: TenantId) -> int:
    """Bytes of the tenant's stored files."""
    return int(await _queries.get_usage(conn, tenant_id=tenant))


async def find_named(conn: Connection, tenant: TenantId, keys: Sequence[str]) -> set[str]:
    """Those of these keys of objects that a file of the tenant names."""
    rows = await _queries.find_named(conn, tenant_id=tenant, keys=list(keys), ids=[UUID(key.split("/")[1]) for key in keys])
    return {row["key"] for row in rows}


async def find_uploads(
    conn: Connection, tenant: TenantId, media_ids: Collection[UUID], phone_number_id: str, until: datetime
) -> dict[UUID, WhatsAppCopy]:
    """By file what WhatsApp has for this number beyond `until`."""
    rows = await _queries.find_uploads(
        conn, tenant_id=tenant, media_ids=list(media_ids), phone_number_id=phone_number_id, until=until
    )
    return {row["media_id"]: WhatsAppCopy(**row) for row in rows}


async def upsert_upload(conn: Connection, tenant: TenantId, upload: WhatsAppCopy) -> None:
    await _queries.upsert_upload(
        conn,
        tenant_id=tenant,
        media_id=upload.media_id,
        phone_number_id=upload.phone_number_id,
        external_id=upload.external_id,
        uploaded_at=upload.uploaded_at,
        expires_at=upload.expires_at,
    )


def _file(row: Any) -> MediaRecord:
    return MediaRecord(**{**row, "direction": FileDirection(row["direction"]), "state": FileState(row["state"])})
