"""The status pipeline: reported statuses of one tenant, merged by rank under the messages' locks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.deliveries import store as delivery_store
from waystate.events import outbox
from waystate.events.model import Event, MessageStatus
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import Merged, merge
from waystate.messages.store import LockedMessage

ARRIVED = frozenset({Status.SENT, Status.DELIVERED, Status.READ})


@dataclass(slots=True)
class Advanced:
    """`merged` by message id, in the order of the reports; `early` are reports whose message is not known yet."""

    events: list[Event] = field(default_factory=list)
    messages: dict[UUID, LockedMessage] = field(default_factory=dict)
    merged: dict[UUID, list[Merged]] = field(default_factory=dict)
    early: list[StatusReport] = field(default_factory=list)


async def handle(tenant: TenantId, reports: Sequence[StatusReport], db: Database, clock: Clock) -> Advanced:
    """Advance what is known; statuses that overtook their message wait for it."""
    now = clock()
    async with db.tenant(tenant) as conn:
        advanced = await advance(conn, tenant, reports, now)
        if advanced.early:
            await message_store.park_early(conn, tenant, advanced.early, now)
        await outbox.append_many(conn, tenant, advanced.events)
    return advanced


async def advance(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport], now: datetime) -> Advanced:
    """Merge reports into their messages within the caller's transaction, which appends the events of what changed."""
    messages, by_message, early = await _locked(conn, tenant, reports)
    merged = {message_id: merge(message.state, by_message[message_id]) for message_id, message in messages.items()}
    if not merged:
        return Advanced(early=early)
    await message_store.advance_many(conn, tenant, merged)
    await _learn_wamids(conn, tenant, messages, by_message)
    await _settle_unknown(conn, tenant, messages, merged, now)
    events = [event for message_id, steps in merged.items() for event in changes_of(messages[message_id], steps, now)]
    return Advanced(events, messages, merged, early)


async def advance_waiting(conn: Connection, tenant: TenantId, wamids: Collection[str], now: datetime) -> Advanced:
    """Let through the statuses that waited for these wamids, now that they are known."""
    waited = await message_store.take_early(conn, tenant, sorted(wamids)) if wamids else []
    return await advance(conn, tenant, waited, now) if waited else Advanced()


def changes_of(message: LockedMessage, steps: Sequence[Merged], now: datetime) -> list[Event]:
    """One event a step forward."""
    return [
        MessageStatus(
            mapping_id=message.conversation_id,
            contact_id=message.contact_id,
            phone_number_id=message.phone_number_id,
            at=now,
            wa_id=message.wa_id,
            message_id=message.id,
            direction=step.state.direction.value,
            status=step.state.status,
            previous=step.before,
            timestamp=step.report.at,
            wamid=message.wamid or step.report.wamid or None,
            genesys_message_id=message.genesys_message_id,
            error=step.report.error,
        )
        for step in steps
        if step.why_not is None
    ]


async def _locked(
    conn: Connection, tenant: TenantId, reports: Sequence[StatusReport]
) -> tuple[dict[UUID, LockedMessage], dict[UUID, list[StatusReport]], list[StatusReport]]:
    """The messages, what is reported of each, and what is reported of none.

    By our own id first (it is echoed before the wamid is known here), then by wamid.
    """
    wamids = {report.wamid for report in reports if report.wamid and report.message_id is None}
    by_wamid = await message_store.find_ids(conn, tenant, sorted(wamids)) if wamids else {}
    named = {report.message_id for report in reports if report.message_id is not None}
    messages = await message_store.lock_many(conn, tenant, named | set(by_wamid.values()))
    # An id that is none of ours: the echo of another system that sends on this number.
    unknown = named - messages.keys()
    if strange := {report.wamid for report in reports if report.wamid and report.message_id in unknown}:
        by_wamid |= await message_store.find_ids(conn, tenant, sorted(strange))
        messages |= await message_store.lock_many(conn, tenant, set(by_wamid.values()) - messages.keys())
    matched: dict[UUID, list[StatusReport]] = {}
    early: list[StatusReport] = []
    for report in reports:
        message_id = report.message_id if report.message_id in messages else by_wamid.get(report.wamid)
        if message_id is None:
            early.append(report)
        else:
            matched.setdefault(message_id, []).append(report)
    return messages, matched, early


async def _learn_wamids(
    conn: Connection, tenant: TenantId, messages: dict[UUID, LockedMessage], reports: dict[UUID, list[StatusReport]]
) -> None:
    """A status can be the first to tell the wamid of a message whose send's answer was lost or is still under way."""
    learned = {
        message_id: reports[message_id][0].wamid
        for message_id, message in messages.items()
        if message.wamid is None and message.state.direction is Direction.OUTBOUND and reports[message_id][0].wamid
    }
    if learned:
        await message_store.attach_wamids(conn, tenant, learned)


async def _settle_unknown(
    conn: Connection, tenant: TenantId, messages: dict[UUID, LockedMessage], merged: dict[UUID, list[Merged]], now: datetime
) -> None:
    """A reported status proves that the send arrived."""
    arrived = {
        message_id: steps[-1].report.wamid
        for message_id, steps in merged.items()
        if messages[message_id].state.status is Status.QUEUED
        and any(step.report.source == "whatsapp" and step.report.wamid for step in steps)
    }
    if arrived:
        await delivery_store.settle_unknown(conn, tenant, arrived, now)
