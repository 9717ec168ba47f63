"""Which customers' messages bring a file, and what is known of it before it is fetched. Pure, but for those that insert."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.channels.fields import find_text
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events.model import Event, InboundEnriched, MessageEdited, OutboundProcessed
from waystate.ids import TenantId, find_uuid, new_id
from waystate.media import store
from waystate.media.model import KEPT_BY_WHATSAPP, FileDirection, MediaRecord
from waystate.messages import store as message_store
from waystate.messages.amend import find_amends
from waystate.messages.model import InboundMessage
from waystate.messages.versions import EDIT, Version
from waystate.tenants.routing import TenantView

_LONGEST_ID, _LONGEST_URL, _LONGEST_NAME, _LONGEST_TYPE = 200, 4096, 1024, 200
FILE_ID = "file_id"
"""The key in a message's `media` under which the id of its file stands."""


def name_files(messages: Sequence[InboundMessage], view: TenantView) -> list[InboundMessage]:
    """Those with a file that Waystate can fetch say its id: `media.file_id`, edits what they amend. A repeat's is unused."""
    return [_named(each, view) if each.media or (each.amends and each.amends.media) else each for each in messages]


def _named(message: InboundMessage, view: TenantView) -> InboundMessage:
    number, amends = message.phone_number_id, message.amends
    if _is_fetchable(message.media, number, view):
        message = replace(message, media={**(message.media or {}), FILE_ID: str(new_id())})
    if amends is not None and _is_fetchable(amends.media, number, view):
        media = {**(amends.media or {}), FILE_ID: str(new_id())}
        message = replace(message, amends=replace(amends, media=media))
    return message


def _is_fetchable(media: JsonObject | None, phone_number_id: str, view: TenantView) -> bool:
    account = view.accounts.get(phone_number_id)
    media_id = find_text(media, "id")
    return account is not None and account.is_active and media_id is not None and len(media_id) <= _LONGEST_ID


async def track_files(conn: Connection, tenant: TenantId, events: Sequence[Event], now: datetime) -> None:
    """In the transaction of their messages: there is no message whose file nobody fetches, nor a file without its message."""
    files = [file_of(each, now) for each in events if isinstance(each, InboundEnriched) and file_id_of(each.media)]
    await store.insert_many(conn, tenant, files)


async def track_edits(
    conn: Connection, tenant: TenantId, messages: Sequence[InboundMessage], events: Sequence[Event], now: datetime
) -> None:
    """In the transaction of the edits, or of the messages that they waited for. Of what was taken back nothing is fetched.

    Each version with a file of its own has it fetched once, whichever of them holds.
    """
    edits = {each.amends.wamid for each in messages if each.amends is not None and each.amends.media is not None}
    edits |= {event.wamid for event in events if isinstance(event, MessageEdited)}
    versions = await message_store.list_versions(conn, tenant, edits)
    named = [wamid for wamid, listed in versions.items() if any(_has_edited_file(each) for each in listed)]
    ids = await message_store.find_ids(conn, tenant, sorted(named), sources=("whatsapp",)) if named else {}
    rows = await message_store.list_by_ids(conn, tenant, list(ids.values())) if ids else []
    shown = {row["wamid"]: row for row in rows if row["revoked_at"] is None}
    owners = {wamid: row["contact_id"] for wamid, row in shown.items()}
    own = (await find_amends(conn, tenant, owners)).versions if owners else {}
    files = [
        _file(shown[wamid]["id"], shown[wamid]["phone_number_id"], each.media or {}, each.at, now)
        for wamid, listed in own.items()
        for each in listed
        if _has_edited_file(each)
    ]
    await store.insert_many(conn, tenant, files)


def _has_edited_file(version: Version) -> bool:
    return version.kind == EDIT and file_id_of(version.media) is not None


def file_id_of(media: JsonObject | None) -> UUID | None:
    return find_uuid(find_text(media, FILE_ID) or "")


def has_file(event: Event) -> bool:
    """Whether it is of a message whose file is to be fetched now: a customer's, edited or not, or an agent's."""
    return isinstance(event, InboundEnriched | OutboundProcessed | MessageEdited) and file_id_of(event.media) is not None


def file_of(event: InboundEnriched, now: datetime) -> MediaRecord:
    """The file of a message that names one, due at once."""
    return _file(event.message_id, event.phone_number_id, event.media or {}, event.timestamp, now)


def _file(message_id: UUID | None, phone_number_id: str, media: JsonObject, said_at: datetime, now: datetime) -> MediaRecord:
    file_id = file_id_of(media)
    assert file_id is not None
    return MediaRecord(
        id=file_id,
        direction=FileDirection.INBOUND,
        created_at=now,
        message_id=message_id,
        phone_number_id=phone_number_id,
        external_id=find_text(media, "id"),
        source_url=_within(find_text(media, "url"), _LONGEST_URL),
        mime_type=_within(find_text(media, "mime_type"), _LONGEST_TYPE),
        filename=_within(find_text(media, "filename"), _LONGEST_NAME),
        sha256=parse_sha256(media.get("sha256")),
        due_at=now,
        expires=min(said_at, now) + KEPT_BY_WHATSAPP,
    )


def parse_sha256(value: Any) -> bytes | None:
    """32 bytes from base64, as webhooks write them, or from hexadecimal, as the API does; None where it is neither."""
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        found = bytes.fromhex(value) if len(value) == 64 else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) == 32 else None


def _within(text: str | None, most: int) -> str | None:
    """What is longer than anybody means is left out."""
    return text if text is not None and len(text) <= most else None
