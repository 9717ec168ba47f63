"""When a place is open: a week of slots in a time zone, with holidays; each version counts from a day on. Pure.

In the database `slots` is `[{days, opens, closes}]` and `holidays` `[{date, name, slots: [{opens, closes}]}]`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from waystate.documents import JsonObject, dump

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 24 * 60
"""Of a day."""
MOST_VERSIONS = 200


class Hours(NamedTuple):
    """In minutes from the midnight that begins its day; `closes` is beyond `MINUTES` where it is on the next day."""

    opens: int
    closes: int


class Slot(NamedTuple):
    """The same hours on each of `days`."""

    days: tuple[str, ...]
    hours: Hours


class Holiday(NamedTuple):
    """A day that has hours of its own, or none: then it is closed."""

    day: date
    name: str
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleVersion:
    """`valid_from`: the day in its own time zone from which it counts, until a later version does."""

    valid_from: date
    time_zone: str
    slots: tuple[Slot, ...] = ()
    holidays: tuple[Holiday, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def starts_at(self) -> datetime:
        return datetime(self.valid_from.year, self.valid_from.month, self.valid_from.day, tzinfo=self.zone)

    def holiday_on(self, day: date) -> Holiday | None:
        return next((each for each in self.holidays if each.day == day), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`versions`: at least one, the earliest first. What was before the first is as in the first."""

    id: UUID
    name: str
    versions: tuple[ScheduleVersion, ...]
    created_at: datetime
    edited_at: datetime

    def version_at(self, at: datetime) -> ScheduleVersion:
        return version_at(self.versions, at)


def version_at(versions: Sequence[ScheduleVersion], at: datetime) -> ScheduleVersion:
    return next((each for each in reversed(versions) if each.starts_at <= at), versions[0])


@cache
def time_zones() -> frozenset[str]:
    """Names of IANA's that mean the same everywhere: not what a machine calls its own."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def with_version(
    schedule: Schedule, changes: Mapping[str, Any], valid_from: date | None, now: datetime, name: str | None = None
) -> Schedule:
    """As it is when `changes` (fields of a version) count from `valid_from` on; None: from today, where the schedule is.

    What is not changed is as in the version that counts on that day. A version of the same day gives way.
    """
    renamed = schedule if name is None else replace(schedule, name=name)
    if not changes and valid_from is None:
        return renamed
    day = valid_from
    if day is None:
        zone = ZoneInfo(changes["time_zone"]) if "time_zone" in changes else schedule.version_at(now).zone
        day = now.astimezone(zone).date()
    former = next((each for each in reversed(schedule.versions) if each.valid_from <= day), schedule.versions[0])
    if not changes and former.valid_from == day:
        return renamed
    version = replace(former, **{**changes, "valid_from": day})
    if valid_from is None and replace(version, valid_from=former.valid_from) == former:
        return renamed
    others = [each for each in schedule.versions if each.valid_from != day]
    return replace(renamed, versions=tuple(sorted([*others, version], key=lambda each: each.valid_from)))


def etag_of(schedule: Schedule) -> str:
    """Of what may be edited."""
    told = [schedule.name, [render_version(each) for each in schedule.versions]]
    return f'"{sha256(dump(told).encode()).hexdigest()[:20]}"'


def render_version(version: ScheduleVersion) -> JsonObject:
    return {
        "validFrom": version.valid_from.isoformat(),
        "timeZone": version.time_zone,
        "slots": render_slots(version.slots),
        "holidays": render_holidays(version.holidays),
    }


def render_slots(slots: Iterable[Slot]) -> list[JsonObject]:
    return [{"days": list(each.days), **_render_hours(each.hours)} for each in slots]


def render_holidays(holidays: Iterable[Holiday]) -> list[JsonObject]:
    return [
        {"date": each.day.isoformat(), "name": each.name, "slots": [_render_hours(hours) for hours in each.hours]}
        for each in holidays
    ]


def parse_slots(slots: Iterable[JsonObject]) -> tuple[Slot, ...]:
    return tuple(Slot(tuple(each["days"]), parse_hours(each["opens"], each["closes"])) for each in slots)


def parse_holidays(holidays: Iterable[JsonObject]) -> tuple[Holiday, ...]:
    return tuple(
        Holiday(
            date.fromisoformat(each["date"]),
            each["name"],
            tuple(parse_hours(hours["opens"], hours["closes"]) for hours in each["slots"]),
        )
        for each in holidays
    )


def parse_hours(opens: str, closes: str) -> Hours:
    """Of `09:00` and `17:30`; what closes before it opens closes on the next day. Raises ValueError where it opens never."""
    begin, end = _minutes(opens), _minutes(closes)
    if begin == end:
        raise ValueError("opens and closes at the same time; for a whole day say 00:00 and 24:00")
    return Hours(begin, end if end > begin else end + MINUTES)


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _render_hours(hours: Hours) -> JsonObject:
    closes = hours.closes if hours.closes <= MINUTES else hours.closes - MINUTES
    return {"opens": _clock(hours.opens), "closes": _clock(closes)}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
