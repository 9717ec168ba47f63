"""Of `schedules`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from waystate_client.records import CamelRecord, Record

__all__ = ["HolidayAnswer", "HoursAnswer", "ScheduleAnswer", "SchedulePage", "ScheduleVersionAnswer", "SlotAnswer"]


class HoursAnswer(Record):
    opens: str
    closes: str


class HolidayAnswer(Record):
    date_: str = Field(validation_alias="date", serialization_alias="date")
    name: str
    slots: list[HoursAnswer]


class SlotAnswer(Record):
    opens: str
    closes: str
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] | str]


class ScheduleVersionAnswer(CamelRecord):
    """`validFrom`: the day in its time zone from which this counts."""

    valid_from: str
    time_zone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]


class ScheduleAnswer(CamelRecord):
    """A schedule as it is today, with all its `versions`, the earliest first; some may be yet to come."""

    id: UUID
    name: str
    valid_from: str
    time_zone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]
    versions: list[ScheduleVersionAnswer]
    created_at: datetime
    edited_at: datetime


class SchedulePage(Record):
    """By name. `next` is null on the last page."""

    items: list[ScheduleAnswer]
    next: str | None
