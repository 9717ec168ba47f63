"""Messages that are queued and must not be sent any more: withdrawn by whoever may, or said by somebody who lost the word."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, Refused
from waystate.events.model import Event, MessageStatus
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.advance import Advanced, advance
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import Merged
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedState, PlanOutcome, told_of_outcomes, withdrawn

_LONGEST_WAIT = timedelta(days=31)
"""Nothing is queued for longer: sends are given up after a day, and what is held ends after 30."""
WITHDRAWN: JsonObject = {"code": "withdrawn", "title": "Not sent: it was withdrawn while it waited."}
CONTROLLER_CHANGED: JsonObject = {
    "code": "controller_changed",
    "title": "Not sent: the conversation went into other hands while it waited.",
}

EARLIER_PART_FAILED: JsonObject = {
    "code": "earlier_part_failed",
    "title": "Not sent: an earlier part of this text could not be sent. Write it again.",
}


async def withdraw_many(
    conn: Connection, tenant: TenantId, ids: Sequence[UUID], now: datetime, *, error: JsonObject = WITHDRAWN
) -> tuple[dict[UUID, Refused], list[Event]]:
    """In the caller's transaction, which appends the events: the messages fail with that error, before they are sent.

    Returns why others do not. The message is locked, as by whoever makes its delivery, and that, as by whoever sends it.
    """
    messages = await message_store.lock_many(conn, tenant, ids)
    if parts := await message_store.list_queued_parts(conn, tenant, messages.values()):
        # Of a text in parts nothing more goes out.
        ids = [*ids, *(each for each in parts if each not in ids)]
        messages = await message_store.lock_many(conn, tenant, ids)
    refused: dict[UUID, Refused] = {}
    queued: list[UUID] = []
    for each in ids:
        message = messages.get(each)
        if message is None:
            refused[each] = NotFound("message_not_found", f"There is no message {each}.")
        elif message.state.direction is not Direction.OUTBOUND or message.state.status is not Status.QUEUED:
            refused[each] = Conflict(
                "not_queued", f"The message is {message.state.status} already; only what is queued can be withdrawn."
            )
        else:
            queued.append(each)
    under_way = await delivery_store.cancel_many(conn, tenant, queued, now, error=error) if queued else set()
    for each in under_way:
        refused[each] = Conflict(
            "delivery_under_way",
            "The message is being sent, or nobody knows whether it was: it cannot be withdrawn. Look at its status later.",
        )
    reports = [_failed(each, now, error) for each in queued if each not in under_way]
    if not reports:
        return refused, []
    advanced = await advance(conn, tenant, reports, now)
    return refused, [*advanced.events, *await _fail_unasked(conn, tenant, advanced, now)]


async def withdraw_with_plans(
    conn: Connection, tenant: TenantId, ids: Sequence[UUID], now: datetime, *, error: JsonObject = WITHDRAWN
) -> tuple[dict[UUID, Refused], list[Event]]:
    """As `withdraw_many`, for whoever does not have in hand what the messages may wait by: that ends too."""
    refused, events = await withdraw_many(conn, tenant, ids, now, error=error)
    contacts = {each.message_id: each.contact_id for each in events if isinstance(each, MessageStatus) and each.message_id}
    plans = await planned_store.lock_of_messages(conn, tenant, contacts) if contacts else []
    if not plans:
        return refused, events
    outcomes = [
        withdrawn(each) if error is WITHDRAWN else PlanOutcome(planned=each, state=PlannedState.FAILED, error=error)
        for each in plans
    ]
    await planned_store.finish_many(conn, tenant, outcomes, now)
    return refused, [*events, *told_of_outcomes(outcomes, now)]


async def fail_displaced(
    conn: Connection, tenant: TenantId, displaced: Collection[tuple[UUID, str]], now: datetime
) -> list[Event]:
    """`displaced`: (conversation, whose word it was until now). What is being sent finishes."""
    ids = await message_store.list_queued_of(conn, tenant, displaced, now - _LONGEST_WAIT)
    if not ids:
        return []
    _, events = await withdraw_with_plans(conn, tenant, ids, now, error=CONTROLLER_CHANGED)
    return events


async def fail_dependent(conn: Connection, tenant: TenantId, advanced: Advanced, now: datetime) -> list[Event]:
    """What hangs on messages that failed just now does not leave either. Their conversations are locked; returns the events."""
    return [*await _fail_rest(conn, tenant, advanced, now), *await _fail_unasked(conn, tenant, advanced, now)]


async def _fail_rest(conn: Connection, tenant: TenantId, advanced: Advanced, now: datetime) -> list[Event]:
    """Of texts that go out in parts and of which one was refused: a customer gets no later part without an earlier one."""
    broken = [
        message
        for key, message in advanced.messages.items()
        if any(step.state.status is Status.FAILED for step in advanced.merged[key])
    ]
    rest = await message_store.list_queued_parts(conn, tenant, broken)
    if not rest:
        return []
    _, events = await withdraw_with_plans(conn, tenant, rest, now, error=EARLIER_PART_FAILED)
    return events


async def _fail_unasked(conn: Connection, tenant: TenantId, advanced: Advanced, now: datetime) -> list[Event]:
    """Of templates that were to ask customers to write and failed: what waits for the answer fails too, for nobody was asked.

    What waits for the answer to another one waits on.
    """
    failed = {
        key: error
        for key, message in advanced.messages.items()
        if message.asks and (error := _find_failure(advanced.merged[key])) is not None
    }
    if not failed:
        return []
    waiting = await planned_store.lock_asked(conn, tenant, {key: advanced.messages[key].contact_id for key in failed})
    errors = {each.id: _template_failed(failed[UUID(each.request["asked_by"])]) for each in waiting}
    outcomes = [PlanOutcome(planned=each, state=PlannedState.FAILED, error=errors[each.id]) for each in waiting]
    events: list[Event] = []
    for each in waiting:
        if each.message_id is not None:
            events += (await withdraw_many(conn, tenant, [each.message_id], now, error=errors[each.id]))[1]
    if outcomes:
        await planned_store.finish_many(conn, tenant, outcomes, now)
    return [*events, *told_of_outcomes(outcomes, now)]


def _find_failure(steps: Sequence[Merged]) -> JsonObject | None:
    """Its error, where a message failed by one of these reports, and stays so."""
    if not steps or steps[-1].state.status is not Status.FAILED:
        return None
    failing = (step for step in steps if step.why_not is None and step.state.status is Status.FAILED)
    return next((step.report.error or {} for step in failing), None)


def _template_failed(error: JsonObject) -> JsonObject:
    why = error.get("title") or error.get("message") or error.get("code") or "no reason was given"
    return {
        "code": "window_template_failed",
        "title": f"Not sent: the customer had not written for 24 hours, and the template that asks them to failed: {why}",
    }


def _failed(message_id: UUID, at: datetime, error: JsonObject) -> StatusReport:
    return StatusReport(
        wamid="", message_id=message_id, status=Status.FAILED, at=at, error=error, source="waystate", origin="withdrawal"
    )
