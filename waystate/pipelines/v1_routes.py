"""The `/v1` operations on messages: the trace."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from waystate.access.auth import Authenticator, facts_of
from waystate.access.model import Principal
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.pipelines.trace import trace
from waystate.tenants.routing import Directory


def v1_routes(db: Database, directory: Directory, authenticator: Authenticator, clock: Clock) -> APIRouter:
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

    return router
