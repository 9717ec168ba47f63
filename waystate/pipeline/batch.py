"""A batch of one tenant's items on its way: what it is run with, and what it comes to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from waystate.db.pool import Connection
from waystate.dead_letters.model import Pipeline, Verdict
from waystate.documents import JsonObject
from waystate.errors import Refused
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.messages.advance import Advanced
from waystate.tenants.routing import TenantView


class Taken(NamedTuple):
    """An item as a door took it in, at `at`.

    `kept` is what a dead letter keeps of it, where that is not the item itself. What a door has rejected already comes as that,
    with the `pipeline` it was meant for.
    """

    item: Any
    at: datetime
    origin: str
    kept: JsonObject | None = None
    pipeline: Pipeline | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The transaction that items are run in, with whose they are; `lanes` are those that deliveries fall into.

    `is_replay`: nobody has asked yet whether the number that an item names is the tenant's, and what a repeat came to the first
    time is told once more.
    """

    conn: Connection
    tenant: TenantId
    view: TenantView
    now: datetime
    lanes: int
    is_replay: bool = False


@dataclass(slots=True)
class Judged:
    """A verdict for each item of a batch, in order; `events` in the order in which they are appended."""

    verdicts: list[Verdict] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    advanced: list[Advanced] = field(default_factory=list)


Work = Callable[[Batch, Sequence[Any]], Awaitable[Judged]]
"""Runs items of one kind in their transaction, whose opener appends the events."""


def answered(result: object) -> Verdict:
    """Of a caller who waits: told why not (`Refused`), or what came of it."""
    return Verdict(error=result) if isinstance(result, Refused) else Verdict(answer=result)
