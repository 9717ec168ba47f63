"""A superuser changes what was written, in any column of any entry; the chain shows it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import Databases
from tests.world import World
from waystate.audit import store
from waystate.audit.model import START, Entry, Fault, walk
from waystate.db.pool import Database
from waystate.documents import dump
from waystate.ids import TenantId, new_id
from waystate.principal import Actor

TENANT, OTHER = TenantId("acme"), TenantId("globex")
ENTRIES = 8
POSITIONS = st.integers(1, ENTRIES)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
HASHES = st.binary(min_size=32, max_size=32)
NEW_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "tenant_id": st.just(OTHER),
    "position": st.integers(1, 50) | st.integers(1, (1 << 63) - 1),
    "id": st.uuids(),
    "at": st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC))
    | st.sampled_from([NOW + timedelta(microseconds=number) for number in range(5)]),
    "actor": DOCUMENTS | st.fixed_dictionaries({"kind": st.sampled_from(["user", "key", "operator"]), "id": st.none()}),
    "action": TEXTS | st.sampled_from(["key.created", "key.revoked"]),
    "subject": TEXTS,
    "details": DOCUMENTS,
    "previous": HASHES,
    "hash": HASHES,
}
CHANGES = st.sampled_from(sorted(NEW_VALUES)).flatmap(lambda column: st.tuples(st.just(column), NEW_VALUES[column]))
PATIENT = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
async def superuser(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """In a database with a chain of eight."""
    with databases.fresh() as url:
        db = await Database.open(url, pool_size=2)
        world = World(db)
        await world.add(TENANT, number="1001")
        await world.add(OTHER, number="2001")
        async with db.tenant(TENANT) as conn:
            await store.append_many(conn, TENANT, [entry(number) for number in range(ENTRIES)])
        connection = await asyncpg.connect(url)
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(kind, schema="pg_catalog", encoder=str, decoder=str, format="text")
        yield connection
        await connection.close()
        await db.close(grace=2)


def entry(number: int) -> Entry:
    details = {"number": number, "scopes": ["state:read"], "deep": {"yes": True, "none": None}}
    at = NOW + timedelta(seconds=number)
    return Entry(actor=Actor("user", UUID(int=number)), action="key.created", subject=f"key:{new_id()}", at=at, details=details)


async def find_fault(conn: asyncpg.Connection) -> Fault | None:
    rows = await store.list_written(conn, TENANT, after=0, batch=1000)
    reached = walk(TENANT, rows, START)
    return reached if isinstance(reached, Fault) else None


def changing(column: str) -> str:
    kind = {"at": "timestamptz", "actor": "jsonb", "details": "jsonb", "id": "uuid", "position": "bigint"}.get(column)
    kind = kind or ("bytea" if column in ("previous", "hash") else "text")
    return f"UPDATE audit_log SET {column} = $2::{kind} WHERE tenant_id = '{TENANT}' AND position = $1"


@PATIENT
@given(position=POSITIONS, change=CHANGES)
async def test_any_change_of_any_column_of_any_entry_is_found(
    superuser: asyncpg.Connection, position: int, change: tuple[str, Any]
) -> None:
    column, value = change
    value = dump(value) if column in ("actor", "details") else value
    everything = f"SELECT tenant_id, t::text FROM audit_log t WHERE tenant_id = '{TENANT}' ORDER BY position"
    transaction = superuser.transaction()
    await transaction.start()
    try:
        before = await superuser.fetch(everything)
        try:
            await superuser.execute(changing(column), position, value)
        except asyncpg.UniqueViolationError:
            return  # the position of another entry
        is_changed = await superuser.fetch(everything) != before
        # The last entry given to another tenant is a cut-off end, which only a noted head shows.
        is_cut_off = column == "tenant_id" and position == ENTRIES
        fault = await find_fault(superuser)
        assert (fault is not None) == (is_changed and not is_cut_off), (fault, change)
    finally:
        await transaction.rollback()


@PATIENT
@given(gone=st.sets(POSITIONS, min_size=1, max_size=ENTRIES - 1))
async def test_any_deletion_but_of_the_tail_is_found(superuser: asyncpg.Connection, gone: set[int]) -> None:
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute("DELETE FROM audit_log WHERE position = ANY($1::bigint[])", sorted(gone))
        is_tail = gone == set(range(min(gone), ENTRIES + 1))
        fault = await find_fault(superuser)
        assert (fault is None) == is_tail
        if fault is not None:
            assert (fault.kind, fault.position) == ("missing", min(gone))
    finally:
        await transaction.rollback()


@PATIENT
@given(places=st.sets(POSITIONS, min_size=2, max_size=2), with_hashes=st.booleans())
async def test_any_swap_is_found(superuser: asyncpg.Connection, places: set[int], with_hashes: bool) -> None:
    """By position; or all of their contents, with the links left as they were."""
    first, second = sorted(places)
    columns = ["id", "at", "actor", "action", "subject", "details"] + (["previous", "hash"] if with_hashes else [])
    told = ", ".join(f"{column} = o.{column}" for column in columns)
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(
            f"UPDATE audit_log a SET {told} FROM audit_log o"
            " WHERE (a.position, o.position) IN (($1::bigint, $2::bigint), ($2, $1))",
            first,
            second,
        )
        assert await find_fault(superuser) is not None
    finally:
        await transaction.rollback()


async def test_a_chain_nobody_touched_is_whole(superuser: asyncpg.Connection) -> None:
    assert await find_fault(superuser) is None
