"""What happens before serving, in a process of its own that is gone afterwards: migrations and checks."""

import asyncio
from collections.abc import Iterator

from waystate.config import Config, load_config
from waystate.db import migrate as migrations
from waystate.db.checks import check_database, is_current
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.opening import database_url, make_home, make_partitions, started_url, with_database
from waystate.db.pool import Database
from waystate.db.server_upgrade import upgrade_server
from waystate.vault.sealing import load_or_create_master_key


def prepare(*, is_started: bool = False) -> None:
    """Bring the embedded database to the newest schema; of an external one only demand it, as every start does.

    `is_started`: the caller has just started the embedded server, which costs 27 ms to find out again.
    """
    config = load_config()
    make_home(config)
    load_or_create_master_key(config)
    bring_up(config, is_started=is_started)
    asyncio.run(with_database(config, lambda db: check_database(db, connections=config.db_pool_size)))


def bring_up(config: Config, *, is_started: bool = False) -> None:
    """Start the embedded database, if it does not run, and bring it to the newest schema; an external one is left as it is."""
    url = database_url(config) if is_started else started_url(config)
    if config.database_url is None and not asyncio.run(with_database(config, _is_current)):
        migrations.upgrade(url)
        asyncio.run(with_database(config, make_partitions))


def upgrade(config: Config) -> Iterator[str]:
    """Of the embedded server, then of the schema; a sentence about each."""
    if config.database_url is None:
        yield upgrade_server(EmbeddedPostgres(config.home))
    url = started_url(config)
    before = migrations.status(url)
    if before.pending:
        migrations.upgrade(url)
        asyncio.run(with_database(config, make_partitions))
        yield f"The schema is upgraded from revision {before.current or 'none'} to {before.head}."
    else:
        yield f"The schema is at its newest revision, {before.head}."


def migrate(action: str, target: str | None) -> None:
    config = load_config()
    url = started_url(config)
    if action == "up":
        migrations.upgrade(url)
        asyncio.run(with_database(config, make_partitions))
    elif action == "down":
        migrations.downgrade(url, target or "-1")
    state = migrations.status(url)
    print(f"At revision {state.current or 'none'}; newest is {state.head}; pending: {', '.join(state.pending) or 'nothing'}.")


async def _is_current(db: Database) -> bool:
    async with db.login() as conn:
        return await is_current(conn)
