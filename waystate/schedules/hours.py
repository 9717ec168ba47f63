"""Whether a schedule is open at a moment, and when that changes next: what a clock on the wall there would say. Pure.

Where clocks go back an hour is there twice, and what is open then is open twice; where they go forward it is there never.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from waystate.schedules.model import DAYS, MINUTES, Hours, ScheduleVersion, version_at

FAR = timedelta(days=400)
"""How far ahead a change is looked for: a year, with all that is closed for a season."""
_LOOKS = (timedelta(days=8), timedelta(days=60), FAR)
_PROBE = timedelta(hours=6)
"""Two changes of a zone's offset are further apart."""
_SECOND = timedelta(seconds=1)

Interval = tuple[datetime, datetime]
"""From, and until before, in UTC."""


class OpenState(NamedTuple):
    """`changes_at`: when it closes or opens next, in UTC; None: not within `FAR`. `holiday`: which one it is there."""

    is_open: bool
    changes_at: datetime | None
    holiday: str | None = None


def state_at(versions: Sequence[ScheduleVersion], at: datetime) -> OpenState:
    """`versions`: as of a schedule, the earliest first."""
    version = version_at(versions, at)
    holiday = version.holiday_on(at.astimezone(version.zone).date())
    is_open, changes_at = False, None
    for look in _LOOKS:
        first = next(iter(openings(versions, at, at + look)), None)
        is_open = first is not None and first[0] == at
        if first is not None:
            changes_at = first[1] if is_open else first[0]
        if changes_at is not None and changes_at < at + look:
            break
        changes_at = None
    return OpenState(is_open, changes_at, None if holiday is None else holiday.name)


def openings(versions: Sequence[ScheduleVersion], since: datetime, until: datetime) -> list[Interval]:
    """When it is open within these times, in order; none touches another."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    found = [
        each
        for version, begin, end in _validities(versions, since, until)
        for first, last, offset in _offsets(version.zone, begin, end)
        for each in _of_offset(version, first, last, offset)
    ]
    return _joined(found)


def _validities(
    versions: Sequence[ScheduleVersion], since: datetime, until: datetime
) -> Iterator[tuple[ScheduleVersion, datetime, datetime]]:
    starts = [each.starts_at.astimezone(UTC) for each in versions]
    for version, begin, end in zip(versions, [since, *starts[1:]], [*starts[1:], until], strict=True):
        if max(begin, since) < min(end, until):
            yield version, max(begin, since), min(end, until)


def _offsets(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The times between which clocks there are set to one offset."""
    count = -(-(until - since) // _PROBE)
    probes = [since + number * _PROBE for number in range(count)] + [until - _SECOND if until - since > _SECOND else since]
    begin = since
    for former, later in pairwise(probes):
        if _offset(zone, former) != _offset(zone, later):
            change = _find_change(zone, former, later)
            yield begin, change, _offset(zone, former)
            begin = change
    yield begin, until, _offset(zone, begin)


def _find_change(zone: ZoneInfo, former: datetime, later: datetime) -> datetime:
    """The first whole second with the later offset."""
    before = _offset(zone, former)
    former, later = former.replace(microsecond=0), later.replace(microsecond=0)
    while later - former > _SECOND:
        middle = former + (later - former) // 2
        middle = middle.replace(microsecond=0)
        if _offset(zone, middle) == before:
            former = middle
        else:
            later = middle
    return later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _of_offset(version: ScheduleVersion, first: datetime, last: datetime, offset: timedelta) -> Iterator[Interval]:
    day = (first + offset).date() - timedelta(days=1)
    while day <= (last + offset).date():
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
        for opens, closes in hours_of(version, day):
            begin, end = midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)
            if max(begin, first) < min(end, last):
                yield max(begin, first), min(end, last)
        day += timedelta(days=1)


def hours_of(version: ScheduleVersion, day: date) -> list[Hours]:
    """Of what opens on that day. A holiday begins at midnight: nothing of the day before reaches into it."""
    holiday = version.holiday_on(day)
    name = DAYS[day.weekday()]
    found = list(holiday.hours) if holiday else [each.hours for each in version.slots if name in each.days]
    if version.holiday_on(day + timedelta(days=1)) is None:
        return found
    return [each._replace(closes=min(each.closes, MINUTES)) for each in found]


def _joined(intervals: Sequence[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for begin, end in sorted(intervals):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined
