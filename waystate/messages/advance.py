"""The status pipeline: reported statuses of one tenant, merged by rank under the messages' locks."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.db.pool import Connection
from waystate.documents import JsonObject, shorten
from waystate.events.model import Event, MessagePayment, MessageStatus, PreferencesChanged, WholeMessage
from waystate.ids import TenantId, time_of
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import Merged, MessageState, Parts, is_of_payment, merge, parse_status, word_of_payment
from waystate.messages.store import LockedMessage
from waystate.preferences import store as preference_store
from waystate.preferences.model import Marketing, Preference
from waystate.web.metrics import Metrics

ARRIVED = frozenset({Status.SENT, Status.DELIVERED, Status.READ})
OPTED_OUT = "131050"
"""WhatsApp's code: the customer takes no marketing messages of this business."""
_HOPS = {Status.DELIVERED.value: "sent_to_delivered", Status.READ.value: "sent_to_read"}


@dataclass(slots=True)
class Advanced:
    """`merged` by message id, in the order of the reports; `early` are reports whose message is not known yet."""

    events: list[Event] = field(default_factory=list)
    messages: dict[UUID, LockedMessage] = field(default_factory=dict)
    merged: dict[UUID, list[Merged]] = field(default_factory=dict)
    early: list[StatusReport] = field(default_factory=list)
    arrived: dict[UUID, str] = field(default_factory=dict)
    """Message → wamid: WhatsApp has them, so whatever became of a send's answer, none is to be made again."""


async def advance(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport], now: datetime) -> Advanced:
    """Merge reports into their messages within the caller's transaction, which appends the events of what changed.

    The caller settles the deliveries of what `arrived`.
    """
    return await merge_reported(conn, tenant, await lock_reported(conn, tenant, reports), now)


@dataclass(frozen=True, slots=True)
class Reported:
    """Messages, locked, and what is reported of each; `early` is reported of none that there is."""

    messages: dict[UUID, LockedMessage] = field(default_factory=dict)
    reports: dict[UUID, list[StatusReport]] = field(default_factory=dict)
    early: list[StatusReport] = field(default_factory=list)

    def without(self, left_out: Collection[UUID]) -> "Reported":
        kept = {key: message for key, message in self.messages.items() if key not in left_out}
        return Reported(kept, self.reports, self.early)


async def merge_reported(
    conn: Connection,
    tenant: TenantId,
    reported: Reported,
    now: datetime,
    *,
    merge: Callable[[MessageState, Iterable[StatusReport]], list[Merged]] = merge,
) -> Advanced:
    """The second half of `advance`."""
    messages = reported.messages
    merged = {message_id: merge(message.state, reported.reports[message_id]) for message_id, message in messages.items()}
    if not merged:
        return Advanced(early=reported.early)
    paid = await message_store.advance_many(conn, tenant, merged)
    await _learn_wamids(conn, tenant, messages, reported.reports)
    wholes = await _find_wholes(conn, tenant, messages)
    events: list[Event] = []
    for message_id, steps in merged.items():
        message = messages[message_id]
        events += changes_of(message, steps, now, wholes.get(message.part_of or ""))
    events += [_payment_of(messages[message_id], report, now) for message_id, report in paid]
    events += await _note_opt_outs(conn, tenant, [each for each in events if isinstance(each, MessageStatus)], now)
    return Advanced(events, messages, merged, reported.early, _arrived(messages, merged))


async def _find_wholes(conn: Connection, tenant: TenantId, messages: dict[UUID, LockedMessage]) -> dict[str, Parts]:
    """As they were before these reports. The conversation is locked, so of two parts the later report sees the other's."""
    wholes = await message_store.list_parts(conn, tenant, messages.values())
    for parts in wholes.values():
        parts.statuses.update({key: messages[key].state.status for key in parts.statuses if key in messages})
    return wholes


def changes_of(message: LockedMessage, steps: Sequence[Merged], now: datetime, parts: Parts | None = None) -> list[Event]:
    """One event a step forward. `parts` of the message that this one is a part of make the step too."""
    events: list[Event] = []
    for step in steps:
        if step.why_not is not None:
            continue
        whole = None if parts is None else _step(parts, message.id, step.state.status)
        is_told = whole is not None and whole.status != whole.previous
        events.append(
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
                genesys_message_id=message.genesys_message_id or (message.part_of if is_told else None),
                whole=whole,
                error=step.report.error,
            )
        )
    return events


def _step(parts: Parts, part: UUID, status: Status) -> WholeMessage:
    previous = parts.status
    parts.statuses[part] = status
    return WholeMessage(message_id=parts.last_id, status=parts.status, previous=previous)


def _payment_of(message: LockedMessage, report: StatusReport, now: datetime) -> Event:
    return MessagePayment(
        mapping_id=message.conversation_id,
        contact_id=message.contact_id,
        phone_number_id=message.phone_number_id,
        at=now,
        wa_id=message.wa_id,
        message_id=message.id,
        wamid=message.wamid or report.wamid or None,
        status=word_of_payment(report.status),
        timestamp=report.at,
        payment=(report.details or {}).get("payment") or {},
        error=report.error,
    )


async def _note_opt_outs(conn: Connection, tenant: TenantId, changes: Sequence[MessageStatus], now: datetime) -> list[Event]:
    """A customer to whom a message failed because they want no marketing is known to want none."""
    said = [
        Preference(each.phone_number_id, each.contact_id, Marketing.OPTED_OUT, each.timestamp, "error", _detail_of(each.error))
        for each in changes
        if each.status == Status.FAILED and str((each.error or {}).get("code")) == OPTED_OUT
    ]
    return [
        PreferencesChanged(
            contact_id=each.contact_id,
            phone_number_id=each.phone_number_id,
            at=now,
            marketing=each.marketing.value,
            detail=each.detail,
            timestamp=each.at,
        )
        for each in await preference_store.note_many(conn, tenant, said)
    ]


def _detail_of(error: JsonObject | None) -> str | None:
    title = (error or {}).get("title") or (error or {}).get("message")
    return shorten(title, 500) if isinstance(title, str) else None


async def lock_reported(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport]) -> Reported:
    """The first half of `advance`: lock the messages, with their conversations.

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
    return Reported(messages, matched, early)


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


def _arrived(messages: dict[UUID, LockedMessage], merged: dict[UUID, list[Merged]]) -> dict[UUID, str]:
    return {
        message_id: steps[-1].report.wamid
        for message_id, steps in merged.items()
        if messages[message_id].state.status is Status.QUEUED
        and any(
            step.report.source != "waystate" and step.report.wamid and not is_of_payment(step.report.status) for step in steps
        )
    }


def count(metrics: Metrics, advanced: Advanced, now: datetime) -> None:
    """Counts the statuses that were reported, and how long messages took to be delivered and read."""
    for steps in advanced.merged.values():
        for step in steps:
            known = parse_status(step.report.status, step.state.direction)
            if is_of_payment(step.report.status):
                continue
            if known is None:
                metrics.unknown_statuses_total.inc()
            else:
                metrics.statuses_total.labels(known, str(step.why_not is None).lower()).inc()
    for event in advanced.events:
        if isinstance(event, MessageStatus) and event.direction == "outbound" and event.message_id is not None:
            hop = _HOPS.get(event.status)
            if hop is not None:
                metrics.hop(hop, time_of(event.message_id), now)
