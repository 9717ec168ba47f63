"""Whose turn it is when one tenant's backlog fills every batch."""

from waystate.work.lanes import Fairness

LANES = [1, 2, 3, 4]


def take(fairness: Fairness, waiting: list[int], batch: int) -> list[int]:
    """What a worker does: the lanes of what it takes, from `waiting`, which is in the order of arrival."""
    for lanes in fairness.next(LANES):
        taken = [lane for lane in waiting if lane in lanes][:batch]
        if taken:
            break
    for lane in taken:
        waiting.remove(lane)
    fairness.note(taken, of_all=len(lanes) == len(LANES))
    return taken


def test_without_a_backlog_every_take_is_of_all_lanes() -> None:
    fairness, waiting = Fairness(10), [1, 2, 1, 3]
    assert take(fairness, waiting, 10) == [1, 2, 1, 3]
    assert fairness.next(LANES) == [LANES]


def test_a_quiet_lane_waits_for_one_batch_of_the_crowded_one() -> None:
    fairness, waiting = Fairness(10), [1] * 100
    assert take(fairness, waiting, 10) == [1] * 10
    waiting += [2, 3]
    assert take(fairness, waiting, 10) == [2, 3]
    assert take(fairness, waiting, 10) == [1] * 10


def test_a_few_of_a_quiet_lane_in_a_full_batch_do_not_make_it_crowded() -> None:
    fairness, waiting = Fairness(10), [2] + [1] * 100
    assert take(fairness, waiting, 10) == [2] + [1] * 9
    waiting.append(2)
    assert take(fairness, waiting, 10) == [2]


def test_a_steady_quiet_lane_does_not_starve_the_crowded_one() -> None:
    fairness, waiting = Fairness(10), [1] * 100
    worked = []
    for _ in range(20):
        waiting.append(2)
        worked += take(fairness, waiting, 10)
    assert worked.count(1) == 100
    assert worked.count(2) >= 19


def test_two_floods_do_not_hold_up_a_third_lane() -> None:
    fairness, waiting = Fairness(10), [1] * 50 + [4] * 50
    for _ in range(3):
        take(fairness, waiting, 10)
    waiting.append(3)
    assert 3 in [*take(fairness, waiting, 10), *take(fairness, waiting, 10)]


def test_all_lanes_crowded_are_worked_to_the_end() -> None:
    fairness, waiting = Fairness(10), LANES * 50
    while waiting:
        assert take(fairness, waiting, 10)
