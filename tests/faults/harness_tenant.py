"""The one tenant of a run: its accounts point at the simulator, its limits are those of nobody who would wait."""

from typing import Any

from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.simulator.config import SimulatorConfig
from waystate.tenants import store
from waystate.tenants.model import (
    GenesysIntegration,
    GenesysLimits,
    MetaApp,
    Sender,
    Tenant,
    TenantSettings,
    WhatsAppAccount,
    WhatsAppLimits,
)
from waystate.vault.sealing import vault_of

MASTER_KEY = "5a" * 32
TENANT = TenantId("faults")
APP = MetaApp(id="app-1", app_secret="meta-app-secret", verify_token="meta-verify-token")
NUMBER, WABA, INTEGRATION = "106540352242922", "102290129340398", "73cb7fb7-c2db-4996-88f3-0a83a4fea1da"
WEBHOOK_SECRET, CLIENT, CLIENT_SECRET, ACCESS_TOKEN = "genesys-webhook-secret", "client-1", "client-secret", "EAAtoken"
DISPLAY_NUMBER = "15550783881"

PACE: dict[str, Any] = {
    # Long enough for many calls to be under way whenever something is killed.
    "answer_delay": 0.03,
    "sent_delay": 0.1,
    "delivered_delay": 0.2,
    "read_delay": 0.4,
    "agent_reply_share": 0.2,
    "agent_reply_delay": 0.2,
    "agent_typing_share": 0.05,
    "webhook_timeout": 10.0,
    # Platforms that do not give up while a process is being restarted.
    "meta_retry_first": 0.2,
    "meta_retry_longest": 1.0,
    "genesys_retry_interval": 0.3,
    "genesys_retries": 1000,
    # Customers write without the simulator too, and more than they may be answered.
    "genesys_requests_per_minute": 100_000,
    "genesys_known_messages": False,
    "rules": {"window": False, "known_messages": False, "pair_interval": 0, "messages_per_second": 10_000},
}

SETTINGS = {
    "WAYSTATE_MASTER_KEY": MASTER_KEY,
    "WAYSTATE_CHILD": "1",
    "TRUSTED_MODE": "loopback",
    "EGRESS_HOSTS": "127.0.0.1, localhost",
    "TEMPLATE_INTERVAL": "0",
    "LOG_LEVEL": "INFO",
    # The waits of a take-over and of an unknown send, short, so that a run has many of them.
    "LEASE_TTL": "1",
    "UNKNOWN_HOLD": "2",
    "SEND_TIMEOUT": "10",
    "STOP_TIMEOUT": "10",
    "DB_CONNECT_TIMEOUT": "2",
}


def simulator_config(waystate: str, seed: int, **pace: Any) -> SimulatorConfig:
    """`waystate` is the address it listens on."""
    return SimulatorConfig(
        whatsapp_webhook_url=f"{waystate}/webhooks/whatsapp/{APP.id}",
        app_secret=APP.app_secret,
        phone_number_id=NUMBER,
        display_phone_number=DISPLAY_NUMBER,
        waba_id=WABA,
        genesys_webhook_url=f"{waystate}/webhooks/genesys/{INTEGRATION}",
        integration_id=INTEGRATION,
        webhook_secret=WEBHOOK_SECRET,
        access_token=ACCESS_TOKEN,
        client_id=CLIENT,
        client_secret=CLIENT_SECRET,
        seed=seed,
        **PACE | pace,
    )


def number_of(index: int) -> str:
    """The tenant's numbers, the default one first; only that one has an integration."""
    return str(int(NUMBER) + index)


async def set_up(db: Database, far: str, sender: Sender = "waystate", *, numbers: int = 1) -> None:
    """The tenant, with its numbers and integration at the simulator's address `far`."""
    vault = vault_of(bytes.fromhex(MASTER_KEY))
    integration = GenesysIntegration(
        integration_id=INTEGRATION,
        region="mypurecloud.de",
        api_url=f"{far}/genesys",
        login_url=f"{far}/genesys/login",
        client_id=CLIENT,
        client_secret=CLIENT_SECRET,
        webhook_secret=WEBHOOK_SECRET,
        limits=GenesysLimits(requests_per_minute=100_000),
        sender=sender,
    )
    accounts = [
        WhatsAppAccount(
            phone_number_id=number_of(index),
            display_phone_number=DISPLAY_NUMBER,
            business_account_id=WABA,
            meta_app_id=APP.id,
            api_url=f"{far}/graph/v26.0",
            access_token=ACCESS_TOKEN,
            limits=WhatsAppLimits(messages_per_second=10_000),
            genesys_integration_id=None if index else integration.id,
            is_default=index == 0,
            sender=sender,
        )
        for index in range(numbers)
    ]
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TENANT, name="Faults", settings=TenantSettings())])
        await store.upsert_meta_apps(conn, vault, [APP])
    async with db.work(tenant_id=TENANT) as conn:
        await store.upsert_integrations(conn, vault, TENANT, [integration])
        await store.upsert_accounts(conn, vault, TENANT, accounts)
