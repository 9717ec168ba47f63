"""The embedded server from an older major version of PostgreSQL to ours: its database is taken over, the old data stays.

A dump and a restore, not `pg_upgrade`: that wants both clusters made alike, and 16 does not know our locale provider.
"""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waystate.db import backup
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.postgres_wheel import MAJOR, find_programs_of
from waystate.errors import ConfigError

_CONFIGURATION = """\
data_directory = '{data}'
hba_file = '{hba}'
ident_file = '{ident}'
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
"""


def upgrade_server(postgres: EmbeddedPostgres) -> str:
    """What was done, in a sentence. Broken off, it begins anew: the old data are put aside last."""
    version = postgres.find_version()
    if version is None:
        raise ConfigError(f"There is no database in {postgres.home} yet. Set WAYSTATE_HOME, or make one: `waystate prepare`.")
    if version == str(MAJOR):
        return f"The embedded server is PostgreSQL {MAJOR} already."
    programs = find_programs_of(version, postgres.account)
    if programs is None:
        raise ConfigError(
            f"The programs of PostgreSQL {version}, which wrote {postgres.data}, are not here to read it. Install them "
            f"(Debian: postgresql-{version}) and run this again; or back up with the Waystate of then, and restore anew."
        )
    fresh = EmbeddedPostgres(postgres.home / "upgrading")
    fresh.stop("immediate")
    shutil.rmtree(fresh.home, ignore_errors=True)
    fresh.make_home()
    dump, old = fresh.home / "old.dump", postgres.data.with_name(f"data.{version}")
    if old.exists():
        raise ConfigError(f"{old} is in the way: an upgrade put it aside before. Move it elsewhere, and run this again.")
    with old_server(postgres, programs) as url:
        backup.back_up(url, dump, lambda *_: None)
    backup.restore(fresh.start(), dump, replace=False, told=lambda *_: None)
    fresh.stop()
    postgres.data.rename(old)
    fresh.data.rename(postgres.data)
    shutil.rmtree(fresh.home)
    return f"The embedded server is upgraded from PostgreSQL {version} to {MAJOR}. The old data stay in {old}."


@contextmanager
def old_server(postgres: EmbeddedPostgres, programs: Path) -> Iterator[str]:
    """Its URL. It runs on the socket of ours, so that nothing else can start there meanwhile."""
    with postgres.prepared() as paths:
        configuration = postgres.root / "old.conf"
        configuration.write_text(_CONFIGURATION.format(**paths))
        configuration.chmod(0o644)
        options = f"-c config_file={shlex.quote(str(configuration))}"
        control: list[str | Path] = [programs / "pg_ctl", "-w", "-D", postgres.data]
        log = postgres.log / "upgrade.log"
        started = postgres.account.run([*control, "start", "-l", log, "-o", options], cwd=postgres.root)
        if started.returncode:
            raise ConfigError(f"PostgreSQL on {postgres.data} did not start; look into {log}.")
        try:
            yield postgres.url()
        finally:
            postgres.account.run([*control, "stop", "-m", "fast"], cwd=postgres.root)
            configuration.unlink()
