"""One transaction's worth of a replay: items of one pipeline, run as live traffic is, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from waystate.db.pool import Connection
from waystate.dead_letters.model import Pipeline
from waystate.deliveries.model import RefusedDelivery
from waystate.deliveries.resend import resend_many
from waystate.deliveries.settle import advance_and_settle, advance_waiting
from waystate.errors import Reason, Rejected
from waystate.events.model import Event, InboundEnriched, OutboundRefused
from waystate.ids import TenantId
from waystate.messages import correlate, receive, send
from waystate.messages import store as message_store
from waystate.messages.model import Correlation, InboundMessage, OutboundMessage, Status, StatusReport
from waystate.messages.receive import numbers_of
from waystate.messages.status import parse_status
from waystate.pipeline.items import FROM_QUEUE, SendResult
from waystate.pipeline.payloads import Item
from waystate.tenants.routing import TenantView

T = TypeVar("T")

_REFUSED = frozenset(
    {
        Reason.WINDOW_CLOSED,
        Reason.RECIPIENT_MOVED,
        Reason.MAPPING_STATUS_CLOSED,
        Reason.MAPPING_STATUS_EXPIRED,
        Reason.INVALID_PAYLOAD,
    }
)
"""Why an agent's message is tracked as failed and never sent; one from a queue is a dead letter beside that."""


class ReplayOutcome(StrEnum):
    REPLAYED = "replayed"
    ALREADY_DONE = "already_done"
    FAILED = "failed"
    DISCARDED = "discarded"
    NOT_OPEN = "not_open"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: ReplayOutcome
    message: str
    events: tuple[Event, ...] = ()


@dataclass(slots=True)
class Run:
    """`verdicts` by dead letter; `events` in the order to append them."""

    verdicts: dict[UUID, Verdict | Rejected] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


DONE_BEFORE = Verdict(ReplayOutcome.ALREADY_DONE, "Its effect had happened before; nothing was done again.")


def done(message: str, *events: Event) -> Verdict:
    return Verdict(ReplayOutcome.REPLAYED, message, events)


async def run_items(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    pipeline: Pipeline,
    items: Mapping[UUID, Item],
    letters: Mapping[UUID, Mapping[str, Any]],
    now: datetime,
    *,
    lanes: int,
) -> Run:
    """In the caller's transaction, which holds the dead letters' locks and appends the events."""
    if not items:
        return Run()
    match pipeline:
        case Pipeline.INBOUND:
            return await _inbound(conn, tenant, view, _of(items, InboundMessage), now)
        case Pipeline.OUTBOUND:
            return await _outbound(conn, tenant, view, _of(items, OutboundMessage), letters, now)
        case Pipeline.STATUS:
            return await _statuses(conn, tenant, items, letters, now)
        case Pipeline.CORRELATION:
            return await _correlations(conn, tenant, _of(items, Correlation), now)
        case Pipeline.DELIVERIES:
            sends = await resend_many(conn, tenant, view, _of(items, RefusedDelivery), now, lanes=lanes)
            again = done("It is sent again, at the end of its customer's order.")
            return Run(
                {key: each if isinstance(each, Rejected) else again if each else DONE_BEFORE for key, each in sends.items()}
            )


async def _inbound(
    conn: Connection, tenant: TenantId, view: TenantView, messages: Mapping[UUID, InboundMessage], now: datetime
) -> Run:
    run = Run()
    usable: dict[UUID, InboundMessage] = {}
    numbers = await numbers_of(conn, tenant, view, list(messages.values()), now)
    for (key, message), number in zip(messages.items(), numbers, strict=True):
        if number in view.accounts:
            usable[key] = replace(message, phone_number_id=number)
        else:
            text = f"Number {number or '(none)'} is none of this tenant's. Add its account or correct the number."
            run.verdicts[key] = Rejected(Reason.UNKNOWN_TENANT, text)
    run.events = await receive.track(conn, tenant, view.settings, list(usable.values()), now) if usable else []
    new = {event.wamid: event for event in run.events if isinstance(event, InboundEnriched)}
    for key, message in usable.items():
        event = new.pop(message.wamid, None)
        run.verdicts[key] = DONE_BEFORE if event is None else done("It is tracked, at the end of its customer's order.", event)
    return run


async def _outbound(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    messages: Mapping[UUID, OutboundMessage],
    letters: Mapping[UUID, Mapping[str, Any]],
    now: datetime,
) -> Run:
    results, events = await send.process(conn, tenant, view.settings, list(messages.values()), send.numbers_of(view), now)
    run = Run(events=events)
    for (key, message), result in zip(messages.items(), results, strict=True):
        from_queue = str(letters[key]["origin"]).startswith(FROM_QUEUE)
        match result:
            case Rejected():
                run.verdicts[key] = result
            case None:
                run.verdicts[key] = (await _find_refusal(conn, tenant, message) if from_queue else None) or DONE_BEFORE
            case OutboundRefused() if from_queue:
                run.verdicts[key] = Rejected(Reason(result.code), f"{result.reason} It is kept as failed.")
            case OutboundRefused():
                run.verdicts[key] = done(f"It is kept as failed, and Genesys is told: {result.reason}", result)
            case _:
                run.verdicts[key] = done("It is queued for WhatsApp.", result)
    return run


async def _statuses(
    conn: Connection,
    tenant: TenantId,
    items: Mapping[UUID, Item],
    letters: Mapping[UUID, Mapping[str, Any]],
    now: datetime,
) -> Run:
    """A status whose message is unknown waits for it; a send's result has nothing to wait for."""
    reports = {key: item.report if isinstance(item, SendResult) else item for key, item in items.items()}
    sent = {key: report for key, report in reports.items() if isinstance(report, StatusReport)}
    advanced = await advance_and_settle(conn, tenant, list(sent.values()), now)
    steps = {id(step.report): step for each in advanced.merged.values() for step in each}
    early = {id(report) for report in advanced.early}
    run, parked = Run(events=list(advanced.events)), []
    for key, report in sent.items():
        step = steps.get(id(report))
        if id(report) in early and isinstance(items[key], SendResult):
            text = f"No message {report.message_id} is known. Replay it after the message was tracked."
            run.verdicts[key] = Rejected(Reason.MAPPING_NOT_FOUND, text)
        elif step is None:
            parked.append(report)
            run.verdicts[key] = done("Its message is not known yet; it waits for it.")
        elif parse_status(report.status, step.state.direction) is None and str(letters[key]["origin"]).startswith(FROM_QUEUE):
            text = f"'{report.status}' is no status of an {step.state.direction} message."
            run.verdicts[key] = Rejected(Reason.STATE_VIOLATION, text)
        else:
            run.verdicts[key] = done("The message is advanced.") if step.why_not is None else DONE_BEFORE
    if parked:
        await message_store.park_early(conn, tenant, parked, now)
    wamids = {report.wamid for key, report in sent.items() if report.wamid and isinstance(items[key], SendResult)}
    run.events += (await advance_waiting(conn, tenant, wamids, now)).events
    return run


async def _correlations(conn: Connection, tenant: TenantId, correlations: Mapping[UUID, Correlation], now: datetime) -> Run:
    results, events = await correlate.process(conn, tenant, list(correlations.values()), now)
    run = Run(events=events)
    for key, result in zip(correlations, results, strict=True):
        if isinstance(result, Rejected):
            run.verdicts[key] = result
        else:
            run.verdicts[key] = done("The conversation is correlated.", *result) if result else DONE_BEFORE
    return run


async def _find_refusal(conn: Connection, tenant: TenantId, message: OutboundMessage) -> Rejected | None:
    """A message that was refused when it came is not sent by a replay of the same id: its sender was told otherwise."""
    ids = await message_store.find_ids(conn, tenant, [message.genesys_message_id])
    known = await message_store.find_message(conn, tenant, ids[message.genesys_message_id]) if ids else None
    code = ((known or {}).get("error") or {}).get("code")
    if known is None or known["status"] != Status.FAILED or code not in _REFUSED:
        return None
    return Rejected(
        Reason(code),
        "The message is kept as failed and never sent under the same id. Once the customer has written again, give it a new "
        "genesys_message_id and replay it, or discard it.",
    )


def _of(items: Mapping[UUID, Item], kind: type[T]) -> dict[UUID, T]:
    return {key: item for key, item in items.items() if isinstance(item, kind)}
