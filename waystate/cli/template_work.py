"""What `waystate template` does: as the routes do it, without a server, on the database itself."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from waystate.channels.whatsapp.client import GraphClient
from waystate.cli.operate import open_vault, operate
from waystate.clock import utc_now
from waystate.config import load_config
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.egress import open_to_platforms
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.templates import store
from waystate.templates.bodies import render_account, render_synced, render_template
from waystate.templates.model import Template
from waystate.templates.store import TemplateFilter
from waystate.templates.sync import TemplateSyncs, accounts_named
from waystate.tenants.routing import Directory
from waystate.work.loops import Hint

R = TypeVar("R")

PAGE = 500


def list_all(tenant: TenantId, name: str | None, language: str | None, status: str | None, category: str | None) -> JsonObject:
    wanted = TemplateFilter(prefix=name, language=language, status=status, category=category)

    async def run(db: Database, directory: Directory) -> JsonObject:
        accounts = accounts_named(await directory.get_tenant(tenant))
        async with db.tenant(tenant) as conn:
            found = await _list(conn, tenant, accounts, wanted)
            syncs = await store.list_syncs(conn, tenant, accounts)
        return {
            "items": [render_template(each).model_dump(mode="json") for each in found],
            "accounts": [render_account(each, syncs.get(each)).model_dump(mode="json") for each in accounts],
        }

    return _operate(run)


def show(tenant: TenantId, name: str, language: str | None) -> list[JsonObject]:
    async def run(db: Database, directory: Directory) -> list[JsonObject]:
        accounts = accounts_named(await directory.get_tenant(tenant))
        async with db.tenant(tenant) as conn:
            found = await _list(conn, tenant, accounts, TemplateFilter(prefix=name, language=language))
        return [render_template(each).model_dump(mode="json") for each in found if each.name == name]

    shown = _operate(run)
    if not shown:
        text = (
            f"This tenant has no template '{name}'{f' in {language}' if language else ''}. Run: waystate template list {tenant}"
        )
        raise NotFound("unknown_template", text)
    return shown


def sync(tenant: TenantId, account: str | None) -> JsonObject:
    config = load_config()

    async def run(db: Database, directory: Directory) -> JsonObject:
        accounts = accounts_named(await directory.get_tenant(tenant), business_account_id=account)
        async with open_to_platforms(config.own_hosts, timeout=config.send_timeout) as http:
            results = await TemplateSyncs(db, directory, GraphClient(http), Hint(), utc_now).sync_many(tenant, accounts)
        async with db.tenant(tenant) as conn:
            syncs = await store.list_syncs(conn, tenant, accounts)
        return render_synced(results, syncs).model_dump(mode="json")

    return _operate(run)


async def _list(conn: Connection, tenant: TenantId, accounts: list[str], wanted: TemplateFilter) -> list[Template]:
    found: list[Template] = []
    while page := await store.list_page(conn, tenant, accounts, wanted, before=found[-1].id if found else None, batch=PAGE):
        found += page
    return found


def _operate(work: Callable[[Database, Directory], Awaitable[R]]) -> R:
    vault = open_vault(load_config())
    return operate(lambda db: work(db, Directory(db, vault)))
