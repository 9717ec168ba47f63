"""Lanes: what several processes share the work by, and whose turn it is when more waits than a batch takes. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

REMEMBERED = 8
"""Full takes for which a lane counts as crowded; then it has to show it again."""


def lane_of(key: str | bytes, lanes: int) -> int:
    """The lane of a number, an OAuth client or a tenant: the same in every process and after every restart."""
    return crc32(key.encode() if isinstance(key, str) else key) % lanes


@dataclass(frozen=True, slots=True)
class Share:
    """What one member of a kind is to do about its lanes."""

    keep: list[int]
    surplus: list[int]
    """Ours, and somebody else's as soon as nothing of them is in hand."""
    take: list[int]
    is_short: bool
    """Others hold what is ours to have; they hand it over soon."""


def share_out(lanes: int, members: Sequence[str], holder: str, holders: Mapping[int, str]) -> Share:
    """An even share for each of the sorted `members`; `holders` is who holds which lane now."""
    rank = members.index(holder)
    size = lanes // len(members) + (rank < lanes % len(members))
    ours = sorted(lane for lane, each in holders.items() if each == holder)
    free = [lane for lane in range(lanes) if lane not in holders]
    # Newcomers that come together begin at different places, so that they seldom ask for the same lane.
    start = len(free) * rank // len(members)
    missing = max(0, size - len(ours))
    take = [*free[start:], *free[:start]][:missing]
    return Share(ours[:size], ours[size:], take, is_short=len(take) < missing)


class Fairness:
    """Lets lanes that filled a batch, and the others, take turns; within a lane the order stays what it is.

    A tenant's backlog must not be everybody's wait.

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
