"""Lanes: the same in every process and after every restart."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from waystate.ids import new_id
from waystate.ledger.model import LedgerRow, lane_of

AS_RELEASED = {"106540352242922": 59, "1001": 1, "a-client": 38}


def test_lanes_are_what_they_always_were() -> None:
    """Another hash would let two processes of a rolling deploy work one number at once."""
    assert {key: lane_of(key, 64) for key in AS_RELEASED} == AS_RELEASED


@given(st.text(), st.integers(1, 128))
def test_a_lane_is_in_range_and_bytes_and_text_agree(key: str, lanes: int) -> None:
    assert 0 <= lane_of(key, lanes) < lanes
    assert lane_of(key, lanes) == lane_of(key.encode(), lanes)


def test_numbers_spread_over_the_lanes() -> None:
    used = Counter(lane_of(str(number), 64) for number in range(100_000_000_000_000, 100_000_000_006_400))
    assert len(used) == 64
    assert max(used.values()) < 200


def test_a_row_is_named_by_its_day_and_id() -> None:
    row = LedgerRow(
        day=datetime(2026, 3, 2, tzinfo=UTC).date(),
        id=(row_id := new_id()),
        source="whatsapp",
        origin="app-1",
        lane=1,
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        taken=1,
        attempts=1,
        body=b"{}",
    )
    assert row.name == f"ledger:2026-03-02:{row_id}"
