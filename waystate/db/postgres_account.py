"""The operating-system account that embedded PostgreSQL runs as: ours, or a system user of its own when we are root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystate.errors import ConfigError

SYSTEM_USER = "waystate-postgres"


@dataclass(frozen=True, slots=True)
class PostgresAccount:
    name: str
    uid: int
    gid: int
    is_other: bool
    """Whether it is another account than ours, so that files must be handed to it."""

    def own_directory(self, path: Path) -> None:
        """Make it, 0700, belonging to this account."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        path.chmod(0o700)

    def run(self, command: list[str | Path], *, cwd: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program as this account, in its own session, so that neither Ctrl-C nor our end reaches it."""
        become: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}
        # PG* variables of our caller would turn the tools to another server.
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
            **become,
        )

    def can_run(self, program: Path) -> bool:
        try:
            return self.run([program, "--version"], cwd=Path("/")).returncode == 0
        except OSError:
            return False

    def can_enter(self, directory: Path) -> bool:
        try:
            return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], cwd=Path("/")).returncode == 0
        except OSError:
            return False


def find_account() -> PostgresAccount:
    """Ours unless we are root, which PostgreSQL refuses to run as."""
    if os.geteuid() != 0:
        return _account(_ours(), is_other=False)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _create_system_user()
    return _account(entry, is_other=True)


def _account(entry: pwd.struct_passwd, *, is_other: bool) -> PostgresAccount:
    return PostgresAccount(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other)


def _ours() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise ConfigError(
            f"Embedded PostgreSQL needs a user name, and user id {os.geteuid()} has none in /etc/passwd. "
            "Add one, or set DATABASE_URL to a PostgreSQL server."
        ) from None


def _create_system_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    output = "there is no useradd here"
    if useradd is not None:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        made = subprocess.run([useradd, *options, SYSTEM_USER], capture_output=True, text=True, check=False)
        output = made.stderr.strip()
    try:
        return pwd.getpwnam(SYSTEM_USER)  # also when another start made it at the same moment
    except KeyError:
        raise ConfigError(
            f"PostgreSQL refuses to run as root, and its system user {SYSTEM_USER} could not be made ({output}). "
            "Create that user, start Waystate as another user than root, or set DATABASE_URL."
        ) from None
