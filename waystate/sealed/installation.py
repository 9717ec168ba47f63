"""The installation's own secret: what its processes have in common, whatever the master key is (docs/decisions/0017)."""

import secrets

from waystate.db.pool import Database
from waystate.sealed import store
from waystate.sealed.model import Cell, column_of
from waystate.vault import Vault

_BYTES = 32


async def load_installation_secret(db: Database, vault: Vault) -> bytes:
    """Made at the first start on a database. Everything derived from it stays the same when the master key changes."""
    async with db.work() as conn:
        sealed = await store.find_installation(conn)
        if sealed is None:
            made = vault.seal(secrets.token_hex(_BYTES), aad=_cell(b"").aad)
            sealed = await store.insert_installation(conn, made)
    return bytes.fromhex(vault.open(sealed, aad=_cell(sealed).aad))


def _cell(value: bytes) -> Cell:
    return Cell(None, column_of("installation", "secret"), "1", value)
