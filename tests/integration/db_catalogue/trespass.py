"""T2: what each runtime role may do, tried on each table of a tenant against the rows of another. Findings; none is good.

Every try is made inside the caller's transaction, by a superuser's connection that becomes the role, and is taken back.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg

from tests.integration.db_catalogue.catalogue import RUNTIME_ROLES, SWEPT, Connection, tenant_tables
from tests.integration.db_catalogue.filling import fingerprint
from waystate.db.roles import SWEEPER

ME, OTHER = "globex", "acme"

REFUSALS = (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)
"""Not granted or against the policy; COPY … FROM is no way in where there are policies."""


class Table(NamedTuple):
    """`mine` and `theirs` are rows as JSON, `columns` what can be written, `key` the primary key."""

    name: str
    columns: str
    key: str
    mine: str
    theirs: str


Try = Callable[[Connection, Table], Awaitable[Any]]
"""Returns how many rows of the other tenant were shown or written, as far as it can tell."""


async def read(conn: Connection, table: Table) -> int:
    return sum(row["tenant_id"] != ME for row in await conn.fetch(f"SELECT * FROM {table.name}"))


async def read_by_name(conn: Connection, table: Table) -> int:
    return int(await conn.fetchval(f"SELECT count(*) FROM {table.name} WHERE tenant_id = '{OTHER}'"))


async def insert(conn: Connection, table: Table) -> int:
    return affected(await conn.execute(inserting(table), table.theirs))


async def update(conn: Connection, table: Table) -> int:
    return affected(await conn.execute(f"UPDATE {table.name} SET tenant_id = tenant_id WHERE tenant_id = '{OTHER}'"))


async def give_away(conn: Connection, table: Table) -> int:
    return affected(await conn.execute(f"UPDATE {table.name} SET tenant_id = '{OTHER}'"))


async def take_over(conn: Connection, table: Table) -> int:
    return affected(await conn.execute(f"UPDATE {table.name} SET tenant_id = '{ME}' WHERE tenant_id <> '{ME}'"))


async def delete(conn: Connection, table: Table) -> int:
    return affected(await conn.execute(f"DELETE FROM {table.name} WHERE tenant_id = '{OTHER}'"))


async def delete_all(conn: Connection, table: Table) -> int:
    """The forgotten WHERE; that nothing of the other tenant is gone is seen afterwards."""
    await conn.execute(f"DELETE FROM {table.name}")
    return 0


async def upsert(conn: Connection, table: Table) -> int:
    change = f" ON CONFLICT ({table.key}) DO UPDATE SET tenant_id = excluded.tenant_id"
    return affected(await conn.execute(inserting(table) + change, table.theirs))


async def upsert_nothing(conn: Connection, table: Table) -> int:
    """Whether a key is taken is the other tenant's affair, too."""
    return 1 + affected(await conn.execute(inserting(table) + " ON CONFLICT DO NOTHING", table.theirs))


async def upsert_away(conn: Connection, table: Table) -> int:
    change = f" ON CONFLICT ({table.key}) DO UPDATE SET tenant_id = '{OTHER}'"
    return affected(await conn.execute(inserting(table) + change, table.mine))


async def merge(conn: Connection, table: Table) -> int:
    return affected(
        await conn.execute(
            f"MERGE INTO {table.name} t USING (VALUES ('{OTHER}')) AS v (id) ON t.tenant_id = v.id"
            " WHEN MATCHED THEN UPDATE SET tenant_id = t.tenant_id"
        )
    )


async def copy_out(conn: Connection, table: Table) -> int:
    return affected(await conn.copy_from_query(f"SELECT * FROM {table.name} WHERE tenant_id = '{OTHER}'", output=ignore))


async def copy_in(conn: Connection, table: Table) -> int:
    row: dict[str, Any] = json.loads(table.theirs)
    return affected(await conn.copy_records_to_table(table.name, records=[(row["tenant_id"],)], columns=["tenant_id"]))


async def empty(conn: Connection, table: Table) -> int:
    await conn.execute(f"TRUNCATE {table.name} CASCADE")
    return 1


TRIES: Sequence[Try] = (
    *(read, read_by_name, insert, update, give_away, take_over, delete, delete_all),
    *(upsert, upsert_nothing, upsert_away, merge, copy_out, copy_in, empty),
)


async def trespasses(conn: Connection, *, roles: Sequence[str] = RUNTIME_ROLES, tables: Sequence[str] = ()) -> list[str]:
    found = []
    for name in tables or await tenant_tables(conn, partitions=False):
        table = await _table(conn, name)
        before = await fingerprint(conn, name, OTHER)
        assert before is not None, f"{OTHER} has no row in {name}"
        for role in roles:
            for attempt in TRIES:
                said = await _try(conn, role, table, attempt, before)
                # Keys and due times of all tenants are what the sweeper is for; the catalogue test has their list.
                if said and not (role == SWEEPER and attempt is read_by_name and name in SWEPT):
                    found.append(f"{role} may {attempt.__name__} in {name}: {said}")
    return found


async def _try(conn: Connection, role: str, table: Table, attempt: Try, before: Any) -> str | None:
    await conn.execute(f"SAVEPOINT attempt; SET LOCAL ROLE {role}; SET LOCAL app.tenant_id = '{ME}'")
    try:
        foreign = await attempt(conn, table)
        await conn.execute("RESET ROLE")
        if foreign:
            return f"{foreign} rows"
        return None if await fingerprint(conn, table.name, OTHER) == before else "rows changed"
    except REFUSALS:
        return None
    except asyncpg.IntegrityConstraintViolationError as error:
        # Only who is past the fence is told that a key is taken; rows of one's own may be held by others of one's own.
        return None if attempt is delete_all else type(error).__name__
    finally:
        await conn.execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt; RESET ROLE")


async def _table(conn: Connection, name: str) -> Table:
    columns = await conn.fetch(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        name,
    )
    key = await conn.fetch(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
        " WHERE i.indisprimary AND i.indrelid = $1::regclass",
        name,
    )
    rows = [
        await conn.fetchval(f"SELECT to_jsonb(t)::text FROM {name} t WHERE tenant_id = $1 LIMIT 1", each)
        for each in (ME, OTHER)
    ]
    assert None not in rows, f"{name} is empty"
    return Table(name, ", ".join(each["attname"] for each in columns), ", ".join(each["attname"] for each in key), *rows)


def inserting(table: Table) -> str:
    source = f"jsonb_populate_record(NULL::{table.name}, $1::text::jsonb)"
    return f"INSERT INTO {table.name} ({table.columns}) SELECT {table.columns} FROM {source}"


def affected(tag: str) -> int:
    return int(tag.split()[-1])


async def ignore(_: bytes) -> None:
    """Where COPY writes to."""
