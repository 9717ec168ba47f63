"""The demo's tenant: one Meta app, one WhatsApp number, one Genesys integration, all pointing at the simulator."""

import json
import os
import secrets
from pathlib import Path
from typing import Any
from uuid import UUID

from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.errors import WaystateError
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.simulator.config import SimulatorConfig
from waystate.tenants import store as tenant_store
from waystate.tenants.model import (
    GenesysIntegration,
    GenesysLimits,
    MetaApp,
    Tenant,
    TenantSettings,
    WhatsAppAccount,
    WhatsAppLimits,
)
from waystate.tokens import parse_token
from waystate.vault.sealing import Vault

TENANT = TenantId("demo-tenant-001")
APP_ID = "100000000000001"
PHONE_NUMBER_ID = "106540352242922"
DISPLAY_PHONE_NUMBER = "15550783881"
WABA_ID = "102290129340398"
INTEGRATION_ID = "5e3f7a52-0d4c-4f0e-9d0b-2f6c1f0f7a11"
CLIENT_ID = "waystate-demo"
MESSAGES_PER_SECOND = 1000
"""As a number of which Meta has raised the limit."""
GENESYS_PER_MINUTE = 60_000
"""As an organization of which Genesys has raised the limit."""


def load_or_make_secrets(path: Path) -> dict[str, str]:
    """A restart goes on with the secrets it had, which the demo file keeps; anything else in it is made anew."""
    names = ("app_secret", "verify_token", "webhook_secret", "event_secret", "access_token", "client_secret", "api_key")
    known: dict[str, str] = {}
    if path.exists():
        try:
            document = json.loads(path.read_text())
            known = {name: str(value) for name, value in document.get("secrets", {}).items()}
        except ValueError:
            known = {}
    return {name: known.get(name) or ("" if name == "api_key" else secrets.token_hex(24)) for name in names}


def write_demo_file(path: Path, base_url: str, simulator_url: str, kept: dict[str, str]) -> None:
    document = {
        "base_url": base_url,
        "simulator_url": simulator_url,
        "tenant_id": TENANT,
        "api_key": kept["api_key"],
        "whatsapp": {
            "webhook_url": f"{base_url}/webhooks/whatsapp/{APP_ID}",
            "phone_number_id": PHONE_NUMBER_ID,
            "app_secret": kept["app_secret"],
            "verify_token": kept["verify_token"],
        },
        "genesys": {
            "webhook_url": f"{base_url}/webhooks/genesys/{INTEGRATION_ID}",
            "integration_id": INTEGRATION_ID,
            "webhook_secret": kept["webhook_secret"],
        },
        "secrets": kept,
    }
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    draft.replace(path)


def simulator_config(base_url: str, kept: dict[str, str], **behaviour: Any) -> SimulatorConfig:
    return SimulatorConfig(
        whatsapp_webhook_url=f"{base_url}/webhooks/whatsapp/{APP_ID}",
        app_secret=kept["app_secret"],
        phone_number_id=PHONE_NUMBER_ID,
        display_phone_number=DISPLAY_PHONE_NUMBER,
        waba_id=WABA_ID,
        genesys_webhook_url=f"{base_url}/webhooks/genesys/{INTEGRATION_ID}",
        integration_id=INTEGRATION_ID,
        webhook_secret=kept["webhook_secret"],
        access_token=kept["access_token"],
        client_id=CLIENT_ID,
        client_secret=kept["client_secret"],
        genesys_events_url=f"{base_url}/webhooks/genesys/{INTEGRATION_ID}/events",
        genesys_events_header=("X-Waystate-Secret", kept["event_secret"]),
        genesys_requests_per_minute=GENESYS_PER_MINUTE,
        **behaviour,
    )


async def set_up(db: Database, vault: Vault, simulator_url: str, kept: dict[str, str]) -> None:
    """Idempotent; `kept["api_key"]` is replaced when the database does not know it."""
    async with db.work() as conn:
        settings = TenantSettings(correlation="local")
        await tenant_store.upsert_many(conn, [Tenant(id=TENANT, name="Demo", settings=settings)])
        app = MetaApp(id=APP_ID, app_secret=kept["app_secret"], verify_token=kept["verify_token"])
        await tenant_store.upsert_meta_apps(conn, vault, [app])
    async with db.work(tenant_id=TENANT) as conn:
        integration = GenesysIntegration(
            integration_id=INTEGRATION_ID,
            region="simulated.local",
            api_url=f"{simulator_url}/genesys",
            login_url=f"{simulator_url}/genesys/login",
            client_id=CLIENT_ID,
            client_secret=kept["client_secret"],
            webhook_secret=kept["webhook_secret"],
            event_secret=kept["event_secret"],
            limits=GenesysLimits(requests_per_minute=GENESYS_PER_MINUTE),
        )
        integrations = await tenant_store.upsert_integrations(conn, vault, TENANT, [integration])
        account = WhatsAppAccount(
            phone_number_id=PHONE_NUMBER_ID,
            display_phone_number=DISPLAY_PHONE_NUMBER,
            business_account_id=WABA_ID,
            meta_app_id=APP_ID,
            api_url=f"{simulator_url}/graph/v26.0",
            access_token=kept["access_token"],
            limits=WhatsAppLimits(messages_per_second=MESSAGES_PER_SECOND),
            genesys_integration_id=integrations[0].id,
            is_default=True,
        )
        await tenant_store.upsert_accounts(conn, vault, TENANT, [account])
    async with db.tenant(TENANT) as conn:
        if not await _is_known(conn, kept["api_key"]):
            _, kept["api_key"] = await key_store.create_key(conn, TENANT, "demo", utc_now())


async def _is_known(conn: Any, api_key: str) -> bool:
    try:
        key_id: UUID = parse_token(api_key).id
    except WaystateError:
        return False
    key = await key_store.find_key(conn, TENANT, key_id)
    return key is not None and key.revoked_at is None
