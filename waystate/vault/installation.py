"""What a process needs of the vault when it starts: the secret that all processes of an installation have in common
(docs/decisions/0017), and every master key that stored secrets were sealed with; without one it would fail later, at a
customer's message."""

import secrets
from collections import Counter

from waystate.db.pool import Database
from waystate.errors import ConfigError
from waystate.vault import store
from waystate.vault.model import Cell, column_of
from waystate.vault.sealing import Vault

_BYTES = 32
SAMPLE = 20
"""Tenants looked at when a process starts. Every tenant's secrets are few, but tenants may be many."""


async def load_installation_secret(db: Database, vault: Vault) -> bytes:
    """Made at the first start on a database. Everything derived from it stays the same when the master key changes."""
    async with db.work() as conn:
        sealed = await store.find_installation(conn)
        if sealed is None:
            made = vault.seal(secrets.token_hex(_BYTES), aad=_cell(b"").aad)
            sealed = await store.insert_installation(conn, made)
    return bytes.fromhex(vault.open(sealed, aad=_cell(sealed).aad))


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


def _cell(value: bytes) -> Cell:
    return Cell(None, column_of("installation", "secret"), "1", value)
