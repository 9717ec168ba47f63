"""`/v1/queues`: where conversations wait, for whom, and when somebody is there."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.errors import Unprocessable
from waystate.ids import TenantId, find_uuid
from waystate.operations import Operation
from waystate.people import store as people_store
from waystate.principal import Scope, actor_of
from waystate.queues import store
from waystate.queues.bodies import (
    QUEUE_BODY,
    QUEUE_EXAMPLE,
    AddQueue,
    EditQueue,
    QueueAnswer,
    QueuePage,
    render_queue,
)
from waystate.queues.edit import MoveTo, QueueEdits
from waystate.queues.model import AgentQueue, etag_of
from waystate.schedules import store as schedule_store
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit
from waystate.web.requests import IfMatch, expected_tags

_NO_SUCH = {404: "The tenant has no such queue"}
_WRONG = "A member does not work here, or the schedule is none; `code` says which"


class QueueRoutes:
    def __init__(self, db: Database, edits: QueueEdits, cursors: Cursors, clock: Clock) -> None:
        self._db = db
        self._edits = edits
        self._cursors = cursors
        self._clock = clock

    @Operation(
        "GET",
        "/v1/queues",
        Scope.CONVERSATIONS_READ,
        tag="Queues",
        summary="Queues, by name",
        problems={400: "The cursor is of another list"},
        example_answer={"items": [QUEUE_EXAMPLE], "next": None},
    )
    async def list_queues(
        self,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> QueuePage:
        """With their members, whether they are open now, and how many open conversations are in each."""
        tenant = principal.tenant_id
        of = (tenant, "queues")
        name = "" if after is None else str(self._cursors.open(of, after)[0])
        async with self._db.tenant(tenant) as conn:
            found = await store.list_page(conn, tenant, after=name, batch=limit + 1)
            items = await self._rendered(conn, tenant, found[:limit])
        following = self._cursors.seal_next(of, found, limit, lambda each: [each.name])
        return QueuePage(items=items, next=following)

    @Operation(
        "POST",
        "/v1/queues",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Add a queue",
        status=201,
        problems={409: "Another queue has the name", 422: _WRONG},
        example_body=QUEUE_BODY,
        example_answer=QUEUE_EXAMPLE,
    )
    async def add_queue(self, principal: Caller, response: Response, body: AddQueue) -> QueueAnswer:
        """Its members are people of the tenant who accepted their invitation."""
        queue = await self._edits.add(principal.tenant_id, actor_of(principal), body.fields())
        return await self._answer(principal.tenant_id, queue, response)

    @Operation(
        "GET",
        "/v1/queues/{queue_id}",
        Scope.CONVERSATIONS_READ,
        tag="Queues",
        summary="A queue",
        problems=_NO_SUCH,
        example_answer=QUEUE_EXAMPLE,
    )
    async def get_queue(self, queue_id: UUID, principal: Caller, response: Response) -> QueueAnswer:
        """The `ETag` is of what may be edited: what waits in it changes it not."""
        async with self._db.tenant(principal.tenant_id) as conn:
            queue = await store.get_one(conn, principal.tenant_id, queue_id)
        return await self._answer(principal.tenant_id, queue, response)

    @Operation(
        "PATCH",
        "/v1/queues/{queue_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Change a queue",
        problems={**_NO_SUCH, 409: "Another queue has the name", 412: "Somebody changed it since: read again", 422: _WRONG},
        example_body={"genesysQueue": "0a1b2c3d-0000-4000-8000-000000000001", "schedule": None},
        example_answer={**QUEUE_EXAMPLE, "schedule": None},
    )
    async def edit_queue(
        self, queue_id: UUID, principal: Caller, response: Response, body: EditQueue, if_match: IfMatch = None
    ) -> QueueAnswer:
        """JSON Merge Patch (RFC 7396). `members` is the whole list of those who are in it then."""
        queue = await self._edits.edit(
            principal.tenant_id, actor_of(principal), queue_id, body.fields(), expected_tags(if_match)
        )
        return await self._answer(principal.tenant_id, queue, response)

    @Operation(
        "DELETE",
        "/v1/queues/{queue_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Delete a queue",
        status=204,
        problems={**_NO_SUCH, 409: "Open conversations wait in it: say where they go", 422: "`moveTo` is no other queue"},
    )
    async def delete_queue(
        self,
        queue_id: UUID,
        principal: Caller,
        moveTo: Annotated[
            str | None,
            Query(max_length=36, description="Where its open conversations wait then: another queue's id, or `none`"),
        ] = None,
    ) -> None:
        """Its ready answers go with it. Whose conversation it is, and who speaks in it, stays."""
        target = None
        if moveTo is not None:
            named = find_uuid(moveTo)
            if named is None and moveTo != "none":
                raise Unprocessable("unknown_queue", "`moveTo` is no queue's id. Take one from GET /v1/queues, or say `none`.")
            target = MoveTo(named)
        await self._edits.delete(principal.tenant_id, actor_of(principal), queue_id, target)

    async def _answer(self, tenant: TenantId, queue: AgentQueue, response: Response) -> QueueAnswer:
        async with self._db.tenant(tenant) as conn:
            (answer,) = await self._rendered(conn, tenant, [queue])
        response.headers["ETag"] = etag_of(queue)
        return answer

    async def _rendered(self, conn: Connection, tenant: TenantId, queues: Sequence[AgentQueue]) -> list[QueueAnswer]:
        people = await people_store.find_colleagues(conn, {each for queue in queues for each in queue.members})
        schedules = await schedule_store.find_many(conn, tenant, {each.schedule_id for each in queues if each.schedule_id})
        counts = await store.count_open(conn, tenant, [each.id for each in queues])
        return [render_queue(each, people, schedules, counts, self._clock()) for each in queues]
