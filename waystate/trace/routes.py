"""The `/v1` operations on messages: the trace."""

from typing import Any

from fastapi import APIRouter

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.tenants.routing import Directory
from waystate.trace.trace import trace
from waystate.web.caller import Caller


def v1_routes(db: Database, directory: Directory, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Messages"])

    @router.get("/messages/{message_id}/trace", summary="Where a message is, and why")
    async def get_trace(message_id: str, principal: Caller) -> dict[str, Any]:
        """By wamid, Genesys message id or Waystate's own: who, which conversation on both platforms, every hop with its time,
        every attempt, every reported status, and why it stands where it stands."""
        view = await directory.get_tenant(principal.tenant_id)
        return await trace(principal.tenant_id, view.settings, message_id, db, clock)

    return router
