"""API keys against PostgreSQL."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from waystate.db.pool import Database
from waystate.errors import NotFound
from waystate.ids import TenantId, new_id
from waystate.keys import store
from waystate.keys.model import matches
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Tenant
from waystate.tokens import parse_token

A, B = TenantId("tenant-a"), TenantId("tenant-b")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _tenants(db: Database) -> None:
    async with db.work() as conn:
        await tenant_store.upsert_many(conn, [Tenant(id=A, name="A"), Tenant(id=B, name="B")])


async def test_a_key_is_found_by_what_stands_in_it(db: Database) -> None:
    async with db.tenant(A) as conn:
        key, plaintext = await store.create_key(conn, A, "bridge", NOW, NOW + timedelta(days=1))
    presented = parse_token(plaintext)
    async with db.tenant(presented.tenant_id) as conn:
        found = await store.find_key(conn, presented.tenant_id, presented.id)
    assert found == key
    assert matches(found, presented)


async def test_only_a_hash_of_the_key_is_stored(db: Database, database_url: str) -> None:
    async with db.tenant(A) as conn:
        _, plaintext = await store.create_key(conn, A, "bridge", NOW)
    conn = await asyncpg.connect(database_url)
    try:
        (row,) = await conn.fetch("SELECT * FROM api_keys")
    finally:
        await conn.close()
    stored = b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    assert plaintext.rpartition(".")[2].encode() not in stored
    assert len(row["hash"]) == 32


async def test_keys_are_listed_newest_first_and_on_request_only_usable_ones(db: Database) -> None:
    async with db.tenant(A) as conn:
        first, _ = await store.create_key(conn, A, "first", NOW)
        second, _ = await store.create_key(conn, A, "second", NOW, NOW + timedelta(minutes=1))
        third, _ = await store.create_key(conn, A, "third", NOW)
        await store.revoke_key(conn, A, third.id, NOW)
        assert [key.id for key in await store.list_keys(conn, A)] == [third.id, second.id, first.id]
        assert [key.id for key in await store.list_keys(conn, A, usable_at=NOW)] == [second.id, first.id]
        assert [key.id for key in await store.list_keys(conn, A, usable_at=NOW + timedelta(minutes=1))] == [first.id]


async def test_revoking_again_keeps_the_first_moment(db: Database) -> None:
    async with db.tenant(A) as conn:
        key, _ = await store.create_key(conn, A, "bridge", NOW)
        assert (await store.revoke_key(conn, A, key.id, NOW)).revoked_at == NOW
        assert (await store.revoke_key(conn, A, key.id, NOW + timedelta(hours=1))).revoked_at == NOW


async def test_a_key_of_another_tenant_is_as_missing_as_one_that_never_was(db: Database) -> None:
    async with db.tenant(A) as conn:
        key, _ = await store.create_key(conn, A, "bridge", NOW)
    async with db.tenant(B) as conn:
        assert await store.find_key(conn, A, key.id) is None
        assert await store.list_keys(conn, A) == []
        with pytest.raises(NotFound, match="List the keys"):
            await store.revoke_key(conn, A, key.id, NOW)
        with pytest.raises(NotFound, match="List the keys"):
            await store.revoke_key(conn, B, new_id(), NOW)
    async with db.tenant(A) as conn:
        found = await store.find_key(conn, A, key.id)
    assert found is not None
    assert found.revoked_at is None


async def test_a_key_cannot_be_made_for_another_tenant(db: Database) -> None:
    """To another tenant's transaction it is not even there."""
    async with db.tenant(B) as conn:
        with pytest.raises(NotFound):
            await store.create_key(conn, A, "intruder", NOW)


async def test_a_key_cannot_be_made_for_a_tenant_that_is_not_there(db: Database) -> None:
    nobody = TenantId("nobody")
    async with db.tenant(nobody) as conn:
        with pytest.raises(NotFound, match="create the tenant first"):
            await store.create_key(conn, nobody, "bridge", NOW)


async def test_use_is_written_at_most_once_a_minute(db: Database) -> None:
    seen = []
    async with db.tenant(A) as conn:
        key, _ = await store.create_key(conn, A, "bridge", NOW)
        for seconds in (0, 59, 60, 119):
            await store.touch_many(conn, A, [key.id], NOW + timedelta(seconds=seconds))
            found = await store.find_key(conn, A, key.id)
            assert found is not None
            seen.append(found.last_used_at)
    assert seen == [NOW, NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)]
