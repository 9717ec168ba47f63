"""What an operator does from the command line: set a tenant up, look a message up, work on rejected webhooks."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waystate.cli.printing import counted, read_file
from waystate.clock import utc_now
from waystate.config import Config, load_config
from waystate.db.opening import make_home, with_database
from waystate.db.pool import Database
from waystate.documents import JsonObject, Unreadable, parse
from waystate.errors import BadRequest
from waystate.ids import new_id, parse_tenant_id
from waystate.ledger import store as ledger_store
from waystate.principal import OPERATOR
from waystate.processes.prepare import bring_up
from waystate.tenants import store as tenant_store
from waystate.tenants.change import Tenants
from waystate.tenants.model import GenesysIntegration, MetaApp, Tenant, WhatsAppAccount, sentences_of
from waystate.trace.trace import trace as trace_message
from waystate.vault.sealing import Vault, load_vault
from waystate.webhooks.intake import replay_all, replay_many

R = TypeVar("R")


class TenantFile(BaseModel):
    """A tenant and its accounts. An account names its integration by Genesys' id; ours is found or made."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    tenant: Tenant
    meta_apps: list[MetaApp] = []
    genesys_integrations: list[GenesysIntegration] = []
    whatsapp_accounts: list[Annotated[JsonObject, Field(description="WhatsAppAccount, with `genesys_integration`")]] = []


def apply_tenant(path: Path) -> str:
    """Create or update the tenant that the file describes; running it again changes nothing."""
    try:
        wanted = TenantFile.model_validate(parse(read_file(path, has_secrets=True)))
    except Unreadable as error:
        raise BadRequest("file_invalid", f"{path} is {error}.") from error
    except ValidationError as error:
        raise BadRequest("file_invalid", f"{path} is not usable: {'; '.join(sentences_of(error))}.") from error
    config = load_config()
    vault = open_vault(config)

    async def run(db: Database) -> str:
        def build(integrations: list[GenesysIntegration]) -> list[WhatsAppAccount]:
            ids = {each.integration_id: each.id for each in integrations}
            return [_account({"api_url": config.graph_api_url} | each, ids) for each in wanted.whatsapp_accounts]

        accounts, integrations = await Tenants(db, vault, utc_now).apply(
            OPERATOR, wanted.tenant, wanted.meta_apps, wanted.genesys_integrations, build
        )
        has = f"{counted(len(accounts), 'WhatsApp number')} and {counted(len(integrations), 'Genesys integration')}"
        return f"Tenant {wanted.tenant.id} has {has}."

    return operate(run)


def trace(tenant: str, name: str) -> JsonObject:
    tenant_id = parse_tenant_id(tenant)

    async def run(db: Database) -> JsonObject:
        async with db.tenant(tenant_id) as conn:
            settings = (await tenant_store.get(conn, tenant_id)).settings
        return await trace_message(tenant_id, settings, name, db, utc_now)

    return operate(run)


def list_rows(*, rejected: bool, limit: int) -> list[dict[str, Any]]:
    async def run(db: Database) -> list[dict[str, Any]]:
        async with db.work() as conn:
            return await ledger_store.list_rows(conn, state="rejected" if rejected else None, batch=limit)

    return operate(run)


def replay_rows(ids: Sequence[UUID] | None) -> int:
    """None: all that were rejected; how many were put back to work."""

    async def run(db: Database) -> int:
        replayed = replay_all(db, OPERATOR, utc_now) if ids is None else replay_many(db, OPERATOR, utc_now, ids)
        return (await replayed).count

    return operate(run)


def open_vault(config: Config) -> Vault:
    """It makes the key where there is none, so the home comes first."""
    make_home(config)
    return load_vault(config)


def operate(work: Callable[[Database], Awaitable[R]]) -> R:
    """Do it on the database of the settings; an embedded one is started, and made on a home where nothing has run yet."""
    config = load_config()
    bring_up(config)
    return asyncio.run(with_database(config, work))


def _account(document: JsonObject, integrations: dict[str, UUID]) -> WhatsAppAccount:
    fields = dict(document)
    named = fields.pop("genesys_integration", None)
    if named is not None and named not in integrations:
        raise BadRequest("unknown_integration", f"An account names integration {named}, which the file does not have.")
    try:
        return WhatsAppAccount.model_validate(
            {"id": new_id(), **fields, "genesys_integration_id": integrations.get(str(named))}
        )
    except ValidationError as error:
        raise BadRequest("file_invalid", f"A WhatsApp account is not usable: {'; '.join(sentences_of(error))}.") from error
