"""Sealed values of every table in PostgreSQL, in transactions of role `waystate_work`; a tenant's with `app.tenant_id` set."""

from collections import Counter
from collections.abc import Sequence

from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId
from waystate.vault.model import Cell, CellPlace, Column, column_of

_queries = load_queries(__file__)

_RESEAL = {
    column_of("installation", "secret"): _queries.reseal_installation_secret,
    column_of("meta_apps", "app_secret"): _queries.reseal_meta_apps_app_secret,
    column_of("meta_apps", "verify_token"): _queries.reseal_meta_apps_verify_token,
    column_of("users", "totp_secret"): _queries.reseal_users_totp_secret,
    column_of("whatsapp_accounts", "access_token"): _queries.reseal_whatsapp_accounts_access_token,
    column_of("genesys_integrations", "client_secret"): _queries.reseal_genesys_integrations_client_secret,
    column_of("genesys_integrations", "webhook_secret"): _queries.reseal_genesys_integrations_webhook_secret,
    column_of("genesys_integrations", "event_secret"): _queries.reseal_genesys_integrations_event_secret,
    column_of("identity_providers", "client_secret"): _queries.reseal_identity_providers_client_secret,
}


async def insert_installation(conn: Connection, secret: bytes) -> bytes:
    """The one that stands: this, or that of whoever came first."""
    await _queries.insert_installation(conn, secret=secret)
    found: bytes = await _queries.find_installation(conn)
    return found


async def find_installation(conn: Connection) -> bytes | None:
    found: bytes | None = await _queries.find_installation(conn)
    return found


async def list_tenants(conn: Connection, *, batch: int | None = None) -> list[TenantId]:
    return [TenantId(row["id"]) for row in await _queries.list_tenants(conn, batch=batch)]


async def list_cells(
    conn: Connection, tenant_id: TenantId | None, *, header: bytes, after: CellPlace, batch: int
) -> list[Cell]:
    """Those that do not begin with `header`, which another key sealed. None: of the global tables."""
    query = _queries.list_global_cells if tenant_id is None else _queries.list_tenants_cells
    said = {"table_name": after.table, "column_name": after.column, "row": after.row}
    rows = await query(conn, tenant_id=tenant_id, header=header, batch=batch, **said)
    return [Cell(tenant_id, column_of(row["table_name"], row["column_name"]), row["row"], row["value"]) for row in rows]


async def count_cells(conn: Connection, tenant_id: TenantId | None) -> Counter[str]:
    """How many values there are of each key id. None: of the global tables."""
    query = _queries.count_global_cells if tenant_id is None else _queries.count_tenants_cells
    return Counter({row["key_id"]: row["items"] for row in await query(conn, tenant_id=tenant_id)})


async def reseal_many(conn: Connection, tenant_id: TenantId | None, cells: Sequence[tuple[Cell, bytes]]) -> int:
    """Each cell's new value in place of the one that it had when it was read; how many had it still."""
    by_column: dict[Column, list[tuple[Cell, bytes]]] = {}
    for each in cells:
        by_column.setdefault(each[0].column, []).append(each)
    written = 0
    for column, changes in by_column.items():
        written += len(
            await _RESEAL[column](
                conn,
                tenant_id=tenant_id,
                rows=[cell.row for cell, _ in changes],
                before=[cell.value for cell, _ in changes],
                after=[value for _, value in changes],
            )
        )
    return written
