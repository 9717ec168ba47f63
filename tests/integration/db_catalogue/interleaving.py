"""T4: requests of many tenants over few connections, many of them cut off in the middle; what each saw that was not its own."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

from waystate.db.pool import Database
from waystate.ids import TenantId, new_id

AT_ONCE = 40
LONGEST = 12
"""Turns of the event loop after which a request that is to be cut off is, at the latest."""


def tenants(number: int) -> list[TenantId]:
    return [TenantId(f"tenant-{each:02}") for each in range(number)]


async def prepare(db: Database, names: list[TenantId]) -> None:
    async with db.work() as conn:
        await conn.executemany("INSERT INTO tenants (id, name) VALUES ($1, $1)", [(each,) for each in names])


async def interleave(db: Database, names: list[TenantId], requests: int, *, seed: int) -> Counter[str]:
    """How often what happened; `foreign` counts rows of others that a request saw or wrote."""
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    waiting = asyncio.Semaphore(AT_ONCE)

    async def one(tenant: TenantId, cut_off_after: int | None) -> None:
        async with waiting:
            begun = asyncio.Event()
            task = asyncio.create_task(request(db, tenant, begun, seen, fails=cut_off_after is None and seen.total() % 7 == 0))
            if cut_off_after is not None:
                if cut_off_after % 3:
                    await begun.wait()
                for _ in range(cut_off_after):
                    await asyncio.sleep(0)
                seen["cut off inside"] += begun.is_set() and not task.done()
                seen["cut off"] += task.cancel()
            with suppress(asyncio.CancelledError, LookupError):
                await task

    async with asyncio.TaskGroup() as group:
        for _ in range(requests):
            cut_off_after = dice.randrange(LONGEST) if dice.random() < 0.4 else None
            group.create_task(one(dice.choice(names), cut_off_after))
    async with db.work() as conn:
        seen["left behind"] += len(await conn.fetch("SELECT FROM contacts"))
    for tenant in names:
        async with db.tenant(tenant) as conn:
            seen["foreign"] += await conn.fetchval("SELECT count(*) FROM contacts WHERE tenant_id <> $1 OR name <> $1", tenant)
            seen["written"] += await conn.fetchval("SELECT count(*) FROM contacts")
    return seen


async def request(db: Database, tenant: TenantId, begun: asyncio.Event, seen: Counter[str], *, fails: bool) -> None:
    """Writes a row that names the tenant, and reads and writes without naming it."""
    contact = new_id()
    async with db.tenant(tenant) as conn:
        begun.set()
        await conn.execute("INSERT INTO contacts (tenant_id, id, name) VALUES ($1, $2, $1)", tenant, contact)
        found = await conn.fetch("SELECT DISTINCT tenant_id, name FROM contacts")
        seen["foreign"] += sum((row["tenant_id"], row["name"]) != (tenant, tenant) for row in found)
        changed = await conn.fetch("UPDATE contacts SET email = 'x' WHERE id >= $1 RETURNING tenant_id", contact)
        seen["foreign"] += sum(row["tenant_id"] != tenant for row in changed)
        if fails:
            raise LookupError("a request that fails on the way")
    seen["done"] += 1
