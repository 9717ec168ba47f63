"""Rejected webhook bodies put back to work, by an operator's command or over HTTP."""

from collections.abc import Sequence
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry, named
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.ids import PLATFORM
from waystate.ledger import store as ledger_store
from waystate.principal import Actor


async def replay_many(db: Database, actor: Actor, clock: Clock, ids: Sequence[UUID] | None) -> list[UUID]:
    """Rejected rows back to pending (None: all of them), with an entry in the platform's audit log; those that were."""
    async with db.work(tenant_id=PLATFORM) as conn:
        replayed = await ledger_store.replay_many(conn, ids)
        if replayed:
            entry = Entry(actor=actor, action="ledger.replayed", subject="ledger", at=clock(), details=named(replayed))
            await audit_store.append_many(conn, PLATFORM, [entry])
    return replayed
