"""The audit log in PostgreSQL: an entry is written in the transaction of the act it tells of, so none is without the other."""

from collections.abc import Sequence

from waystate.audit.model import FIRST, Entry, chain
from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId

_queries = load_queries(__file__)


async def append_many(conn: Connection, tenant_id: TenantId, entries: Sequence[Entry]) -> None:
    """The last statement of a transaction but the outbox's: it holds the chain's lock until the commit."""
    if not entries:
        return
    await _queries.lock_chain(conn, tenant_id=tenant_id)
    last = await _queries.find_last(conn, tenant_id=tenant_id)
    position, previous = (0, FIRST) if last is None else (last["position"], last["hash"])
    links = chain(tenant_id, entries, position=position, previous=previous)
    await _queries.insert_entries(
        conn,
        tenant_id=tenant_id,
        positions=[link.position for link in links],
        ids=[link.entry.id for link in links],
        moments=[link.entry.at for link in links],
        actors=[link.entry.actor._asdict() for link in links],
        actions=[link.entry.action for link in links],
        subjects=[link.entry.subject for link in links],
        details=[link.entry.details for link in links],
        previous=[link.previous for link in links],
        hashes=[link.hash for link in links],
    )
