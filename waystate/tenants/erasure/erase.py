"""A tenant's deletion: begun once, then its rows in batches, and itself last. Whoever comes again goes on where it stopped."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import NotFound
from waystate.ids import PLATFORM, TenantId
from waystate.principal import Actor
from waystate.tenants.erasure import store
from waystate.tenants.store import unknown_tenant

BATCH = 1000
"""Rows a transaction: tens of milliseconds, so that nobody waits long for a lock or a vacuum."""

Told = Callable[[str, Mapping[str, int]], None]
"""(table, rows of each that went so far): after each batch."""


@dataclass
class Erased:
    """`rows` went so far, in all calls; `left` are the tables that may have some still."""

    is_done: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


class Eraser:
    """`batch` rows a transaction at the most; between two of them anybody may stop it, or die."""

    def __init__(self, db: Database, clock: Clock, *, batch: int = BATCH) -> None:
        self._db = db
        self._clock = clock
        self._batch = batch

    async def run(
        self, tenant_id: TenantId, actor: Actor, *, seconds: float = float("inf"), told: Told = lambda *_: None
    ) -> Erased:
        """Until all is gone, or for about so many `seconds`. The tenant must be suspended."""
        if tenant_id == PLATFORM:
            raise unknown_tenant(tenant_id)
        ends_at = time.monotonic() + seconds
        if not await self._begin(tenant_id, actor):
            return await self._without_owner(tenant_id)
        erased, found = Erased(), True
        while found:
            found = False
            for place, table in enumerate(store.TABLES):
                went = self._batch
                while went >= self._batch:
                    if time.monotonic() >= ends_at:
                        erased.left = list(store.TABLES[place:])
                        return erased
                    rows = await self._erase(tenant_id, table)
                    if rows is None:  # somebody else was faster
                        return Erased(is_done=True, rows=erased.rows)
                    went, erased.rows = rows
                    found = found or went > 0
                    told(table, erased.rows)
        return await self._finish(tenant_id, actor, erased)

    async def _begin(self, tenant_id: TenantId, actor: Actor) -> bool:
        """False: there is no such tenant."""
        async with self._db.work(tenant_id=PLATFORM) as conn:
            try:
                begun = await store.begin(conn, tenant_id, self._clock())
            except NotFound:
                return False
            if begun:
                await audit_store.append_many(conn, PLATFORM, [self._entry(tenant_id, actor, "tenant.deletion_begun")])
        return True

    async def _erase(self, tenant_id: TenantId, table: str) -> tuple[int, dict[str, int]] | None:
        """One batch: how many rows of this table went, and of all so far; None when the tenant is gone."""
        async with self._db.work(tenant_id=tenant_id) as conn:
            deletion = await store.find_deletion(conn, tenant_id)
            if deletion is None:
                return None
            went = await store.erase(conn, tenant_id, table, self._batch)
            rows = _sum(deletion.rows, went)
            if rows != deletion.rows:
                await store.note_progress(conn, tenant_id, rows)
        return went[table], rows

    async def _finish(self, tenant_id: TenantId, actor: Actor, erased: Erased) -> Erased:
        async with self._db.work(tenant_id=PLATFORM) as conn:
            if await store.delete(conn, tenant_id):
                entry = self._entry(tenant_id, actor, "tenant.deleted", rows=erased.rows)
                await audit_store.append_many(conn, PLATFORM, [entry])
        # What a process wrote that had not heard of the deletion yet, where no foreign key took it along.
        await self._sweep(tenant_id)
        return Erased(is_done=True, rows=erased.rows)

    async def _without_owner(self, tenant_id: TenantId) -> Erased:
        """A deletion that died between the tenant and the last sweep is finished; else there is nothing of that name."""
        rows = await self._sweep(tenant_id)
        if not any(rows.values()):
            raise unknown_tenant(tenant_id)
        return Erased(is_done=True, rows=rows)

    async def _sweep(self, tenant_id: TenantId) -> dict[str, int]:
        rows: dict[str, int] = {}
        for table in store.TABLES:
            went = self._batch
            while went >= self._batch:
                async with self._db.work(tenant_id=tenant_id) as conn:
                    if await store.find_deletion(conn, tenant_id) is not None:
                        return rows  # the name has a new owner, or is the platform's
                    erased = await store.erase(conn, tenant_id, table, self._batch)
                went, rows = erased[table], _sum(rows, erased)
        return rows

    def _entry(self, tenant_id: TenantId, actor: Actor, action: str, **details: object) -> Entry:
        return Entry(actor=actor, action=action, subject=f"tenant:{tenant_id}", at=self._clock(), details=dict(details))


def _sum(rows: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**rows, **{table: rows.get(table, 0) + count for table, count in more.items() if count}}
