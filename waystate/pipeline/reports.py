"""What platforms and carriers report of messages: statuses, results of sends, and Genesys' receipts of failures."""

from collections.abc import Sequence
from uuid import UUID

from waystate.dead_letters.model import DONE_BEFORE, Verdict
from waystate.deliveries import store as delivery_store
from waystate.deliveries.carried import find_carried
from waystate.deliveries.settle import advance_and_settle, advance_waiting
from waystate.errors import Reason, Rejected
from waystate.messages import store as message_store
from waystate.messages.advance import Reported, lock_reported, merge_reported
from waystate.messages.model import (
    Direction,
    GenesysReceipt,
    Status,
    StatusReport,
)
from waystate.messages.status import Merged, is_of_payment, keep_as_history, parse_status, unknown_status
from waystate.pipeline.batch import Batch, Judged
from waystate.pipeline.items import (
    FROM_QUEUE,
    SendResult,
)
from waystate.tenants.routing import TenantView

_ADVANCED = Verdict("The message is advanced.")
_WAITS = Verdict("Its message is not known yet; it waits for it.")
_NOTED = Verdict("It stands in the message's history.")
_NOBODYS = Verdict(is_repeat=True, aside=("Receipt", "it is about no customer's message that is known here"))


async def run_statuses(batch: Batch, items: Sequence[StatusReport | SendResult]) -> Judged:
    """A status whose message is unknown waits for it; a send's result has nothing to wait for.

    A wamid that becomes known by a send's result lets the statuses that waited for it through.
    """
    reports = [item.report if isinstance(item, SendResult) else item for item in items]
    refused = await _refused_results(batch, items)
    usable = [report for report in reports if id(report) not in refused]
    advanced = await advance_and_settle(batch.conn, batch.tenant, usable, batch.now)
    steps = {id(step.report): step for each in advanced.merged.values() for step in each}
    verdicts = [
        refused.get(id(report)) or _verdict_of(item, report, steps.get(id(report)))
        for item, report in zip(items, reports, strict=True)
    ]
    parked = [report for report, verdict in zip(reports, verdicts, strict=True) if verdict is _WAITS]
    if parked:
        await message_store.park_early(batch.conn, batch.tenant, parked, batch.now)
    wamids = {each.report.wamid for each in items if isinstance(each, SendResult) and each.report.wamid}
    late = await advance_waiting(batch.conn, batch.tenant, wamids, batch.now)
    return Judged(verdicts, [*advanced.events, *late.events], [advanced, late])


async def _refused_results(batch: Batch, items: Sequence[StatusReport | SendResult]) -> dict[int, Verdict]:
    """By the report's identity: a failure that another sender tells of what Waystate itself is about to send would not hold."""
    failures = [item.report for item in items if isinstance(item, SendResult) and item.report.status == Status.FAILED]
    if not failures:
        return {}
    reported = await lock_reported(batch.conn, batch.tenant, failures)

    async def view_of(*_: object) -> TenantView:
        return batch.view

    carried = await find_carried(batch.conn, batch.tenant, reported.messages, view_of)
    text = "Waystate itself is about to send this message, so nobody else's failure is its. Discard this."
    refusal = Verdict(error=Rejected(Reason.STATE_VIOLATION, text))
    return {id(report): refusal for key in carried for report in reported.reports[key]}


def _verdict_of(item: StatusReport | SendResult, report: StatusReport, step: Merged | None) -> Verdict:
    """A lower status is history. One that a message of that direction cannot have is refused where a queue's sender said it."""
    if step is None:
        if not isinstance(item, SendResult):
            return _WAITS
        text = f"The tenant has no message {report.message_id}. Replay it after the message was tracked."
        return Verdict(error=Rejected(Reason.MAPPING_NOT_FOUND, text))
    if report.origin.startswith(FROM_QUEUE) and parse_status(report.status, step.state.direction) is None:
        return Verdict(error=Rejected(Reason.STATE_VIOLATION, unknown_status(report.status, step.state.direction)))
    if is_of_payment(report.status):
        return _NOTED
    return _ADVANCED if step.why_not is None else DONE_BEFORE


async def run_receipts(batch: Batch, receipts: Sequence[GenesysReceipt]) -> Judged:
    """History of a customer's message. Of an agent's, and of messages that are not known, a receipt says nothing new."""
    found = await _reported_by_genesys(batch, receipts)
    messages = await message_store.lock_many(batch.conn, batch.tenant, sorted(set(found.values())))
    reports: dict[UUID, list[StatusReport]] = {}
    verdicts: list[Verdict] = []
    for place, each in enumerate(receipts):
        message = messages.get(found[place]) if place in found else None
        if message is None or message.state.direction is not Direction.INBOUND:
            verdicts.append(_NOBODYS)
            continue
        report = StatusReport(
            wamid=message.wamid or "",
            message_id=message.id,
            status=Status.FAILED,
            at=each.at,
            error=each.error,
            source="genesys",
            origin=each.origin,
        )
        reports.setdefault(message.id, []).append(report)
        verdicts.append(_NOTED)
    reported = Reported({key: messages[key] for key in reports}, reports)
    await merge_reported(batch.conn, batch.tenant, reported, batch.now, merge=keep_as_history)
    return Judged(verdicts)


async def _reported_by_genesys(batch: Batch, receipts: Sequence[GenesysReceipt]) -> dict[int, UUID]:
    """By place the message that a receipt is about: by the wamid we gave Genesys, or by Genesys' id of it."""
    names = sorted({name for each in receipts for name in each.names})
    known = await delivery_store.find_at_genesys(batch.conn, batch.tenant, names)
    known |= await message_store.find_ids(batch.conn, batch.tenant, names)
    named = {place: [known[name] for name in each.names if name in known] for place, each in enumerate(receipts)}
    return {place: messages[0] for place, messages in named.items() if messages}
