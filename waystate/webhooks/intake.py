"""Webhook bodies into the ledger: concurrent requests share one INSERT and one commit."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.errors import Rejected, Retry, Unavailable
from waystate.ids import PLATFORM
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received, child_id
from waystate.principal import Actor
from waystate.work.batch import Batcher
from waystate.work.lanes import lane_of
from waystate.work.loops import Hint

BATCH = 500
STEP = 500
"""Rows that one transaction of a replay puts back: a hundred thousand at once would hold their locks for as long."""
NAMED = 1000
"""Ids that the answer to a replay names at the most."""


class Intake:
    """Two batches may be under way at once, so that one waits for its commit while the other collects."""

    def __init__(self, db: Database, ledger_hint: Hint) -> None:
        self._db = db
        self._hint = ledger_hint
        self._rows: Batcher[int, Received, None] = Batcher(self._flush, limit=BATCH)

    async def append(self, rows: Sequence[Received]) -> None:
        """All rows of a body, durable when it returns. `Unavailable` tells the platform to send again.

        Each goes with its lane's batch, behind what came before it there; a body that is durable in part comes again whole.
        """
        try:
            await asyncio.gather(*(self._rows.submit(row.lane % 2, row) for row in rows))
        except (Retry, Rejected, OSError) as error:
            raise Unavailable(
                "database_unavailable", "The webhook cannot be made durable now; send it again.", retry_after=1.0
            ) from error
        self._hint.give()

    async def close(self) -> None:
        await self._rows.close()

    async def _flush(self, _: int, rows: Sequence[Received]) -> list[None]:
        async with self._db.ingest() as conn:
            await ledger_store.append_many(conn, rows)
        return [None] * len(rows)


@dataclass(frozen=True, slots=True)
class ReplayedRows:
    """How many rows were put back to work, and the ids of the first `NAMED` of them."""

    count: int = 0
    ids: tuple[UUID, ...] = ()

    def plus(self, ids: Sequence[UUID]) -> "ReplayedRows":
        return ReplayedRows(self.count + len(ids), (*self.ids, *ids)[:NAMED])


async def replay_many(db: Database, actor: Actor, clock: Clock, ids: Sequence[UUID]) -> ReplayedRows:
    """Rejected rows back to pending, with an entry in the platform's audit log; those that are not rejected are left."""
    async with db.work(tenant_id=PLATFORM) as conn:
        return ReplayedRows().plus(await _replay(conn, actor, clock, ids))


async def replay_all(db: Database, actor: Actor, clock: Clock, *, step: int = STEP) -> ReplayedRows:
    """Everything that is rejected now, oldest first: a transaction, and an entry in the audit log, for each `step` rows."""
    async with db.work() as conn:
        until = await ledger_store.find_last_rejected(conn)
    replayed = ReplayedRows()
    after: UUID | None = None
    while until is not None:
        async with db.work(tenant_id=PLATFORM) as conn:
            ids = await ledger_store.list_rejected(conn, after=after, until=until, batch=step)
            replayed = replayed.plus(await _replay(conn, actor, clock, ids))
        if len(ids) < step:
            break
        after = ids[-1]
    return replayed


async def _replay(conn: Connection, actor: Actor, clock: Clock, ids: Sequence[UUID]) -> list[UUID]:
    replayed = await ledger_store.replay_many(conn, ids)
    if replayed:
        entry = Entry(actor=actor, action="ledger.replayed", subject="ledger", at=clock(), details=named(replayed))
        await audit_store.append_many(conn, PLATFORM, [entry])
    return replayed


async def deal_out(conn: Connection, lanes: int) -> int:
    """Rows that are not done, each into its lane of so many; how many were looked at."""
    looked_at = 0
    after: UUID | None = None
    while rows := await ledger_store.list_lane_keys(conn, after=after, batch=STEP):
        await ledger_store.change_lanes(conn, rows, [_lane_of(row, lanes) for row in rows])
        looked_at += len(rows)
        after = rows[-1]["id"]
    return looked_at


def _lane_of(row: Mapping[str, Any], lanes: int) -> int:
    """As its callback, or whoever handed it over, found it."""
    numbers: list[str] = row["numbers"] or []
    if row["parent"] is not None:
        numbers = [each for each in numbers if child_id(row["parent"], each) == row["id"]]
    return lane_of(numbers[0] if numbers and row["source"] == "whatsapp" else row["origin"], lanes)
