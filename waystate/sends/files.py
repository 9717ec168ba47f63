"""Files that are to be sent, checked against what was uploaded."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from waystate.channels.whatsapp.media import find_misfit
from waystate.channels.whatsapp.uploaded import list_files
from waystate.db.pool import Connection
from waystate.errors import Refused, Unprocessable
from waystate.ids import TenantId
from waystate.media import store as media_store
from waystate.media.model import FileState, MediaRecord
from waystate.sends.model import Draft


async def judge_files(conn: Connection, tenant: TenantId, drafts: Sequence[Draft]) -> dict[int, Refused]:
    """By the place of its draft, why a file cannot be sent as what it is to be sent as."""
    wanted = {place: files for place, draft in enumerate(drafts) if draft.is_composed and (files := _files_of(draft))}
    if not wanted:
        return {}
    known = await media_store.find_many(conn, tenant, {file_id for files in wanted.values() for file_id, _ in files})
    judged = {place: _find_fault(files, known) for place, files in wanted.items()}
    return {place: fault for place, fault in judged.items() if fault is not None}


def _files_of(draft: Draft) -> set[tuple[UUID, str]]:
    return set() if draft.type in ("text", "location", "reaction") else list_files({draft.type: draft.content})


def _find_fault(files: Collection[tuple[UUID, str]], known: Mapping[UUID, MediaRecord]) -> Refused | None:
    return next((fault for file_id, kind in sorted(files) if (fault := _judge(file_id, kind, known.get(file_id)))), None)


def _judge(file_id: UUID, kind: str, file: MediaRecord | None) -> Refused | None:
    if file is None:
        return Unprocessable(
            "media_not_found", f"There is no file {file_id}. Upload it with POST /v1/media and name the id of the answer."
        )
    match file.state:
        case FileState.WAITING:
            return Unprocessable(
                "media_not_ready",
                f"File {file_id} is still being fetched. Send it in a moment, or upload it with POST /v1/media.",
            )
        case FileState.FAILED | FileState.HELD:
            return Unprocessable("media_unusable", f"File {file_id} is {file.state} and cannot be sent. Upload another one.")
    misfit = find_misfit(kind, file.mime_type or "")
    return None if misfit is None else Unprocessable(misfit.code, misfit.text)
