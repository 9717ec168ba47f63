"""Time as a parameter: whoever needs "now" is given a `Clock`, so tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, the form every answer and event uses."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from None


UtcMoment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time that somebody sends, with its zone: one at an end of time has no place in UTC, and PostgreSQL would take none."""
