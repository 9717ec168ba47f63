"""Seals every stored secret anew with the current master key, while everything runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.documents import JsonObject
from waystate.ids import PLATFORM, TenantId
from waystate.principal import OPERATOR
from waystate.vault import store
from waystate.vault.installation import count_keys
from waystate.vault.model import Cell, CellPlace
from waystate.vault.sealing import Unsealable, Vault

BATCH = 100
"""Values of one transaction, so that nobody waits long for one of its rows."""


@dataclass(slots=True)
class Progress:
    """`changed` were given a new value by somebody else meanwhile, `unopened` say whose and which they are."""

    total: int = 0
    resealed: int = 0
    changed: int = 0
    unopened: list[str] = field(default_factory=list)


async def rotate(
    db: Database, vault: Vault, clock: Clock, *, told: Callable[[Progress], None] = lambda _: None, batch: int = BATCH
) -> Progress:
    """What another key sealed is sealed with the current one; it may be stopped at any moment and run again.

    A transaction is one tenant's, so the platform's log cannot be in each of them: it has an entry from before the first, and
    one with the counts at the end, which is written when it is stopped as well.
    """
    current, header = vault.current, vault.header
    found = await count_keys(db)
    progress = Progress(total=sum(number for key_id, number in found.items() if key_id != current))
    await _record(db, clock, "secrets.rotation_started", current, {"values": progress.total})
    async with db.work() as conn:
        tenants: list[TenantId | None] = [None, *await store.list_tenants(conn)]
    try:
        for tenant in tenants:
            place: CellPlace | None = CellPlace()
            while place is not None:
                place = await _rotate_page(db, vault, tenant, header, place, batch, progress)
                told(progress)
    finally:
        counts = {"resealed": progress.resealed, "changed": progress.changed, "unopened": len(progress.unopened)}
        await _record(db, clock, "secrets.rotated", current, counts)
    return progress


async def _rotate_page(
    db: Database, vault: Vault, tenant: TenantId | None, header: bytes, after: CellPlace, batch: int, progress: Progress
) -> CellPlace | None:
    """Where it ended, or None when it was the last."""
    async with db.work(tenant_id=tenant) as conn:
        cells = await store.list_cells(conn, tenant, header=header, after=after, batch=batch)
        changes, unopened = _sealed_anew(vault, cells)
        written = await store.reseal_many(conn, tenant, changes)
    progress.resealed += written
    progress.changed += len(changes) - written
    progress.unopened += unopened
    return CellPlace(cells[-1].column.table, cells[-1].column.column, cells[-1].row) if len(cells) == batch else None


def _sealed_anew(vault: Vault, cells: Sequence[Cell]) -> tuple[list[tuple[Cell, bytes]], list[str]]:
    changes, unopened = [], []
    for cell in cells:
        try:
            changes.append((cell, vault.seal(vault.open(cell.value, aad=cell.aad), aad=cell.aad)))
        except Unsealable as error:
            whose = "" if cell.tenant_id is None else f"tenant {cell.tenant_id}, "
            unopened.append(f"{whose}{cell.column} of row {cell.row}: {error}")
    return changes, unopened


async def _record(db: Database, clock: Clock, action: str, key_id: str, details: JsonObject) -> None:
    entry = Entry(actor=OPERATOR, action=action, subject=f"master_key:{key_id}", at=clock(), details=details)
    async with db.work(tenant_id=PLATFORM) as conn:
        await audit_store.append_many(conn, PLATFORM, [entry])
