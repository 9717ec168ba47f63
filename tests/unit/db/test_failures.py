import asyncio
import socket

import asyncpg
import pytest

from waystate.db.failures import is_outage, is_transient


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.ConnectionFailureError("lost"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        asyncpg.CrashShutdownError("another server process exited abnormally"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.PostgresIOError("could not write block"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        socket.gaierror(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage_is_transient(error: BaseException) -> None:
    assert is_outage(error)
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.SerializationError("could not serialize access"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.InvalidCachedStatementError("cached plan must not change result type"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_contention_is_transient_and_no_outage(error: BaseException) -> None:
    assert is_transient(error)
    assert not is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("duplicate key"),
        asyncpg.CheckViolationError("violates check constraint"),
        asyncpg.InsufficientPrivilegeError("permission denied"),
        asyncpg.UndefinedTableError("relation does not exist"),
        asyncpg.UntranslatableCharacterError("unsupported Unicode escape sequence"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncio.CancelledError(),
        FileNotFoundError(),
        ValueError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_will_fail_again_is_neither(error: BaseException) -> None:
    assert not is_transient(error)
    assert not is_outage(error)
