"""The data plane's operations (seed 001), each over a batch of one tenant's requests in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, Person, joined
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.conversations.store import Wanted
from waystate.db.pool import Connection, Database
from waystate.errors import Conflict, NotFound, Refused, Unprocessable
from waystate.events import outbox
from waystate.events.model import ConversationOpened, Event, MessageTracked
from waystate.ids import TenantId, find_uuid, new_id
from waystate.json import JsonObject
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import STEPS, Merged, parse_status
from waystate.messages.store import MessageRow
from waystate.pipelines.inbound import expired
from waystate.pipelines.status import Advanced, advance
from waystate.tenants.model import TenantSettings


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation for a look-up; `is_new` for the one caller whose request opened it."""

    conversation: Conversation
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """One message to record. `conversation_id` is ours or Genesys'."""

    conversation_id: str
    direction: Direction
    status: Status
    type: str = "text"
    wamid: str | None = None
    genesys_message_id: str | None = None
    content: JsonObject = field(default_factory=dict)
    text: str | None = None
    media: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    message_id: UUID
    created: bool
    contact_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A status for the message that `message_id` names: a wamid, a Genesys id or ours."""

    message_id: str
    status: str
    at: datetime
    error: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    message_id: UUID
    status: Status


async def get_or_open_many(
    tenant: TenantId,
    settings: TenantSettings,
    wanted: Sequence[tuple[Identity, str]],
    default_number: str,
    db: Database,
    clock: Clock,
) -> list[Found]:
    """The open conversation of each (identity, number), in the order asked; where there is none it is opened.

    A number of "" means the latest open conversation on any number, else a new one on `default_number`.
    Looking up is no activity and moves no clock.
    """
    now = clock()
    async with db.tenant(tenant) as conn:
        found = await _find_open(conn, tenant, wanted, now)
        missing = sorted(
            {(each, number or default_number) for (each, number), known in zip(wanted, found, strict=True) if known is None}
        )
        new: set[UUID] = set()
        if missing:
            new = await _open(conn, tenant, settings, missing, now)
            found = await _find_open(conn, tenant, wanted, now)
    answers: list[Found] = []
    for conversation in found:
        assert conversation is not None, "what was opened in this transaction is found in it"
        answers.append(Found(conversation, conversation.id in new))
        new.discard(conversation.id)
    return answers


async def find_open_many(
    tenant: TenantId, wanted: Sequence[tuple[Identity, str]], db: Database, clock: Clock
) -> list[Conversation | None]:
    async with db.tenant(tenant) as conn:
        return await _find_open(conn, tenant, wanted, clock())


async def find_conversations(tenant: TenantId, ids: Sequence[str], db: Database) -> list[Conversation | None]:
    async with db.tenant(tenant) as conn:
        return await conversation_store.find_many(conn, tenant, ids)


async def track_many(
    tenant: TenantId, settings: TenantSettings, trackings: Sequence[Tracking], db: Database, clock: Clock
) -> list[Tracked | Refused]:
    """Record messages that somebody else carries; the same platform id again is the same message."""
    now = clock()
    async with db.tenant(tenant) as conn:
        targets = await conversation_store.find_many(conn, tenant, [each.conversation_id for each in trackings])
        ids = await _claim(conn, tenant, [t for t, target in zip(trackings, targets, strict=True) if target is not None])
        rows: dict[int, MessageRow] = {}
        results: list[Tracked | Refused] = []
        for index, (tracking, target) in enumerate(zip(trackings, targets, strict=True)):
            if target is None:
                results.append(_no_conversation(tracking.conversation_id))
                continue
            message_id, created = ids.take(tracking)
            if created:
                rows[index] = _row(tracking, target, message_id, now)
            results.append(Tracked(message_id, created, target.contact_id))
        if rows:
            conversations = {row.conversation_id for row in rows.values()}
            locked = await conversation_store.lock_many(conn, tenant, sorted(conversations))
            await message_store.insert_many(conn, tenant, list(rows.values()))
            copies = [(row, locked[row.conversation_id]) for row in rows.values()]
            # Closed and expired are final: what is recorded late must not open a conversation again.
            live = [(row, conversation) for row, conversation in copies if conversation.is_open(now)]
            if live:
                await conversation_store.touch_many(conn, tenant, _activity(live, now), ttl=settings.mapping_ttl)
            await outbox.append_many(conn, tenant, [_tracked_event(row, target, now) for row, target in copies])
    return results


async def change_many(
    tenant: TenantId, changes: Sequence[StatusChange], db: Database, clock: Clock
) -> tuple[list[Changed | Refused], Advanced]:
    """Advance messages by hand; unlike a webhook's, a status that goes backwards or means nothing is refused."""
    async with db.tenant(tenant) as conn:
        own = [uuid for each in changes if (uuid := find_uuid(each.message_id)) is not None]
        known = set(await message_store.find_conversations(conn, tenant, own)) if own else set()
        keys = await message_store.find_ids(conn, tenant, [each.message_id for each in changes])
        targets = [_target(each.message_id, known, keys) for each in changes]
        reports = [
            StatusReport(
                wamid="", message_id=target, status=each.status, at=each.at, error=each.error, source="http", origin="http"
            )
            for each, target in zip(changes, targets, strict=True)
            if target is not None
        ]
        advanced = await advance(conn, tenant, reports, clock()) if reports else Advanced()
    steps = {message_id: iter(merged) for message_id, merged in advanced.merged.items()}
    results = [
        _no_message(each.message_id) if target not in steps else _outcome(target, next(steps[target]))
        for each, target in zip(changes, targets, strict=True)
    ]
    return results, advanced


async def _find_open(
    conn: Connection, tenant: TenantId, wanted: Sequence[tuple[Identity, str]], now: datetime
) -> list[Conversation | None]:
    return await conversation_store.find_open_many(
        conn, tenant, [Wanted(identity, number or None) for identity, number in wanted], now
    )


async def _open(
    conn: Connection, tenant: TenantId, settings: TenantSettings, missing: Sequence[tuple[Identity, str]], now: datetime
) -> set[UUID]:
    people = joined(Person((identity,)) for identity, _ in missing)
    contacts = await contact_store.upsert_many(conn, tenant, people, now)
    activity = [
        Activity(contact_id=contacts[identity], phone_number_id=number, wa_id=_wa_id(identity), at=now)
        for identity, number in missing
    ]
    opened, overdue = await conversation_store.open_many(conn, tenant, activity, ttl=settings.mapping_ttl, now=now)
    events: list[Event] = expired(overdue, now)
    for (number, contact_id), each in opened.items():
        if each.is_new:
            wa_id = next(row.wa_id for row in activity if (row.phone_number_id, row.contact_id) == (number, contact_id))
            events.append(
                ConversationOpened(mapping_id=each.id, contact_id=contact_id, phone_number_id=number, at=now, wa_id=wa_id)
            )
    await outbox.append_many(conn, tenant, events)
    return {each.id for each in opened.values() if each.is_new}


class _Claims:
    """Message ids by platform id; the first asker of a claimed one created it."""

    def __init__(self, ids: dict[str, UUID], created: set[str]) -> None:
        self._ids = ids
        self._created = created

    def take(self, tracking: Tracking) -> tuple[UUID, bool]:
        key = _key(tracking)
        if key is None:
            return new_id(), True
        created = key in self._created
        self._created.discard(key)
        return self._ids[key], created


async def _claim(conn: Connection, tenant: TenantId, trackings: Sequence[Tracking]) -> _Claims:
    """The dedupe row first, by wamid or else by Genesys id; who has both is found by either."""
    proposed: dict[str, dict[str, UUID]] = {"whatsapp": {}, "genesys": {}}
    for each in trackings:
        if each.wamid is not None:
            proposed["whatsapp"].setdefault(each.wamid, new_id())
        elif each.genesys_message_id is not None:
            proposed["genesys"].setdefault(each.genesys_message_id, new_id())
    ids: dict[str, UUID] = {}
    created: set[str] = set()
    for source, keys in proposed.items():
        if not keys:
            continue
        claimed = await message_store.claim_many(conn, tenant, source, keys)
        known = (
            await message_store.find_ids(conn, tenant, [key for key in keys if key not in claimed])
            if len(claimed) < len(keys)
            else {}
        )
        ids |= keys | known
        created |= claimed
    second = {
        each.genesys_message_id: ids[each.wamid]
        for each in trackings
        if each.wamid is not None and each.genesys_message_id is not None and each.wamid in created
    }
    if second:
        await message_store.claim_many(conn, tenant, "genesys", second)
    return _Claims(ids, created)


def _key(tracking: Tracking) -> str | None:
    return tracking.wamid if tracking.wamid is not None else tracking.genesys_message_id


def _row(tracking: Tracking, conversation: Conversation, message_id: UUID, now: datetime) -> MessageRow:
    return MessageRow(
        id=message_id,
        conversation_id=conversation.id,
        direction=tracking.direction,
        status=tracking.status,
        type=tracking.type,
        sent_at=now,
        origin="http",
        wamid=tracking.wamid,
        genesys_message_id=tracking.genesys_message_id,
        text=tracking.text,
        content=tracking.content,
        media=tracking.media,
        sender=conversation.wa_id if tracking.direction is Direction.INBOUND else None,
        delivered_at=now if tracking.status in (Status.DELIVERED, Status.READ) else None,
        read_at=now if tracking.status is Status.READ else None,
        failed_at=now if tracking.status is Status.FAILED else None,
    )


def _activity(copies: Sequence[tuple[MessageRow, Conversation]], now: datetime) -> dict[UUID, Activity]:
    activity: dict[UUID, Activity] = {}
    for row, conversation in copies:
        each = activity.setdefault(
            conversation.id,
            Activity(contact_id=conversation.contact_id, phone_number_id=conversation.phone_number_id, wa_id=None, at=now),
        )
        each.message_at = now
        each.message_id = row.wamid or row.genesys_message_id or str(row.id)
        each.preview = row.text[:1000] if row.text else each.preview
        if row.direction is Direction.INBOUND:
            each.customer_message_at = now
    return activity


def _tracked_event(row: MessageRow, conversation: Conversation, now: datetime) -> Event:
    return MessageTracked(
        mapping_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        at=now,
        wa_id=conversation.wa_id,
        message_id=row.id,
        direction=row.direction.value,
        status=row.status,
        wamid=row.wamid,
        genesys_message_id=row.genesys_message_id,
        message_type=row.type,
    )


def _target(message_id: str, known: set[UUID], keys: dict[str, UUID]) -> UUID | None:
    own = find_uuid(message_id)
    return own if own in known else keys.get(message_id)


def _outcome(message_id: UUID | None, step: Merged) -> Changed | Refused:
    assert message_id is not None
    current = step.before
    status = parse_status(step.report.status, step.state.direction)
    if status is None:
        return Unprocessable(
            "state_violation",
            f"'{step.report.status}' is no status of an {step.state.direction} message. Send one of: "
            + ", ".join(sorted(_words(step.state.direction)))
            + ".",
        )
    if step.why_not is None or status == current:
        return Changed(message_id, step.state.status)
    return Conflict(
        "state_violation",
        f"The message is {current} already and does not go back to {status}. "
        + (f"It can still become: {', '.join(sorted(STEPS[current]))}." if STEPS[current] else "That status is final."),
        current=current,
        valid_next_states=sorted(STEPS[current]),
    )


def _words(direction: Direction) -> set[str]:
    return {status for status in Status if parse_status(status, direction) is not None}


def _wa_id(identity: Identity) -> str | None:
    return identity.external_id if identity.kind is IdentityKind.WA_ID else None


def _no_conversation(conversation_id: str) -> NotFound:
    return NotFound(
        "conversation_not_found",
        f"No conversation has the id '{conversation_id}' on either platform. Open one with GET /state/mapping/{{waId}}.",
    )


def _no_message(message_id: str) -> NotFound:
    return NotFound(
        "message_not_found",
        f"No message has the id '{message_id}'. It may be a wamid, a Genesys message id or Waystate's own; track it first with "
        "POST /state/message.",
    )
