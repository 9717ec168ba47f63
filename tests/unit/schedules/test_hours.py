"""Open or not, minute by minute: the same as a clock on the wall that somebody reads."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystate.schedules.hours import OpenState, openings, state_at
from waystate.schedules.model import DAYS, MINUTES, Holiday, Hours, ScheduleVersion, Slot, parse_hours

MINUTE = timedelta(minutes=1)
ALWAYS = date(2000, 1, 1)
WORKDAYS = Slot(DAYS[:5], Hours(9 * 60, 17 * 60))
NIGHTS = Slot(DAYS, Hours(22 * 60, MINUTES + 6 * 60))


def version(
    *slots: Slot, zone: str = "Europe/Berlin", valid_from: date = ALWAYS, **more: tuple[Holiday, ...]
) -> ScheduleVersion:
    return ScheduleVersion(valid_from=valid_from, time_zone=zone, slots=slots, **more)


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def by_the_wall(versions: list[ScheduleVersion], moment: datetime) -> bool:
    """What is under test, said slowly and in another way: day and minute on the wall, and whether a slot has them."""
    valid = versions[0]
    for each in versions:
        if datetime.combine(each.valid_from, datetime.min.time(), ZoneInfo(each.time_zone)) <= moment:
            valid = each
    wall = moment.astimezone(ZoneInfo(valid.time_zone))
    minute, today, yesterday = wall.hour * 60 + wall.minute, wall.date(), wall.date() - timedelta(days=1)
    holidays = {each.day: each for each in valid.holidays}

    def hours(day: date) -> list[Hours]:
        if day in holidays:
            return list(holidays[day].hours)
        return [slot.hours for slot in valid.slots if DAYS[day.weekday()] in slot.days]

    if any(opens <= minute < closes for opens, closes in hours(today)):
        return True
    return today not in holidays and any(minute < closes - MINUTES for _, closes in hours(yesterday))


hours = st.builds(
    lambda opens, length: Hours(opens, opens + length),
    st.integers(0, MINUTES - 1),
    st.integers(1, MINUTES - 1),
)
slots = st.builds(Slot, st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple), hours)
around = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2011, 12, 30), date(2026, 4, 5), date(2026, 11, 1)])
zones = st.sampled_from(
    [
        "Europe/Berlin",
        "America/New_York",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Asia/Kolkata",
        "America/Santiago",
    ]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[ScheduleVersion], datetime]:
    day = draw(around)
    near = st.integers(-3, 3).map(lambda days: day + timedelta(days=days))
    holidays = st.lists(
        st.builds(Holiday, near, st.just("h"), st.lists(hours, max_size=2).map(tuple)),
        max_size=2,
        unique_by=lambda each: each.day,
    )
    zone = draw(zones)
    versions = [version(*draw(st.lists(slots, max_size=3)), zone=zone, holidays=tuple(draw(holidays)))]
    if draw(st.booleans()):
        versions.append(version(*draw(st.lists(slots, max_size=2)), zone=draw(zones), valid_from=draw(near)))
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + draw(st.integers(-2880, 2880)) * MINUTE
    return versions, moment


@settings(max_examples=60, deadline=None)
@given(cases())
def test_it_is_what_the_clock_on_the_wall_says(case: tuple[list[ScheduleVersion], datetime]) -> None:
    versions, moment = case
    told = state_at(versions, moment)
    assert told.is_open == by_the_wall(versions, moment)
    walked = moment
    for _ in range(2 * MINUTES):
        walked += MINUTE
        if by_the_wall(versions, walked) != told.is_open:
            assert told.changes_at == walked
            return
        assert told.changes_at is None or told.changes_at > walked


def test_a_week_goes_over_its_end() -> None:
    friday = at("2026-06-05T16:59:30")
    assert state_at([version(WORKDAYS)], friday) == OpenState(True, at("2026-06-05T17:00"))
    assert state_at([version(WORKDAYS)], at("2026-06-05T17:00")) == OpenState(False, at("2026-06-08T09:00"))


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    fridays = version(Slot(("fri",), NIGHTS.hours))
    assert state_at([fridays], at("2026-06-06T03:00")) == OpenState(True, at("2026-06-06T06:00"))
    assert state_at([fridays], at("2026-06-05T03:00")) == OpenState(False, at("2026-06-05T22:00"))


def test_no_night_reaches_into_a_holiday_and_a_special_night_goes_on() -> None:
    closed = version(NIGHTS, holidays=(Holiday(date(2026, 12, 25), "Christmas"),))
    assert state_at([closed], at("2026-12-24T23:00")) == OpenState(True, at("2026-12-25T00:00"))
    assert state_at([closed], at("2026-12-25T03:00")) == OpenState(False, at("2026-12-26T22:00"), "Christmas")
    late = version(WORKDAYS, holidays=(Holiday(date(2026, 12, 31), "Eve", (Hours(22 * 60, MINUTES + 120),)),))
    assert state_at([late], at("2027-01-01T01:00")) == OpenState(True, at("2027-01-01T02:00"))


def test_an_hour_that_is_there_twice_is_open_twice_and_one_that_is_not_there_never() -> None:
    early = version(Slot(DAYS, Hours(60, 150)))
    assert openings([early], at("2026-10-25T00:00"), at("2026-10-25T12:00")) == [
        (at("2026-10-25T01:00"), at("2026-10-25T02:30")),
        (at("2026-10-25T02:00", fold=1), at("2026-10-25T02:30", fold=1)),
    ]
    assert openings([early], at("2026-03-29T00:00"), at("2026-03-29T12:00")) == [
        (at("2026-03-29T01:00"), at("2026-03-29T03:00"))
    ]


def test_a_version_counts_from_its_day_on() -> None:
    versions = [version(WORKDAYS), version(Slot(DAYS[:5], Hours(8 * 60, 12 * 60)), valid_from=date(2026, 6, 3))]
    assert state_at(versions, at("2026-06-02T16:00")).is_open
    assert state_at(versions, at("2026-06-02T17:00")) == OpenState(False, at("2026-06-03T08:00"))
    assert not state_at(versions, at("2026-06-03T16:00")).is_open


def test_what_never_changes_says_so() -> None:
    always = version(Slot(DAYS, Hours(0, MINUTES)))
    assert state_at([always], at("2026-03-28T12:00")) == OpenState(True, None)
    assert state_at([version()], at("2026-03-28T12:00")) == OpenState(False, None)
    season = version(WORKDAYS, holidays=tuple(Holiday(date(2026, 1, 1) + timedelta(days=each), "x") for each in range(366)))
    assert state_at([season], at("2026-01-01T12:00")).changes_at == at("2027-01-04T09:00")


@pytest.mark.parametrize(("opens", "closes"), [("09:00", "09:00"), ("00:00", "00:00")])
def test_hours_that_open_never_are_none(opens: str, closes: str) -> None:
    with pytest.raises(ValueError, match="whole day"):
        parse_hours(opens, closes)
    assert parse_hours("22:00", "00:00") == (1320, MINUTES)
