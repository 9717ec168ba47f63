"""`/v1/schedules`: when places are open, since when, and whether they are now."""

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from waystate.clock import Clock, UtcMoment
from waystate.db.pool import Database
from waystate.errors import Unprocessable
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.schedules import store
from waystate.schedules.bodies import (
    SCHEDULE_BODY,
    SCHEDULE_EXAMPLE,
    STATE_EXAMPLE,
    AddSchedule,
    EditSchedule,
    ScheduleAnswer,
    SchedulePage,
    StateAnswer,
    render_schedule,
    render_state,
)
from waystate.schedules.edit import ScheduleEdits
from waystate.schedules.model import etag_of
from waystate.web.caller import Caller
from waystate.web.pages import After, Cursors, Limit
from waystate.web.requests import IfMatch, expected_tags

_NO_SUCH = {404: "The tenant has no such schedule"}
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class ScheduleRoutes:
    def __init__(self, db: Database, edits: ScheduleEdits, cursors: Cursors, clock: Clock) -> None:
        self._db = db
        self._edits = edits
        self._cursors = cursors
        self._clock = clock

    @Operation(
        "GET",
        "/v1/schedules",
        Scope.CONVERSATIONS_READ,
        tag="Queues",
        summary="Schedules, by name",
        problems={400: "The cursor is of another list"},
        example_answer={"items": [SCHEDULE_EXAMPLE], "next": None},
    )
    async def list_schedules(
        self,
        principal: Caller,
        after: After = None,
        limit: Limit = 50,
    ) -> SchedulePage:
        """Each as it is today, with what was and what is to come."""
        tenant = principal.tenant_id
        of = (tenant, "schedules")
        name = "" if after is None else str(self._cursors.open(of, after)[0])
        async with self._db.tenant(tenant) as conn:
            found = await store.list_page(conn, tenant, after=name, batch=limit + 1)
        following = self._cursors.seal_next(of, found, limit, lambda each: [each.name])
        return SchedulePage(items=[render_schedule(each, self._clock()) for each in found[:limit]], next=following)

    @Operation(
        "POST",
        "/v1/schedules",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Add a schedule",
        status=201,
        problems={409: "Another schedule has the name", 422: "A time zone, an hour or a day is none; `errors` says which"},
        example_body=SCHEDULE_BODY,
        example_answer=SCHEDULE_EXAMPLE,
    )
    async def add_schedule(self, principal: Caller, response: Response, body: AddSchedule) -> ScheduleAnswer:
        """A week of slots in a time zone. What closes before it opens closes on the next day."""
        schedule = await self._edits.add(
            principal.tenant_id, actor_of(principal), body.name, body.version_fields(), body.validFrom
        )
        response.headers["ETag"] = etag_of(schedule)
        return render_schedule(schedule, self._clock())

    @Operation(
        "GET",
        "/v1/schedules/{schedule_id}",
        Scope.CONVERSATIONS_READ,
        tag="Queues",
        summary="A schedule, with its versions",
        problems=_NO_SUCH,
        example_answer=SCHEDULE_EXAMPLE,
    )
    async def get_schedule(self, schedule_id: UUID, principal: Caller, response: Response) -> ScheduleAnswer:
        """As it is today; `versions` has what was and what is to come."""
        async with self._db.tenant(principal.tenant_id) as conn:
            schedule = await store.get_one(conn, principal.tenant_id, schedule_id)
        response.headers["ETag"] = etag_of(schedule)
        return render_schedule(schedule, self._clock())

    @Operation(
        "PATCH",
        "/v1/schedules/{schedule_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Change a schedule from a day on",
        problems={**_NO_SUCH, 409: "Another schedule has the name", 412: "Somebody changed it since: read again"},
        example_body={"slots": [{"days": ["sat"], "opens": "10:00", "closes": "14:00"}], "validFrom": "2026-03-01"},
        example_answer=SCHEDULE_EXAMPLE,
    )
    async def edit_schedule(
        self,
        schedule_id: UUID,
        principal: Caller,
        response: Response,
        body: EditSchedule,
        if_match: IfMatch = None,
    ) -> ScheduleAnswer:
        """JSON Merge Patch. Hours count from `validFrom` on, or from today; how it was before that day stays known. A name has
        no versions."""
        schedule = await self._edits.edit(
            principal.tenant_id,
            actor_of(principal),
            schedule_id,
            name=body.name,
            fields=body.version_fields(),
            valid_from=body.validFrom,
            expected=expected_tags(if_match),
        )
        response.headers["ETag"] = etag_of(schedule)
        return render_schedule(schedule, self._clock())

    @Operation(
        "DELETE",
        "/v1/schedules/{schedule_id}/versions/{valid_from}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Withdraw a change of a schedule",
        problems={404: "No such schedule, or it has no version of that day", 409: "It is the only version"},
        example_answer=SCHEDULE_EXAMPLE,
    )
    async def withdraw_schedule_version(
        self, schedule_id: UUID, valid_from: date, principal: Caller, response: Response
    ) -> ScheduleAnswer:
        """The version that counts from that day on; the one before it counts on instead."""
        schedule = await self._edits.withdraw(principal.tenant_id, actor_of(principal), schedule_id, valid_from)
        response.headers["ETag"] = etag_of(schedule)
        return render_schedule(schedule, self._clock())

    @Operation(
        "DELETE",
        "/v1/schedules/{schedule_id}",
        Scope.CONVERSATIONS_ASSIGN,
        tag="Queues",
        summary="Delete a schedule",
        status=204,
        problems={**_NO_SUCH, 409: "Queues are open by it; `queues` names them"},
    )
    async def delete_schedule(self, schedule_id: UUID, principal: Caller) -> None:
        """With all its versions."""
        await self._edits.delete(principal.tenant_id, actor_of(principal), schedule_id)

    @Operation(
        "GET",
        "/v1/schedules/{schedule_id}/state",
        Scope.CONVERSATIONS_READ,
        tag="Queues",
        summary="Whether it is open, and until when",
        problems=_NO_SUCH,
        example_answer=STATE_EXAMPLE,
    )
    async def get_schedule_state(
        self,
        schedule_id: UUID,
        principal: Caller,
        at: Annotated[UtcMoment | None, Query(description="Now, if none is named")] = None,
    ) -> StateAnswer:
        """By the version that counted at that time; when clocks change, by what a clock on the wall there says."""
        async with self._db.tenant(principal.tenant_id) as conn:
            schedule = await store.get_one(conn, principal.tenant_id, schedule_id)
        moment = at or self._clock()
        if not _FIRST <= moment <= _LAST:
            raise Unprocessable("time_too_far", "`at` is not between 1970 and 2200. Name a time within.")
        return render_state(schedule, moment)
