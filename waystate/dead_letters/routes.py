"""`/v1/dead-letters`: what could not be used, to find, read, mend, replay and discard."""

from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn
from uuid import UUID

from fastapi import Query

from waystate import documents
from waystate.clock import Clock, UtcMoment
from waystate.db.pool import Database
from waystate.dead_letters import replay as deeds
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.bodies import (
    BULK_EXAMPLE,
    LETTER_EXAMPLE,
    MENDED_EXAMPLE,
    BulkAnswer,
    DeadLetterAnswer,
    DeadLetterPage,
    Discard,
    Discarded,
    DiscardSelection,
    Edit,
    Replayed,
    Selection,
    render_bulk,
    render_letter,
)
from waystate.dead_letters.model import MAX_BULK, Filter, Pipeline
from waystate.dead_letters.replay import Pipelines, ReplayOutcome, Result
from waystate.errors import Conflict, Reason, Unprocessable
from waystate.events.outbox import AfterCommit
from waystate.operations import Operation
from waystate.principal import Principal, Scope, actor_of
from waystate.web.caller import Caller
from waystate.work.loops import Hint

Status = Literal["open", "replayed", "discarded"]
_REFUSED = {
    404: "No dead letter of this tenant has the id",
    409: "It is settled already, or it would fail again; `code` is the reason",
    422: "The payload is not usable; `errors` names the fields",
}


class DeadLetterRoutes:
    def __init__(self, db: Database, pipelines: Pipelines, relay_hint: Hint, changed: AfterCommit, clock: Clock) -> None:
        self._db = db
        self._pipelines = pipelines
        self._relay_hint = relay_hint
        self._changed = changed
        self._clock = clock

    async def page(
        self, principal: Principal, wanted: Filter, *, status: Status | None, before: UUID | None, limit: int
    ) -> DeadLetterPage:
        tenant = principal.tenant_id
        async with self._db.tenant(tenant) as conn:
            rows = await dead_letter_store.list_page(conn, tenant, wanted, status=status, before=before, batch=limit + 1)
            total = await dead_letter_store.count_open(conn, tenant)
        items = [render_letter(row) for row in rows[:limit]]
        return DeadLetterPage(items=items, next=items[-1].id if len(rows) > limit else None, openTotal=total)

    async def read(self, principal: Principal, letter_id: UUID) -> DeadLetterAnswer:
        async with self._db.tenant(principal.tenant_id) as conn:
            return render_letter(await dead_letter_store.get_one(conn, principal.tenant_id, letter_id))

    async def edit(self, principal: Principal, letter_id: UUID, body: Edit) -> DeadLetterAnswer:
        tenant, actor = principal.tenant_id, actor_of(principal)
        edited = await deeds.edit(
            tenant, letter_id, body.originalPayload, actor, self._db, self._clock, check=self._pipelines.check
        )
        return render_letter(edited)

    async def replay(self, principal: Principal, ids: Sequence[UUID]) -> list[Result]:
        tenant = principal.tenant_id

        def told(results: Sequence[Result]) -> None:
            self._changed(tenant, [event for result in results for event in result.events])
            self._relay_hint.give(tenant)

        return await deeds.replay_many(
            tenant, ids, actor_of(principal), self._db, self._clock, pipelines=self._pipelines, told=told
        )

    async def discard(self, principal: Principal, ids: Sequence[UUID], note: str | None) -> list[Result]:
        note = None if note is None else documents.clean_text(note)
        return await deeds.discard_many(principal.tenant_id, ids, note, actor_of(principal), self._db, self._clock)

    async def select(self, principal: Principal, selection: Selection) -> tuple[list[UUID], UUID | None]:
        """The ids, and where to go on when there may be more."""
        if selection.filter is None:
            return selection.ids or [], None
        async with self._db.tenant(principal.tenant_id) as conn:
            ids = await dead_letter_store.find_open(
                conn,
                principal.tenant_id,
                selection.filter.filter(),
                after=selection.after,
                batch=selection.limit + 1,
            )
        chosen = ids[: selection.limit]
        return chosen, chosen[-1] if len(ids) > selection.limit else None

    async def bulk(self, principal: Principal, results: Sequence[Result], following: UUID | None) -> BulkAnswer:
        async with self._db.tenant(principal.tenant_id) as conn:
            return render_bulk(results, following, await dead_letter_store.count_open(conn, principal.tenant_id))

    @Operation(
        "GET",
        "/v1/dead-letters",
        Scope.DEAD_LETTERS_READ,
        tag="Dead letters",
        summary="What could not be used, newest first",
        example_answer={"items": [LETTER_EXAMPLE], "next": None, "openTotal": 1},
    )
    async def list_dead_letters(
        self,
        principal: Caller,
        status: Annotated[Status | None, Query()] = None,
        reason: Annotated[Reason | None, Query()] = None,
        pipeline: Annotated[Pipeline | None, Query()] = None,
        since: Annotated[UtcMoment | None, Query(description="Created at this time or later")] = None,
        until: Annotated[UtcMoment | None, Query(description="Created before this time")] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeadLetterPage:
        wanted = Filter(reason=reason, pipeline=pipeline, since=since, until=until)
        return await self.page(principal, wanted, status=status, before=before, limit=limit)

    @Operation(
        "GET",
        "/v1/dead-letters/{letter_id}",
        Scope.DEAD_LETTERS_READ,
        tag="Dead letters",
        summary="One dead letter, with what happened to it so far",
        problems={404: _REFUSED[404]},
        example_answer=LETTER_EXAMPLE,
    )
    async def get_dead_letter(self, letter_id: UUID, principal: Caller) -> DeadLetterAnswer:
        """Both payloads, how often it was replayed, what the last replay ended in, and who acted on it last."""
        return await self.read(principal, letter_id)

    @Operation(
        "PATCH",
        "/v1/dead-letters/{letter_id}",
        Scope.DEAD_LETTERS_WRITE,
        tag="Dead letters",
        summary="Mend the payload",
        problems=_REFUSED,
        example_body={"originalPayload": MENDED_EXAMPLE},
        example_answer={**LETTER_EXAMPLE, "editedPayload": MENDED_EXAMPLE, "editedAt": "2026-01-31T12:05:00.000Z"},
    )
    async def edit_dead_letter(self, letter_id: UUID, principal: Caller, body: Edit) -> DeadLetterAnswer:
        """Only while it is open, and into something its pipeline can take. The original stays readable beside it."""
        return await self.edit(principal, letter_id, body)

    @Operation(
        "POST",
        "/v1/dead-letters/{letter_id}/replay",
        Scope.DEAD_LETTERS_WRITE,
        tag="Dead letters",
        summary="Run it through its pipeline again",
        problems=_REFUSED,
        example_answer={"message": "Dead letter replayed. It had its effect.", "outcome": "replayed", "events": 1},
        repeatable="a letter that was replayed is settled",
    )
    async def replay_dead_letter(self, letter_id: UUID, principal: Caller) -> Replayed:
        """It goes to the end of its customer's order. However often it is asked for, it has one effect."""
        (result,) = await self.replay(principal, [letter_id])
        if result.outcome not in (ReplayOutcome.REPLAYED, ReplayOutcome.ALREADY_DONE):
            _refuse(result)
        message = f"Dead letter replayed. {result.message}"
        return Replayed(message=message, outcome=result.outcome, events=len(result.events))

    @Operation(
        "POST",
        "/v1/dead-letters/{letter_id}/discard",
        Scope.DEAD_LETTERS_WRITE,
        tag="Dead letters",
        summary="Decide that it shall have no effect",
        is_body_optional=True,
        problems={code: _REFUSED[code] for code in (404, 409)},
        example_body={"note": "A test message of our own"},
        example_answer={"message": "It is discarded."},
        repeatable="a letter that was discarded is settled",
    )
    async def discard_dead_letter(self, letter_id: UUID, principal: Caller, body: Discard) -> Discarded:
        """It stays as a record, with the note."""
        (result,) = await self.discard(principal, [letter_id], body.note)
        if result.outcome is not ReplayOutcome.DISCARDED:
            _refuse(result)
        return Discarded(message=result.message)

    @Operation(
        "POST",
        "/v1/dead-letters/replay",
        Scope.DEAD_LETTERS_WRITE,
        tag="Dead letters",
        summary=f"Replay many, {MAX_BULK:,} a call",
        example_body={"filter": {"reason": LETTER_EXAMPLE["reason"]}},
        example_answer=BULK_EXAMPLE,
        repeatable="letters that were replayed are settled",
    )
    async def replay_dead_letters(self, principal: Caller, body: Selection) -> BulkAnswer:
        """By `ids`, or by `filter`; oldest first, each with an outcome of its own. A failed one keeps no other back.

        After an answer that was lost, ask the same again: what was done is not done twice.
        """
        ids, following = await self.select(principal, body)
        return await self.bulk(principal, await self.replay(principal, ids), following)

    @Operation(
        "POST",
        "/v1/dead-letters/discard",
        Scope.DEAD_LETTERS_WRITE,
        tag="Dead letters",
        summary=f"Discard many, {MAX_BULK:,} a call",
        example_body={"ids": [LETTER_EXAMPLE["id"]], "note": "Test messages of our own"},
        example_answer={
            **BULK_EXAMPLE,
            "message": "Done: 1 discarded.",
            "counts": {"discarded": 1},
            "results": [{**BULK_EXAMPLE["results"][0], "outcome": "discarded", "message": "It is discarded.", "events": 0}],
        },
        repeatable="letters that were discarded are settled",
    )
    async def discard_dead_letters(self, principal: Caller, body: DiscardSelection) -> BulkAnswer:
        """By `ids`, or by `filter`; they stay as a record, with the note."""
        ids, following = await self.select(principal, body)
        return await self.bulk(principal, await self.discard(principal, ids, body.note), following)


def _refuse(result: Result) -> NoReturn:
    if result.outcome is ReplayOutcome.NOT_FOUND:
        raise dead_letter_store.unknown_letter()
    if result.outcome is ReplayOutcome.NOT_OPEN:
        raise dead_letter_store.settled_letter(result.status or "settled")
    if result.problems:
        raise Unprocessable(
            "payload_unusable", f"The payload is still unusable: {result.message}", errors=list(result.problems)
        )
    reason = result.reason or Reason.DATABASE_ERROR
    raise Conflict(reason, f"It would be a dead letter again: {result.message} Mend the cause, then replay it.")
