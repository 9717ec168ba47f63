"""Which queue a process comes first to, and which it offers to others."""

from waystate.broker.connection import Depth
from waystate.broker.consumers import in_turn, surplus_of


def test_the_last_of_the_queues_with_a_backlog_is_offered() -> None:
    depths = {"a": Depth(10, 1), "b": Depth(10, 1), "c": Depth(0, 1), "gone": None}
    assert surplus_of(["a", "b", "c", "gone"], depths) == "b"


def test_a_single_backlog_is_worked_where_it_is() -> None:
    assert surplus_of(["a"], {"a": Depth(10, 1), "b": Depth(10, 1)}) is None
    assert surplus_of(["a", "b"], {"a": Depth(0, 1), "b": Depth(9, 1)}) is None
    assert surplus_of([], {}) is None


def test_partitions_of_one_kind_stand_apart_so_that_halves_are_alike() -> None:
    found = in_turn([[("in", "in"), ("in", "in.0"), ("in", "in.1")], [("out", "out")], [("st", "st"), ("st", "st.0")]])
    assert [queue for _, queue in found] == ["in", "out", "st", "in.0", "st.0", "in.1"]
