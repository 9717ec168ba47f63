"""Recording messages that somebody else carries (seed 001): a batch of one tenant's requests in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.conversations.store import Window
from waystate.db.pool import Connection
from waystate.deliveries.carried import find_carried
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, Refused
from waystate.events.model import Event, MessageTracked
from waystate.ids import TenantId, find_uuid, new_id
from waystate.messages import store as message_store
from waystate.messages.advance import Reported, merge_reported
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import later_than, merge_strictly
from waystate.messages.store import RECORDED, LockedMessage, MessageRow
from waystate.messages.windows import make_due, told_of_opened
from waystate.pipeline.batch import Batch, Judged, answered
from waystate.state.changes import said_by_hand, settle_said, under_way
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import Directory


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

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What tells it from other messages: (platform, that platform's id)."""
        named = (("whatsapp", self.wamid), ("genesys", self.genesys_message_id))
        return [(source, external_id) for source, external_id in named if external_id is not None]


@dataclass(frozen=True, slots=True)
class Tracked:
    message_id: UUID
    created: bool
    status: Status
    """The message's own from now on."""
    contact_id: UUID | None = None


@dataclass(slots=True, eq=False)
class _Placed:
    """A tracking and its conversation, locked.

    `known` is the message that has one of its ids already; `learned` the platform whose id of that message is new; `others` the
    message that has the Genesys id, if the wamid is another's.
    """

    tracking: Tracking
    conversation: Conversation
    proposed: UUID = field(default_factory=new_id)
    known: UUID | None = None
    learned: str | None = None
    others: UUID | None = None
    status: Status | None = None
    refusal: Refused | None = None

    @property
    def message_id(self) -> UUID:
        return self.proposed if self.known is None else self.known

    @property
    def result(self) -> Tracked | Refused:
        status = self.status or self.tracking.status
        return self.refusal or Tracked(self.message_id, self.known is None, status, self.conversation.contact_id)


async def track_many(directory: Directory, batch: Batch, trackings: Sequence[Tracking]) -> Judged:
    """Record messages that somebody else carries, each found again by either platform's id; answers `Tracked`.

    To a message that is known, what is told anew is added: the other platform's id, and a later status. All else of it stays as
    it was first recorded.
    """
    conn, tenant, settings, now = batch.conn, batch.tenant, batch.view.settings, batch.now
    targets = await _lock_targets(conn, tenant, settings, {each.conversation_id for each in trackings})
    placed, repeats = _place(trackings, targets)
    events: list[Event] = []
    for together in _rounds(list(placed.values())):
        await _claim(conn, tenant, together)
        if known := [each for each in together if each.known is not None]:
            events += await _add_to_known(batch, known, directory)
        if new := [each for each in together if each.known is None]:
            events += await _record(conn, tenant, settings, new, now)
    results: list[Tracked | Refused] = []
    for index, tracking in enumerate(trackings):
        result: Tracked | Refused = _no_conversation(tracking.conversation_id)
        if index in placed:
            result = placed[index].result
        elif index in repeats:
            first = placed[repeats[index]].result
            result = replace(first, created=False) if isinstance(first, Tracked) else first
        results.append(result)
    return Judged([answered(each) for each in results], events)


def _place(trackings: Sequence[Tracking], targets: Mapping[str, Conversation]) -> tuple[dict[int, _Placed], dict[int, int]]:
    """By index those whose conversation there is, and the repeats of them: what was sent again before it was answered."""
    placed: dict[int, _Placed] = {}
    repeats: dict[int, int] = {}
    first: dict[object, int] = {}
    for index, tracking in enumerate(trackings):
        target = targets.get(tracking.conversation_id)
        if target is None:
            continue
        told = (*tracking.keys, target.id, tracking.direction, tracking.status) if tracking.keys else index
        if told in first:
            repeats[index] = first[told]
        else:
            first[told] = index
            placed[index] = _Placed(tracking, target)
    return placed, repeats


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


def _rounds(placed: Sequence[_Placed]) -> list[list[_Placed]]:
    """In the order they came, such that within a round no two name the same platform's id."""
    rounds: list[list[_Placed]] = []
    next_round: dict[tuple[str, str], int] = {}
    for each in placed:
        keys = each.tracking.keys
        number = max((next_round.get(key, 0) for key in keys), default=0)
        next_round |= dict.fromkeys(keys, number + 1)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(each)
    return rounds


async def _claim(conn: Connection, tenant: TenantId, placed: Sequence[_Placed]) -> None:
    """The dedupe rows first: by the wamid, then by Genesys' id. Where both are known, the wamid says which message it is."""
    wamids = {each.tracking.wamid: each for each in placed if each.tracking.wamid is not None}
    _, owners = await _claim_of(conn, tenant, "whatsapp", wamids)
    for wamid, owner in owners.items():
        wamids[wamid].known = owner
    named = {each.tracking.genesys_message_id: each for each in placed if each.tracking.genesys_message_id is not None}
    claimed, owners = await _claim_of(conn, tenant, "genesys", named)
    for genesys_id, each in named.items():
        if each.known is not None:
            each.learned = "genesys" if genesys_id in claimed else None
            each.others = owners.get(genesys_id)
        elif genesys_id in owners:
            each.known = owners[genesys_id]
            each.learned = None if each.tracking.wamid is None else "whatsapp"


async def _claim_of(
    conn: Connection, tenant: TenantId, source: str, named: Mapping[str, _Placed]
) -> tuple[set[str], dict[str, UUID]]:
    """Which of one platform's ids were free, and which messages have the others."""
    if not named:
        return set(), {}
    claimed = await message_store.claim_many(conn, tenant, source, {key: each.message_id for key, each in named.items()})
    taken = [key for key in named if key not in claimed]
    return claimed, await message_store.find_ids(conn, tenant, taken, sources=[source]) if taken else {}


async def _add_to_known(batch: Batch, known: Sequence[_Placed], directory: Directory) -> list[Event]:
    conn, tenant = batch.conn, batch.tenant
    conversation_of = await message_store.find_conversations(conn, tenant, sorted({each.message_id for each in known}))
    # Those of other conversations are left unlocked: conversations are locked in one order, and these here are already.

    def is_here(each: _Placed) -> bool:
        return conversation_of.get(each.message_id) == each.conversation.id

    messages = await message_store.lock_many(conn, tenant, {each.message_id for each in known if is_here(each)})
    carried = await find_carried(conn, tenant, messages, directory.find_tenant_in)
    added: list[tuple[_Placed, LockedMessage]] = []
    for each in known:
        message = messages.get(each.message_id) if is_here(each) else None
        if message is None:
            if each.message_id in conversation_of:
                each.refusal = _elsewhere(each.message_id)
            elif each.learned == "whatsapp":
                each.known = None  # of what Genesys' id named before nothing is left but the id
        elif each.learned == "whatsapp" and message.wamid is not None and each.tracking.direction is message.state.direction:
            each.known = None  # what Genesys sent as one may leave as several, each with a wamid of its own
        else:
            each.refusal = _contradiction(each, message)
            if each.refusal is None and message.id in carried and (each.learned == "whatsapp" or _is_later(each, message)):
                each.refusal = under_way(message)
            if each.refusal is None:
                each.status = message.state.status
                added.append((each, message))
    await _learn(conn, tenant, known, added)
    return await _advance(batch, [(each, message) for each, message in added if _is_later(each, message)])


async def _learn(
    conn: Connection, tenant: TenantId, known: Sequence[_Placed], added: Sequence[tuple[_Placed, LockedMessage]]
) -> None:
    """Give the messages the ids that are new of them; take back the keys that were claimed in vain or for another message."""
    wamids = {each.message_id: each.tracking.wamid or "" for each, _ in added if each.learned == "whatsapp"}
    genesys_ids = {each.message_id: each.tracking.genesys_message_id or "" for each, _ in added if each.learned == "genesys"}
    in_vain = [each for each in known if each.refusal is not None]
    lost = [each.tracking.wamid or "" for each in in_vain if each.learned == "whatsapp"]
    if lost or wamids:
        await message_store.release_many(conn, tenant, "whatsapp", [*lost, *wamids.values()])
    if wamids:
        await message_store.attach_wamids(conn, tenant, wamids)
    if lost := [each.tracking.genesys_message_id or "" for each in in_vain if each.learned == "genesys"]:
        await message_store.release_many(conn, tenant, "genesys", lost)
    if genesys_ids:
        await message_store.attach_genesys_ids(conn, tenant, genesys_ids)


def _is_later(placed: _Placed, message: LockedMessage) -> bool:
    """That the first status comes again, or an earlier one, is a repeat."""
    return placed.tracking.status in later_than(message.state.status, message.state.direction)


async def _advance(batch: Batch, later: Sequence[tuple[_Placed, LockedMessage]]) -> list[Event]:
    """A later status counts as if it had been reported."""
    if not later:
        return []
    reports: dict[UUID, list[StatusReport]] = {}
    for each, message in later:
        reports.setdefault(message.id, []).append(said_by_hand(message.id, each.tracking.status, batch.now))
    reported = Reported({message.id: message for _, message in later}, reports)
    advanced = await merge_reported(batch.conn, batch.tenant, reported, batch.now, merge=merge_strictly)
    await settle_said(batch, advanced)
    for each, message in later:
        each.status = advanced.merged[message.id][-1].state.status
    return advanced.events


async def _record(
    conn: Connection, tenant: TenantId, settings: TenantSettings, new: Sequence[_Placed], now: datetime
) -> list[Event]:
    copies = [(_row(each.tracking, each.conversation, each.message_id, now), each.conversation) for each in new]
    await message_store.insert_many(conn, tenant, [row for row, _ in copies])
    # Closed and expired are final: what is recorded late must not open a conversation again.
    live = [(row, conversation) for row, conversation in copies if conversation.is_open(now)]
    opened: list[Window] = []
    if live:
        opened = await conversation_store.touch_many(conn, tenant, _activity(live, now), ttl=settings.mapping_ttl, now=now)
        await make_due(conn, tenant, opened, now)
    return [*(_tracked_event(row, target, now) for row, target in copies), *told_of_opened(opened, now)]


def _contradiction(placed: _Placed, message: LockedMessage) -> Conflict | None:
    tracking = placed.tracking
    if tracking.direction is not message.state.direction:
        return Conflict(
            "message_exists",
            f"This id is of an {message.state.direction} message, {message.id}, not of an {tracking.direction} one. Send the "
            "direction it has, or the id of the other message.",
        )
    if message.genesys_message_id == tracking.genesys_message_id:
        return None
    if placed.learned == "genesys" and message.genesys_message_id is not None:
        return Conflict(
            "message_exists",
            f"Message {message.id} has this metaMessageId, and another genesysMessageId already. Leave that out, or correct "
            "one of the two.",
        )
    if placed.others is not None and placed.others != message.id:
        return Conflict(
            "message_exists",
            f"These are the ids of two messages: {message.id} has the metaMessageId, {placed.others} the genesysMessageId. "
            "Send one of the two.",
        )
    return None


def _elsewhere(message_id: UUID) -> Conflict:
    return Conflict(
        "message_exists",
        f"A message with this id, {message_id}, is in another conversation. Name that one, or correct the id.",
    )


def _row(tracking: Tracking, conversation: Conversation, message_id: UUID, now: datetime) -> MessageRow:
    return MessageRow(
        id=message_id,
        conversation_id=conversation.id,
        direction=tracking.direction,
        status=tracking.status,
        type=tracking.type,
        sent_at=now,
        origin=RECORDED,
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
