"""Entries of one tenant form one chain, whoever writes at once, and nobody of the application changes it afterwards."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.world import Business, World
from waystate.audit import store
from waystate.audit.model import FIRST, Entry, Head
from waystate.audit.model import AuditFilter as Filter
from waystate.audit.verification import verify
from waystate.db.pool import Connection
from waystate.ids import PLATFORM, TenantId, new_id
from waystate.principal import OPERATOR, Actor

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SOMEBODY = Actor("user", new_id())


async def act(world: World, tenant: TenantId, number: int = 0, **said: Any) -> Entry:
    given = {"actor": OPERATOR, "action": "key.created", "subject": f"key:{number}", "at": NOW + timedelta(minutes=number)}
    entry = Entry(**{**given, **said})
    async with world.db.tenant(tenant) as conn:
        await store.append_many(conn, tenant, [entry])
    return entry


async def test_entries_written_at_once_form_one_chain(world: World, tenant: Business) -> None:
    await asyncio.gather(*(act(world, tenant.tenant, number) for number in range(20)))
    rows = await world.rows(tenant, "SELECT position, previous, hash FROM audit_log ORDER BY position")
    assert [row["position"] for row in rows] == [*range(1, 21)]
    assert [row["previous"] for row in rows] == [FIRST, *(row["hash"] for row in rows[:-1])]
    assert await verify(world.db, tenant.tenant) == (Head(20, rows[-1]["hash"]), None)


async def test_an_act_that_was_rolled_back_left_no_entry_and_one_that_was_committed_did(world: World, tenant: Business) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with world.db.tenant(tenant.tenant) as conn:
            entry = Entry(actor=OPERATOR, action="a.b", subject="x", at=NOW)
            await store.append_many(conn, tenant.tenant, [entry])
            await conn.execute("SELECT 1/0")
    assert await world.value(tenant, "SELECT count(*) FROM audit_log") == 0
    await act(world, tenant.tenant)
    assert await world.value(tenant, "SELECT count(*) FROM audit_log") == 1
    assert (await verify(world.db, tenant.tenant)).fault is None


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET subject = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
@pytest.mark.parametrize("role", ["app", "work"])
async def test_no_role_of_the_application_changes_or_removes_an_entry(
    world: World, tenant: Business, role: str, statement: str
) -> None:
    await act(world, tenant.tenant)

    def transaction() -> Any:
        return world.db.tenant(tenant.tenant) if role == "app" else world.db.work(tenant_id=tenant.tenant)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction() as conn:
            await conn.execute(statement)
    async with transaction() as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit_log") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.db.ingest() as conn:
            await conn.execute("SELECT FROM audit_log")


async def test_what_is_verified_is_what_was_written_whatever_the_details_hold(world: World, tenant: Business) -> None:
    details = {
        "float": 1e300,
        "small": 1e-7,
        "nul": "\x00",
        "big": 1 << 80,
        "nested": {"b": [1, None, True], "a": "ü€😀"},
        "": 0,
    }
    await act(world, tenant.tenant, details=details, subject="x\x00y", actor=SOMEBODY)
    for microsecond in (0, 1, 100, 120_000, 999_999):
        await act(world, tenant.tenant, at=NOW.replace(microsecond=microsecond), details={"at": NOW})
    assert (await verify(world.db, tenant.tenant, batch=2)).fault is None


async def test_a_long_chain_is_walked_in_batches_and_tells_how_far_it_is(world: World, tenant: Business) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.append_many(
            conn, tenant.tenant, [Entry(actor=OPERATOR, action="a.b", subject=str(number), at=NOW) for number in range(10)]
        )
    told: list[int] = []
    head, fault = await verify(world.db, tenant.tenant, batch=4, told=told.append)
    assert (head.position, fault, told) == (10, None, [4, 8, 10])


async def test_entries_taken_off_the_end_are_missed_by_whoever_noted_the_head(
    world: World, tenant: Business, database_url: str
) -> None:
    for number in range(5):
        await act(world, tenant.tenant, number)
    noted = (await verify(world.db, tenant.tenant)).head
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("DELETE FROM audit_log WHERE position > 3")
    await superuser.close()
    assert (await verify(world.db, tenant.tenant)).fault is None
    head, fault = await verify(world.db, tenant.tenant, expected=noted)
    assert fault is not None
    assert (head.position, fault.kind, fault.position) == (3, "truncated", 4)


async def positions(conn: Connection, tenant: TenantId, before: int | None = None, batch: int = 100, **said: Any) -> list[int]:
    rows = await store.list_page(conn, tenant, Filter(**said), before=before, batch=batch)
    return [row["position"] for row in rows]


async def test_a_list_is_newest_first_in_pages_and_filtered(world: World, tenant: Business) -> None:
    key = Actor("key", new_id())
    await act(world, tenant.tenant, 1)
    await act(world, tenant.tenant, 2, actor=SOMEBODY)
    await act(world, tenant.tenant, 3, actor=key, action="key.revoked")
    await act(world, tenant.tenant, 4, action="keyring.opened", subject="keyring:1")
    async with world.db.tenant(tenant.tenant) as conn:

        async def found(**said: Any) -> list[int]:
            return await positions(conn, tenant.tenant, **said)

        assert await found() == [4, 3, 2, 1]
        assert await found(batch=2) == [4, 3]
        assert await found(batch=2, before=3) == [2, 1]
        assert await found(action="key.created") == [2, 1]
        assert await found(action="key") == [3, 2, 1]
        assert await found(action="%") == await found(subject="_") == []
        assert await found(subject="key:3") == [3]
        assert await found(subject="key") == [3, 2, 1]
        assert await found(actor_kind="operator") == [4, 1]
        assert await found(actor_kind="user", actor_id=SOMEBODY.id) == [2]
        assert await found(actor_kind="key", actor_id=SOMEBODY.id) == []
        assert await found(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == [3, 2]
        edges = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
        assert await found(until=edges[0], since=edges[1]) == [4, 3, 2, 1]


async def test_a_list_and_a_chain_never_show_another_tenants_entries(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    for number in range(3):
        await act(world, other.tenant, number)
        await act(world, PLATFORM, number)
    await act(world, tenant.tenant, 7)
    for mine, count in ((tenant.tenant, 1), (other.tenant, 3), (PLATFORM, 3)):
        for transaction in (world.db.tenant(mine), world.db.work(tenant_id=mine)):
            async with transaction as conn:
                assert len(await store.list_page(conn, mine, Filter())) == count
                for foreign in {tenant.tenant, other.tenant, PLATFORM} - {mine}:
                    assert await store.list_page(conn, foreign, Filter()) == []
                    assert await store.list_written(conn, foreign, after=0, batch=10) == []
        assert (await verify(world.db, mine)).head.position == count


async def test_nobody_writes_into_another_tenants_chain(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with world.db.tenant(tenant.tenant) as conn:
            await store.append_many(conn, other.tenant, [Entry(actor=OPERATOR, action="a.b", subject="x", at=NOW)])
