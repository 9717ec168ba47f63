"""Webhook bodies as received, and the lanes in which they are worked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID, uuid5

from waystate.documents import JsonObject
from waystate.ids import TenantId
from waystate.work.lanes import lane_of

IN_COMPANY = 2
"""Deaths that a row can share with the rest of its batch before it is suspected."""

PREVIEW = 200
"""Bytes of a body that a list shows."""

ANY_ROUTE = "*"
"""Stands for the routes that a row lacked and that were too many to name."""

GENESYS_EVENTS = "genesys_events"
"""The source of what Genesys tells of conversations; `genesys` is that of agents' messages."""

COPIES = 32 * 1024 * 1024
"""Bytes that the rows of one body may take together when it comes. Of more, the worker of the first row hands the rest over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One webhook body on its way into the ledger; `origin` is the Meta app or the Genesys integration of its path.

    `number`: the row is for the items of this WhatsApp number alone, and, where it has no `parent`, for those of none.
    `signer`: the tenant whose secret the body was signed with; None where that is not one tenant's, as a Meta app's is not.
    `arrived`: its place among what its lane holds; None: behind all of it.
    """

    id: UUID
    source: str
    origin: str
    lane: int
    received_at: datetime
    body: bytes
    parent: UUID | None = None
    number: str | None = None
    signer: TenantId | None = None
    arrived: int | None = None

    @property
    def day(self) -> date:
        return self.received_at.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A pending row as its lane's holder takes it. `attempts` counts this take; `taken` orders the takes of a lane.

    Of `number`, `signer` and `arrived` see `Received`; None in rows of older versions too, in which what holds no number is for
    all of its lane.

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
    number: str | None = None
    signer: TenantId | None = None
    arrived: int | None = None
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


def child_of(row: Received | LedgerRow, number: str, lanes: int) -> Received:
    """A body's row for another number than that of `row`: in that number's lane, where it stands as `row` does in its own."""
    return Received(
        id=child_id(row.id, number),
        source=row.source,
        origin=row.origin,
        lane=lane_of(number, lanes),
        received_at=row.received_at,
        body=row.body,
        parent=row.id,
        number=number,
        signer=row.signer,
        arrived=row.arrived,
    )


def split(received: Received, numbers: Sequence[str], lanes: int) -> list[Received]:
    """A body's rows, one for each number in it, so that each number's items wait in its lane before what comes later.

    Without a number there is one row, in the lane that it has. A body whose copies would take more than `COPIES` is one row in
    the first number's lane, and is split when it is worked.
    """
    if not numbers:
        return [received]
    first = replace(received, lane=lane_of(numbers[0], lanes))
    if len(numbers) > 1 and len(numbers) * len(received.body) > COPIES:
        return [first]
    first = replace(first, number=numbers[0])
    return [first, *(child_of(first, number, lanes) for number in numbers[1:])]
