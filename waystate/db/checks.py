"""What must hold before Waystate serves from a database. Each check raises ConfigError with what to do about it."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import asyncpg

from waystate.clock import Clock, utc_now
from waystate.db.pool import Connection, Database, load_queries
from waystate.db.roles import OWNER
from waystate.errors import ConfigError
from waystate.ids import TenantId

_queries = load_queries(__file__)

OLDEST_SERVER = 150000
"""PostgreSQL 15, as `server_version_num` writes it."""
LARGEST_SKEW = timedelta(seconds=1)
_VERSIONS = Path(__file__).with_name("migrations") / "versions"
_ANYONE = TenantId("0")
_MIGRATE = "Run `waystate migrate`."
_ROLES = "Run `waystate migrate`, or have a DBA run what `waystate migrate --print-roles` prints."


async def check_database(db: Database, *, connections: int, clock: Clock = utc_now) -> None:
    """All checks. `connections` is what all processes and pools of this installation may open together."""
    async with db.login() as conn:
        await check_server(conn, connections=connections)
        await check_clock(conn, clock)
        await check_version(conn)
    for transaction in (db.tenant(_ANYONE), db.work(), db.ingest()):
        await check_role(transaction)


async def check_server(conn: Connection, *, connections: int) -> None:
    settings = await _queries.get_settings(conn)
    if settings["version"] < OLDEST_SERVER:
        raise ConfigError(f"PostgreSQL {settings['version'] // 10000} is too old. Upgrade it to 15 or newer.")
    if settings["is_standby"]:
        raise ConfigError("DATABASE_URL leads to a read-only stand-by. Point it at the primary.")
    for name in ("fsync", "full_page_writes"):
        if not settings[name]:
            raise ConfigError(f"PostgreSQL runs with {name} = off: a crash would lose what was acknowledged. Turn it on.")
    if settings["synchronous_commit"] == "off":
        raise ConfigError(
            "PostgreSQL runs with synchronous_commit = off: a crash would lose what was acknowledged. Turn it on."
        )
    if connections > settings["connections"]:
        raise ConfigError(
            f"The pools may open {connections} connections and PostgreSQL has {settings['connections']} to give. "
            "Lower DB_POOL_SIZE or the number of processes, or raise max_connections."
        )


async def check_clock(conn: Connection, clock: Clock = utc_now) -> None:
    """Ids carry the application's time and expiries are compared with the database's."""
    before = clock()
    there = await _queries.get_time(conn)
    after = clock()
    # What the round trip took is no skew.
    skew = max(before - there, there - after)
    if skew > LARGEST_SKEW:
        raise ConfigError(
            f"This machine's clock and the database's differ by {skew.total_seconds():.1f} s, and 1 s is allowed. "
            "Synchronise both with NTP."
        )


async def check_version(conn: Connection) -> None:
    """A newer schema is right: in a rolling deploy the release before restarts on it, and migrations only expand at first."""
    head = find_head()
    if not await _queries.has_version_table(conn):
        raise ConfigError(f"The database is empty. {_MIGRATE}")
    current = await _queries.find_version(conn)
    if current is None or current < head:
        raise ConfigError(f"The database is at revision {current or 'base'}, and this Waystate needs {head}. {_MIGRATE}")


async def is_current(conn: Connection) -> bool:
    """Whether no migration is pending."""
    try:
        await check_version(conn)
    except ConfigError:
        return False
    return True


async def check_role(transaction: AbstractAsyncContextManager[Connection]) -> None:
    """What row-level security rests on: inside `transaction` nobody is a superuser, exempt from it, or the owner of a table."""
    try:
        async with transaction as conn:
            role = await _queries.get_effective_role(conn)
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        raise ConfigError(f"The login of DATABASE_URL cannot take its role: {error}. {_ROLES}") from error
    if role["is_superuser"] or role["bypasses_rls"]:
        raise ConfigError(
            f"The role {role['name']} is exempt from row-level security. Run ALTER ROLE {role['name']} NOSUPERUSER NOBYPASSRLS."
        )
    if role["owned_table"] is not None:
        raise ConfigError(
            f"The role {role['name']} owns the table {role['owned_table']}, or is a member of its owner. "
            f"Run ALTER TABLE {role['owned_table']} OWNER TO {OWNER}, or revoke that membership."
        )


def find_head() -> str:
    """The newest revision of this package: files are named `<revision>_<title>.py`, revisions are four digits, in one line."""
    return max(file.name.split("_", 1)[0] for file in _VERSIONS.glob("[0-9]*_*.py"))
