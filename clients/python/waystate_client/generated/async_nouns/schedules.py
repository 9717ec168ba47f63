"""Of `schedules`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class AsyncSchedulesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, after: str | None = None, limit: int | None = None) -> models.SchedulePage:
        """Schedules, by name

        Each as it is today, with what was and what is to come.

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/schedules", models.SchedulePage, query={"after": after, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.ScheduleAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def add(
        self,
        *,
        name: str,
        time_zone: str,
        slots: Sequence[models.SlotBody | Mapping[str, Any]],
        valid_from: date | None = None,
        holidays: Sequence[models.HolidayBody | Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> models.ScheduleAnswer:
        """Add a schedule

        A week of slots in a time zone. What closes before it opens closes on the next day.

        valid_from: The day from which this counts; null is today, there
        time_zone: IANA's name, such as Europe/Berlin
        """
        return await self._caller.call(
            "POST",
            "/v1/schedules",
            models.ScheduleAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"validFrom": valid_from, "name": name, "timeZone": time_zone, "slots": slots, "holidays": holidays},
            is_keyed=True,
        )

    async def get(self, schedule_id: UUID | str) -> models.ScheduleAnswer:
        """A schedule, with its versions

        As it is today; `versions` has what was and what is to come.
        """
        return await self._caller.call("GET", f"/v1/schedules/{in_path(schedule_id)}", models.ScheduleAnswer)

    async def edit(
        self,
        schedule_id: UUID | str,
        *,
        if_match: str | None = None,
        valid_from: date | Unset | None = UNSET,
        name: str | Unset | None = UNSET,
        time_zone: str | Unset | None = UNSET,
        slots: Sequence[models.SlotBody | Mapping[str, Any]] | Unset | None = UNSET,
        holidays: Sequence[models.HolidayBody | Mapping[str, Any]] | Unset | None = UNSET,
    ) -> models.ScheduleAnswer:
        """Change a schedule from a day on

        JSON Merge Patch. Hours count from `validFrom` on, or from today; how it was before that day stays known. A
        name has no versions.

        if_match: The ETag of what you have seen
        valid_from: The day from which this counts; null is today, there
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/schedules/{in_path(schedule_id)}",
            models.ScheduleAnswer,
            headers={"If-Match": if_match},
            fields={"validFrom": valid_from, "name": name, "timeZone": time_zone, "slots": slots, "holidays": holidays},
            is_keyed=True,
        )

    async def delete(self, schedule_id: UUID | str) -> None:
        """Delete a schedule

        With all its versions.
        """
        return await self._caller.call("DELETE", f"/v1/schedules/{in_path(schedule_id)}", None, is_keyed=True)

    async def withdraw_version(self, schedule_id: UUID | str, valid_from: date) -> models.ScheduleAnswer:
        """Withdraw a change of a schedule

        The version that counts from that day on; the one before it counts on instead.
        """
        return await self._caller.call(
            "DELETE",
            f"/v1/schedules/{in_path(schedule_id)}/versions/{in_path(valid_from)}",
            models.ScheduleAnswer,
            is_keyed=True,
        )

    async def get_state(self, schedule_id: UUID | str, *, at: datetime | None = None) -> models.StateAnswer:
        """Whether it is open, and until when

        By the version that counted at that time; when clocks change, by what a clock on the wall there says.

        at: Now, if none is named
        """
        return await self._caller.call(
            "GET", f"/v1/schedules/{in_path(schedule_id)}/state", models.StateAnswer, query={"at": at}
        )
