"""Statuses reported over HTTP (`PATCH /state/message`): what is answered with 200 is what holds afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from waystate.deliveries import store as delivery_store
from waystate.deliveries.carried import find_carried
from waystate.deliveries.withdraw import fail_dependent
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, Refused, Unprocessable
from waystate.ids import find_uuid
from waystate.messages import store as message_store
from waystate.messages.advance import ARRIVED, Advanced, Reported, lock_reported, merge_reported
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import STEPS, Merged, later_than, merge_strictly, parse_status, unknown_status
from waystate.messages.store import RECORDED, LockedMessage
from waystate.pipeline.batch import Batch, Judged, answered
from waystate.tenants.routing import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A status for the message that `message_id` names: a wamid, a Genesys id or ours."""

    message_id: str
    status: str
    at: datetime
    error: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """`status` is the message's own from now on, whatever word it was asked for with."""

    message_id: UUID
    status: Status


async def change_many(directory: Directory, batch: Batch, changes: Sequence[StatusChange]) -> Judged:
    """Advance messages by hand; unlike a webhook's, a status that does not hold afterwards is refused and changes nothing.

    Answers `Changed`.
    """
    conn, tenant, now = batch.conn, batch.tenant, batch.now
    keys = await message_store.find_ids(conn, tenant, [each.message_id for each in changes])
    targets = [keys.get(each.message_id) or find_uuid(each.message_id) for each in changes]
    reports = [
        said_by_hand(target, each.status, each.at, each.error)
        for each, target in zip(changes, targets, strict=True)
        if target is not None
    ]
    reported = await lock_reported(conn, tenant, reports) if reports else Reported()
    carried = await find_carried(conn, tenant, reported.messages, directory.find_tenant_in)
    advanced = await merge_reported(conn, tenant, reported.without(carried), now, merge=merge_strictly)
    await settle_said(batch, advanced)
    steps = {message_id: iter(merged) for message_id, merged in advanced.merged.items()}
    results: list[Changed | Refused] = []
    for each, target in zip(changes, targets, strict=True):
        if target is not None and target in carried:
            results.append(under_way(carried[target]))
        elif target is None or target not in steps:
            results.append(_no_message(each.message_id))
        else:
            results.append(_outcome(target, next(steps[target])))
    return Judged([answered(each) for each in results], advanced.events, [advanced])


def said_by_hand(message_id: UUID, status: str, at: datetime, error: JsonObject | None = None) -> StatusReport:
    return StatusReport(wamid="", message_id=message_id, status=status, at=at, error=error, source="http", origin=RECORDED)


async def settle_said(batch: Batch, advanced: Advanced) -> None:
    """A send of which nobody knew did arrive, or failed for good, whoever says so; and what hangs on it does not leave."""
    failed = [key for key, each in advanced.messages.items() if not each.is_recorded and _says_it_failed(advanced.merged[key])]
    if failed:
        await delivery_store.end_unknown(batch.conn, batch.tenant, failed, batch.now)
    arrived = {key: each.wamid for key, each in advanced.messages.items() if _says_it_arrived(each, advanced.merged[key])}
    if arrived:
        await delivery_store.settle_arrived(batch.conn, batch.tenant, arrived, batch.now)
    advanced.events += await fail_dependent(batch.conn, batch.tenant, advanced, batch.now)


def _says_it_failed(steps: Sequence[Merged]) -> bool:
    return steps[-1].state.status is Status.FAILED and any(step.why_not is None for step in steps)


def _says_it_arrived(message: LockedMessage, steps: Sequence[Merged]) -> bool:
    return not message.is_recorded and any(step.why_not is None and step.state.status in ARRIVED for step in steps)


def _outcome(message_id: UUID, step: Merged) -> Changed | Refused:
    status = parse_status(step.report.status, step.state.direction)
    if status is None:
        return Unprocessable("state_violation", unknown_status(step.report.status, step.state.direction))
    if step.why_not is None:
        return Changed(message_id, status)
    if status is not step.before:
        return _conflict(
            step,
            f"The message is {step.before} already and does not go back to {status}. "
            + _what_may_follow(step.before, step.state.direction),
        )
    if step.report.error is None or step.report.error == step.state.error:
        return Changed(message_id, status)
    return _conflict(
        step, "The message has failed already, with another error, which stays. Leave `error` out to say only that it failed."
    )


def _conflict(step: Merged, detail: str) -> Conflict:
    following = _following(step.before, step.state.direction)
    return Conflict("state_violation", detail, current=step.before, valid_next_states=following)


def _following(current: Status, direction: Direction) -> list[Status]:
    """No step leads on from a failure, but a report can prove that it was not the last word."""
    return sorted(STEPS[current]) or later_than(current, direction)


def _what_may_follow(current: Status, direction: Direction) -> str:
    following = _following(current, direction)
    return f"It can still become: {', '.join(following)}." if following else "That status is final."


def under_way(message: LockedMessage) -> Conflict:
    side = "WhatsApp" if message.state.direction is Direction.OUTBOUND else "Genesys"
    return Conflict(
        "delivery_under_way",
        f"Waystate itself is about to pass this message on to {side}, so what is said by hand would not hold. Its status, and "
        f"its id there, follow from that delivery; GET /v1/messages/{message.id}/trace shows it.",
        current=message.state.status,
    )


def _no_message(message_id: str) -> NotFound:
    return NotFound(
        "message_not_found",
        f"No message has the id '{message_id}'. It may be a wamid, a Genesys message id or Waystate's own; track it first with "
        "POST /state/message.",
    )
