"""What `/v1/schedules` takes and answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from waystate.clock import iso
from waystate.documents import JsonObject, is_name
from waystate.schedules.hours import OpenState, state_at
from waystate.schedules.model import (
    Holiday,
    Hours,
    Schedule,
    Slot,
    parse_hours,
    render_version,
    time_zones,
)
from waystate.web.answers import AnswerBody, Text

SCHEDULE_ID = "019c1420-7d01-7a10-9c2e-3f4a5b6c7d8e"
_VERSION: JsonObject = {
    "validFrom": "2026-01-01",
    "timeZone": "Europe/Berlin",
    "slots": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "17:30"}],
    "holidays": [
        {"date": "2026-12-24", "name": "Christmas Eve", "slots": [{"opens": "09:00", "closes": "12:00"}]},
        {"date": "2026-12-25", "name": "Christmas Day", "slots": []},
    ],
}
SCHEDULE_BODY: JsonObject = {"name": "Office hours", **_VERSION}
SCHEDULE_EXAMPLE: JsonObject = {
    "id": SCHEDULE_ID,
    **SCHEDULE_BODY,
    "versions": [_VERSION],
    "createdAt": "2026-01-02T08:30:00.000Z",
    "editedAt": "2026-01-02T08:30:00.000Z",
}
STATE_EXAMPLE: JsonObject = {
    "at": "2026-01-31T12:00:00.000Z",
    "open": False,
    "opensAt": "2026-02-02T08:00:00.000Z",
    "closesAt": None,
    "holiday": None,
}


def refused(sentence: str) -> PydanticCustomError:
    """The sentence as it is: pydantic puts "Value error, " before that of a ValueError."""
    return PydanticCustomError("schedule", "{sentence}", {"sentence": sentence})


def _check_name(text: str) -> str:
    stripped = text.strip()
    if not stripped or not is_name(stripped):
        raise refused("is empty, or has characters that cannot be shown; write it in one line")
    return stripped


def _check_zone(text: str) -> str:
    if text not in time_zones():
        raise refused("is no time zone of IANA's; write one such as Europe/Berlin or America/Sao_Paulo")
    return text


Named = Annotated[str, Field(max_length=200), AfterValidator(_check_name)]
Zone = Annotated[str, Field(max_length=100, description="IANA's name, such as Europe/Berlin"), AfterValidator(_check_zone)]
Opens = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Such as 09:00")]
Closes = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", description="Such as 17:30; up to 24:00")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class HoursBody(BaseModel):
    """What closes before it opens closes on the next day."""

    model_config = ConfigDict(extra="forbid")

    opens: Opens
    closes: Closes

    @model_validator(mode="after")
    def _opens_at_all(self) -> "HoursBody":
        try:
            self.hours()
        except ValueError as error:
            raise refused(str(error)) from error
        return self

    def hours(self) -> Hours:
        return parse_hours(self.opens, self.closes)


class SlotBody(HoursBody):
    """The same hours on each of these days."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]


class HolidayBody(BaseModel):
    """A day with hours of its own; without any it is closed. Nothing of the day before reaches into it."""

    model_config = ConfigDict(extra="forbid")

    date: date
    name: Named
    slots: Annotated[list[HoursBody], Field(max_length=20)] = []


class ScheduleFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    validFrom: Annotated[date | None, Field(description="The day from which this counts; null is today, there")] = None

    @field_validator("validFrom")
    @classmethod
    def _is_of_our_time(cls, day: date | None) -> date | None:
        if day is not None and not 2000 <= day.year <= 2200:
            raise refused("is no day between 2000 and 2200")
        return day

    @field_validator("holidays", check_fields=False)
    @classmethod
    def _has_days_once(cls, holidays: list[HolidayBody] | None) -> list[HolidayBody] | None:
        days = [each.date for each in holidays or ()]
        if twice := sorted({each.isoformat() for each in days if days.count(each) > 1}):
            raise refused(f"has two holidays on {twice[0]}; put their hours in one")
        return holidays

    def version_fields(self) -> dict[str, Any]:
        """What was sent of a version, by its names here."""
        given: dict[str, Any] = {each: getattr(self, each) for each in self.model_fields_set if getattr(self, each) is not None}
        fields: dict[str, Any] = {}
        if "timeZone" in given:
            fields["time_zone"] = given["timeZone"]
        if "slots" in given:
            fields["slots"] = tuple(Slot(tuple(each.days), each.hours()) for each in given["slots"])
        if "holidays" in given:
            days = sorted(given["holidays"], key=lambda each: each.date)
            fields["holidays"] = tuple(Holiday(each.date, each.name, tuple(one.hours() for one in each.slots)) for each in days)
        return fields


class AddSchedule(ScheduleFields):
    """When a place is open. Slots may overlap; a schedule without any is always closed."""

    name: Named
    timeZone: Zone
    slots: Annotated[list[SlotBody], Field(max_length=100)]
    holidays: Annotated[list[HolidayBody], Field(max_length=400)] = []


class EditSchedule(ScheduleFields):
    """JSON Merge Patch (RFC 7396). Hours count from `validFrom` on; what was before stays, for reports of that time."""

    name: Named | None = None
    timeZone: Zone | None = None
    slots: Annotated[list[SlotBody] | None, Field(max_length=100)] = None
    holidays: Annotated[list[HolidayBody] | None, Field(max_length=400)] = None

    @model_validator(mode="after")
    def _changes_something(self) -> "EditSchedule":
        nulls = sorted(each for each in self.model_fields_set if getattr(self, each) is None and each != "validFrom")
        if nulls:
            raise refused(f"cannot take away `{nulls[0]}`; leave it out, or send another")
        if not self.model_fields_set - {"validFrom"}:
            raise refused("changes nothing; name the fields that are to change")
        return self


class HoursAnswer(AnswerBody):
    opens: str
    closes: str


class SlotAnswer(HoursAnswer):
    days: list[Day]


class HolidayAnswer(AnswerBody):
    date: str
    name: str
    slots: list[HoursAnswer]


class ScheduleVersionAnswer(AnswerBody):
    """`validFrom`: the day in its time zone from which this counts."""

    validFrom: str
    timeZone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]


class ScheduleAnswer(AnswerBody):
    """A schedule as it is today, with all its `versions`, the earliest first; some may be yet to come."""

    id: UUID
    name: str
    validFrom: str
    timeZone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]
    versions: list[ScheduleVersionAnswer]
    createdAt: Text
    editedAt: Text


class SchedulePage(AnswerBody):
    """By name. `next` is null on the last page."""

    items: list[ScheduleAnswer]
    next: str | None


class StateAnswer(AnswerBody):
    """Whether it is open, and when that changes; null where it does not within 400 days. `holiday`: whose hours these are."""

    at: Text
    open: bool
    opensAt: Text | None
    closesAt: Text | None
    holiday: str | None


def render_schedule(schedule: Schedule, now: datetime) -> ScheduleAnswer:
    return ScheduleAnswer(
        id=schedule.id,
        name=schedule.name,
        **render_version(schedule.version_at(now)),
        versions=[ScheduleVersionAnswer(**render_version(each)) for each in schedule.versions],
        createdAt=iso(schedule.created_at),
        editedAt=iso(schedule.edited_at),
    )


def render_state(schedule: Schedule | None, at: datetime) -> StateAnswer:
    """Without a schedule it is always open."""
    state = OpenState(True, None) if schedule is None else state_at(schedule.versions, at)
    changes_at = None if state.changes_at is None else iso(state.changes_at)
    return StateAnswer(
        at=iso(at),
        open=state.is_open,
        opensAt=None if state.is_open else changes_at,
        closesAt=changes_at if state.is_open else None,
        holiday=state.holiday,
    )
