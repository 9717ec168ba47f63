"""Webhook bodies as received, and the lanes in which they are worked."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from waystate.documents import JsonObject

IN_COMPANY = 2
"""Deaths that a row can share with the rest of its batch before it is suspected."""

PREVIEW = 200
"""Bytes of a body that a list shows."""

ANY_ROUTE = "*"
"""Stands for the routes that a row lacked and that were too many to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One webhook body on its way into the ledger; `origin` is the Meta app or the Genesys integration of its path."""

    id: UUID
    source: str
    origin: str
    lane: int
    received_at: datetime
    body: bytes
    parent: UUID | None = None

    @property
    def day(self) -> date:
        return self.received_at.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A pending row as its lane's holder takes it. `attempts` counts this take; `taken` orders the takes of a lane.

    More than `IN_COMPANY` attempts: processes died on it so often, and it is taken alone since.
    `epoch` is that of its lane's lease when it was taken (None: by nobody who could lose it), `revision` the directory's.
    `is_counted`: this take is among the attempts in the database, as that of a row is that a process may die on.
    """

    day: date
    id: UUID
    source: str
    origin: str
    lane: int
    received_at: datetime
    taken: int
    attempts: int
    body: bytes
    parent: UUID | None = None
    epoch: int | None = None
    revision: int | None = None
    is_counted: bool = True

    @property
    def name(self) -> str:
        """What messages, history and dead letters name as their origin."""
        return f"ledger:{self.day.isoformat()}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a ledger row: `done` with what was ignored, or `rejected` with why.

    With an `epoch` it counts only while the lease of its lane is still that one.
    """

    day: date
    id: UUID
    state: str
    outcome: JsonObject
    lane: int | None = None
    epoch: int | None = None


def child_id(parent: UUID, number: str) -> UUID:
    """The id of what a row hands over to another number's lane: the same each time, and in order where its parent stands."""
    time_and_version = parent.int >> 64 << 64
    return UUID(int=time_and_version | uuid5(parent, number).int & (1 << 64) - 1)
