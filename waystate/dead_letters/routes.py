"""`/v1/dead-letters`: what could not be used, to find, read, mend, replay and discard."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from waystate import documents
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.dead_letters import replay as deeds
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.bodies import (
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
from waystate.principal import Principal, actor_of
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes
from waystate.work.loops import Hint

Status = Literal["open", "replayed", "discarded"]
_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "No dead letter of this tenant has the id"},
    409: {"description": "It is settled already, or it would fail again; `code` is the reason"},
    422: {"description": "The payload is not usable; `errors` names the fields"},
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


def dead_letter_routes(routes: DeadLetterRoutes) -> APIRouter:
    router = APIRouter(prefix="/v1/dead-letters", tags=["Dead letters"])
    _add_reading(router, routes)
    _add_one(router, routes)
    _add_many(router, routes)
    return router


def _add_reading(router: APIRouter, routes: DeadLetterRoutes) -> None:
    @router.get("", summary="What could not be used, newest first")
    async def list_dead_letters(
        principal: Caller,
        status: Annotated[Status | None, Query()] = None,
        reason: Annotated[Reason | None, Query()] = None,
        pipeline: Annotated[Pipeline | None, Query()] = None,
        since: Annotated[AwareDatetime | None, Query(description="Created at this time or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Created before this time")] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeadLetterPage:
        wanted = Filter(reason=reason, pipeline=pipeline, since=since, until=until)
        return await routes.page(principal, wanted, status=status, before=before, limit=limit)

    @router.get("/{letter_id}", summary="One dead letter, with what happened to it so far", responses={404: _REFUSED[404]})
    async def get_dead_letter(letter_id: UUID, principal: Caller) -> DeadLetterAnswer:
        """Both payloads, how often it was replayed, what the last replay ended in, and who acted on it last."""
        return await routes.read(principal, letter_id)


def _add_one(router: APIRouter, routes: DeadLetterRoutes) -> None:
    @router.patch("/{letter_id}", summary="Mend the payload", responses=_REFUSED, openapi_extra=takes(Edit))
    async def edit_dead_letter(letter_id: UUID, request: Request, principal: Caller) -> DeadLetterAnswer:
        """Only while it is open, and into something its pipeline can take. The original stays readable beside it."""
        return await routes.edit(principal, letter_id, await read_body(request, Edit))

    @router.post("/{letter_id}/replay", summary="Run it through its pipeline again", responses=_REFUSED)
    async def replay_dead_letter(letter_id: UUID, principal: Caller) -> Replayed:
        """It goes to the end of its customer's order. However often it is asked for, it has one effect."""
        (result,) = await routes.replay(principal, [letter_id])
        if result.outcome not in (ReplayOutcome.REPLAYED, ReplayOutcome.ALREADY_DONE):
            _refuse(result)
        message = f"Dead letter replayed. {result.message}"
        return Replayed(message=message, outcome=result.outcome, events=len(result.events))

    @router.post(
        "/{letter_id}/discard",
        summary="Decide that it shall have no effect",
        responses={code: _REFUSED[code] for code in (404, 409)},
        openapi_extra=takes(Discard, required=False),
    )
    async def discard_dead_letter(letter_id: UUID, request: Request, principal: Caller) -> Discarded:
        """It stays as a record, with the note."""
        body = await read_body(request, Discard, default=b"{}")
        (result,) = await routes.discard(principal, [letter_id], body.note)
        if result.outcome is not ReplayOutcome.DISCARDED:
            _refuse(result)
        return Discarded(message=result.message)


def _add_many(router: APIRouter, routes: DeadLetterRoutes) -> None:
    @router.post("/replay", summary=f"Replay many, {MAX_BULK:,} a call", openapi_extra=takes(Selection))
    async def replay_dead_letters(request: Request, principal: Caller) -> BulkAnswer:
        """By `ids`, or by `filter`; oldest first, each with an outcome of its own. A failed one keeps no other back.

        After an answer that was lost, ask the same again: what was done is not done twice.
        """
        ids, following = await routes.select(principal, await read_body(request, Selection))
        return await routes.bulk(principal, await routes.replay(principal, ids), following)

    @router.post("/discard", summary=f"Discard many, {MAX_BULK:,} a call", openapi_extra=takes(DiscardSelection))
    async def discard_dead_letters(request: Request, principal: Caller) -> BulkAnswer:
        """By `ids`, or by `filter`; they stay as a record, with the note."""
        body = await read_body(request, DiscardSelection)
        ids, following = await routes.select(principal, body)
        return await routes.bulk(principal, await routes.discard(principal, ids, body.note), following)


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
