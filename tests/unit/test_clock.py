"""Times that somebody sends are in UTC, and at no end of time."""

import pytest
from pydantic import TypeAdapter, ValidationError

from waystate.clock import UtcMoment, iso

MOMENT = TypeAdapter(UtcMoment)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-02-01T09:00:00+05:30", "2026-02-01T03:30:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00-12:00", "0001-01-01T12:00:00.000Z"),
        ("0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_of_any_zone_is_one_in_utc(said: str, meant: str) -> None:
    assert iso(MOMENT.validate_python(said)) == meant


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python("2026-02-01T09:00:00")
