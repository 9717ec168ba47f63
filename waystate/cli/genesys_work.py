"""What `waystate genesys` does: an integration is checked, or made in Genesys and stored, on the database itself."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from waystate.channels.checks import Checked, check_many
from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.genesys.set_up import Preparation, SetUp, WantedIntegration
from waystate.channels.whatsapp.client import GraphClient
from waystate.cli.printing import read_file
from waystate.cli.tenant_work import on_tenants
from waystate.config import load_config
from waystate.documents import JsonObject
from waystate.egress import open_to_platforms
from waystate.errors import BadRequest
from waystate.ids import TenantId, parse_tenant_id
from waystate.principal import OPERATOR
from waystate.tenants.bodies import built
from waystate.tenants.change import Tenants, unknown_account, unknown_integration
from waystate.tenants.model import GenesysIntegration, WhatsAppAccount

_PLACEHOLDER = "a-secret-that-signs-nothing"
_EVENT_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """What is to be set up. `secret_file` holds the OAuth client's secret; None: the one that is stored of this client."""

    name: str
    region: str
    client_id: str
    url: str
    secret_file: Path | None = None
    number: str | None = None
    api_url: str | None = None
    login_url: str | None = None
    is_dry: bool = False


def check(tenant: str, name: str | None) -> list[Checked]:
    """All of the tenant's integrations, or the one of this id."""
    tenant_id = parse_tenant_id(tenant)

    async def run(tenants: Tenants) -> list[Checked]:
        _, integrations = await tenants.accounts(tenant_id)
        wanted = [each for each in integrations if name in (None, each.integration_id)]
        if name is not None and not wanted:
            raise unknown_integration(name)
        async with open_to_platforms(load_config().own_hosts, timeout=5.0) as http:
            return await check_many([], wanted, GraphClient(http), GenesysClient(http))

    return on_tenants(run)


def set_up(tenant: str, order: NewIntegration, told: Callable[[str], None]) -> JsonObject:
    """What it came to; the event secret is in it where it was made just now."""
    tenant_id = parse_tenant_id(tenant)

    async def run(tenants: Tenants) -> JsonObject:
        accounts, integrations = await tenants.accounts(tenant_id)
        if order.number is not None and all(each.phone_number_id != order.number for each in accounts):
            raise unknown_account(order.number)
        draft = _draft(order, integrations)
        known = {each.integration_id: each for each in integrations}
        shown: JsonObject = {}

        async def store(done: SetUp) -> None:
            before = known.get(done.integration_id)
            event_secret = before.event_secret if before is not None else None
            if event_secret is None:
                event_secret = shown["event_secret"] = secrets.token_urlsafe(_EVENT_SECRET_BYTES)
            said = {"integration_id": done.integration_id, "webhook_secret": done.webhook_secret, "event_secret": event_secret}
            await _store(tenants, tenant_id, draft.model_copy(update=said), order.number)

        async with open_to_platforms(load_config().own_hosts, timeout=10.0) as http:
            preparation = Preparation(
                GenesysClient(http),
                Integration.of(draft),
                {name: each.webhook_secret for name, each in known.items()},
                store,
                told=told,
                is_dry=order.is_dry,
            )
            done = await preparation.run(WantedIntegration(order.name, order.url))
        return _told(order, done) | shown

    return on_tenants(run)


async def _store(tenants: Tenants, tenant: TenantId, wanted: GenesysIntegration, number: str | None) -> None:
    def build(known: GenesysIntegration | None) -> GenesysIntegration:
        kept = {"id": known.id, "limits": known.limits, "sender": known.sender} if known is not None else {}
        return wanted.model_copy(update=kept)

    stored = await tenants.put_integration(OPERATOR, tenant, wanted.integration_id, build)
    if number is None:
        return

    def link(account: WhatsAppAccount | None, _: list[GenesysIntegration]) -> WhatsAppAccount:
        if account is None:
            raise unknown_account(number)
        return account.model_copy(update={"genesys_integration_id": stored.id})

    await tenants.put_account(OPERATOR, tenant, number, link)


def _draft(order: NewIntegration, integrations: list[GenesysIntegration]) -> GenesysIntegration:
    """The integration without its id and secrets of its own, as far as it takes to log in."""
    if order.secret_file is not None:
        secret = read_file(order.secret_file, has_secrets=True).decode("utf-8", "replace").strip()
    else:
        stored = [each for each in integrations if (each.client_id, each.region) == (order.client_id, order.region)]
        if not stored:
            text = (
                f"No secret of client {order.client_id} in {order.region} is stored. Name a file with it: --client-secret-file."
            )
            raise BadRequest("client_secret_missing", text)
        secret = stored[0].client_secret
    said = {"region": order.region, "client_id": order.client_id, "client_secret": secret, "webhook_secret": _PLACEHOLDER}
    urls = {"api_url": order.api_url, "login_url": order.login_url}
    said |= {name: url for name, url in urls.items() if url is not None}
    return built(GenesysIntegration, {**said, "integration_id": "being-made"})


def _told(order: NewIntegration, done: SetUp) -> JsonObject:
    base = order.url.rstrip("/")
    where = f"{base}/webhooks/genesys/{done.integration_id}" if done.integration_id else None
    return {
        "integration_id": done.integration_id or None,
        "notification_url": where,
        "event_url": f"{where}/events" if where else None,
        "is_dry": order.is_dry,
        "steps": list(done.steps),
    }
