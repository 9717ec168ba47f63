"""The rows of a seeds' State Manager as what Waystate keeps: who, which conversation, which message. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from waystate.contacts.model import Identity, IdentityKind, Writer
from waystate.conversations.model import OPEN, ConversationStatus, PastConversation
from waystate.documents import JsonObject, clean
from waystate.errors import Refused
from waystate.ids import TenantId, find_uuid, id_at
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import parse_status, unknown_status
from waystate.messages.store import IMPORTED, MessageRow
from waystate.state.mappings import parse_identity

ORIGIN = f"{IMPORTED}seed-state-manager"
"""The origin of each message and status, and the source of each status."""
EARLIEST = datetime(2016, 1, 1, tzinfo=UTC)
"""Two years before WhatsApp let businesses in: what is older has a wrong time."""
LATEST_AHEAD = timedelta(days=1)
"""What is further ahead of now has a wrong time, or the wrong time zone; what is nearer counts as now."""
LONGEST_ID = 512
"""Characters: what an index takes, with room."""
_PUNCTUATION = re.compile(r"[\s()/.-]")
_FIRST = {Direction.INBOUND: Status.RECEIVED, Direction.OUTBOUND: Status.QUEUED}


class RowRefused(ValueError):
    """A row cannot be used; `reason` is for programs, the message for people."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


class MappingRow(NamedTuple):
    """A row of conversation_mappings; `known_since` and `name` are of its customer in all rows."""

    row: JsonObject
    known_since: str | None
    name: str | None
    is_copy: bool


class TrackingRow(NamedTuple):
    """A row of message_tracking."""

    row: JsonObject
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How rows are to be understood. `number`: of mappings that name none; `zone`: of times that name none."""

    tenant: TenantId
    key: str
    link: str
    zone: tzinfo
    number: str | None
    ttl: timedelta
    now: datetime


@dataclass(frozen=True, slots=True)
class TakenMapping:
    """A mapping that could be read: whose it is, and the conversation, whose contact is not known yet."""

    row: JsonObject
    writer: Writer
    conversation: PastConversation
    user_id: str | None


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A message that could be read, with its first status, and the reports by which it came to the one it has."""

    row: JsonObject
    message: MessageRow
    reports: tuple[StatusReport, ...]


def take_mapping(read: MappingRow, terms: Terms) -> TakenMapping:
    row = read.row
    identity = identity_of(row.get("wa_id"))
    if read.is_copy:
        raise RowRefused("duplicate_conversation", f"Another row with the same {terms.key} was active later, and is taken.")
    created = _time(row, "created_at", terms) or _time(row, "last_activity_at", terms) or _time(row, "updated_at", terms)
    if created is None:
        raise RowRefused("no_time", "It has neither created_at nor last_activity_at.")
    active_at = max(_time(row, "last_activity_at", terms) or created, created)
    expires_at = active_at + terms.ttl
    status = _conversation_status(row)
    if status in OPEN and expires_at <= terms.now:
        status = ConversationStatus.EXPIRED
    known_since = _time({"created_at": read.known_since}, "created_at", terms) or created
    is_phone = identity.kind is IdentityKind.WA_ID
    conversation = PastConversation(
        id=conversation_id_of(terms.tenant, _text(row, terms.key) or _needed(row, "id")),
        contact_id=UUID(int=0),
        phone_number_id=_number(row, terms),
        wa_id=identity.external_id if is_phone else None,
        genesys_conversation_id=_genesys_id(row, terms),
        communication_id=_text(row, "communication_id"),
        last_message_id=_text(row, "last_message_id"),
        status=status,
        controller="none",
        expires_at=expires_at,
        last_activity_at=active_at,
        last_customer_message_at=None,
        last_message_at=None,
        last_message=None,
        closed_at=None if status in OPEN else _closed_at(row, status, active_at, expires_at, terms),
        close_reason=None if status in OPEN else "expired" if status is ConversationStatus.EXPIRED else "imported",
        version=1,
        metadata=_metadata(row, "display_phone_number"),
        created_at=created,
    )
    return TakenMapping(
        row, Writer((identity,), read.name, min(known_since, created)), conversation, None if is_phone else identity.external_id
    )


def take_message(read: TrackingRow, terms: Terms) -> TakenMessage:
    row = read.row
    wamid = _text(row, "wamid") or _text(row, "meta_message_id")
    if read.is_copy:
        raise RowRefused("duplicate_message", "An earlier row has the same message id, and is taken.")
    link = _text(row, terms.link)
    if link is None:
        raise RowRefused("mapping_not_found", f"It has no {terms.link}, so it is of no conversation.")
    direction = _direction(row)
    status = parse_status(str(row.get("status")), direction)
    if status is None:
        raise RowRefused("unknown_status", unknown_status(str(row.get("status")), direction))
    at = _time(row, "created_at", terms) or _time(row, "updated_at", terms)
    if at is None:
        raise RowRefused("no_time", "It has no created_at.")
    media = {"url": _text(row, "media_url", None), "mime_type": _text(row, "media_type")}
    message = MessageRow(
        id=id_at(at, _hash(terms.tenant, "message", _needed(row, "id"), wamid or "")),
        conversation_id=conversation_id_of(terms.tenant, link),
        direction=direction,
        status=_FIRST[direction],
        type=_text(row, "message_type") or "text",
        sent_at=at,
        origin=ORIGIN,
        wamid=wamid,
        genesys_message_id=_text(row, "genesys_message_id"),
        media=media if any(media.values()) else None,
        metadata=_metadata(row),
    )
    return TakenMessage(row, message, tuple(_reports(row, message, status, terms)))


def identity_of(value: Any) -> Identity:
    """A phone in any usual spelling, or a business-scoped user id, as WhatsApp itself writes it."""
    text = str(value or "").strip().removeprefix("whatsapp:")
    digits = _PUNCTUATION.sub("", text)
    phone = digits.removeprefix("+").removeprefix("00")
    try:
        identity = parse_identity(phone if re.fullmatch(r"\+?[0-9]+", digits) else text)
    except Refused as error:
        raise RowRefused("invalid_wa_id", f"{value!r} is neither a phone number nor a business-scoped user id.") from error
    if identity.external_id.startswith("0"):
        raise RowRefused("invalid_wa_id", f"{value!r} lacks its country code.")
    return identity


def conversation_id_of(tenant: TenantId, key: str) -> UUID:
    """The key itself if it is a UUID, so that what refers to it goes on working; else one made of it."""
    return find_uuid(key) or UUID(int=_hash(tenant, "conversation", key) & (1 << 128) - 1, version=4)


def report_id_of(report: StatusReport) -> UUID:
    """Learned when it happened; the same at each import."""
    return id_at(report.at, _hash(TenantId(""), str(report.message_id), report.status))


def _reports(row: JsonObject, message: MessageRow, status: Status, terms: Terms) -> Iterator[StatusReport]:
    """The seeds keep the last status, and when a message was delivered and read."""
    known = {
        Status.DELIVERED: _time(row, "delivered_at", terms),
        Status.READ: _time(row, "read_at", terms),
        Status.PROCESSED: _time(row, "delivered_at", terms) or _time(row, "read_at", terms),
    }
    steps = (Status.DELIVERED, Status.READ) if message.direction is Direction.OUTBOUND else (Status.PROCESSED,)
    happened: dict[Status, datetime] = {step: at for step in steps if (at := known[step]) is not None}
    if status is not message.status and status not in happened:
        happened[status] = _time(row, "updated_at", terms) or message.sent_at
    for step, at in happened.items():
        yield StatusReport(
            wamid=message.wamid or "",
            status=step,
            at=at,
            message_id=message.id,
            error={"message": "It failed before it was imported"} if step is Status.FAILED else None,
            source="import",
            origin=ORIGIN,
        )


def _conversation_status(row: JsonObject) -> ConversationStatus:
    if "status" not in row:
        return ConversationStatus.ACTIVE
    try:
        return ConversationStatus(str(row["status"]).strip().lower())
    except ValueError:
        known = ", ".join(ConversationStatus)
        raise RowRefused("unknown_status", f"{row['status']!r} is no status of a conversation. Known are: {known}.") from None


def _closed_at(
    row: JsonObject, status: ConversationStatus, active_at: datetime, expires_at: datetime, terms: Terms
) -> datetime:
    if status is ConversationStatus.EXPIRED and str(row.get("status", "active")).lower() != "expired":
        return expires_at
    return max(_time(row, "updated_at", terms) or active_at, active_at)


def _direction(row: JsonObject) -> Direction:
    try:
        return Direction(str(row.get("direction")).strip().lower())
    except ValueError:
        raise RowRefused("unknown_direction", f"{row.get('direction')!r} is neither inbound nor outbound.") from None


def _genesys_id(row: JsonObject, terms: Terms) -> str | None:
    """Of seed 001 the conversation's own id is no Genesys id, unless it is none of its own making either."""
    said = _text(row, "conversation_id")
    return None if said is None or (terms.key == "conversation_id" and find_uuid(said) is not None) else said


def _number(row: JsonObject, terms: Terms) -> str:
    number = _text(row, "phone_number_id") or terms.number
    if number is None:
        raise RowRefused("no_number", "It names no business number, and the tenant has no default one.")
    return number


def _metadata(row: JsonObject, *columns: str) -> JsonObject:
    said = clean(row.get("metadata"))
    kept = said if isinstance(said, dict) else {} if said is None else {"metadata": said}
    return kept | {name: row[name] for name in columns if row.get(name)} | {"imported_id": str(row["id"])}


def _needed(row: JsonObject, name: str) -> str:
    said = _text(row, name)
    if said is None:
        raise RowRefused("no_id", f"It has no {name}.")
    return said


def _text(row: Mapping[str, Any], name: str, longest: int | None = LONGEST_ID) -> str | None:
    """None of what is empty: the seeds write both."""
    value = row.get(name)
    text = "" if value is None else str(value).strip()
    if longest is not None and len(text) > longest:
        raise RowRefused("id_too_long", f"Its {name} has {len(text)} characters, and {longest} are the most.")
    return clean(text) or None


def _time(row: Mapping[str, Any], name: str, terms: Terms) -> datetime | None:
    said = row.get(name)
    if said is None or said == "":
        return None
    try:
        at = datetime.fromisoformat(str(said))
        at = (at if at.tzinfo is not None else at.replace(tzinfo=terms.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RowRefused("invalid_time", f"Its {name}, {said!r}, is no time.") from None
    if not EARLIEST <= at <= terms.now + LATEST_AHEAD:
        raise RowRefused("invalid_time", f"Its {name}, {said}, cannot be right.")
    return min(at, terms.now)


def _hash(tenant: TenantId, *parts: str) -> int:
    return int.from_bytes(blake2b("\0".join((tenant, *parts)).encode(), digest_size=16).digest())
