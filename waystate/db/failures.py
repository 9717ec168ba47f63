"""Which errors of the database pass by themselves, and which are an item's own fault: retries and consumers ask here."""

import asyncio
import socket

import asyncpg

_OUTAGE_CLASSES = ("08", "53")
"""Connection lost or refused; too many connections, disk full, out of memory."""
_OUTAGE_STATES = frozenset(
    {
        "25006",  # read-only: a stand-by that is about to take over
        "25P03",  # idle in transaction for too long: we were stuck, and the server hung up
        "57P01",  # shut down by an administrator
        "57P02",  # another server process crashed
        "57P03",  # starting up, or not reachable
        "57P05",  # idle for too long
        "58030",  # input/output error of the disk
    }
)
_CONTENTION_STATES = frozenset(
    {
        "23503",  # foreign key violation: what it was to belong to has just gone, as a contact does that is merged into another
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock time-out
        "57014",  # statement time-out
    }
)
_UNSTORABLE_CLASSES = ("22", "54")
"""Data exceptions; program limits exceeded."""
_STALE_PLANS = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""A migration changed a table under a prepared statement, which asyncpg has dropped by now."""


def is_outage(error: BaseException) -> bool:
    """The database cannot be worked with at all right now: pause; no item is to blame."""
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        return state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_STATES
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return True
    if isinstance(error, asyncpg.InterfaceError):
        return "is closed" in str(error) or "is closing" in str(error)
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror)


def is_transient(error: BaseException) -> bool:
    """The same work may succeed if it is tried again: an outage, or a loser of a lock."""
    if isinstance(error, asyncio.CancelledError):
        return False
    if isinstance(error, _STALE_PLANS):
        return True
    return is_outage(error) or (isinstance(error, asyncpg.PostgresError) and error.sqlstate in _CONTENTION_STATES)


def is_unstorable(error: BaseException) -> bool:
    """The item's own values are to blame, and no retry will help: too long for an index, out of a type's range."""
    return isinstance(error, asyncpg.PostgresError) and str(error.sqlstate or "")[:2] in _UNSTORABLE_CLASSES


def is_lost(error: BaseException, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> bool:
    """Whether `error` comes of a connection that went away while it was checked out, and idle.

    asyncpg then calls it "released", as if that were our mistake, or finds its own state out of order, depending on how much of
    the server's farewell it has read.
    """
    if type(error) is asyncpg.InternalClientError:
        return True
    try:
        return isinstance(error, asyncpg.InterfaceError) and connection.is_closed()
    except asyncpg.InterfaceError:
        return True
