"""Messages, their keys and their history in PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from waystate.conversations.model import Sight
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.ids import TenantId, new_id, time_of
from waystate.messages.model import Direction, PastMessage, PhoneReply, Status, StatusReport
from waystate.messages.status import Merged, MessageState, Parts
from waystate.messages.versions import Amended, BusinessReaction, CustomerReaction, Version

_queries = load_queries(__file__)
_SAID_AS: Mapping[str, Any] = {"version": Version, "reaction": CustomerReaction, "own": BusinessReaction}

T = TypeVar("T")
_LONGEST_WAMID = 512

SAID = "said"
"""The origin of what a business says over HTTP."""
RECORDED = "http"
"""The origin of messages that are only recorded (`POST /state/message`)."""
IMPORTED = "import:"
"""Begins the origin of messages that another system carried before Waystate came."""
SOURCES = ("whatsapp", "history", "genesys")
"""Whose id of a message a key is. `history`: WhatsApp's, of one that may still come as a message."""
PHONE_APP = "phone_app"
"""Begins the origin of messages that the business wrote in WhatsApp's app on a phone."""


def is_composed(origin: str, metadata: JsonObject) -> bool:
    """Whether its content is WhatsApp's own object of the type: as it was written down, else as it is of all that is `SAID`."""
    return bool(metadata.get("composed", origin == SAID))


@dataclass(slots=True, kw_only=True)
class MessageRow:
    """A message to be written. `sender` is the identity that wrote it, as its platform names it."""

    id: UUID
    conversation_id: UUID
    direction: Direction
    status: Status
    type: str
    sent_at: datetime
    origin: str
    wamid: str | None = None
    genesys_message_id: str | None = None
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None
    sender: str | None = None
    sender_user_id: UUID | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    error: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class LockedMessage:
    """A message and whose it is, both rows locked."""

    id: UUID
    conversation_id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    wamid: str | None
    genesys_message_id: str | None
    type: str
    origin: str
    state: MessageState
    sent_at: datetime
    part_of: str | None = None
    """Genesys' id of the message that this is a part of; only the last part has it as its own."""
    asks: bool = False
    """It is the template that asks the customer to write, for whom something waits until they do."""

    @property
    def is_recorded(self) -> bool:
        """Somebody else carries it and told of it, or carried it before: no delivery was ever called for."""
        return self.origin == RECORDED or self.origin.startswith((IMPORTED, PHONE_APP))


async def note_phone_replies(conn: Connection, tenant: TenantId, replies: Sequence[PhoneReply]) -> None:
    """The newest to each customer on a number is kept."""
    if replies:
        await _queries.note_phone_replies(conn, tenant_id=tenant, **_reply_columns(replies))


async def lock_phone_replies(conn: Connection, tenant: TenantId, keys: Collection[tuple[str, UUID]]) -> list[PhoneReply]:
    """Those that wait for a message of these customers, as (number, contact); seldom any."""
    rows = await _queries.lock_phone_replies(
        conn, tenant_id=tenant, phone_number_ids=[number for number, _ in keys], contact_ids=[contact for _, contact in keys]
    )
    return [PhoneReply(**row) for row in rows]


async def drop_phone_replies(conn: Connection, tenant: TenantId, replies: Sequence[PhoneReply]) -> None:
    """They are told."""
    if replies:
        await _queries.drop_phone_replies(
            conn,
            tenant_id=tenant,
            phone_number_ids=[each.phone_number_id for each in replies],
            contact_ids=[each.contact_id for each in replies],
        )


def _reply_columns(replies: Sequence[PhoneReply]) -> dict[str, list[Any]]:
    return {
        "phone_number_ids": [each.phone_number_id for each in replies],
        "contact_ids": [each.contact_id for each in replies],
        "message_ids": [each.message_id for each in replies],
        "texts": [each.text for each in replies],
        "sent_at": [each.sent_at for each in replies],
    }


async def complete_past(conn: Connection, tenant: TenantId, placeholder: str, messages: Sequence[PastMessage]) -> list[str]:
    """Their wamids, of those whose row has the type `placeholder`: it is what they are from now on."""
    rows = await _queries.complete_past(
        conn,
        tenant_id=tenant,
        placeholder=placeholder,
        wamids=[each.wamid for each in messages],
        types=[each.type for each in messages],
        texts=[each.text for each in messages],
        contents=[dump(each.content) for each in messages],
        media=[_json(each.media) for each in messages],
    )
    return [row["wamid"] for row in rows]


async def claim_many(conn: Connection, tenant: TenantId, source: str, keys: dict[str, UUID]) -> set[str]:
    """Of external id → message id, those nobody had claimed before: only they may have an effect in this transaction."""
    rows = await _queries.claim_many(
        conn, tenant_id=tenant, source=source, external_ids=list(keys), message_ids=list(keys.values())
    )
    return {row["external_id"] for row in rows}


async def claim_new(conn: Connection, tenant: TenantId, keys: dict[str, UUID]) -> tuple[set[str], set[str]]:
    """As `claim_many` does of wamids; and those of which an edit or a revocation came before them."""
    rows = await _queries.claim_many(
        conn, tenant_id=tenant, source="whatsapp", external_ids=list(keys), message_ids=list(keys.values())
    )
    return {row["external_id"] for row in rows}, {row["external_id"] for row in rows if row["is_amended"]}


async def insert_many(conn: Connection, tenant: TenantId, rows: Sequence[MessageRow]) -> None:
    await _queries.insert_many(
        conn,
        tenant_id=tenant,
        ids=[row.id for row in rows],
        conversation_ids=[row.conversation_id for row in rows],
        directions=[row.direction for row in rows],
        statuses=[row.status for row in rows],
        wamids=[row.wamid for row in rows],
        genesys_message_ids=_column([row.genesys_message_id for row in rows]),
        types=[row.type for row in rows],
        texts=_column([row.text for row in rows]),
        contents=_column([_json(row.content or None) for row in rows]),
        media=_column([_json(row.media) for row in rows]),
        senders=_column([row.sender for row in rows]),
        sender_user_ids=_column([row.sender_user_id for row in rows]),
        origins=[row.origin for row in rows],
        sent_at=[row.sent_at for row in rows],
        delivered_at=_column([row.delivered_at for row in rows]),
        read_at=_column([row.read_at for row in rows]),
        failed_at=_column([row.failed_at for row in rows]),
        errors=_column([_json(row.error) for row in rows]),
        metadata=_column([_json(row.metadata or None) for row in rows]),
    )
    own = [(wamid, row.id) for row in rows if (wamid := _reacts_to(row)) is not None]
    if own:
        wamids, ids = [wamid for wamid, _ in own], [message_id for _, message_id in own]
        await _queries.note_business_reactions(
            conn, tenant_id=tenant, wamids=wamids, message_ids=ids, at=[time_of(each) for each in ids]
        )


def _reacts_to(row: MessageRow) -> str | None:
    """The wamid that a business's reaction names; a longer one is nobody's, and no index would take it."""
    named = row.content.get("message_id") if row.type == "reaction" and row.direction is Direction.OUTBOUND else None
    return named if isinstance(named, str) and 0 < len(named) <= _LONGEST_WAMID else None


async def find_ids(
    conn: Connection,
    tenant: TenantId,
    external_ids: Sequence[str],
    *,
    sources: Sequence[str] = ("whatsapp", "history", "genesys"),
) -> dict[str, UUID]:
    """External id → message id, of those that are known; WhatsApp's first, should both platforms choose the same one."""
    rows = await _queries.find_keys(conn, tenant_id=tenant, external_ids=external_ids, sources=sources)
    return {row["external_id"]: row["message_id"] for row in rows}


async def find_wamids(conn: Connection, tenant: TenantId, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Message id → what WhatsApp knows it by, of those that it knows."""
    rows = await _queries.find_wamids(conn, tenant_id=tenant, ids=sorted(ids))
    return {row["id"]: row["wamid"] for row in rows}


async def find_conversations(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Message id → conversation id, of those that exist."""
    rows = await _queries.find_conversations(conn, tenant_id=tenant, ids=ids)
    return {row["id"]: row["conversation_id"] for row in rows}


async def find_last_written(
    conn: Connection, tenant: TenantId, wanted: Iterable[tuple[UUID, str]]
) -> dict[tuple[UUID, str], datetime]:
    """(contact, phone) → when that contact last wrote from that phone; those that never did are left out."""
    pairs = sorted(wanted)
    rows = await _queries.find_last_written(
        conn, tenant_id=tenant, contact_ids=[contact for contact, _ in pairs], phones=[phone for _, phone in pairs]
    )
    return {(row["contact_id"], row["phone"]): row["at"] for row in rows}


async def lock_many(conn: Connection, tenant: TenantId, ids: Iterable[UUID]) -> dict[UUID, LockedMessage]:
    """With their conversations. What went to another conversation while this waited is looked for once more."""
    rows = await _queries.lock_many(conn, tenant_id=tenant, ids=(wanted := list(set(ids))))
    if len(rows) < len(wanted):
        rows += await _queries.lock_many(conn, tenant_id=tenant, ids=list(set(wanted) - {row["id"] for row in rows}))
    return {row["id"]: _locked(row) for row in rows}


async def lock_settled(conn: Connection, tenant: TenantId, ids: Iterable[UUID]) -> tuple[set[UUID], dict[UUID, UUID]]:
    """Of messages about to be passed on, those that are `queued` no more (withdrawn, told of); and each one's conversation."""
    rows = await _queries.lock_queued(conn, tenant_id=tenant, ids=sorted(ids))
    settled = {row["id"] for row in rows if row["status"] != Status.QUEUED}
    return settled, {row["id"]: row["conversation_id"] for row in rows}


async def list_queued_of(
    conn: Connection, tenant: TenantId, holders: Collection[tuple[UUID, str]], since: datetime
) -> list[UUID]:
    """By (conversation, holder (`Speaker.holder`)) the messages they said since then that are still queued, oldest first."""
    rows = await _queries.list_queued_of(
        conn,
        tenant_id=tenant,
        conversation_ids=[conversation for conversation, _ in holders],
        holders=[holder for _, holder in holders],
        since=since,
    )
    return [row["id"] for row in rows]


async def list_queued_parts(conn: Connection, tenant: TenantId, parts: Iterable[LockedMessage]) -> list[UUID]:
    """Those of the same texts that are still queued, in their order."""
    wholes = {(each.phone_number_id, each.contact_id, each.part_of) for each in parts if each.part_of is not None}
    if not wholes:
        return []
    rows = await _queries.list_queued_parts(
        conn,
        tenant_id=tenant,
        phone_number_ids=[number for number, _, _ in wholes],
        contact_ids=[contact for _, contact, _ in wholes],
        wholes=[whole for _, _, whole in wholes],
    )
    return [row["id"] for row in rows]


async def list_parts(conn: Connection, tenant: TenantId, parts: Iterable[LockedMessage]) -> dict[str, Parts]:
    """By Genesys' id of each message that some of these are parts of."""
    wholes = {(each.phone_number_id, each.contact_id, each.part_of, each.sent_at) for each in parts if each.part_of is not None}
    if not wholes:
        return {}
    numbers, contacts, names, times = map(list, zip(*wholes, strict=True))
    rows = await _queries.list_parts(
        conn, tenant_id=tenant, phone_number_ids=numbers, contact_ids=contacts, wholes=names, sent_at=times
    )
    found: dict[str, Parts] = {}
    for row in rows:
        found.setdefault(row["whole"], Parts(row["last_id"], {})).statuses[row["id"]] = Status(row["status"])
    return found


async def note_resent(conn: Connection, tenant: TenantId, message_id: UUID, copy_id: UUID) -> None:
    await _queries.note_resent(conn, tenant_id=tenant, id=message_id, copy_id=str(copy_id))


async def advance_many(
    conn: Connection,
    tenant: TenantId,
    merged: dict[UUID, list[Merged]],
    *,
    id_of: Callable[[StatusReport], UUID] = lambda _: new_id(),
) -> list[tuple[UUID, StatusReport]]:
    """Write the state that a merge left, and every report of it to the history. The rows are locked.

    Returns what was new of payments, by message. The time in a report's id is when it was learned: now, unless `id_of`
    knows better.
    """
    final = {message_id: steps[-1].state for message_id, steps in merged.items()}
    await _queries.advance_many(
        conn,
        tenant_id=tenant,
        ids=list(final),
        statuses=[state.status for state in final.values()],
        delivered_at=_column([state.delivered_at for state in final.values()]),
        read_at=_column([state.read_at for state in final.values()]),
        failed_at=_column([state.failed_at for state in final.values()]),
        errors=_column([_json(state.error) for state in final.values()]),
    )
    steps = [(message_id, step) for message_id, each in merged.items() for step in each]
    ids = [id_of(step.report) for _, step in steps]
    paid = await _queries.insert_events(
        conn,
        tenant_id=tenant,
        message_ids=[message_id for message_id, _ in steps],
        ids=ids,
        statuses=[step.report.status for _, step in steps],
        at=[step.report.at for _, step in steps],
        sources=[step.report.source for _, step in steps],
        recipients=[step.report.recipient for _, step in steps],
        origins=[step.report.origin for _, step in steps],
        why_nots=_column([step.why_not for _, step in steps]),
        errors=_column([_json(step.report.error) for _, step in steps]),
        details=_column([_json(step.report.details) for _, step in steps]),
    )
    new = {row["id"] for row in paid}
    return [(message_id, step.report) for event_id, (message_id, step) in zip(ids, steps, strict=True) if event_id in new]


async def attach_wamids(conn: Connection, tenant: TenantId, wamids: dict[UUID, str]) -> None:
    """Both the message's column and its key, so that statuses find it from here on."""
    await _queries.attach_wamids(conn, tenant_id=tenant, ids=list(wamids), wamids=list(wamids.values()))
    await claim_many(conn, tenant, "whatsapp", {wamid: message_id for message_id, wamid in wamids.items()})


async def attach_genesys_ids(conn: Connection, tenant: TenantId, ids: dict[UUID, str]) -> None:
    """The message's column; its key is the caller's to claim."""
    await _queries.attach_genesys_ids(conn, tenant_id=tenant, ids=list(ids), genesys_message_ids=list(ids.values()))


async def release_many(conn: Connection, tenant: TenantId, source: str, external_ids: Sequence[str]) -> None:
    """Give back keys that were claimed in this transaction."""
    await _queries.release_keys(conn, tenant_id=tenant, source=source, external_ids=external_ids)


async def park_early(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport], now: datetime) -> None:
    await _queries.park_early(
        conn,
        tenant_id=tenant,
        received_at=now,
        external_ids=[report.wamid for report in reports],
        ids=[new_id() for _ in reports],
        statuses=[report.status for report in reports],
        at=[report.at for report in reports],
        sources=[report.source for report in reports],
        recipients=[report.recipient for report in reports],
        origins=[report.origin for report in reports],
        errors=[_json(report.error) for report in reports],
        details=[_json(report.details) for report in reports],
    )


async def take_early(conn: Connection, tenant: TenantId, wamids: Iterable[str]) -> list[StatusReport]:
    """Statuses that waited for these wamids, in the order they came; each is handed out once."""
    return _reports(await _queries.take_early(conn, tenant_id=tenant, external_ids=list(wamids)))


async def take_watched(conn: Connection, tenant: TenantId, batch: int) -> list[StatusReport]:
    """The same of the statuses that may have missed the claim of their wamid, at most so many of them looked at."""
    return _reports(await _queries.take_watched(conn, tenant_id=tenant, batch=batch))


def _reports(rows: Iterable[Any]) -> list[StatusReport]:
    return [
        StatusReport(
            wamid=row["external_id"],
            status=row["status"],
            at=row["at"],
            message_id=row["message_id"],
            error=row["error"],
            details=row["details"],
            source=row["source"],
            recipient=row["recipient"],
            origin=row["origin"],
        )
        for row in sorted(rows, key=lambda row: row["id"])
    ]


async def drop_aged_early(conn: Connection, tenant: TenantId, before: datetime, batch: int) -> int:
    return len(await _queries.drop_aged_early(conn, tenant_id=tenant, before=before, batch=batch))


async def list_surroundings(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, JsonObject]:
    """Message id → metadata, of those that have any."""
    return {row["id"]: row["metadata"] for row in await _queries.list_surroundings(conn, tenant_id=tenant, ids=ids)}


async def list_senders(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Agent's message → the integration that it came by, of those that came by one."""
    return {row["id"]: row["sender"] for row in await _queries.list_senders(conn, tenant_id=tenant, ids=ids)}


async def list_quoted(conn: Connection, tenant: TenantId, wamids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Wamid → `type`, `text`, `content` and `media` of the message, and Genesys' id of the whole (`said_in`)."""
    return {row["wamid"]: dict(row) for row in await _queries.list_quoted(conn, tenant_id=tenant, wamids=wamids)}


async def list_said(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Message id → `type`, `content` and Genesys' id of the whole (`said_in`)."""
    return {row["id"]: dict(row) for row in await _queries.list_said(conn, tenant_id=tenant, ids=list(ids))}


async def list_last_inbound(
    conn: Connection, tenant: TenantId, conversation_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, str]]:
    """Conversation → the message that its customer wrote last, with its wamid; of those that have one."""
    rows = await _queries.list_last_inbound(conn, tenant_id=tenant, conversation_ids=conversation_ids)
    return {row["conversation_id"]: (row["id"], row["wamid"]) for row in rows}


async def find_message(conn: Connection, tenant: TenantId, message_id: UUID) -> dict[str, Any] | None:
    row = await _queries.get_message(conn, tenant_id=tenant, id=message_id)
    return None if row is None else dict(row)


async def list_kept_here(conn: Connection, tenant: TenantId, since: Mapping[UUID, datetime]) -> list[dict[str, Any]]:
    """What customers wrote since then, by conversation, that nobody has passed on to Genesys."""
    rows = await _queries.list_kept_here(conn, tenant_id=tenant, conversation_ids=list(since), since=list(since.values()))
    return [dict(row) for row in rows]


async def list_by_ids(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Those that there are, in no order."""
    return [dict(row) for row in await _queries.list_by_ids(conn, tenant_id=tenant, ids=list(ids))]


async def list_latest(conn: Connection, tenant: TenantId, contact_id: UUID, batch: int, sight: Sight) -> list[dict[str, Any]]:
    """A contact's, as `list_by_ids` has them, the newest first."""
    return [
        dict(row)
        for row in await _queries.list_latest(conn, tenant_id=tenant, contact_id=contact_id, batch=batch, **sight.asked)
    ]


async def move_queued(conn: Connection, tenant: TenantId, conversations: Mapping[UUID, UUID]) -> dict[UUID, dict[str, Any]]:
    """Messages (message id → conversation id) that are `queued` still, now of those conversations, which are locked; by id."""
    rows = await _queries.move_queued(
        conn, tenant_id=tenant, ids=list(conversations), conversation_ids=list(conversations.values())
    )
    return {row["id"]: dict(row) for row in rows}


async def get_history(conn: Connection, tenant: TenantId, message_id: UUID) -> list[dict[str, Any]]:
    return [dict(row) for row in await _queries.get_history(conn, tenant_id=tenant, message_id=message_id)]


async def has_others(conn: Connection, tenant: TenantId, origin: str) -> bool:
    """Whether there is a message whose origin does not begin so."""
    return bool(await _queries.has_others(conn, tenant_id=tenant, origin=origin))


async def list_occupied(conn: Connection, tenant: TenantId, conversation_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the conversations that have messages."""
    rows = await _queries.list_occupied(conn, tenant_id=tenant, conversation_ids=list(conversation_ids))
    return {row["id"] for row in rows}


async def remove_recorded(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> None:
    """Messages that were only recorded, with their keys and their history."""
    await _queries.remove_recorded(conn, tenant_id=tenant, ids=ids, origin=RECORDED)


async def remove_many(conn: Connection, tenant: TenantId, conversation_ids: Sequence[UUID], *, origin: str) -> int:
    """The messages of this origin in these conversations, with their keys and their history."""
    return int(await _queries.remove_many(conn, tenant_id=tenant, conversation_ids=list(conversation_ids), origin=origin))


def _locked(row: Any) -> LockedMessage:
    state = {key: row[key] for key in ("delivered_at", "read_at", "failed_at", "error")}
    return LockedMessage(
        **{key: row[key] for key in LockedMessage.__dataclass_fields__ if key != "state"},
        state=MessageState(direction=Direction(row["direction"]), status=Status(row["status"]), **state),
    )


def _json(value: JsonObject | None) -> str | None:
    return None if value is None else dump(value)


def _column(values: list[T | None]) -> list[T | None] | None:
    """`unnest` fills a column that is NULL as a whole with NULLs, which is far cheaper than an array of them."""
    return None if values[0] is None and values.count(None) == len(values) else values


async def insert_versions(conn: Connection, tenant: TenantId, versions: Sequence[Version]) -> set[str]:
    """The wamids of messages of which a version is new."""
    rows = await _queries.insert_versions(
        conn,
        tenant_id=tenant,
        wamids=[each.wamid for each in versions],
        changed_by=[each.changed_by for each in versions],
        kinds=[each.kind for each in versions],
        contact_ids=[each.contact_id for each in versions],
        at=[each.at for each in versions],
        ids=[each.id for each in versions],
        types=[each.type for each in versions],
        texts=[each.text for each in versions],
        contents=[dump(each.content) for each in versions],
        media=[_json(each.media) for each in versions],
    )
    return {row["wamid"] for row in rows}


async def list_versions(conn: Connection, tenant: TenantId, wamids: Collection[str]) -> dict[str, list[Version]]:
    """By wamid, of those that were ever changed: the oldest first, with the original."""
    rows = await _queries.list_versions(conn, tenant_id=tenant, wamids=list(wamids)) if wamids else []
    versions: dict[str, list[Version]] = {}
    for version in sorted((Version(**row) for row in rows), key=lambda each: each.order):
        versions.setdefault(version.wamid, []).append(version)
    return versions


async def amend_many(conn: Connection, tenant: TenantId, amended: Mapping[UUID, Amended]) -> None:
    """Message → how it is now. The messages and their conversations are locked."""
    await _queries.amend_many(
        conn,
        tenant_id=tenant,
        ids=list(amended),
        types=[each.type for each in amended.values()],
        texts=[each.text for each in amended.values()],
        contents=[dump(each.content) for each in amended.values()],
        media=[_json(each.media) for each in amended.values()],
        edited_at=[each.edited_at for each in amended.values()],
        revoked_at=[each.revoked_at for each in amended.values()],
    )


async def preview_amended(conn: Connection, tenant: TenantId, shown: Sequence[tuple[UUID, str, str | None]]) -> None:
    """(Conversation, wamid, text): what lists show of a conversation whose last message that is."""
    await _queries.preview_amended(
        conn,
        tenant_id=tenant,
        conversation_ids=[conversation for conversation, _, _ in shown],
        wamids=[wamid for _, wamid, _ in shown],
        texts=[text for _, _, text in shown],
    )


async def react_many(conn: Connection, tenant: TenantId, said: Sequence[CustomerReaction]) -> set[str]:
    """At most one of a customer about a message; `changed_by` of those that hold now."""
    rows = await _queries.react_many(
        conn,
        tenant_id=tenant,
        wamids=[each.wamid for each in said],
        contact_ids=[each.contact_id for each in said],
        emojis=[each.emoji for each in said],
        at=[each.at for each in said],
        ids=[each.id for each in said],
        changed_by=[each.changed_by for each in said],
    )
    return {row["changed_by"] for row in rows}


async def list_amends(
    conn: Connection, tenant: TenantId, owners: Mapping[str, UUID]
) -> list[Version | CustomerReaction | BusinessReaction]:
    """All that the owners themselves, or people of the group that one is, said of these messages; the oldest first.

    `owners`: wamid → whose message it is. What was taken back is among it.
    """
    wamids, people = list(owners), list(owners.values())
    rows = await _queries.list_amends(conn, tenant_id=tenant, wamids=wamids, owners=people) if owners else []
    return [_SAID_AS[row["said"]](**{each.name: row[each.name] for each in fields(_SAID_AS[row["said"]])}) for row in rows]


async def await_many(conn: Connection, tenant: TenantId, wamids: Collection[str], now: datetime) -> None:
    """What is said of these unknown messages goes with time, unless they come."""
    await _queries.await_many(conn, tenant_id=tenant, wamids=list(wamids), since=now)


async def drop_awaited(conn: Connection, tenant: TenantId, before: datetime, batch: int) -> int:
    """How many messages that were awaited since before then were looked at; what was said of those that never came is gone."""
    return len(await _queries.drop_awaited(conn, tenant_id=tenant, before=before, batch=batch))


async def list_sent(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID]) -> set[UUID]:
    """Those of which WhatsApp itself has told, by a status, that it passed them on."""
    return {row["message_id"] for row in await _queries.list_sent(conn, tenant_id=tenant, message_ids=list(message_ids))}
