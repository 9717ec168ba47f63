"""Installed from a wheel, away from the clone: everything is there, and `serve` runs, also where little is allowed."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.acceptance.fleet import fleet
from tests.acceptance.served import free_port
from tests.acceptance.test_ports import NOBODY
from tests.acceptance.test_supervision import embedded, home, wait_until_ready
from tests.test_deployment_files import instructions
from tests.test_house_rules import tracked_files
from waystate import __version__
from waystate.db.embedded import EmbeddedPostgres
from waystate_client.client import VERSION as CLIENT_VERSION

__all__ = ["home"]

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
BUILT_FROM = ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")
READS = "-all,+dac_read_search"
"""This clone and its Python may lie where not everybody can read; writing is what is tried."""
CONFINED = f"""
set -e
mount --make-rprivate /
mount --bind "$HOME_OF_IT" "$HOME_OF_IT"
mount --bind /tmp /tmp
for place in / /tmp; do mount -o remount,bind,ro "$place"; done
as_nobody="setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
! $as_nobody touch /tmp/written || exit 1
! $as_nobody touch /var/tmp/written || exit 1
exec $as_nobody --no-new-privs --bounding-set={READS} --inh-caps={READS} --ambient-caps={READS} \\
    "$PYTHON" -c 'import ctypes, os, sys
assert ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0) == 0, "the kernel has no PR_SET_MDWE"
os.execv(sys.argv[1], sys.argv[1:])' "$@"
"""
"""As Dockerfile and unit run a command: without rights, only its home writable, no memory both writable and executable."""


def build(folder: Path, umask: int) -> Path:
    """What `make dist` makes of a copy of the clone; the copy has other times and, by `umask`, other modes."""
    folder.mkdir()
    before = os.umask(umask)
    try:
        for path in tracked_files(ROOT):
            name = path.relative_to(ROOT)
            if str(name) in BUILT_FROM or name.parts[0] == "waystate" or name.parts[:2] == ("clients", "python"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)
    finally:
        os.umask(before)
    # The libraries are installed; LICENSE stands for the file that says so.
    os.utime(folder / "LICENSE", (2**31, 2**31))
    made = ["make", "-s", "-C", folder, "dist", f"BIN={Path(sys.executable).parent}", "READY=LICENSE"]
    subprocess.run(made, capture_output=True, check=True)
    built = folder / "dist" / f"waystate-{__version__}-py3-none-any.whl"
    client = built.with_name(f"waystate_client-{CLIENT_VERSION}-py3-none-any.whl")
    assert sorted((folder / "dist").iterdir()) == [built.with_name("constraints.txt"), built, client]
    return built


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody can enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def wheel(place: Path) -> Path:
    return build(place / "clone", 0o022)


@pytest.fixture(scope="module")
def program(wheel: Path, place: Path) -> Path:
    """`waystate`, installed from the wheel into an environment of its own, on the libraries of this one."""
    environment = place / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", environment / "bin/python"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", wheel], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "waystate"


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    ours = {str(path.relative_to(ROOT)) for path in tracked_files(ROOT) if path.relative_to(ROOT).parts[0] == "waystate"}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not re.match(r"waystate-[^/]*\.dist-info/", name)}
    assert packed == ours
    assert {Path(name).suffix for name in packed} >= {".py", ".sql", ".conf", ".lua", ".txt"}


def test_two_builds_of_one_commit_are_the_same_file(wheel: Path, place: Path) -> None:
    again = build(place / "another-clone", 0o077)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


def test_the_constraints_are_the_versions_of_the_lock(wheel: Path) -> None:
    said = [Requirement(line) for line in (wheel.parent / "constraints.txt").read_text().splitlines()]
    locked = re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert [(each.name, str(each.specifier)) for each in said] == [(name, f"=={version}") for name, version in locked]


def test_the_client_is_a_wheel_that_needs_no_server(wheel: Path, place: Path) -> None:
    (client,) = wheel.parent.glob("waystate_client-*.whl")
    ours = {str(path.relative_to(CLIENT)) for path in tracked_files(ROOT) if CLIENT / "waystate_client" in path.parents}
    packed = {name for name in zipfile.ZipFile(client).namelist() if ".dist-info/" not in name}
    assert packed == ours
    # A wheel is a zip, which Python imports from; `-P` and the empty folder keep the clone out of sight.
    said = "import sys; sys.path.insert(0, sys.argv[1]); import waystate_client"
    said += "; print(waystate_client.__file__, 'waystate' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", said, client], cwd=place, capture_output=True, text=True, check=True)
    assert done.stdout == f"{client}/waystate_client/__init__.py False\n"


def test_the_command_works_in_another_folder(program: Path, tmp_path: Path) -> None:
    environment = {"PATH": f"{program.parent}{os.pathsep}/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "100"}

    def typed(line: str) -> str:
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert "Run everything on HOST:PORT" in typed("waystate --help")
    assert typed("waystate version") == f"{__version__}\n"
    assert typed("python -P -c 'import waystate; print(waystate.__file__)'").startswith(str(program.parents[1]))


def test_the_demo_runs_from_the_wheel(program: Path, home: Path, tmp_path: Path) -> None:
    port = free_port()
    with fleet(tmp_path, embedded(home, port) | {"SIMULATOR_PORT": str(free_port())}, [str(program)]) as processes:
        processes.start("demo", "demo --customers 2 --rate 2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        assert processes.end("demo")[0] == 0


def test_it_serves_without_rights_where_only_its_home_can_be_written(program: Path, home: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not all(shutil.which(each) for each in ("unshare", "setpriv", "mount")):
        pytest.skip("only root can take a process's rights away, with unshare, mount and setpriv")
    os.chown(home, NOBODY, NOBODY)
    port = free_port()
    settings = embedded(home, port) | {"HOME_OF_IT": str(home), "PYTHON": str(program.with_name("python"))}
    with fleet(tmp_path, settings, ["unshare", "--mount", "sh", "-c", CONFINED, "sh", str(program)]) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health", processes, "serve")
        assert EmbeddedPostgres(home).is_running()
        assert health_check(program, port) == 0
        assert processes.end("serve")[0] == 0
    assert health_check(program, port) != 0


def health_check(program: Path, port: int) -> int:
    """The Dockerfile's, as a container's engine runs it."""
    said = dict(instructions(1))["HEALTHCHECK"].partition("CMD ")[2]
    environment = {"PATH": str(program.parent), "PORT": str(port)}
    return subprocess.run(json.loads(said), env=environment, capture_output=True, check=False).returncode
