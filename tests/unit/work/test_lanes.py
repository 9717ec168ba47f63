"""Lanes: the same for a key in every process and version."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from waystate.work.lanes import lane_of

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
