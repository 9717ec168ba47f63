"""Dead letters at work: replayed, edited, discarded, one or many, each with one effect however often it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.failures import is_unstorable
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import NOTE_LENGTH, Pipeline
from waystate.dead_letters.store import Row
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Reason, Rejected, Unprocessable
from waystate.events import outbox
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.pipeline.payloads import Item, PayloadUnusable, Problem, check_edit, parse_payload
from waystate.pipeline.replay import ReplayOutcome, run_items
from waystate.principal import Actor
from waystate.tenants.routing import TenantView
from waystate.work.batch import in_halves, with_retries

BATCH = 100
"""Dead letters a transaction: it holds its customers' conversations no longer than a batch of live traffic does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one. `reason` is why it failed again; `status` that of one that was not open."""

    id: UUID
    outcome: ReplayOutcome
    message: str
    events: tuple[Event, ...] = ()
    reason: Reason | None = None
    problems: tuple[Problem, ...] = ()
    status: str | None = None


async def replay_many(
    tenant: TenantId,
    view: TenantView,
    ids: Sequence[UUID],
    actor: Actor,
    db: Database,
    clock: Clock,
    *,
    lanes: int,
    told: Callable[[Sequence[Result]], None] = lambda _: None,
) -> list[Result]:
    """Oldest first, so that each customer's go to the end of the order as they came; a result for each id.

    `told` hears of each transaction that was committed. `Retry` in an outage: what was done until then stays done.
    """
    wanted = sorted(set(ids))
    async with db.tenant(tenant) as conn:
        found = await dead_letter_store.find_many(conn, tenant, wanted)
    known = {row["id"] for row in found}
    results = [_not_found(each) for each in wanted if each not in known]
    told(results)
    for pipeline, run in runs_of(found):
        replay = partial(_replay_batch, tenant, view, pipeline, actor=actor, db=db, now=clock, lanes=lanes)
        outcomes = await in_halves(run, replay)
        for letter_id, outcome in zip(run, outcomes, strict=True):
            if isinstance(outcome, Exception):
                outcome = await with_retries(partial(_record_failure, tenant, letter_id, outcome, actor, db, clock))
            results.append(outcome)
        told(results[-len(run) :])
    return sorted(results, key=lambda result: result.id)


async def discard_many(
    tenant: TenantId, ids: Sequence[UUID], note: str | None, actor: Actor, db: Database, clock: Clock
) -> list[Result]:
    if len(note or "") > NOTE_LENGTH:
        raise BadRequest("note_too_long", f"A note has at most {NOTE_LENGTH} characters. Shorten it.")

    async def discard() -> list[Result]:
        async with db.tenant(tenant) as conn:
            letters = await dead_letter_store.lock_many(conn, tenant, ids)
            opened = [letter_id for letter_id, row in letters.items() if row["status"] == "open"]
            at = clock()
            await dead_letter_store.mark_discarded(conn, tenant, opened, note, actor, at)
            await audit_store.append_many(conn, tenant, _told("dead_letter.discarded", opened, actor, at))
        return [_discarded(each, letters.get(each)) for each in sorted(set(ids))]

    return await with_retries(discard)


async def edit(tenant: TenantId, letter_id: UUID, payload: JsonObject, actor: Actor, db: Database, clock: Clock) -> Row:
    """The row as it is then. Only while it is open, and only into something its pipeline can take."""
    async with db.tenant(tenant) as conn:
        letter = await dead_letter_store.lock_open(conn, tenant, letter_id)
        try:
            check_edit(Pipeline(letter["pipeline"]), letter["original_payload"], payload)
            _parsed({**letter, "edited_payload": payload})
        except Rejected as error:
            raise unusable(error) from error
        at = clock()
        await dead_letter_store.edit_one(conn, tenant, letter_id, payload, actor, at)
        edited = await dead_letter_store.get_one(conn, tenant, letter_id)
        await audit_store.append_many(conn, tenant, _told("dead_letter.edited", [letter_id], actor, at))
        return edited


def runs_of(letters: Sequence[Row], size: int = BATCH) -> Iterator[tuple[Pipeline, list[UUID]]]:
    """Consecutive ones of one pipeline, a transaction each: a transaction of several would take its locks out of order."""
    run: list[UUID] = []
    for index, letter in enumerate(letters):
        run.append(letter["id"])
        following = letters[index + 1]["pipeline"] if index + 1 < len(letters) else None
        if following != letter["pipeline"] or len(run) == size:
            yield Pipeline(letter["pipeline"]), run
            run = []


def unusable(error: Rejected) -> Unprocessable:
    problems = error.problems if isinstance(error, PayloadUnusable) else []
    return Unprocessable("payload_unusable", error.message, errors=problems)


async def _replay_batch(
    tenant: TenantId,
    view: TenantView,
    pipeline: Pipeline,
    batch: Sequence[UUID],
    *,
    actor: Actor,
    db: Database,
    now: Clock,
    lanes: int,
) -> list[Result]:
    async with db.tenant(tenant) as conn:
        at = now()
        letters = await dead_letter_store.lock_many(conn, tenant, batch)
        opened = [letters[each] for each in batch if each in letters and letters[each]["status"] == "open"]
        items, failed = _usable(opened)
        run = await run_items(conn, tenant, view, pipeline, items, letters, at, lanes=lanes)
        failed |= {key: each for key, each in run.verdicts.items() if isinstance(each, Rejected)}
        succeeded = {key: each for key, each in run.verdicts.items() if not isinstance(each, Rejected)}
        await _mark(conn, tenant, list(succeeded), failed, actor, at)
        # Last, for the lock it takes.
        await outbox.append_many(conn, tenant, run.events)
    done = {
        key: Result(id=key, outcome=each.outcome, message=each.message, events=each.events) for key, each in succeeded.items()
    }
    done |= {key: _failed(key, error) for key, error in failed.items()}
    return [done[each] if each in done else _not_open(each, letters.get(each)) for each in batch]


async def _mark(
    conn: Connection, tenant: TenantId, succeeded: list[UUID], failed: dict[UUID, Rejected], actor: Actor, at: datetime
) -> None:
    if succeeded:
        await dead_letter_store.mark_replayed(conn, tenant, succeeded, actor, at)
    if failed:
        failures = {key: (error.reason.value, error.message) for key, error in failed.items()}
        await dead_letter_store.mark_failed(conn, tenant, failures, actor, at)
    ids = [*succeeded, *failed]
    counts = {"replayed": len(succeeded), "failed": len(failed)}
    await audit_store.append_many(conn, tenant, _told("dead_letter.replayed", ids, actor, at, **counts))


async def _record_failure(
    tenant: TenantId, letter_id: UUID, error: Exception, actor: Actor, db: Database, clock: Clock
) -> Result:
    """Of one that took its transaction with it."""
    match error:
        case Rejected():
            rejected = error
        case Exception() if is_unstorable(error):
            rejected = Rejected(Reason.INVALID_PAYLOAD, "It cannot be stored: a value is too long or out of range. Edit it.")
        case _:
            rejected = Rejected(Reason.DATABASE_ERROR, f"It failed in our own code or the database ({type(error).__name__}).")
    async with db.tenant(tenant) as conn:
        letters = await dead_letter_store.lock_many(conn, tenant, [letter_id])
        if letters.get(letter_id, {}).get("status") != "open":
            return _not_open(letter_id, letters.get(letter_id))
        await _mark(conn, tenant, [], {letter_id: rejected}, actor, clock())
    return _failed(letter_id, rejected)


def _told(action: str, ids: Sequence[UUID], actor: Actor, at: datetime, **counts: int) -> list[Entry]:
    """One entry a transaction; none where nothing was open."""
    if not ids:
        return []
    subject = f"dead_letter:{ids[0]}" if len(ids) == 1 else "dead_letter"
    return [Entry(actor=actor, action=action, subject=subject, at=at, details={**named(ids), **counts})]


def _usable(letters: Sequence[Row]) -> tuple[dict[UUID, Item], dict[UUID, Rejected]]:
    items: dict[UUID, Item] = {}
    failed: dict[UUID, Rejected] = {}
    for letter in letters:
        try:
            items[letter["id"]] = _parsed(letter)
        except Rejected as error:
            failed[letter["id"]] = error
    return items, failed


def _parsed(letter: Row) -> Item:
    payload = letter["original_payload"] if letter["edited_payload"] is None else letter["edited_payload"]
    return parse_payload(Pipeline(letter["pipeline"]), payload, origin=letter["origin"], received_at=letter["created_at"])


def _failed(letter_id: UUID, error: Rejected) -> Result:
    problems = tuple(error.problems) if isinstance(error, PayloadUnusable) else ()
    return Result(id=letter_id, outcome=ReplayOutcome.FAILED, message=error.message, reason=error.reason, problems=problems)


def _discarded(letter_id: UUID, letter: Row | None) -> Result:
    if letter is not None and letter["status"] == "open":
        return Result(id=letter_id, outcome=ReplayOutcome.DISCARDED, message="It is discarded and stays as a record.")
    return _not_open(letter_id, letter)


def _not_open(letter_id: UUID, letter: Row | None) -> Result:
    if letter is None:
        return _not_found(letter_id)
    text = f"It was {letter['status']} already; nothing is left to do."
    return Result(id=letter_id, outcome=ReplayOutcome.NOT_OPEN, message=text, status=letter["status"])


def _not_found(letter_id: UUID) -> Result:
    return Result(id=letter_id, outcome=ReplayOutcome.NOT_FOUND, message="There is no dead letter with this id.")
