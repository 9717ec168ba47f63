"""What became of a fetched file, written down with the event that tells it: all of it in one transaction, or nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events import outbox
from waystate.events.model import Event, MediaFailed, MediaHeld, MediaStored
from waystate.ids import TenantId
from waystate.media import store
from waystate.media.model import FileState, HeldByScanner, MediaRecord, StoredObject, Unfetched, pause_of, storage_full
from waystate.messages import store as message_store

MESSAGE_GONE: JsonObject = {"code": "message_gone", "message": "Its message is not there any more."}
REVOKED: JsonObject = {"code": "revoked", "message": "The customer took the message back before its file was here."}
Fetched = StoredObject | HeldByScanner | Unfetched
"""What an attempt comes to."""


async def finish(
    conn: Connection, tenant: TenantId, file: MediaRecord, fetched: Fetched, quota: int | None, now: datetime
) -> bool:
    """Whether the file is `stored` now. A claim that was overtaken changes nothing, and what it stored is nobody's."""
    locked = (await store.lock_many(conn, tenant, [file.id])).get(file.id)
    if locked is None or locked.state is not FileState.WAITING or locked.attempts != file.attempts:
        return False
    match fetched:
        case StoredObject():
            return await _finish_stored(conn, tenant, file, fetched, quota, now)
        case HeldByScanner():
            await _finish_held(conn, tenant, file, str(fetched), now)
        case Unfetched():
            await _put_off(conn, tenant, file, fetched, now)
    return False


async def _finish_stored(
    conn: Connection, tenant: TenantId, file: MediaRecord, stored: StoredObject, quota: int | None, now: datetime
) -> bool:
    message = await _find_message(conn, tenant, file)
    if message is None:
        await store.finish_refused(conn, tenant, file, FileState.FAILED, MESSAGE_GONE)
        return False
    if message["revoked_at"] is not None:
        await _refuse(conn, tenant, file, REVOKED, now)
        return False
    if not await store.take_room(conn, tenant, stored.size, quota):
        await _refuse(conn, tenant, file, storage_full().error, now)
        return False
    await store.finish_stored(conn, tenant, file, stored, now)
    told = MediaStored(
        **_about(message, file, now),
        message_type=message["type"],
        mime_type=stored.mime_type,
        filename=file.filename,
        size=stored.size,
        sha256=stored.sha256.hex(),
    )
    await outbox.append_many(conn, tenant, [told])
    return True


async def _finish_held(conn: Connection, tenant: TenantId, file: MediaRecord, reason: str, now: datetime) -> None:
    await store.finish_refused(conn, tenant, file, FileState.HELD, {"code": "held", "message": reason})
    await _tell(conn, tenant, file, lambda message: MediaHeld(**_about(message, file, now), reason=reason))


async def _put_off(conn: Connection, tenant: TenantId, file: MediaRecord, why: Unfetched, now: datetime) -> None:
    """Given up where WhatsApp will not have it any more by then."""
    due_at = now + pause_of(file.attempts, why.retry_after)
    if why.is_final:
        await _refuse(conn, tenant, file, why.error, now)
    elif file.expires is not None and due_at >= file.expires:
        text = f"WhatsApp keeps files for seven days, and until then it could not be had. Lastly: {why.message}"
        await _refuse(conn, tenant, file, {"code": "expired", "message": text, "last": why.error}, now)
    else:
        await store.put_off(conn, tenant, file, why.error, due_at)


async def _refuse(conn: Connection, tenant: TenantId, file: MediaRecord, error: JsonObject, now: datetime) -> None:
    await store.finish_refused(conn, tenant, file, FileState.FAILED, error)
    code, reason = str(error["code"]), str(error["message"])
    await _tell(conn, tenant, file, lambda message: MediaFailed(**_about(message, file, now), code=code, reason=reason))


async def _tell(conn: Connection, tenant: TenantId, file: MediaRecord, event_of: Callable[[JsonObject], Event]) -> None:
    message = await _find_message(conn, tenant, file)
    if message is not None:
        await outbox.append_many(conn, tenant, [event_of(message)])


async def _find_message(conn: Connection, tenant: TenantId, file: MediaRecord) -> JsonObject | None:
    return None if file.message_id is None else await message_store.find_message(conn, tenant, file.message_id)


def _about(message: JsonObject, file: MediaRecord, now: datetime) -> dict[str, Any]:
    return {
        "mapping_id": message["conversation_id"],
        "contact_id": message["contact_id"],
        "phone_number_id": message["phone_number_id"],
        "wa_id": message["wa_id"],
        "message_id": message["id"],
        "wamid": message["wamid"],
        "file_id": file.id,
        "at": now,
    }
