"""The one place where transactions begin: each with a role, and a tenant's with its id, so that row-level security holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from json import loads
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import aiosql
import asyncpg
import structlog
from aiosql.adapters.asyncpg import AsyncPGAdapter

from waystate.db.failures import is_lost
from waystate.db.roles import APP, INGEST, OWNER, WORK
from waystate.documents import dump
from waystate.errors import ConfigError
from waystate.ids import TenantId, parse_tenant_id

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

log = structlog.get_logger()

_GIVE_BACK_TIMEOUT = 5.0
"""Seconds for ROLLBACK; a connection that does not manage is closed."""
_MAX_QUERIES = 1_000_000
"""Then a connection is renewed, because a server process's caches only grow."""


class Database:
    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, acquire_timeout: float) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        pool_size: int = 10,
        statement_timeout: float = 30.0,
        lock_timeout: float = 5.0,
        idle_in_transaction_timeout: float = 60.0,
        acquire_timeout: float = 30.0,
        connect_timeout: float = 10.0,
        application_name: str = "waystate",
        log_statements: bool = False,
    ) -> "Database":
        """Connects once, so that a wrong URL is told at start; times are seconds. `is_outage` tells an unreachable server."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                max_queries=_MAX_QUERIES,
                max_cached_statement_lifetime=0,
                timeout=connect_timeout,
                # The server's own time-out comes first; this one ends the wait for a server that says nothing any more.
                command_timeout=statement_timeout + _GIVE_BACK_TIMEOUT,
                init=_prepare_and_log if log_statements else _prepare,
                reset=_keep,
                server_settings={
                    "application_name": application_name,
                    "statement_timeout": _milliseconds(statement_timeout),
                    "lock_timeout": _milliseconds(lock_timeout),
                    "idle_in_transaction_session_timeout": _milliseconds(idle_in_transaction_timeout),
                },
            )
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError) as error:
            raise ConfigError(f"DATABASE_URL cannot be used: {error}. Correct the user, password or database in it.") from error
        return cls(pool, acquire_timeout=acquire_timeout)

    async def close(self, *, grace: float = 10.0) -> None:
        """Waits `grace` seconds for what is running, then cuts it off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._pool.close()

    def tenant(self, tenant_id: TenantId) -> AbstractAsyncContextManager[Connection]:
        """A transaction that sees this tenant's rows only."""
        return self._transaction(APP, _as_tenant(tenant_id))

    def work(self, *, tenant_id: TenantId | None = None) -> AbstractAsyncContextManager[Connection]:
        """A transaction on the ledger, leases, timers and the other global tables; of tenants' rows it sees `tenant_id`'s."""
        return self._transaction(WORK, "" if tenant_id is None else _as_tenant(tenant_id))

    def ingest(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction that may add to the ledger, and read nothing of it."""
        return self._transaction(INGEST)

    def owner(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction that may make and drop partitions."""
        return self._transaction(OWNER)

    def login(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction as the login itself, maybe a superuser: for the checks at start, never for a tenant's data."""
        return self._transaction(None)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, for LISTEN. It counts in the pool."""
        connection = await self._acquire()
        try:
            yield connection
        except BaseException:
            # What it is doing at this moment nobody knows; the next borrower must not find it busy.
            with suppress(asyncpg.InterfaceError):
                connection.terminate()
            raise
        finally:
            await self._pool.release(connection, timeout=_GIVE_BACK_TIMEOUT)

    async def ping(self) -> float:
        """Seconds that the database took to answer."""
        async with self.session() as connection:
            started = monotonic()
            await connection.execute("SELECT 1")
            return monotonic() - started

    @property
    def connections(self) -> tuple[int, int, int]:
        """Connections in use, open, and allowed."""
        size = self._pool.get_size()
        return size - self._pool.get_idle_size(), size, self._pool.get_max_size()

    @asynccontextmanager
    async def _transaction(self, role: str | None, settings: str = "") -> AsyncIterator[Connection]:
        connection = await self._acquire()
        try:
            # One round trip. Read committed is what the statements' locking is made for, whatever the server's default.
            await connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{_as_role(role)}{settings}")
            yield connection
            if await connection.execute("COMMIT") == "ROLLBACK":
                raise asyncpg.InFailedSQLTransactionError("an error inside the transaction was ignored: nothing was committed")
        except BaseException as error:
            lost = is_lost(error, connection)
            # Shielded: a further cancellation leaves the clean-up to its own task.
            await asyncio.shield(self._give_up(connection))
            if lost:
                raise asyncpg.ConnectionDoesNotExistError("the connection was lost in mid transaction") from error
            raise
        await self._pool.release(connection, timeout=_GIVE_BACK_TIMEOUT)

    async def _acquire(self) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
        try:
            async with asyncio.timeout(self._acquire_timeout):
                return await self._pool.acquire()
        except TimeoutError as error:
            raise TimeoutError(f"no connection to PostgreSQL within {self._acquire_timeout} s") from error
        except OSError as error:
            raise asyncpg.CannotConnectNowError(f"PostgreSQL cannot be reached: {error}") from error

    async def _give_up(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        """Roll back, or close the connection: one with an open transaction or a tenant never goes back to the pool."""
        try:
            async with asyncio.timeout(_GIVE_BACK_TIMEOUT):
                await connection.execute("ROLLBACK")
        except (Exception, asyncio.CancelledError):
            with suppress(asyncpg.InterfaceError):
                connection.terminate()
        await self._pool.release(connection, timeout=_GIVE_BACK_TIMEOUT)


class _Adapter(AsyncPGAdapter):
    """Queries to await, with rows as a list: aiosql's own adapter makes async generators, and looks for a pool at each call."""

    is_aio_driver = False

    def select(self, conn: Any, query_name: str, sql: str, parameters: dict[str, Any], record_class: None = None) -> Any:
        return conn.fetch(sql, *self._in_order(query_name, parameters))

    def select_one(self, conn: Any, query_name: str, sql: str, parameters: dict[str, Any], record_class: None = None) -> Any:
        return conn.fetchrow(sql, *self._in_order(query_name, parameters))

    def select_value(self, conn: Any, query_name: str, sql: str, parameters: dict[str, Any]) -> Any:
        return conn.fetchval(sql, *self._in_order(query_name, parameters))

    def insert_update_delete(self, conn: Any, query_name: str, sql: str, parameters: dict[str, Any]) -> Any:
        return conn.execute(sql, *self._in_order(query_name, parameters))

    def _in_order(self, query_name: str, parameters: dict[str, Any]) -> list[Any]:
        return [parameters[name] for name in self.var_sorted[query_name]]


def load_queries(package_file: str) -> Any:
    """The named queries of the `queries.sql` beside `package_file`; each takes (connection, **parameters) and is awaited.

    `name` gives a list of rows, `name^` a row or None, `name$` a value, `name!` the server's command tag such as `UPDATE 3`.
    """
    adapter: Any = _Adapter
    return aiosql.from_path(Path(package_file).with_name("queries.sql"), adapter, mandatory_parameters=False)


def _as_role(role: str | None) -> str:
    return "" if role is None else f"; SET LOCAL ROLE {role}"


def _as_tenant(tenant_id: TenantId) -> str:
    return f"; SET LOCAL app.tenant_id = '{parse_tenant_id(tenant_id)}'"


async def go_on_as(conn: Connection, tenant_id: TenantId) -> None:
    """The rest of a `work` transaction sees this tenant's rows: what concerns the platform and a tenant is one act."""
    await conn.execute(_as_tenant(tenant_id).removeprefix("; "))


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=dump, decoder=loads, format="text")


async def _prepare_and_log(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await _prepare(connection)
    connection.add_query_logger(_log_statement)


def _log_statement(record: Any) -> None:
    """Without its values: they are people's."""
    log.debug("statement", operation="sql", statement=record.query, duration_ms=round(record.elapsed * 1000, 2))


async def _keep(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """In place of asyncpg's RESET ALL and more, a round trip: nothing here outlives its transaction."""
