"""Webhook bodies into the ledger: concurrent requests share one INSERT and one commit."""

from collections.abc import Sequence
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import Rejected, Retry, Unavailable
from waystate.ids import PLATFORM
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received
from waystate.principal import Actor
from waystate.work.batch import Batcher
from waystate.work.loops import Hint

BATCH = 500


class Intake:
    """Two batches may be under way at once, so that one waits for its commit while the other collects."""

    def __init__(self, db: Database, ledger_hint: Hint) -> None:
        self._db = db
        self._hint = ledger_hint
        self._rows: Batcher[int, Received, None] = Batcher(self._flush, limit=BATCH)

    async def append(self, received: Received) -> None:
        """Durable when it returns. `Unavailable` tells the platform to send again."""
        try:
            await self._rows.submit(received.lane % 2, received)
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


async def replay_many(db: Database, actor: Actor, clock: Clock, ids: Sequence[UUID] | None) -> list[UUID]:
    """Rejected rows back to pending (None: all of them), with an entry in the platform's audit log; those that were."""
    async with db.work(tenant_id=PLATFORM) as conn:
        replayed = await ledger_store.replay_many(conn, ids)
        if replayed:
            entry = Entry(actor=actor, action="ledger.replayed", subject="ledger", at=clock(), details=named(replayed))
            await audit_store.append_many(conn, PLATFORM, [entry])
    return replayed
