"""The `/v1` operations: trace, dead letters."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from waystate.access.auth import Authenticator, facts_of
from waystate.access.model import Principal
from waystate.clock import Clock, iso
from waystate.db.pool import Database
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.model import Pipeline
from waystate.errors import Reason
from waystate.pipelines import dead_letters
from waystate.pipelines.trace import trace
from waystate.pipelines.webhooks import Changed
from waystate.pipelines.workers import Hint
from waystate.tenants.routing import Directory


class DeadLetterAnswer(BaseModel):
    id: UUID
    pipeline: str
    reason: str
    errorMessage: str
    originalPayload: dict[str, Any]
    origin: str
    retryCount: int
    status: str
    createdAt: str
    updatedAt: str


class DeadLetterPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[DeadLetterAnswer]
    next: UUID | None


class Replayed(BaseModel):
    message: str
    events: int


def v1_routes(
    db: Database,
    directory: Directory,
    authenticator: Authenticator,
    relay_hint: Hint,
    changed: Changed,
    clock: Clock,
) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Messages"])

    async def caller(request: Request) -> Principal:
        return await authenticator.authenticate(facts_of(request.scope))

    Caller = Annotated[Principal, Depends(caller)]

    @router.get("/messages/{message_id}/trace", summary="Where a message is, and why")
    async def get_trace(message_id: str, principal: Caller) -> dict[str, Any]:
        """By wamid, Genesys message id or Waystate's own: who, which conversation on both platforms, every hop with its time,
        every attempt, every reported status, and why it stands where it stands."""
        view = await directory.get_tenant(principal.tenant_id)
        return await trace(principal.tenant_id, view.settings, message_id, db, clock)

    @router.get("/dead-letters", summary="What could not be used, newest first", tags=["Dead letters"])
    async def list_dead_letters(
        principal: Caller,
        status: Annotated[Literal["open", "replayed", "discarded"] | None, Query()] = None,
        reason: Annotated[Reason | None, Query()] = None,
        pipeline: Annotated[Pipeline | None, Query()] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeadLetterPage:
        async with db.tenant(principal.tenant_id) as conn:
            rows = await dead_letter_store.list_page(
                conn, principal.tenant_id, status=status, reason=reason, pipeline=pipeline, before=before, batch=limit
            )
        items = [_answer(row) for row in rows]
        return DeadLetterPage(items=items, next=items[-1].id if len(items) == limit else None)

    @router.post(
        "/dead-letters/{letter_id}/replay", summary="Run a dead letter through its pipeline again", tags=["Dead letters"]
    )
    async def replay_dead_letter(letter_id: UUID, principal: Caller) -> Replayed:
        view = await directory.get_tenant(principal.tenant_id)
        events = await dead_letters.replay(principal.tenant_id, view, letter_id, db, clock)
        changed(principal.tenant_id, events)
        relay_hint.give(principal.tenant_id)
        return Replayed(message="Dead letter replayed", events=len(events))

    return router


def _answer(row: dict[str, Any]) -> DeadLetterAnswer:
    return DeadLetterAnswer(
        id=row["id"],
        pipeline=row["pipeline"],
        reason=row["reason"],
        errorMessage=row["error_message"],
        originalPayload=row["original_payload"],
        origin=row["origin"],
        retryCount=row["retry_count"],
        status=row["status"],
        createdAt=iso(row["created_at"]),
        updatedAt=iso(row["updated_at"]),
    )
