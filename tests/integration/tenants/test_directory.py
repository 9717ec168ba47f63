"""What a process knows of tenants, and when it notices a change."""

import asyncio

import asyncpg
import pytest

from waystate.db.pool import Database
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.tenants import store
from waystate.tenants.model import GenesysIntegration, MetaApp, Route, RouteKind, Tenant, TenantSettings, WhatsAppAccount
from waystate.tenants.routing import Directory
from waystate.vault.sealing import Vault, vault_of

A, B = TenantId("tenant-a"), TenantId("tenant-b")
APP = MetaApp(id="3001", app_secret="app-secret", verify_token="verify-token")
INTEGRATION = GenesysIntegration(
    integration_id="4001", region="mypurecloud.de", client_id="c", client_secret="s", webhook_secret="0123456789abcdef"
)
ACCOUNT = WhatsAppAccount(
    phone_number_id="1001",
    display_phone_number="+1 555 0100",
    business_account_id="2001",
    meta_app_id="3001",
    access_token="token",
    genesys_integration_id=INTEGRATION.id,
)


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vault() -> Vault:
    return vault_of(bytes(range(32)))


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def directory(db: Database, vault: Vault, watch: Watch) -> Directory:
    return Directory(db, vault, monotonic=watch)


@pytest.fixture
async def known(db: Database, vault: Vault) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="A", settings=TenantSettings(correlation="local"))])
        await store.upsert_meta_apps(conn, vault, [APP])
    async with db.work(tenant_id=A) as conn:
        await store.upsert_integrations(conn, vault, A, [INTEGRATION])
        await store.upsert_accounts(conn, vault, A, [ACCOUNT])


async def revision(db: Database) -> int:
    async with db.work() as conn:
        return await store.get_revision(conn)


@pytest.mark.usefixtures("known")
async def test_the_directory_finds_everything_of_a_tenant(directory: Directory, db: Database) -> None:
    assert await directory.find_route(RouteKind.PHONE_NUMBER_ID, "1001") == Route(A, ACCOUNT.id, await revision(db))
    assert await directory.find_meta_app("3001") == APP
    assert await directory.find_genesys_webhook("4001") == (A, INTEGRATION)
    assert (await directory.get_tenant(A)).settings.correlation == "local"
    assert (await directory.get_tenant(A)).accounts["1001"] == ACCOUNT
    assert (await directory.get_tenant(A)).default_account == ACCOUNT
    assert await directory.integration_of(A, INTEGRATION.id) == INTEGRATION
    assert await directory.first_tenants() == (A,)


@pytest.mark.usefixtures("known")
async def test_what_is_not_there_is_none(directory: Directory) -> None:
    assert await directory.find_route(RouteKind.WABA, "1001") is None
    assert await directory.find_meta_app("nope") is None
    assert await directory.find_genesys_webhook("nope") is None
    assert await directory.integration_of(A, ACCOUNT.id) is None
    with pytest.raises(NotFound, match="tenant-b"):
        await directory.get_tenant(B)


async def test_an_empty_installation_has_no_first_tenant(directory: Directory) -> None:
    assert await directory.first_tenants() == ()


@pytest.mark.usefixtures("known")
async def test_routes_are_found_in_batches(directory: Directory, db: Database) -> None:
    assert await directory.routes_of(RouteKind.PHONE_NUMBER_ID, ["1001", "1002", "1001"]) == {
        "1001": Route(A, ACCOUNT.id, await revision(db))
    }


@pytest.mark.usefixtures("known")
async def test_a_cached_tenant_is_there_without_waiting(directory: Directory) -> None:
    assert directory.find_cached_tenant(A) is None
    view = await directory.find_tenant(A)
    assert directory.find_cached_tenant(A) is view


@pytest.mark.usefixtures("known")
async def test_another_process_is_noticed_after_five_seconds(directory: Directory, db: Database, watch: Watch) -> None:
    assert (await directory.get_tenant(A)).tenant.name == "A"
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="renamed")])
    watch.now = 4.9
    assert (await directory.get_tenant(A)).tenant.name == "A"
    watch.now = 5.0
    assert (await directory.get_tenant(A)).tenant.name == "renamed"


async def test_a_new_tenant_is_noticed_after_a_second(directory: Directory, db: Database, watch: Watch) -> None:
    assert await directory.find_tenant(B) is None
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=B, name="B")])
    watch.now = 1.0
    assert await directory.find_tenant(B) is not None


@pytest.mark.usefixtures("known")
async def test_a_write_of_this_process_is_noticed_at_once(directory: Directory, db: Database, vault: Vault) -> None:
    await directory.find_tenant(A)
    await directory.find_route(RouteKind.PHONE_NUMBER_ID, "1002")
    await directory.find_meta_app("3001")
    second = ACCOUNT.model_copy(update={"phone_number_id": "1002", "genesys_integration_id": None})
    rolled = MetaApp(id="3001", app_secret="rolled", verify_token="verify-token")
    async with db.work(tenant_id=A) as conn:
        await store.upsert_meta_apps(conn, vault, [rolled])
        accounts = await store.upsert_accounts(conn, vault, A, [WhatsAppAccount(**second.model_dump(exclude={"id"}))])
    directory.clear()
    assert await directory.find_route(RouteKind.PHONE_NUMBER_ID, "1002") == Route(A, accounts[1].id, await revision(db))
    assert (await directory.get_tenant(A)).accounts["1002"] == accounts[1]
    assert await directory.find_meta_app("3001") == rolled
    assert (await directory.get_tenant(A)).default_account is None


@pytest.mark.usefixtures("known")
async def test_after_clear_everything_is_read_again(directory: Directory) -> None:
    await directory.find_tenant(A)
    directory.clear()
    assert directory.find_cached_tenant(A) is None


@pytest.mark.usefixtures("known")
async def test_a_hundred_callers_that_miss_at_once_make_one_transaction(directory: Directory, database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        # Whoever reads tenants now waits; a second reader would show beside the first.
        await conn.execute("BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
        callers = [asyncio.create_task(directory.find_tenant(A)) for _ in range(100)]
        for _ in range(100):
            await asyncio.sleep(0.01)
            if waiting := await _waiting(conn):
                break
        await asyncio.sleep(0.05)
        assert (waiting, await _waiting(conn)) == (1, 1)
        await conn.execute("ROLLBACK")
        views = await asyncio.gather(*callers)
    finally:
        await conn.close()
    assert len({id(view) for view in views}) == 1


async def _waiting(conn: asyncpg.Connection) -> int:
    count: int = await conn.fetchval(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tenants'::regclass"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return count
