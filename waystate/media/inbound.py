"""Which customers' messages bring a file, and what is known of it before it is fetched. Pure, but for the one that inserts."""

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
from waystate.events.model import Event, InboundEnriched, OutboundProcessed
from waystate.ids import TenantId, find_uuid, new_id
from waystate.media import store
from waystate.media.model import KEPT_BY_WHATSAPP, FileDirection, MediaRecord
from waystate.messages.model import InboundMessage
from waystate.tenants.routing import TenantView

_LONGEST_ID, _LONGEST_URL, _LONGEST_NAME, _LONGEST_TYPE = 200, 4096, 1024, 200
FILE_ID = "file_id"
"""The key in a message's `media` under which the id of its file stands."""


def name_files(messages: Sequence[InboundMessage], view: TenantView) -> list[InboundMessage]:
    """Those with a file that Waystate can fetch say its id: `media.file_id`. A repeat's is never used."""
    return [
        replace(each, media={**each.media, FILE_ID: str(new_id())}) if each.media and _is_fetchable(each, view) else each
        for each in messages
    ]


def _is_fetchable(message: InboundMessage, view: TenantView) -> bool:
    account = view.accounts.get(message.phone_number_id)
    media_id = find_text(message.media, "id")
    return account is not None and account.is_active and media_id is not None and len(media_id) <= _LONGEST_ID


async def track_files(conn: Connection, tenant: TenantId, events: Sequence[Event], now: datetime) -> None:
    """In the transaction of their messages: there is no message whose file nobody fetches, nor a file without its message."""
    files = [file_of(each, now) for each in events if isinstance(each, InboundEnriched) and file_id_of(each.media)]
    await store.insert_many(conn, tenant, files)


def file_id_of(media: JsonObject | None) -> UUID | None:
    return find_uuid(find_text(media, FILE_ID) or "")


def has_file(event: Event) -> bool:
    """Whether it is of a message whose file is to be fetched now: a customer's, or one that an agent attached."""
    return isinstance(event, InboundEnriched | OutboundProcessed) and file_id_of(event.media) is not None


def file_of(event: InboundEnriched, now: datetime) -> MediaRecord:
    """The file of a message that names one, due at once."""
    media, file_id = event.media or {}, file_id_of(event.media)
    assert file_id is not None
    return MediaRecord(
        id=file_id,
        direction=FileDirection.INBOUND,
        created_at=now,
        message_id=event.message_id,
        phone_number_id=event.phone_number_id,
        external_id=find_text(media, "id"),
        source_url=_within(find_text(media, "url"), _LONGEST_URL),
        mime_type=_within(find_text(media, "mime_type"), _LONGEST_TYPE),
        filename=_within(find_text(media, "filename"), _LONGEST_NAME),
        sha256=parse_sha256(media.get("sha256")),
        due_at=now,
        expires=min(event.timestamp, now) + KEPT_BY_WHATSAPP,
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
