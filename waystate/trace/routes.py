"""The `/v1` operations on messages: the trace."""

from waystate.clock import Clock
from waystate.conversations.model import EVERYTHING, is_agent
from waystate.conversations.sight import Sights
from waystate.db.pool import Database
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.tenants.routing import Directory
from waystate.trace.bodies import TRACE_EXAMPLE, MessageTrace
from waystate.trace.trace import trace
from waystate.web.caller import Caller


class TraceRoutes:
    def __init__(self, db: Database, directory: Directory, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._sights = Sights(directory)
        self._clock = clock

    @Operation(
        "GET",
        "/v1/messages/{message_id}/trace",
        Scope.MESSAGES_READ,
        tag="Messages",
        summary="Where a message is, and why",
        problems={404: "No message of the tenant has this id"},
        example_answer=TRACE_EXAMPLE,
    )
    async def get_message_trace(self, message_id: str, principal: Caller) -> MessageTrace:
        """By wamid, Genesys message id or Waystate's own: who, which conversation on both platforms, every hop with its time,
        every attempt, every reported status, and why it stands where it stands."""
        view = await self._directory.get_tenant(principal.tenant_id)
        sight = EVERYTHING
        if is_agent(principal):
            async with self._db.tenant(principal.tenant_id) as conn:
                sight = await self._sights.find(conn, principal)
        told = await trace(principal.tenant_id, view.settings, message_id, self._db, self._clock, sight)
        return MessageTrace.model_validate(told)
