"""Schema migrations. Alembic is imported in here only, when something is migrated: the server just reads the version row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystate.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK_KEY = 0x5761797374617465
"""The name of the product in ASCII: one migration at a time on a database."""
_LOCK_TIMEOUT = "10s"
"""A migration that waits for a busy table makes everyone queue behind it: better to fail, and be tried again."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    current: str | None
    """None: nothing has been migrated yet."""
    head: str
    pending: tuple[str, ...]
    """Oldest first."""


def upgrade(url: str, target: str = "head") -> None:
    from alembic import command

    with _locked(url) as config:
        command.upgrade(config, target)
        _publish_version(config)


def downgrade(url: str, target: str) -> None:
    """`target` is a revision, a step such as `-1`, or `base` for an empty database."""
    from alembic import command

    with _locked(url) as config:
        command.downgrade(config, target)


def status(url: str) -> MigrationStatus:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with _connected(url) as connection:
        current = MigrationContext.configure(connection, opts={"version_table_schema": "public"}).get_current_revision()
        scripts = ScriptDirectory.from_config(_config(connection))
        newest_first = [script.revision for script in scripts.walk_revisions()]
    if current is not None and current not in newest_first:
        raise ConfigError(
            f"The database is at revision {current}, which this Waystate does not know. Install a newer Waystate."
        )
    known = newest_first if current is None else newest_first[: newest_first.index(current)]
    return MigrationStatus(current, newest_first[0], tuple(reversed(known)))


@contextmanager
def _locked(url: str) -> "Iterator[Config]":
    """Two starters at once: the second waits, then finds nothing to do. The lock goes with the connection."""
    with _connected(url) as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        connection.commit()
        yield _config(connection)


@contextmanager
def _connected(url: str) -> "Iterator[Connection]":
    import psycopg
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _config(connection: "Connection") -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _publish_version(config: "Config") -> None:
    """Whoever migrates need not be the login that serves, which reads the version at start."""
    connection: Connection = config.attributes["connection"]
    connection.exec_driver_sql("GRANT SELECT ON public.alembic_version TO PUBLIC")
    connection.commit()


def run_up(revision_file: str) -> None:
    """Runs the whole of `<revision>.up.sql`: any number of statements, without parameters, in one transaction."""
    _run(Path(revision_file).with_suffix(".up.sql"))


def run_down(revision_file: str) -> None:
    """Runs `<revision>.down.sql`, likewise."""
    _run(Path(revision_file).with_suffix(".down.sql"))


def _run(file: Path) -> None:
    from alembic import op

    connection: Any = op.get_bind().connection
    # The driver's own cursor: it takes several statements at once, and a % as it stands.
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        cursor.execute(file.read_text(encoding="utf-8"))
        cursor.execute("RESET ROLE")
