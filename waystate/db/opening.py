"""Waystate's own database as its settings name it: one of the operator's, or the embedded one."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from waystate.clock import utc_now
from waystate.config import Config
from waystate.db import partitions
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.pool import Database
from waystate.errors import ConfigError

R = TypeVar("R")


def database_url(config: Config) -> str:
    return config.database_url or EmbeddedPostgres(config.home).url()


def make_home(config: Config) -> None:
    """For the embedded database: refused before anything is in it, where the server could not come to it."""
    if config.database_url is None:
        EmbeddedPostgres(config.home).make_home()


def started_url(config: Config) -> str:
    """An operator's command works while nothing serves, too: it starts the embedded database if need be."""
    return config.database_url or EmbeddedPostgres(config.home).start()


async def open_database(config: Config, *, pool_size: int) -> Database:
    try:
        return await Database.open(
            database_url(config),
            pool_size=pool_size,
            statement_timeout=config.db_statement_timeout,
            connect_timeout=config.db_connect_timeout,
            log_statements=config.db_logging,
        )
    except OSError as error:
        why = str(error) or f"nothing within {config.db_connect_timeout:g} s"
        raise ConfigError(f"The database does not answer ({why}). Start it, or correct DATABASE_URL.") from error


async def with_database(config: Config, work: Callable[[Database], Awaitable[R]]) -> R:
    db = await open_database(config, pool_size=2)
    try:
        return await work(db)
    finally:
        await db.close()


async def make_partitions(db: Database) -> None:
    async with db.owner() as conn:
        await partitions.make_ahead(conn, utc_now())
