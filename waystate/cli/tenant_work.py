"""What `waystate tenant` does: as the routes do it, without a server, on the database itself."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from waystate.channels.checks import Checked, check_many
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.cli.operate import open_vault, operate
from waystate.clock import utc_now
from waystate.config import load_config
from waystate.db.failures import is_transient
from waystate.db.pool import Database
from waystate.deliveries import queue
from waystate.deliveries.queue_routes import render_queue
from waystate.documents import JsonObject
from waystate.egress import open_to_platforms
from waystate.errors import BadRequest, Refused, Unavailable
from waystate.ids import PLATFORM, parse_tenant_id
from waystate.principal import OPERATOR
from waystate.tenants.bodies import NewTenant, PlatformTenantChange, built, render_account, render_integration, render_tenant
from waystate.tenants.change import Tenants
from waystate.tenants.erasure.erase import Eraser, Told
from waystate.tenants.routing import Directory

R = TypeVar("R")


def create(tenant: str, name: str, settings: JsonObject | None, quotas: JsonObject | None) -> JsonObject:
    wanted = {"id": tenant, "name": name, "settings": _given(settings), "quotas": _given(quotas)}

    async def run(tenants: Tenants) -> JsonObject:
        made = await tenants.create(OPERATOR, built(NewTenant, wanted).tenant())
        return render_tenant(made).model_dump(mode="json")

    return on_tenants(run)


def list_page(after: str | None, limit: int) -> list[JsonObject]:
    behind = None if after is None else parse_tenant_id(after)

    async def run(tenants: Tenants) -> list[JsonObject]:
        return [render_tenant(each).model_dump(mode="json") for each in await tenants.list_page(after=behind, page=limit)]

    return on_tenants(run)


def show(tenant: str) -> JsonObject:
    tenant_id = parse_tenant_id(tenant)

    async def run(tenants: Tenants) -> JsonObject:
        shown = render_tenant(await tenants.find(tenant_id)).model_dump(mode="json")
        accounts, integrations = await tenants.accounts(tenant_id)
        held, facts = await tenants.holds(tenant_id), await tenants.facts(tenant_id)
        return shown | {
            "whatsapp_accounts": [
                render_account(each, integrations, held.get(each.phone_number_id), facts.get(each.phone_number_id)).model_dump(
                    mode="json"
                )
                for each in accounts
            ],
            "genesys_integrations": [render_integration(each).model_dump(mode="json") for each in integrations],
        }

    return on_tenants(run)


def list_queues(tenant: str) -> list[JsonObject]:
    tenant_id, vault = parse_tenant_id(tenant), open_vault(load_config())

    async def run(db: Database) -> list[JsonObject]:
        queues = await queue.list_queues(db, Directory(db, vault), tenant_id)
        return [render_queue(each, utc_now()).model_dump(mode="json") for each in queues]

    return operate(run)


def change(tenant: str, name: str | None, settings: JsonObject | None, quotas: JsonObject | None) -> JsonObject:
    tenant_id = parse_tenant_id(tenant)
    said = {"name": name, "settings": settings, "quotas": quotas}

    async def run(tenants: Tenants) -> JsonObject:
        changes = built(PlatformTenantChange, {key: value for key, value in said.items() if value is not None}).changes()
        changed = await tenants.change(OPERATOR, tenant_id, changes, log=PLATFORM)
        return render_tenant(changed).model_dump(mode="json")

    return on_tenants(run)


def suspend(tenant: str) -> JsonObject:
    return _turn(tenant, Tenants.suspend)


def resume(tenant: str) -> JsonObject:
    return _turn(tenant, Tenants.resume)


def delete(tenant: str, told: Told) -> dict[str, int]:
    """How many rows went, by table."""
    tenant_id = parse_tenant_id(tenant)

    async def run(db: Database) -> dict[str, int]:
        try:
            return (await Eraser(db, utc_now).run(tenant_id, OPERATOR, told=told)).rows
        except Exception as error:
            if not is_transient(error):
                raise
            raise Unavailable(
                "deletion_interrupted", "The database broke the deletion off. Run the command again: it goes on."
            ) from error

    return operate(run)


def check(tenant: str) -> list[Checked]:
    tenant_id = parse_tenant_id(tenant)

    async def run(tenants: Tenants) -> list[Checked]:
        accounts, integrations = await tenants.accounts(tenant_id)
        async with open_to_platforms(load_config().own_hosts, timeout=5.0) as http:
            return await check_many(accounts, integrations, GraphClient(http), GenesysClient(http))

    return on_tenants(run)


def remove_number(tenant: str, number: str) -> None:
    tenant_id = parse_tenant_id(tenant)
    on_tenants(lambda tenants: tenants.remove_account(OPERATOR, tenant_id, number))


def remove_integration(tenant: str, name: str) -> None:
    tenant_id = parse_tenant_id(tenant)
    on_tenants(lambda tenants: tenants.remove_integration(OPERATOR, tenant_id, name))


def _turn(tenant: str, act: Callable[..., Awaitable[Any]]) -> JsonObject:
    tenant_id = parse_tenant_id(tenant)

    async def run(tenants: Tenants) -> JsonObject:
        return render_tenant(await act(tenants, OPERATOR, tenant_id)).model_dump(mode="json")

    return on_tenants(run)


def on_tenants(work: Callable[[Tenants], Awaitable[R]]) -> R:
    vault = open_vault(load_config())
    try:
        return operate(lambda db: work(Tenants(db, vault, utc_now)))
    except Refused as error:
        # On a terminal the problem's list of fields would be lost.
        if fields := error.extra.get("errors"):
            said = "; ".join(f"{each['field']}: {each['problem']}" for each in fields)
            raise BadRequest(error.code, f"Not usable: {said}.") from error
        raise


def _given(said: JsonObject | None) -> JsonObject:
    return {name: value for name, value in (said or {}).items() if value is not None}
