"""When a customer and the business write to each other within the days that are filled. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from random import Random

from waystate.seeding.dialogues import Dialogue, Turn

_SECOND = timedelta(seconds=1)


class Ending(StrEnum):
    """How a customer's last conversation stands today. `LATE` is open, but its customer window has closed."""

    ACTIVE = "active"
    WAITING = "waiting"
    CLOSED = "closed"
    EXPIRED = "expired"
    ERROR = "error"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be filled; `ttl` is the tenant's: an open conversation without a message for so long is expired."""

    start: datetime
    now: datetime
    ttl: timedelta


@dataclass(frozen=True, slots=True)
class Timed:
    """A conversation's turns and when each was written, ascending."""

    turns: Dialogue
    at: tuple[datetime, ...]


def ending_of(number: int, turns: Sequence[Turn], span: Span) -> Ending:
    """Customers take turns, so that a handful of them shows every state; what cannot be in this span is closed."""
    ending = tuple(Ending)[number % len(Ending)]
    is_possible = {
        Ending.EXPIRED: span.now - span.ttl > span.start + timedelta(hours=1),
        Ending.LATE: timedelta(hours=30) < min(span.ttl, span.now - span.start),
        Ending.WAITING: turns[-1].by_customer,
        Ending.ERROR: not turns[-1].by_customer,
    }
    return ending if is_possible.get(ending, True) else Ending.CLOSED


def time_all(conversations: Sequence[Dialogue], ending: Ending, span: Span, random: Random) -> list[Timed]:
    """One after the other and none overlapping; the last one ends as its `ending` needs it."""
    last = _ending_at(conversations[-1], _end(ending, span, random), span, random)
    earlier = conversations[:-1]
    room = (last.at[0] - span.start) / (len(earlier) + 1)
    timed = []
    for place, turns in enumerate(earlier):
        gaps = _gaps(turns, room * 0.8, random)
        start = span.start + room * (place + random.uniform(0, 0.1))
        timed.append(Timed(turns, _add_up(start, gaps)))
    return [*timed, last]


def _end(ending: Ending, span: Span, random: Random) -> datetime:
    """The last message's time."""
    whole = span.now - span.start
    match ending:
        case Ending.EXPIRED:
            latest = span.now - span.ttl
            return latest - (latest - span.start) * random.uniform(0.02, 0.6)
        case Ending.LATE:
            return (
                span.now - random.uniform(0.0, 1.0) * (min(span.ttl, whole) * 0.9 - timedelta(hours=25)) - timedelta(hours=25)
            )
        case Ending.CLOSED:
            return span.now - whole * random.uniform(0.01, 0.7)
    # At least a second ago: a message is received a moment after it was written.
    return span.now - max(_SECOND, min(span.ttl, whole, timedelta(hours=20)) * random.uniform(0.003, 0.5))


def _ending_at(turns: Dialogue, end: datetime, span: Span, random: Random) -> Timed:
    gaps = _gaps(turns, (end - span.start) * 0.9, random)
    return Timed(turns, _add_up(end - sum(gaps[1:], timedelta(0)), gaps))


def _gaps(turns: Dialogue, room: timedelta, random: Random) -> list[timedelta]:
    """Between a turn and the one before it; people who go on write at once, the other side takes its time."""
    gaps = [timedelta(0)]
    for before, turn in pairwise(turns):
        longest = 60 if before.by_customer == turn.by_customer else 3600 if turn.by_customer else 900
        gaps.append(_SECOND * (4 + (longest - 4) * random.random() ** 3))
    total = sum(gaps, timedelta(0))
    return gaps if total <= room else [gap * (room / total) for gap in gaps]


def _add_up(start: datetime, gaps: Sequence[timedelta]) -> tuple[datetime, ...]:
    moments, moment = [], start
    for gap in gaps:
        moment += gap
        moments.append(moment)
    return tuple(moments)
