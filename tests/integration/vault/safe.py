"""Secrets of every kind in a database, and the master key in files, as an installation without settings has it."""

from pathlib import Path

import asyncpg

from tests.acceptance.installation import new_account, new_integration
from waystate.config import Config, load_config
from waystate.db.pool import Database
from waystate.ids import TenantId, new_id
from waystate.tenants import store
from waystate.tenants.model import MetaApp, Tenant
from waystate.vault.installation import load_installation_secret
from waystate.vault.model import COLUMNS, Cell, Column
from waystate.vault.sealing import Vault, load_vault

TENANTS = (TenantId("acme"), TenantId("globex"))


class Safe:
    def __init__(self, db: Database, connection: asyncpg.Connection, home: Path) -> None:
        self.db = db
        self.connection = connection
        self.config: Config = load_config({"WAYSTATE_HOME": str(home)})
        self.vault = self.new_vault()

    def new_vault(self) -> Vault:
        """As another process has it."""
        return load_vault(self.config)

    async def fill(self) -> None:
        await load_installation_secret(self.db, self.vault)
        async with self.db.work() as conn:
            await store.upsert_many(conn, [Tenant(id=each, name=each) for each in TENANTS])
        await self.set_app("app-1", "first")
        for number, tenant in enumerate(TENANTS):
            await self.set_account(tenant, f"10{number}", "first")
            provider = Cell(tenant, Column("identity_providers", "client_secret", True), tenant, b"")
            await self.connection.execute(
                "INSERT INTO identity_providers (tenant_id, issuer, client_id, client_secret) VALUES ($1, 'i', 'c', $2)",
                tenant,
                self.vault.seal("first", aad=provider.aad),
            )
        person = new_id()
        cell = Cell(None, Column("users", "totp_secret", False), str(person), b"")
        await self.connection.execute(
            "INSERT INTO users (id, email, name, totp_secret, created_at) VALUES ($1, 'ada@example.org', 'Ada', $2, now()),"
            " ($3, 'eve@example.org', 'Eve', NULL, now())",
            person,
            self.vault.seal("first", aad=cell.aad),
            new_id(),
        )

    async def set_app(self, app_id: str, secret: str, vault: Vault | None = None) -> None:
        async with self.db.work() as conn:
            app = MetaApp(id=app_id, app_secret=secret, verify_token="verify-token")
            await store.upsert_meta_apps(conn, vault or self.vault, [app])

    async def set_account(self, tenant: TenantId, number: str, secret: str, vault: Vault | None = None) -> None:
        used = vault or self.vault
        integration = new_integration(f"integration-{number}", client_secret=secret, event_secret="a-secret-of-events")
        account = new_account(number, access_token=secret)
        async with self.db.work(tenant_id=tenant) as conn:
            (known,) = await store.upsert_integrations(conn, used, tenant, [integration])
            linked = account.model_copy(update={"genesys_integration_id": known.id})
            await store.upsert_accounts(conn, used, tenant, [linked])

    async def read(self, vault: Vault) -> dict[str, str]:
        """Everything that the product reads of tenants; raises where one cannot be opened."""
        found = {"installation": (await load_installation_secret(self.db, vault)).hex()}
        async with self.db.work() as conn:
            found["app"] = (await store.find_meta_apps(conn, vault, ["app-1"]))["app-1"].app_secret
        for tenant in TENANTS:
            async with self.db.tenant(tenant) as conn:
                (account,) = await store.accounts_of(conn, vault, tenant)
                (integration,) = await store.integrations_of(conn, vault, tenant)
            found |= {f"{tenant} account": account.access_token, f"{tenant} integration": integration.client_secret}
        return found

    async def key_ids(self) -> dict[str, set[str]]:
        """Under which keys each column's values are, read as a superuser and by no code of the product's."""
        found: dict[str, set[str]] = {}
        for column in COLUMNS:
            rows = await self.connection.fetch(f"SELECT {column.column} AS value FROM {column.table}")
            values = [bytes(row["value"]) for row in rows if row["value"] is not None]
            found[str(column)] = {value[2 : 2 + value[1]].decode() for value in values}
        return found
