"""Tenants with a number each and known customers, made by Waystate's own functions."""

from functools import partial
from uuid import UUID

from benchmarks.server import MASTER_KEY
from waystate.clock import utc_now
from waystate.contacts.model import Identity, IdentityKind
from waystate.db import partitions
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.messages.model import Direction, Status
from waystate.pipeline.run import Runner
from waystate.state import conversations as dataplane
from waystate.state.track import Tracked, Tracking, track_many
from waystate.tenants import store
from waystate.tenants.model import MetaApp, Tenant, TenantSettings, WhatsAppAccount
from waystate.tenants.routing import Directory
from waystate.vault.sealing import Vault, vault_of
from waystate.web.metrics import Metrics

BENCH = TenantId("bench")
NUMBER = "100000000000001"
APP = MetaApp(id="9001", app_secret="bench-app-secret", verify_token="bench-verify-token")
SETTINGS = TenantSettings(correlation="local")
BATCH = 500


def bench_vault() -> Vault:
    return vault_of(MASTER_KEY)


async def make_ready(db: Database) -> None:
    async with db.owner() as conn:
        await partitions.make_ahead(conn, utc_now())
    async with db.work() as conn:
        await store.upsert_meta_apps(conn, bench_vault(), [APP])


async def make_tenant(db: Database, tenant: TenantId = BENCH, number: str = NUMBER, *, sends_to: str | None = None) -> None:
    """`sends_to`: the Graph API that takes what is sent; without it nothing is."""
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=tenant, name=tenant, settings=SETTINGS)])
    account = WhatsAppAccount(
        phone_number_id=number,
        display_phone_number="+49 30 5550100",
        business_account_id=f"7{number}",
        meta_app_id=APP.id,
        access_token="bench-access-token",
        sender="external" if sends_to is None else "waystate",
        is_default=True,
        **({} if sends_to is None else {"api_url": sends_to}),
    )
    async with db.work(tenant_id=tenant) as conn:
        await store.upsert_accounts(conn, bench_vault(), tenant, [account])


def wa_id(n: int) -> str:
    return f"919{n:09d}"


async def make_customers(db: Database, count: int) -> list[UUID]:
    """Their open conversations."""
    ids: list[UUID] = []
    for start in range(0, count, BATCH):
        wanted = [(Identity(IdentityKind.WA_ID, wa_id(n)), NUMBER) for n in range(start, min(start + BATCH, count))]
        found = await dataplane.get_or_open_many(BENCH, SETTINGS, wanted, NUMBER, db, utc_now)
        ids += [each.conversation.id for each in found]
    return ids


async def track(db: Database, conversations: list[str], wamids: list[str], status: Status) -> list[UUID]:
    """Outbound messages that somebody else carries."""
    ids: list[UUID] = []
    directory = Directory(db, bench_vault())
    view = await directory.get_tenant(BENCH)
    runner = Runner(db, Metrics(), lambda *_: None, utc_now, lanes=1)
    for start in range(0, len(wamids), BATCH):
        trackings = [
            Tracking(
                conversation_id=conversations[n % len(conversations)],
                direction=Direction.OUTBOUND,
                status=status,
                wamid=wamids[n],
            )
            for n in range(start, min(start + BATCH, len(wamids)))
        ]
        for verdict in await runner.answer(BENCH, view, partial(track_many, directory), trackings):
            assert isinstance(verdict.answer, Tracked)
            ids.append(verdict.answer.message_id)
    return ids
