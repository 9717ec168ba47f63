"""Entries of one tenant form one chain, whoever writes at once."""

import asyncio
from datetime import UTC, datetime

from tests.world import Business, World
from waystate.audit import store
from waystate.audit.model import FIRST, OPERATOR, Entry

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def test_entries_written_at_once_form_one_chain(world: World, tenant: Business) -> None:
    async def act(number: int) -> None:
        async with world.db.tenant(tenant.tenant) as conn:
            await store.append_many(conn, tenant.tenant, [Entry(actor=OPERATOR, action="a.b", subject=str(number), at=NOW)])

    await asyncio.gather(*(act(number) for number in range(20)))
    rows = await world.rows(tenant, "SELECT position, previous, hash FROM audit_log ORDER BY position")
    assert [row["position"] for row in rows] == [*range(1, 21)]
    assert [row["previous"] for row in rows] == [FIRST, *(row["hash"] for row in rows[:-1])]
