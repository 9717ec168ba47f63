"""Whose turn it is when there is more waiting than a batch takes: a tenant's backlog must not be everybody's wait. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence

REMEMBERED = 8
"""Full takes for which a lane counts as crowded; then it has to show it again."""


class Turns:
    """Lanes that filled a batch, and the others, take turns; within a lane the order stays what it is.

    So what comes in on a quiet lane waits for the batch in hand and few more, and the crowded lanes are worked all the same.
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._crowded: dict[int, int] = {}
        self._is_quiet_ones_turn = False

    def next(self, lanes: Collection[int]) -> list[list[int]]:
        """Lanes to take from; the second choice is for when the first has nothing."""
        quiet = [lane for lane in lanes if lane not in self._crowded]
        if self._crowded and quiet and self._is_quiet_ones_turn:
            return [quiet, list(lanes)]
        return [list(lanes)]

    def note(self, taken: Sequence[int], *, of_all: bool) -> None:
        """The lanes of what was taken, one for each item. `of_all`: from all lanes at once."""
        self._is_quiet_ones_turn = of_all
        if len(taken) >= self._batch:
            counts = Counter(taken)
            left = {lane: takes - 1 for lane, takes in self._crowded.items() if takes > 1}
            self._crowded = left | {lane: REMEMBERED for lane, items in counts.items() if items * len(counts) >= len(taken)}
        elif of_all:
            self._crowded = {}
