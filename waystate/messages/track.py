"""Recording messages that somebody else carries (seed 001): a batch of one tenant's requests in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.errors import NotFound, Refused
from waystate.events import outbox
from waystate.events.model import Event, MessageTracked
from waystate.ids import TenantId, find_uuid, new_id
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status
from waystate.messages.store import MessageRow
from waystate.tenants.model import TenantSettings


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


async def track_many(
    tenant: TenantId, settings: TenantSettings, trackings: Sequence[Tracking], db: Database, clock: Clock
) -> list[Tracked | Refused]:
    """Record messages that somebody else carries; the same platform id again is the same message."""
    now = clock()
    async with db.tenant(tenant) as conn:
        targets = await _lock_targets(conn, tenant, settings, {each.conversation_id for each in trackings})
        ids = await _claim(conn, tenant, [each for each in trackings if each.conversation_id in targets])
        copies: list[tuple[MessageRow, Conversation]] = []
        results: list[Tracked | Refused] = []
        for tracking in trackings:
            target = targets.get(tracking.conversation_id)
            if target is None:
                results.append(_no_conversation(tracking.conversation_id))
                continue
            message_id, created = ids.take(tracking)
            if created:
                copies.append((_row(tracking, target, message_id, now), target))
            results.append(Tracked(message_id, created, target.contact_id))
        if copies:
            await message_store.insert_many(conn, tenant, [row for row, _ in copies])
            # Closed and expired are final: what is recorded late must not open a conversation again.
            live = [(row, conversation) for row, conversation in copies if conversation.is_open(now)]
            if live:
                await conversation_store.touch_many(conn, tenant, _activity(live, now), ttl=settings.mapping_ttl)
            await outbox.append_many(conn, tenant, [_tracked_event(row, target, now) for row, target in copies])
    return results


async def _lock_targets(conn: Connection, tenant: TenantId, settings: TenantSettings, ids: set[str]) -> dict[str, Conversation]:
    """By our id or Genesys'. Where ours is the public one, most are locked without being looked up."""
    named = {each: uuid for each in ids if (uuid := find_uuid(each)) is not None} if settings.correlation == "local" else {}
    locked = await conversation_store.lock_many(conn, tenant, sorted(named.values())) if named else {}
    targets = {each: locked[uuid] for each, uuid in named.items() if uuid in locked}
    if len(targets) < len(ids):
        others = sorted(ids - targets.keys())
        found = await conversation_store.find_many(conn, tenant, others)
        locked = await conversation_store.lock_many(conn, tenant, sorted({each.id for each in found if each is not None}))
        targets |= {name: locked[each.id] for name, each in zip(others, found, strict=True) if each is not None}
    return targets


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


def _no_conversation(conversation_id: str) -> NotFound:
    return NotFound(
        "conversation_not_found",
        f"No conversation has the id '{conversation_id}' on either platform. Open one with GET /state/mapping/{{waId}}.",
    )
