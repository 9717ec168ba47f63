"""Tenants, accounts and routes against PostgreSQL."""

import asyncio
from typing import Any

import asyncpg
import pytest

from waystate.db.pool import Database
from waystate.errors import Conflict, NotFound
from waystate.ids import PLATFORM, TenantId, new_id
from waystate.tenants import store
from waystate.tenants.model import (
    GenesysIntegration,
    MetaApp,
    Route,
    RouteKind,
    Tenant,
    TenantSettings,
    TenantStatus,
    WhatsAppAccount,
)
from waystate.vault.sealing import Unsealable, Vault, vault_of

A, B = TenantId("tenant-a"), TenantId("tenant-b")
APP = MetaApp(id="3001", app_secret="canary-app-secret", verify_token="canary-verify-token")


def account(number: str = "1001", **changes: Any) -> WhatsAppAccount:
    said = {
        "phone_number_id": number,
        "display_phone_number": "+1 555 0100",
        "business_account_id": "2001",
        "meta_app_id": APP.id,
        "access_token": "canary-access-token",
    }
    return WhatsAppAccount.model_validate(said | changes)


def integration(integration_id: str = "4001", **changes: Any) -> GenesysIntegration:
    said = {
        "integration_id": integration_id,
        "region": "mypurecloud.de",
        "client_id": "client",
        "client_secret": "canary-client-secret",
        "webhook_secret": "canary-webhook-secret",
    }
    return GenesysIntegration.model_validate(said | changes)


@pytest.fixture
def vault() -> Vault:
    return vault_of(bytes(range(32)))


@pytest.fixture
async def tenants(db: Database, vault: Vault) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="A"), Tenant(id=B, name="B")])
        await store.upsert_meta_apps(conn, vault, [APP])


async def set_up(db: Database, vault: Vault, tenant: TenantId, *accounts: WhatsAppAccount) -> list[WhatsAppAccount]:
    async with db.work(tenant_id=tenant) as conn:
        return await store.upsert_accounts(conn, vault, tenant, accounts)


async def integrate(db: Database, vault: Vault, tenant: TenantId, *wanted: GenesysIntegration) -> list[GenesysIntegration]:
    async with db.work(tenant_id=tenant) as conn:
        return await store.upsert_integrations(conn, vault, tenant, wanted)


async def routes(db: Database, kind: RouteKind, *ids: str) -> dict[str, Route]:
    async with db.ingest() as conn:
        return await store.routes_of(conn, kind, ids)


async def revision(db: Database) -> int:
    async with db.work() as conn:
        return await store.get_revision(conn)


async def test_a_tenant_comes_back_as_it_was_written(db: Database) -> None:
    tenant = Tenant(id=A, name="Ärzte & Söhne", settings=TenantSettings(correlation="local"))
    async with db.work() as conn:
        assert await store.upsert_many(conn, [tenant]) == [A]
    async with db.tenant(A) as conn:
        assert await store.get(conn, A) == tenant


async def test_writing_a_tenant_again_changes_only_what_differs(db: Database) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="A"), Tenant(id=B, name="B")])
        assert await store.upsert_many(conn, [Tenant(id=A, name="A"), Tenant(id=B, name="Bee")]) == [B]
        assert await store.list_page(conn) == [Tenant(id=A, name="A"), Tenant(id=B, name="Bee")]


async def test_tenants_are_listed_in_pages(db: Database) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="A"), Tenant(id=B, name="B")])
        assert [each.id for each in await store.list_page(conn, page=1)] == [A]
        assert [each.id for each in await store.list_page(conn, after=A)] == [B]


async def test_a_tenant_that_is_not_there_is_named_in_the_refusal(db: Database) -> None:
    async with db.tenant(A) as conn:
        with pytest.raises(NotFound, match=r"There is no tenant 'tenant-a'\. Correct the id, or create the tenant first"):
            await store.get(conn, A)


@pytest.mark.usefixtures("tenants")
async def test_an_app_comes_back_with_its_secrets_for_the_role_that_checks_webhooks(db: Database, vault: Vault) -> None:
    async with db.ingest() as conn:
        assert await store.find_meta_apps(conn, vault, ["3001", "other"]) == {"3001": APP}


@pytest.mark.usefixtures("tenants")
async def test_writing_an_app_again_changes_only_what_differs(db: Database, vault: Vault) -> None:
    other = MetaApp(id="3001", app_secret="rolled", verify_token="canary-verify-token")
    async with db.work() as conn:
        assert await store.upsert_meta_apps(conn, vault, [APP]) == []
        assert await store.upsert_meta_apps(conn, vault, [other]) == ["3001"]
        assert await store.find_meta_apps(conn, vault, ["3001"]) == {"3001": other}


@pytest.mark.usefixtures("tenants")
async def test_an_account_and_its_routes_are_made_together(db: Database, vault: Vault) -> None:
    (made,) = await set_up(db, vault, A, wanted := account(is_default=True))
    assert made == wanted
    assert await routes(db, RouteKind.PHONE_NUMBER_ID, "1001", "1002") == {"1001": Route(A, made.id, await revision(db))}
    assert await routes(db, RouteKind.WABA, "2001") == {"2001": Route(A, made.id, await revision(db))}


@pytest.mark.usefixtures("tenants")
async def test_an_integration_and_its_route_are_made_together(db: Database, vault: Vault) -> None:
    (made,) = await integrate(db, vault, A, wanted := integration())
    assert made == wanted
    assert await routes(db, RouteKind.GENESYS_INTEGRATION, "4001") == {"4001": Route(A, made.id, await revision(db))}


async def snapshot(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row with the transaction that wrote it: equal snapshots mean that nothing was written."""
    conn = await asyncpg.connect(url)
    try:
        tables = ("tenants", "meta_apps", "routes", "whatsapp_accounts", "genesys_integrations")
        return {
            table: [tuple(row) for row in await conn.fetch(f"SELECT xmin::text, t::text FROM {table} t ORDER BY 2")]
            for table in tables
        }
    finally:
        await conn.close()


async def set_up_everything(db: Database, vault: Vault) -> None:
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=A, name="A")])
        await store.upsert_meta_apps(conn, vault, [APP])
    (made,) = await integrate(db, vault, A, integration())
    await set_up(db, vault, A, account("1001", genesys_integration_id=made.id, is_default=True), account("1002"))


async def test_set_up_twice_is_set_up_once(db: Database, database_url: str, vault: Vault) -> None:
    await set_up_everything(db, vault)
    before = await snapshot(database_url)
    await set_up_everything(db, vault)
    assert await snapshot(database_url) == before
    assert {table: len(rows) for table, rows in before.items()} == {
        "tenants": 2,
        "meta_apps": 1,
        "routes": 4,
        "whatsapp_accounts": 2,
        "genesys_integrations": 1,
    }


@pytest.mark.usefixtures("tenants")
async def test_ten_set_ups_at_once_make_one_account_whose_secret_opens(db: Database, vault: Vault) -> None:
    results = await asyncio.gather(*(set_up(db, vault, A, account()) for _ in range(10)))
    assert len({each.id for result in results for each in result}) == 1
    async with db.tenant(A) as conn:
        (stored,) = await store.accounts_of(conn, vault, A)
    assert stored.access_token == "canary-access-token"


async def test_a_set_up_with_changes_keeps_the_ids(db: Database, vault: Vault) -> None:
    await set_up_everything(db, vault)
    async with db.tenant(A) as conn:
        before = {each.phone_number_id: each.id for each in await store.accounts_of(conn, vault, A)}
    (renewed,) = await integrate(db, vault, A, integration(client_secret="rolled", region="usw2.pure.cloud"))
    second = account("1002", access_token="rolled", is_default=True, genesys_integration_id=renewed.id)
    after = await set_up(db, vault, A, second, account("1001"))
    assert {each.phone_number_id: each.id for each in after} == before
    assert [(each.is_default, each.genesys_integration_id, each.access_token) for each in after] == [
        (False, None, "canary-access-token"),
        (True, renewed.id, "rolled"),
    ]
    assert (renewed.client_secret, renewed.api_url) == ("rolled", "https://api.usw2.pure.cloud")


async def test_no_secret_stands_in_a_table_in_clear(db: Database, database_url: str, vault: Vault) -> None:
    await set_up_everything(db, vault)
    conn = await asyncpg.connect(database_url)
    try:
        for table in ("meta_apps", "whatsapp_accounts", "genesys_integrations"):
            for row in await conn.fetch(f"SELECT * FROM {table}"):
                stored = b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
                assert b"canary" not in stored
    finally:
        await conn.close()


async def test_a_secret_moved_to_another_row_does_not_open(db: Database, database_url: str, vault: Vault) -> None:
    await set_up_everything(db, vault)
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(
            "UPDATE whatsapp_accounts SET access_token ="
            " (SELECT access_token FROM whatsapp_accounts WHERE phone_number_id = '1001') WHERE phone_number_id = '1002'"
        )
    finally:
        await conn.close()
    async with db.tenant(A) as work:
        with pytest.raises(Unsealable):
            await store.accounts_of(work, vault, A)


@pytest.mark.usefixtures("tenants")
@pytest.mark.parametrize(
    ("clash", "sentence"),
    [
        (account("1001", business_account_id="2999"), "Number 1001 belongs to another tenant. Correct the number's id"),
        (account("1999"), "WhatsApp Business Account 2001 belongs to another tenant"),
    ],
)
async def test_a_number_of_another_tenant_cannot_be_taken(
    db: Database, database_url: str, vault: Vault, clash: WhatsAppAccount, sentence: str
) -> None:
    await set_up(db, vault, A, account())
    before = await snapshot(database_url)
    with pytest.raises(Conflict, match=sentence) as caught:
        await set_up(db, vault, B, clash)
    assert caught.value.code == "route_taken"
    assert "tenant-a" not in caught.value.detail
    assert await snapshot(database_url) == before


@pytest.mark.usefixtures("tenants")
async def test_an_integration_of_another_tenant_cannot_be_taken(db: Database, vault: Vault) -> None:
    await integrate(db, vault, A, integration())
    with pytest.raises(Conflict, match=r"Genesys integration 4001 belongs to another tenant\. Correct the id, or remove"):
        await integrate(db, vault, B, integration())
    async with db.tenant(B) as conn:
        assert await store.integrations_of(conn, vault, B) == []


@pytest.mark.usefixtures("tenants")
async def test_of_two_tenants_that_claim_a_number_at_once_one_gets_it(db: Database, vault: Vault) -> None:
    outcomes = await asyncio.gather(set_up(db, vault, A, account()), set_up(db, vault, B, account()), return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "list"]
    winner = A if isinstance(outcomes[0], list) else B
    assert (await routes(db, RouteKind.PHONE_NUMBER_ID, "1001"))["1001"].tenant_id == winner


@pytest.mark.usefixtures("tenants")
async def test_a_removed_number_is_free_for_another_tenant(db: Database, vault: Vault) -> None:
    await set_up(db, vault, A, account("1001"), account("1002"))
    async with db.work(tenant_id=A) as conn:
        assert await store.remove_accounts(conn, A, ["1001", "unknown"]) == ["1001"]
    # The business account still has a number of A, so it is still A's.
    assert set(await routes(db, RouteKind.WABA, "2001")) == {"2001"}
    await set_up(db, vault, B, account("1001", business_account_id="2002"))
    found = await routes(db, RouteKind.PHONE_NUMBER_ID, "1001", "1002")
    assert {number: route.tenant_id for number, route in found.items()} == {"1001": B, "1002": A}


@pytest.mark.usefixtures("tenants")
async def test_a_number_that_changes_its_business_account_lets_the_old_one_go(db: Database, vault: Vault) -> None:
    await set_up(db, vault, A, account())
    await set_up(db, vault, A, account(business_account_id="2002"))
    assert set(await routes(db, RouteKind.WABA, "2001", "2002")) == {"2002"}


@pytest.mark.usefixtures("tenants")
async def test_a_removed_integration_leaves_its_number_without_genesys(db: Database, vault: Vault) -> None:
    (made,) = await integrate(db, vault, A, integration())
    await set_up(db, vault, A, account(genesys_integration_id=made.id))
    async with db.work(tenant_id=A) as conn:
        assert await store.remove_integrations(conn, A, ["4001"]) == ["4001"]
        (left,) = await store.accounts_of(conn, vault, A)
    assert left.genesys_integration_id is None
    assert await routes(db, RouteKind.GENESYS_INTEGRATION, "4001") == {}


@pytest.mark.usefixtures("tenants")
async def test_what_an_account_names_must_be_there(db: Database, vault: Vault) -> None:
    with pytest.raises(NotFound, match=r"There is no Meta app 3999\. Set up the app with its secret first"):
        await set_up(db, vault, A, account(meta_app_id="3999"))
    with pytest.raises(NotFound, match="Set up the integration first"):
        await set_up(db, vault, A, account(genesys_integration_id=new_id()))
    with pytest.raises(NotFound, match="There is no tenant 'nobody'"):
        await set_up(db, vault, TenantId("nobody"), account())


@pytest.mark.usefixtures("tenants")
async def test_an_integration_of_another_tenant_counts_as_missing(db: Database, vault: Vault) -> None:
    (foreign,) = await integrate(db, vault, A, integration())
    with pytest.raises(NotFound, match="no Genesys integration"):
        await set_up(db, vault, B, account(genesys_integration_id=foreign.id))


@pytest.mark.usefixtures("tenants")
async def test_a_tenant_sees_nothing_of_another_even_when_the_code_asks_for_it(db: Database, vault: Vault) -> None:
    await integrate(db, vault, A, integration())
    await set_up(db, vault, A, account())
    async with db.tenant(B) as conn:
        assert await store.accounts_of(conn, vault, A) == []
        assert await store.integrations_of(conn, vault, A) == []
        assert await conn.fetchval("SELECT count(*) FROM whatsapp_accounts") == 0
    async with db.work() as conn:
        assert await conn.fetchval("SELECT count(*) FROM whatsapp_accounts") == 0
    async with db.work(tenant_id=B) as conn:
        assert await store.remove_accounts(conn, A, ["1001"]) == []


@pytest.mark.usefixtures("tenants")
async def test_a_row_cannot_be_written_for_another_tenant(db: Database, vault: Vault) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.work(tenant_id=B) as conn:
            await store.upsert_accounts(conn, vault, A, [account()])


@pytest.mark.usefixtures("tenants")
async def test_a_request_of_a_tenant_cannot_touch_tenants_and_routes(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(A) as conn:
            await store.upsert_many(conn, [Tenant(id=A, name="renamed")])


@pytest.mark.usefixtures("tenants")
async def test_the_platform_is_never_suspended_and_a_tenant_once(db: Database) -> None:
    """Its administrators are its people: nobody could resume it."""
    both = [PLATFORM, A]
    async with db.work() as conn:
        assert await store.change_status(conn, both, TenantStatus.SUSPENDED) == [A]
        assert await store.change_status(conn, both, TenantStatus.SUSPENDED) == []
        assert await store.find_statuses(conn, both) == {PLATFORM: TenantStatus.ACTIVE, A: TenantStatus.SUSPENDED}
