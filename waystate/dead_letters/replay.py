"""Dead letters at work: replayed, edited, discarded, one or many, each with one effect however often it is asked for."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Protocol
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import NOTE_LENGTH, PayloadUnusable, Pipeline, Problem, Verdict
from waystate.dead_letters.store import Row
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Reason, Rejected, Unprocessable
from waystate.events import outbox
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.principal import Actor
from waystate.work.batch import in_halves, with_retries

BATCH = 100
"""Dead letters a transaction: it holds its customers' conversations no longer than a batch of live traffic does."""


Rerun = Callable[[Connection, TenantId, Sequence[Row], datetime], Awaitable[tuple[list[Verdict], list[Event]]]]
"""Runs what letters of one pipeline hold, in the transaction that locked them: a verdict for each, and the events to append."""

Check = Callable[[Row, JsonObject], None]
"""`Rejected` where a letter's pipeline cannot take the edited payload."""


class Pipelines(Protocol):
    """What a replay is handed: who knows what the payloads mean, and does what they ask for."""

    async def begin(self, tenant: TenantId) -> Rerun: ...

    def check(self, letter: Row, edited: JsonObject) -> None:
        """A `Check`."""

    def rejection_of(self, error: Exception) -> Rejected:
        """Why a letter failed that took its transaction with it."""


class ReplayOutcome(StrEnum):
    REPLAYED = "replayed"
    ALREADY_DONE = "already_done"
    FAILED = "failed"
    DISCARDED = "discarded"
    NOT_OPEN = "not_open"
    NOT_FOUND = "not_found"


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
    ids: Sequence[UUID],
    actor: Actor,
    db: Database,
    clock: Clock,
    *,
    pipelines: Pipelines,
    told: Callable[[Sequence[Result]], None] = lambda _: None,
) -> list[Result]:
    """Oldest first, so that each customer's go to the end of the order as they came; a result for each id.

    `told` hears of each transaction that was committed. `Retry` in an outage: what was done until then stays done.
    """
    rerun = await pipelines.begin(tenant)
    wanted = sorted(set(ids))
    async with db.tenant(tenant) as conn:
        found = await dead_letter_store.find_many(conn, tenant, wanted)
    known = {row["id"] for row in found}
    results = [_not_found(each) for each in wanted if each not in known]
    told(results)
    for _, run in runs_of(found):
        outcomes = await in_halves(run, partial(_replay_batch, tenant, rerun, actor=actor, db=db, now=clock))
        for letter_id, outcome in zip(run, outcomes, strict=True):
            if isinstance(outcome, Exception):
                rejected = pipelines.rejection_of(outcome)
                outcome = await with_retries(partial(_record_failure, tenant, letter_id, rejected, actor, db, clock))
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


async def edit(
    tenant: TenantId, letter_id: UUID, payload: JsonObject, actor: Actor, db: Database, clock: Clock, *, check: Check
) -> Row:
    """The row as it is then. Only while it is open, and only into something its pipeline can take."""
    async with db.tenant(tenant) as conn:
        letter = await dead_letter_store.lock_open(conn, tenant, letter_id)
        try:
            check(letter, payload)
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
    tenant: TenantId, rerun: Rerun, batch: Sequence[UUID], *, actor: Actor, db: Database, now: Clock
) -> list[Result]:
    async with db.tenant(tenant) as conn:
        at = now()
        letters = await dead_letter_store.lock_many(conn, tenant, batch)
        opened = [each for each in batch if each in letters and letters[each]["status"] == "open"]
        verdicts, events = await rerun(conn, tenant, [letters[each] for each in opened], at)
        results = {key: _result(key, verdict) for key, verdict in zip(opened, verdicts, strict=True)}
        failed = [each for each in results.values() if each.outcome is ReplayOutcome.FAILED]
        await _mark(conn, tenant, [key for key in opened if results[key] not in failed], failed, actor, at)
        # Last, for the lock it takes.
        await outbox.append_many(conn, tenant, events)
    return [results[each] if each in results else _not_open(each, letters.get(each)) for each in batch]


def _result(letter_id: UUID, verdict: Verdict) -> Result:
    if isinstance(verdict.error, Rejected):
        return _failed(letter_id, verdict.error)
    outcome = ReplayOutcome.ALREADY_DONE if verdict.is_repeat else ReplayOutcome.REPLAYED
    return Result(id=letter_id, outcome=outcome, message=verdict.message, events=verdict.events)


async def _mark(
    conn: Connection, tenant: TenantId, succeeded: list[UUID], failed: Sequence[Result], actor: Actor, at: datetime
) -> None:
    if succeeded:
        await dead_letter_store.mark_replayed(conn, tenant, succeeded, actor, at)
    if failed:
        failures = {each.id: (each.reason or Reason.DATABASE_ERROR, each.message) for each in failed}
        await dead_letter_store.mark_failed(conn, tenant, failures, actor, at)
    ids = [*succeeded, *(each.id for each in failed)]
    counts = {"replayed": len(succeeded), "failed": len(failed)}
    await audit_store.append_many(conn, tenant, _told("dead_letter.replayed", ids, actor, at, **counts))


async def _record_failure(
    tenant: TenantId, letter_id: UUID, error: Rejected, actor: Actor, db: Database, clock: Clock
) -> Result:
    """Of one that took its transaction with it."""
    result = _failed(letter_id, error)
    async with db.tenant(tenant) as conn:
        letters = await dead_letter_store.lock_many(conn, tenant, [letter_id])
        if letters.get(letter_id, {}).get("status") != "open":
            return _not_open(letter_id, letters.get(letter_id))
        await _mark(conn, tenant, [], [result], actor, clock())
    return result


def _told(action: str, ids: Sequence[UUID], actor: Actor, at: datetime, **counts: int) -> list[Entry]:
    """One entry a transaction; none where nothing was open."""
    if not ids:
        return []
    subject = f"dead_letter:{ids[0]}" if len(ids) == 1 else "dead_letter"
    return [Entry(actor=actor, action=action, subject=subject, at=at, details={**named(ids), **counts})]


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
