"""Files of messages that are about to leave: WhatsApp has each, before the message that shows it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from waystate.channels.whatsapp.media import find_misfit
from waystate.channels.whatsapp.uploaded import ReadyFile, list_files, with_ids
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Claimed, Target
from waystate.documents import JsonObject
from waystate.ids import TenantId
from waystate.media import store as media_store
from waystate.media.model import FileState, MediaRecord, WhatsAppCopy

FileOfNumber = tuple[UUID, str]
"""A file, and the number that is to send it."""

LOOK_AGAIN = timedelta(seconds=0.5)
"""How long a message whose file is not there yet is left alone, and its customer's queue with it."""
PARKED = timedelta(seconds=2)
"""How long all others that show a file are left alone while it is uploaded; the upload's end hastens them."""
PATIENCE = timedelta(minutes=5)
"""How long a file may be on its way. Who fetches files gives one up sooner: this is for when nobody does."""
STILL_KEPT = timedelta(days=1)
"""WhatsApp keeps an upload for thirty days; one that has less than this left is made again."""
_SHOWS_FILES = frozenset({"image", "video", "audio", "document", "sticker", "interactive", "template"})

NOT_FETCHED: JsonObject = {
    "code": "media_fetch_failed",
    "title": "Not sent: the attached file could not be loaded in time. Attach it again.",
}
GONE: JsonObject = {"code": "media_gone", "title": "Not sent: the file is not kept any more. Upload or attach it again."}
HELD_BACK: JsonObject = {"code": "media_held", "title": "Not sent: the scanner held the file back. Send another one."}


@dataclass(slots=True)
class SortedOut:
    """What may leave, how many wait, and the files that are to be uploaded first."""

    ready: list[Claimed] = field(default_factory=list)
    uploads: dict[FileOfNumber, MediaRecord] = field(default_factory=dict)
    waiting: int = 0


async def sort_out(
    conn: Connection,
    tenant: TenantId,
    claimed: Sequence[Claimed],
    now: datetime,
    *,
    numbers: Collection[str],
    refused: Mapping[FileOfNumber, JsonObject],
) -> SortedOut:
    """In the transaction that claimed them. What waits for a file is put back, as if it had not been claimed.

    `numbers`: those that files can be uploaded for; of another the send says what is wrong with it. `refused`: uploads that
    WhatsApp does not take, with what it said.
    """
    showing = [each for each in _showing(claimed) if each.account in numbers]
    wanted = {(each.event_id, each.target): {file_id for file_id, _ in list_files(each.request)} for each in showing}
    wanted = {key: files for key, files in wanted.items() if files}
    if not wanted:
        return SortedOut(ready=list(claimed))
    known = await media_store.find_many(conn, tenant, set().union(*wanted.values()))
    copies = await _find_copies(conn, tenant, [each for each in claimed if (each.event_id, each.target) in wanted], known, now)
    found = SortedOut()
    waiting: list[Claimed] = []
    for each in claimed:
        files = wanted.get((each.event_id, each.target), set())
        judged = judge(each, files, known, copies, refused, now) if files else each
        if isinstance(judged, Claimed):
            found.ready.append(judged)
            continue
        waiting.append(each)
        for file in judged:
            if file.state is FileState.STORED:
                found.uploads[file.id, each.account] = file
    found.waiting = len(waiting)
    if waiting:
        await delivery_store.put_back_many(conn, tenant, waiting, now + LOOK_AGAIN)
    for file_id, number in found.uploads:
        await delivery_store.park_all(conn, tenant, number, file_id, now=now, until=now + PARKED)
    return found


def judge(
    claimed: Claimed,
    wanted: Collection[UUID],
    known: Mapping[UUID, MediaRecord],
    copies: Mapping[FileOfNumber, WhatsAppCopy],
    refused: Mapping[FileOfNumber, JsonObject],
    now: datetime,
) -> Claimed | list[MediaRecord]:
    """The delivery as it leaves, or with its fault; else the files that it waits for."""
    missing: list[MediaRecord] = []
    for file_id in sorted(wanted):
        file, key = known.get(file_id), (file_id, claimed.account)
        fault = GONE if file is None else _find_fault(file, now) or (refused.get(key) if key not in copies else None)
        if file is None or fault is not None:
            return replace(claimed, fault=fault)
        if key not in copies:
            missing.append(file)
    if missing:
        return missing
    files = {
        file_id: ReadyFile(
            copies[file_id, claimed.account].external_id, known[file_id].mime_type or "", known[file_id].filename
        )
        for file_id in wanted
    }
    return _checked(replace(claimed, request=with_ids(claimed.request, files)), known, wanted)


def _checked(claimed: Claimed, known: Mapping[UUID, MediaRecord], wanted: Collection[UUID]) -> Claimed:
    """What an agent attached could be looked at only now."""
    kind = str(claimed.request.get("type"))
    if kind not in claimed.request or len(wanted) != 1 or kind in ("interactive", "template"):
        return claimed
    (file_id,) = wanted
    misfit = find_misfit(kind, known[file_id].mime_type or "")
    return claimed if misfit is None else replace(claimed, fault={"code": misfit.code, "title": f"Not sent. {misfit.text}"})


def _find_fault(file: MediaRecord, now: datetime) -> JsonObject | None:
    match file.state:
        case FileState.FAILED:
            return file.error or NOT_FETCHED
        case FileState.HELD:
            return HELD_BACK
        case FileState.WAITING if now - file.created_at >= PATIENCE:
            return NOT_FETCHED
    return None


async def _find_copies(
    conn: Connection, tenant: TenantId, claimed: Sequence[Claimed], known: Mapping[UUID, MediaRecord], now: datetime
) -> dict[FileOfNumber, WhatsAppCopy]:
    found: dict[FileOfNumber, WhatsAppCopy] = {}
    for number in sorted({each.account for each in claimed}):
        copies = await media_store.find_uploads(conn, tenant, list(known), number, until=now + STILL_KEPT)
        found |= {(file_id, number): copy for file_id, copy in copies.items()}
    return found


def _showing(claimed: Sequence[Claimed]) -> list[Claimed]:
    """Those that may show a file, and are not to fail for another reason."""
    return [
        each
        for each in claimed
        if each.target is Target.WHATSAPP
        and not (each.is_astray or each.is_outside_window)
        and each.request.get("type") in _SHOWS_FILES
    ]
