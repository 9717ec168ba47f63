"""Of `schedules_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import date
from typing import Literal

from pydantic import Field

from waystate_client.records import CamelRecord, Record

__all__ = ["AddSchedule", "EditSchedule", "HolidayBody", "HoursBody", "SlotBody"]


class HoursBody(Record):
    """What closes before it opens closes on the next day."""

    opens: str
    """Such as 09:00"""
    closes: str
    """Such as 17:30; up to 24:00"""


class HolidayBody(Record):
    """A day with hours of its own; without any it is closed. Nothing of the day before reaches into it."""

    date_: date = Field(validation_alias="date", serialization_alias="date")
    name: str
    slots: list[HoursBody] | None = None


class SlotBody(Record):
    """The same hours on each of these days."""

    opens: str
    """Such as 09:00"""
    closes: str
    """Such as 17:30; up to 24:00"""
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] | str]


class AddSchedule(CamelRecord):
    """When a place is open. Slots may overlap; a schedule without any is always closed."""

    valid_from: date | None = None
    """The day from which this counts; null is today, there"""
    name: str
    time_zone: str
    """IANA's name, such as Europe/Berlin"""
    slots: list[SlotBody]
    holidays: list[HolidayBody] | None = None


class EditSchedule(CamelRecord):
    """JSON Merge Patch (RFC 7396). Hours count from `validFrom` on; what was before stays, for reports of that
    time.
    """

    valid_from: date | None = None
    """The day from which this counts; null is today, there"""
    name: str | None = None
    time_zone: str | None = None
    slots: list[SlotBody] | None = None
    holidays: list[HolidayBody] | None = None
