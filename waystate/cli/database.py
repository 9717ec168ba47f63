"""The commands of `waystate db`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted

if TYPE_CHECKING:
    from waystate.config import Config

app = typer.Typer(
    help="The database: a shell, backups, upgrades. Embedded, or the one that DATABASE_URL names.",
    epilog="Example: waystate db psql",
    no_args_is_help=True,
)

User = Annotated[
    str | None, typer.Option(help="As this login instead of DATABASE_URL's; its password is PGPASSWORD's or ~/.pgpass'")
]
_LINES = 5
"""Of progress, where there is no terminal."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="See this tenant's rows only, as the application does")] = None,
    user: User = None,
) -> None:
    """Open PostgreSQL's shell on the database. What psql takes may follow, such as -c or -f; psql's exit code is ours.

    On the embedded database it sees every tenant's rows. On a PostgreSQL of your own a login sees none unless --tenant says
    whose, or it is exempt from row-level security.

    Example: waystate db psql -c "SELECT id, name FROM tenants"
    """
    from waystate.config import load_config
    from waystate.db.backup import as_tenant, command_of
    from waystate.ids import parse_tenant_id

    with explained():
        seen = None if tenant is None else parse_tenant_id(tenant)
        command, environment = command_of("psql", *context.args, url=_url(load_config(), user))
    sys.stdout.flush()
    os.execve(command[0], command, environment if seen is None else environment | as_tenant(seen))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet")], user: User = None) -> None:
    """Write the whole database into a file, as it is at one moment, while everything runs.

    The folder keys/ of WAYSTATE_HOME, or WAYSTATE_MASTER_KEY, is not in it: without it the stored secrets cannot be opened.

    Example: waystate db backup waystate-2026-11-29.dump
    """
    from waystate.config import load_config
    from waystate.db.backup import back_up

    with explained():
        config = load_config()
        with _progress("Tables written") as told:
            size = back_up(_url(config, user), file, told)
    key = "WAYSTATE_MASTER_KEY" if config.master_key is not None else str(config.home / "keys")
    print(f"{file} has the whole database, {size:,} bytes. Keep {key} with it: the secrets in it are sealed with that key.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `waystate db backup` wrote")],
    replace: Annotated[bool, typer.Option("--replace", help="Also where there is content, which is lost then")] = False,
    user: User = None,
) -> None:
    """Bring a backup into an empty database: all of it, or nothing. Stop Waystate first.

    Without DATABASE_URL it is the embedded database of WAYSTATE_HOME, made if there is none.

    Example: waystate db restore waystate-2026-11-29.dump
    """
    from waystate.config import load_config
    from waystate.db.backup import as_user, read_tables
    from waystate.db.backup import restore as run
    from waystate.db.opening import started_url

    with explained():
        config = load_config()
        read_tables(file)  # before a database is made for what is no backup
        url = started_url(config)
        with _progress("Tables restored") as told:
            tables = run(url if user is None else as_user(url, user), file, replace=replace, told=told)
    print(f"Restored {counted(tables, 'table')} from {file}.")
    if config.database_url is None:
        key = config.home / "keys" / "master.key"
        print(
            f"Bring the key of that time to {key}, if it is not there; then run `waystate serve`. It upgrades an older schema."
        )
    else:
        print(
            "Run `waystate db upgrade` if it is of an older Waystate, and start it with the WAYSTATE_MASTER_KEY of that time."
        )


@app.command()
def upgrade() -> None:
    """Bring the embedded server to this Waystate's PostgreSQL, if need be, and the schema to its newest revision.

    A PostgreSQL of your own stays as it is; of it the schema alone is upgraded.

    Example: waystate db upgrade
    """
    from waystate.config import load_config
    from waystate.processes.prepare import upgrade as run

    with explained():
        for line in run(load_config()):
            print(line)


@app.command()
def stop(
    force: Annotated[bool, typer.Option("--force", help="Also while others use it: what they do is broken off")] = False,
) -> None:
    """End the embedded PostgreSQL, which may outlive its owner. Refused while other processes use it.

    Example: waystate db stop
    """
    from waystate.config import load_config
    from waystate.db.embedded import EmbeddedPostgres

    with explained():
        postgres = EmbeddedPostgres(load_config().home)
        running = postgres.is_running()
        if running and not force:
            postgres.stop_unused()
        else:
            postgres.stop()
        print("Stopped." if running else "It is not running.")


def _url(config: "Config", user: str | None) -> str:
    """Of a database that is there; an embedded one that does not run is started, and stays."""
    from waystate.db.backup import as_user
    from waystate.db.embedded import EmbeddedPostgres
    from waystate.errors import ConfigError

    if config.database_url is not None:
        return config.database_url if user is None else as_user(config.database_url, user)
    postgres = EmbeddedPostgres(config.home)
    if not postgres.data.is_dir():
        raise ConfigError(
            f"There is no database in {config.home} yet. Set WAYSTATE_HOME to the server's, or make one: `waystate prepare`."
        )
    if not postgres.is_running():
        print("waystate: starting the embedded PostgreSQL; it stays, `waystate db stop` ends it", file=sys.stderr)
    url = postgres.start()
    return url if user is None else as_user(url, user)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a few plain lines elsewhere; on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(what)
        return
    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _plain(what: str) -> Callable[[int, int], None]:
    said = 0

    def tell(done: int, total: int) -> None:
        nonlocal said
        if done * _LINES // max(total, 1) > said:
            said = done * _LINES // total
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return tell
