"""The deliveries pipeline: send what is due, in order per customer, and write down what became of each attempt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from waystate.channels.genesys.render import is_structured_response
from waystate.channels.model import AttemptResult
from waystate.clock import Clock
from waystate.conversations import store as conversation_store
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import DeadLetter
from waystate.deliveries import store as delivery_store
from waystate.deliveries.closed_window import find_held, hold_many
from waystate.deliveries.held_numbers import (
    held_by_answers,
    held_by_statuses,
    hold_numbers,
    is_sent_message,
    release_numbers,
)
from waystate.deliveries.lookups import look_up_many
from waystate.deliveries.model import ANSWERED, NOT_TRIED, TO_AGENTS, Claimed, Finished, State, Target, letter_of_refused
from waystate.deliveries.retry import finish
from waystate.deliveries.withdraw import fail_dependent
from waystate.documents import JsonObject
from waystate.events import outbox
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.advance import ARRIVED, Advanced, advance
from waystate.messages.correlate import correlate
from waystate.messages.model import Status, StatusReport
from waystate.messages.status import OUTCOME_UNKNOWN
from waystate.messages.store import RECORDED
from waystate.tenants.model import TenantSettings

NEVER_TOLD: JsonObject = {
    "code": OUTCOME_UNKNOWN,
    "title": "The answer to the send was lost and no status came. It may or may not have arrived; ask before sending again.",
}


Result = tuple[Claimed, AttemptResult, datetime]
"""An attempt, its answer, and when it came."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What followed from a batch of answers."""

    advanced: Advanced
    correlated: list[Event]
    dead_letters: list[DeadLetter]


async def settle_many(
    tenant: TenantId,
    settings: TenantSettings,
    results: Sequence[Result],
    db: Database,
    *,
    hold: timedelta,
    refused_numbers: Collection[str] = (),
    without_prefetch: Collection[str] = (),
) -> Settlement:
    """Write what became of attempts, and what follows for their messages, conversations and numbers, in one transaction.

    `refused_numbers`: those of which a send that is accepted shows that they are not held any more. `without_prefetch`:
    integrations whose answers do not tell Genesys' conversation, which is looked up; of a structured response none tells it.
    """
    finished = [
        finish(claimed, result, now=ended, hold=hold, unknown_ttl=settings.unknown_ttl) for claimed, result, ended in results
    ]
    now = results[-1][2]
    async with db.tenant(tenant) as conn:
        # The same order of locks as everywhere: conversations, then keys and messages.
        conversations = await conversation_store.lock_many(
            conn, tenant, sorted({each.claimed.conversation_id for each in finished})
        )
        finished = await _with_what_was_told(conn, tenant, await _without_overtaken(conn, tenant, finished))
        held = find_held(finished, settings)
        planned = await hold_many(conn, tenant, settings, held, conversations, now) if held else []
        advanced = await _advance(conn, tenant, [each for each in finished if each not in held], now)
        correlated = await correlate(conn, tenant, _correlations(finished), now)
        await delivery_store.finish_many(conn, tenant, finished)
        unknown = [
            each
            for each in finished
            if each.claimed.account in without_prefetch or is_structured_response(each.claimed.request)
        ]
        await look_up_many(conn, tenant, unknown, conversations)
        letters = [_dead_letter(each) for each in finished if each.state is State.FAILED and each.claimed.target in TO_AGENTS]
        if letters:
            await dead_letter_store.insert_many(conn, tenant, letters)
        alarms = await _look_at_numbers(conn, tenant, results, refused_numbers, now)
        await outbox.append_many(conn, tenant, [*advanced.events, *correlated, *planned, *alarms])
    return Settlement(advanced, correlated, letters)


async def _look_at_numbers(
    conn: Connection, tenant: TenantId, results: Sequence[Result], held: Collection[str], now: datetime
) -> list[Event]:
    """Events of the numbers whose hold begins with these answers, or ends."""
    refused = held_by_answers(results)
    sent = {claimed.account for claimed, result, _ in results if is_sent_message(claimed, result)}
    proven = sent.intersection(held)
    proven -= {each.phone_number_id for each in refused}
    events = await release_numbers(conn, tenant, sorted(proven), ["answer"], now)
    return events + await hold_numbers(conn, tenant, refused)


async def recover(
    tenant: TenantId,
    settings: TenantSettings,
    lanes: Sequence[int],
    db: Database,
    clock: Clock,
    *,
    hold: timedelta,
    in_hand: Sequence[UUID] = (),
    begun_by: datetime | None = None,
) -> int:
    """After taking lanes over: nothing that may have left is sent again; how many sends are `unknown` now.

    Not the events `in_hand`, whose calls are this process's own, nor attempts begun after `begun_by` (now).
    """
    now = clock()
    async with db.tenant(tenant) as conn:
        interrupted = await delivery_store.find_unsettled(conn, tenant, State.SENDING, lanes=lanes, in_hand=in_hand)
        if not interrupted:
            return 0
        await conversation_store.lock_many(conn, tenant, interrupted)
        unknown = await delivery_store.recover_interrupted(
            conn,
            tenant,
            lanes,
            now=now,
            hold_until=now + hold,
            unknown_until=now + settings.unknown_ttl,
            in_hand=in_hand,
            begun_by=begun_by,
        )
        # A status may have overtaken the answer that the crash took with it.
        messages = await message_store.lock_many(conn, tenant, sorted(set(unknown)))
        arrived = {each.id: each.wamid for each in messages.values() if each.wamid}
        if arrived:
            await delivery_store.settle_arrived(conn, tenant, arrived, now)
    return len(unknown) - len(arrived)


async def give_up_unknown(tenant: TenantId, db: Database, clock: Clock) -> Advanced:
    """Messages whose send stayed `unknown` for `settings.unknown_ttl` are failed; a later status still wins."""
    now = clock()
    async with db.tenant(tenant) as conn:
        overdue = await delivery_store.find_unsettled(conn, tenant, State.UNKNOWN, due_at=now)
        await conversation_store.lock_many(conn, tenant, overdue)
        given_up = await delivery_store.give_up_unknown(conn, tenant, now)
        reports = [_report(message_id, Status.FAILED, now, error=NEVER_TOLD) for message_id in given_up]
        advanced = await advance(conn, tenant, reports, now) if reports else Advanced()
        await outbox.append_many(conn, tenant, advanced.events)
    return advanced


async def _without_overtaken(conn: Connection, tenant: TenantId, finished: Sequence[Finished]) -> list[Finished]:
    """A refusal is the end of a message, unless somebody took the delivery over meanwhile and is trying again."""
    refused = [each.claimed for each in finished if each.state is State.FAILED]
    if not refused:
        return list(finished)
    ours = await delivery_store.find_current(conn, tenant, refused)
    return [each for each in finished if each.state is not State.FAILED or (each.claimed.event_id, each.claimed.target) in ours]


async def _with_what_was_told(conn: Connection, tenant: TenantId, finished: Sequence[Finished]) -> list[Finished]:
    """A send of whose message a status has told already did arrive, whatever its own answer says, and is not made again."""

    def is_doubtful(each: Finished) -> bool:
        return each.claimed.target is Target.WHATSAPP and each.state is not State.SENT

    doubtful = {each.claimed.message_id for each in finished if is_doubtful(each)}
    if not doubtful:
        return list(finished)
    messages = await message_store.lock_many(conn, tenant, sorted(doubtful))
    told = {key: each.wamid for key, each in messages.items() if each.wamid is not None or each.state.status in ARRIVED}
    return [
        replace(each, state=State.SENT, result=replace(each.result, external_id=told[each.claimed.message_id]), hold_until=None)
        if is_doubtful(each) and each.claimed.message_id in told
        else each
        for each in finished
    ]


async def _advance(conn: Connection, tenant: TenantId, finished: Sequence[Finished], now: datetime) -> Advanced:
    """`sent`, `failed` and `processed` are statuses like any other: they go through the same merge."""
    reports = [report for each in finished if (report := _status_of(each)) is not None]
    keys = {
        each.result.external_id: each.claimed.message_id
        for each in finished
        if each.claimed.target is Target.WHATSAPP and each.state is State.SENT and each.result.external_id
    }
    if keys:
        claimed = await message_store.claim_many(conn, tenant, "whatsapp", keys)
        if len(claimed) < len(keys):
            reports += await _adopt(conn, tenant, {wamid: ours for wamid, ours in keys.items() if wamid not in claimed}, now)
        reports += await message_store.take_early(conn, tenant, sorted(keys))
    # That nobody knows stands in the message's history.
    reports += [
        _report(each.claimed.message_id, Status.QUEUED, each.ended_at, error=each.result.error)
        for each in finished
        if each.state is State.UNKNOWN
    ]
    return await advance_and_settle(conn, tenant, reports, now) if reports else Advanced()


async def _adopt(conn: Connection, tenant: TenantId, keys: Mapping[str, UUID], now: datetime) -> list[StatusReport]:
    """Who heard of a send before its answer came may have recorded it as a message of its own: it is one with ours.

    What was reported of it is reported of ours. Only in our conversation, which is locked; what is elsewhere stays as it is.
    """
    owners = await message_store.find_ids(conn, tenant, sorted(keys), sources=["whatsapp"])
    ours_of = {owner: keys[wamid] for wamid, owner in owners.items() if owner != keys[wamid]}
    conversation_of = await message_store.find_conversations(conn, tenant, sorted({*ours_of, *ours_of.values()}))
    here = [
        each for each, ours in ours_of.items() if each in conversation_of and conversation_of[each] == conversation_of.get(ours)
    ]
    recorded = {key: each for key, each in (await message_store.lock_many(conn, tenant, here)).items() if each.is_recorded}
    if not recorded:
        return []
    await message_store.remove_recorded(conn, tenant, sorted(recorded))
    adopted = {wamid: ours for wamid, ours in keys.items() if owners.get(wamid) in recorded}
    await message_store.claim_many(conn, tenant, "whatsapp", adopted)
    return [
        StatusReport(
            wamid=each.wamid or "",
            message_id=ours_of[key],
            status=each.state.status,
            at=each.state.read_at or each.state.delivered_at or each.state.failed_at or now,
            error=each.state.error,
            source="http",
            origin=RECORDED,
        )
        for key, each in recorded.items()
    ]


def _status_of(finished: Finished) -> StatusReport | None:
    claimed, at = finished.claimed, finished.ended_at
    match claimed.target, finished.state:
        case Target.WHATSAPP, State.SENT:
            return _report(claimed.message_id, Status.SENT, at, wamid=finished.result.external_id or "")
        case Target.GENESYS, State.SENT:
            return _report(claimed.message_id, Status.PROCESSED, at)
        case ((Target.WHATSAPP | Target.GENESYS), State.FAILED):
            return _report(claimed.message_id, Status.FAILED, at, error=finished.result.error)
    return None


def _report(
    message_id: UUID, status: Status, at: datetime, *, wamid: str = "", error: JsonObject | None = None
) -> StatusReport:
    return StatusReport(
        wamid=wamid, message_id=message_id, status=status, at=at, error=error, source="waystate", origin="delivery"
    )


def _correlations(finished: Sequence[Finished]) -> dict[UUID, tuple[str, str | None]]:
    return {
        each.claimed.conversation_id: (each.result.conversation_id, None)
        for each in finished
        if each.claimed.target in ANSWERED and each.result.conversation_id
    }


def _dead_letter(finished: Finished) -> DeadLetter:
    claimed, error = finished.claimed, finished.result.error or {}
    said = error.get("title") or error.get("message") or finished.result.http_status
    return letter_of_refused(
        event_id=claimed.event_id,
        target=claimed.target,
        message_id=claimed.message_id,
        request=claimed.request,
        error=error,
        at=finished.ended_at,
        text=str(said) if error.get("code") in NOT_TRIED else f"Genesys refused it: {said}",
    )


async def advance_and_settle(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport], now: datetime) -> Advanced:
    """In the caller's transaction, which appends the events."""
    advanced = await advance(conn, tenant, reports, now)
    if advanced.arrived:
        await delivery_store.settle_arrived(conn, tenant, advanced.arrived, now)
    advanced.events += await fail_dependent(conn, tenant, advanced, now)
    advanced.events += await hold_numbers(conn, tenant, held_by_statuses(advanced))
    return advanced


async def advance_waiting(conn: Connection, tenant: TenantId, wamids: Collection[str], now: datetime) -> Advanced:
    """Let through the statuses that waited for these wamids, now that they are known."""
    waited = await message_store.take_early(conn, tenant, sorted(wamids)) if wamids else []
    return await advance_and_settle(conn, tenant, waited, now) if waited else Advanced()
