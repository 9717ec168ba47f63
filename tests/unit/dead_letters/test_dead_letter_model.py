"""What selects dead letters, and what is advised about them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from waystate.dead_letters.model import ADVICE, Filter
from waystate.errors import Reason
from waystate.ids import id_floor, new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "dead-letters.md"


def test_times_and_cursors_become_bounds_of_ids_of_which_the_narrower_counts() -> None:
    everything = Filter().bounds()
    assert everything.since == UUID(int=0)
    assert everything.since < new_id() < everything.until
    timed = Filter(since=NOON, until=NOON.replace(hour=13))
    assert timed.bounds() == (id_floor(NOON), id_floor(NOON.replace(hour=13)))
    one = UUID(int=id_floor(NOON).int + 7)
    assert timed.bounds(before=one).until == one
    assert timed.bounds(after=one).since.int == one.int + 1
    assert timed.bounds(after=UUID(int=5)).since == id_floor(NOON)


def test_moments_before_ids_began_and_the_last_id_are_bounds_too() -> None:
    assert Filter(since=datetime(1, 1, 1, tzinfo=UTC)).bounds().since == UUID(int=0)
    last = UUID(int=(1 << 128) - 1)
    assert Filter().bounds(after=last) <= (last, last)


def test_every_reason_has_its_advice_in_the_program_and_in_the_handbook() -> None:
    assert set(ADVICE) == set(Reason)
    page = PAGE.read_text()
    for reason in Reason:
        assert f"| `{reason}` |" in page, reason
