"""Which master keys the stored secrets need: a start without one of them would fail later, at a customer's message."""

from collections import Counter

from waystate.db.pool import Database
from waystate.errors import ConfigError
from waystate.sealed import store
from waystate.vault import Vault

SAMPLE = 20
"""Tenants looked at when a process starts. Every tenant's secrets are few, but tenants may be many."""


async def count_keys(db: Database, *, tenants: int | None = None) -> Counter[str]:
    """Values of each key id: in the global tables, and of so many tenants or all."""
    async with db.work() as conn:
        found = await store.count_cells(conn, None)
        ids = await store.list_tenants(conn, batch=tenants)
    for tenant in ids:
        async with db.work(tenant_id=tenant) as conn:
            found += await store.count_cells(conn, tenant)
    return found


async def check_keys(db: Database, vault: Vault) -> None:
    found = await count_keys(db, tenants=SAMPLE)
    missing = sorted(key_id for key_id in found if not vault.holds(key_id))
    if missing:
        held = ", ".join(f"'{each}'" for each in vault.key_ids)
        raise ConfigError(
            f"Stored secrets were sealed with master key '{missing[0]}', which this process does not have; it has {held}. "
            "Give that key in WAYSTATE_MASTER_KEY or WAYSTATE_MASTER_KEYS_OLD, or bring its file back into the folder keys/old "
            "of WAYSTATE_HOME; docs/how-to/rotate-secrets.md."
        )
