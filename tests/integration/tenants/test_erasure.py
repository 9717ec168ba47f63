"""Deleting a tenant: in batches, through deaths in the middle, and of that tenant alone."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.integration.db_catalogue.catalogue import tenant_tables
from tests.world import World, accepted
from waystate.db.pool import Database
from waystate.errors import Conflict, NotFound
from waystate.ids import PLATFORM, TenantId, new_id
from waystate.keys import store as key_store
from waystate.principal import OPERATOR
from waystate.tenants import store
from waystate.tenants.erasure.erase import Eraser
from waystate.tenants.erasure.store import TABLES, WITH_THE_TENANT
from waystate.tenants.model import RouteKind, TenantStatus

A, B = TenantId("tenant-a"), TenantId("tenant-b")


class Died(Exception):
    pass


@pytest.fixture
async def world(db: Database) -> World:
    """Two tenants with the same traffic, of which B must not lose a row."""
    world = World(db)
    for tenant, number in ((A, "1"), (B, "2")):
        business = await world.add(tenant, number=number)
        for customer in range(30):
            message = business.message(f"wamid.{customer}", wa_id=f"49170000{customer:04}")
            await world.receive(business, message)
        await world.report(business, business.report("wamid.early", "delivered"))
        for claimed in await world.deliver(business):
            await world.settle(business, (claimed, accepted(conversation_id="genesys")))
        await world.correspond(business)
    return world


async def suspend(db: Database, *tenants: TenantId) -> list[TenantId]:
    async with db.work() as conn:
        return await store.change_status(conn, tenants, TenantStatus.SUSPENDED)


async def counts(url: str) -> dict[tuple[str, str], int]:
    """Rows by (table, tenant), as the database itself sees them."""
    conn = await asyncpg.connect(url)
    try:
        found = {}
        for table in [*await tenant_tables(conn, partitions=False), "routes", "memberships"]:
            for row in await conn.fetch(f'SELECT tenant_id, count(*) FROM "{table}" GROUP BY tenant_id'):
                found[table, row["tenant_id"]] = row["count"]
        return found
    finally:
        await conn.close()


async def audited(url: str) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(url)
    try:
        rows = await conn.fetch(
            "SELECT action, subject, details::text FROM audit_log WHERE tenant_id = $1 ORDER BY position", PLATFORM
        )
        return [dict(row) for row in rows]
    finally:
        await conn.close()


async def test_every_table_of_a_tenant_is_erased(db: Database, database_url: str) -> None:
    """A new table with tenant_id must be added to `BY_BATCH`, or be one that goes with the tenant's own row."""
    conn = await asyncpg.connect(database_url)
    try:
        columns = await conn.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
    finally:
        await conn.close()
    assert {row["relname"] for row in columns} == {*TABLES} | WITH_THE_TENANT


async def test_a_deleted_tenant_leaves_no_row_and_its_neighbour_loses_none(world: World, database_url: str) -> None:
    before = await counts(database_url)
    await suspend(world.db, A)
    erased = await Eraser(world.db, world.clock, batch=7).run(A, OPERATOR)
    after = await counts(database_url)
    assert {key: count for key, count in before.items() if key[1] == B} == {k: n for k, n in after.items() if k[1] == B}
    assert [key for key in after if key[1] == A] == []
    assert erased.is_done
    assert erased.rows["messages"] == before["messages", A]
    assert erased.rows["deliveries"] == before["deliveries", A]
    async with world.db.work() as conn:
        assert await store.find_many(conn, [A]) == {}
    begun, deleted = await audited(database_url)
    assert (begun["action"], deleted["action"]) == ("tenant.deletion_begun", "tenant.deleted")
    assert f'"messages": {before["messages", A]}' in deleted["details"]


@pytest.mark.parametrize("at", [0, 3, 11, 25])
async def test_a_deletion_that_died_goes_on_where_it_stopped_and_counts_everything(
    world: World, database_url: str, at: int
) -> None:
    before = await counts(database_url)
    await suspend(world.db, A)
    batches = 0

    def die(table: str, rows: Any) -> None:
        nonlocal batches
        batches += 1
        if batches > at:
            raise Died

    eraser = Eraser(world.db, world.clock, batch=7)
    with pytest.raises(Died):
        await eraser.run(A, OPERATOR, told=die)
    erased = await eraser.run(A, OPERATOR)
    assert erased.is_done
    assert erased.rows["messages"] == before["messages", A]
    assert [key for key in await counts(database_url) if key[1] == A] == []
    assert [each["action"] for each in await audited(database_url)] == ["tenant.deletion_begun", "tenant.deleted"]


async def test_two_deletions_at_once_are_one(world: World, database_url: str) -> None:
    await suspend(world.db, A)
    eraser = Eraser(world.db, world.clock, batch=7)
    results = await asyncio.gather(eraser.run(A, OPERATOR), eraser.run(A, OPERATOR))
    assert all(each.is_done for each in results)
    assert [each["action"] for each in await audited(database_url)] == ["tenant.deletion_begun", "tenant.deleted"]


async def test_a_call_with_little_time_says_what_is_left(world: World) -> None:
    await suspend(world.db, A)
    eraser = Eraser(world.db, world.clock)
    erased = await eraser.run(A, OPERATOR, seconds=0)
    assert not erased.is_done
    assert erased.left == list(TABLES)
    assert (await eraser.run(A, OPERATOR)).is_done


async def test_rows_that_a_death_left_behind_without_their_tenant_are_found(world: World, database_url: str) -> None:
    await suspend(world.db, A)
    await Eraser(world.db, world.clock).run(A, OPERATOR)
    await world.db.close()
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(
            "INSERT INTO events (tenant_id, position, id, type, at, data) VALUES ($1, 1, $2, 'x', now(), '{}')", A, new_id()
        )
    finally:
        await conn.close()
    db = await Database.open(database_url, pool_size=2)
    try:
        assert (await Eraser(db, world.clock).run(A, OPERATOR)).rows == {"events": 1}
        with pytest.raises(NotFound):
            await Eraser(db, world.clock).run(A, OPERATOR)
    finally:
        await db.close()


async def test_only_a_suspended_tenant_can_be_deleted_and_the_platform_never(world: World) -> None:
    eraser = Eraser(world.db, world.clock)
    with pytest.raises(Conflict, match="Suspend it first"):
        await eraser.run(A, OPERATOR)
    async with world.db.tenant(PLATFORM) as conn:
        await key_store.create_key(conn, PLATFORM, "the platform's own", world.clock.now)
    with pytest.raises(NotFound):
        await eraser.run(PLATFORM, OPERATOR)
    async with world.db.tenant(PLATFORM) as conn:
        assert len(await key_store.list_keys(conn, PLATFORM)) == 1


async def test_from_its_first_moment_a_deletion_frees_the_routes_and_hides_the_tenant(world: World) -> None:
    await suspend(world.db, A)
    await Eraser(world.db, world.clock).run(A, OPERATOR, seconds=0)
    world.directory.clear()
    assert await world.directory.find_route(RouteKind.PHONE_NUMBER_ID, "1") is None
    assert await world.directory.find_tenant(A) is None
    assert await world.directory.find_status(A) is None
    async with world.db.work() as conn:
        assert await store.change_status(conn, [A], TenantStatus.ACTIVE) == []
        assert [each.status for each in await store.list_page(conn, with_deleting=True)] == ["deleting", "active"]
        assert [each.id for each in await store.list_page(conn)] == [B]


async def test_people_of_this_tenant_alone_go_with_it(world: World, database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        for name, tenants in (("only-a", [A]), ("both", [A, B]), ("only-b", [B])):
            user = new_id()
            await conn.execute(
                "INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, $3, now())", user, f"{name}@x.test", name
            )
            for tenant in tenants:
                await conn.execute(
                    "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, 'viewer', now())",
                    tenant,
                    user,
                )
        await suspend(world.db, A)
        erased = await Eraser(world.db, world.clock).run(A, OPERATOR)
        assert (erased.rows["memberships"], erased.rows["users"]) == (2, 1)
        assert [row["name"] for row in await conn.fetch("SELECT name FROM users ORDER BY name")] == ["both", "only-b"]
    finally:
        await conn.close()


async def test_of_many_who_suspend_at_once_one_has_done_it(world: World) -> None:
    results = await asyncio.gather(*(suspend(world.db, A, B) for _ in range(4)))
    assert sorted(tenant for each in results for tenant in each) == [A, B]
