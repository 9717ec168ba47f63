"""Everything that is sealed with the master key: the one list that rotation goes by, and a test holds the schema to. Pure."""

from typing import NamedTuple

from waystate.ids import TenantId
from waystate.vault.sealing import NO_TENANT, aad


class Column(NamedTuple):
    """`of_tenant`: its table is under row-level security, and the tenant is part of what a value is bound to."""

    table: str
    column: str
    of_tenant: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


COLUMNS = (
    Column("installation", "secret", False),
    Column("meta_apps", "app_secret", False),
    Column("meta_apps", "verify_token", False),
    Column("users", "totp_secret", False),
    Column("whatsapp_accounts", "access_token", True),
    Column("genesys_integrations", "client_secret", True),
    Column("genesys_integrations", "webhook_secret", True),
    Column("genesys_integrations", "event_secret", True),
    Column("identity_providers", "client_secret", True),
)
"""A value is bound to its row's `id`; an identity provider, of which a tenant has one, to the tenant's."""


class Cell(NamedTuple):
    """A sealed value, where it stands. `tenant_id` is None in a global table."""

    tenant_id: TenantId | None
    column: Column
    row: str
    value: bytes

    @property
    def aad(self) -> str:
        return aad(self.tenant_id or NO_TENANT, self.column.table, self.column.column, self.row)


class CellPlace(NamedTuple):
    """Where a page of cells ended; the next one begins behind it."""

    table: str = ""
    column: str = ""
    row: str = ""


def column_of(table: str, column: str) -> Column:
    return next(each for each in COLUMNS if (each.table, each.column) == (table, column))
