"""Started in a folder whose files are named like libraries, Waystate runs none of them."""

import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.acceptance.fleet import fleet
from tests.acceptance.installation import MASTER_KEY, SIMULATED
from tests.acceptance.served import free_port
from tests.acceptance.test_ports import attached, free_pair
from tests.acceptance.test_supervision import embedded, home, wait_until_ended, wait_until_ready
from tests.databases import Databases
from waystate.broker.consumer import QueueMessage, Untried
from waystate.broker.quarantine import try_apart
from waystate.simulator.app import CONFIG_VARIABLE
from waystate.simulator.config import SimulatorConfig

__all__ = ["home"]

SCRIPT = [str(Path(sysconfig.get_path("scripts")) / "waystate")]
MODULE = [sys.executable, "-m", "waystate"]
IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


@pytest.fixture(scope="module")
def libraries() -> set[str]:
    """Names of the standard library, of what is installed, and of all that this would import if it were there."""
    installed = Path(sysconfig.get_path("purelib")).rglob("*.py")
    imported = {name.decode() for each in installed for name in IMPORT.findall(each.read_bytes())}
    return {
        name for name in {*sys.stdlib_module_names, *packages_distributions(), *imported, "waystate"} if name.isidentifier()
    }


@pytest.fixture(params=[SCRIPT, MODULE], ids=["script", "module"])
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: set[str]) -> list[str]:
    """What is typed in such a folder."""
    typed: list[str] = request.param
    folder = tmp_path / "folder"
    plant(folder, libraries if typed is SCRIPT else libraries - before_us(tmp_path))
    monkeypatch.chdir(folder)
    return typed


def plant(folder: Path, names: set[str]) -> None:
    """A file of each name, which leaves a trace and ends the process when it is run."""
    folder.mkdir()
    (folder.parent / "run").mkdir()
    for name in names:
        trace = folder.parent / "run" / name
        (folder / f"{name}.py").write_text(f"open({str(trace)!r}, 'w').close()\nraise SystemExit('{name}.py was run')\n")


def before_us(tmp_path: Path) -> set[str]:
    """What Python imports for `-m` with the current directory first, before it runs a line of the module."""
    (tmp_path / "probe.py").write_text("import sys\nprint(*sys.modules)")
    done = subprocess.run([sys.executable, "-m", "probe"], cwd=tmp_path, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()} | {"waystate"}


def assert_none_ran(tmp_path: Path) -> None:
    assert sorted(each.name for each in (tmp_path / "run").iterdir()) == []


def test_every_role_serves_there(databases: Databases, tmp_path: Path, program: list[str]) -> None:
    port, webhooks, simulator = free_port(), free_port(), free_port()
    health = {name: free_port() for name in ("work", "relay", "timers")}
    far = SimulatorConfig(**{**SIMULATED, "whatsapp_webhook_url": "http://x", "genesys_webhook_url": "http://x"})
    settings = {"PORT": str(port), "WEBHOOK_PORT": str(webhooks), CONFIG_VARIABLE: far.model_dump_json()}
    with databases.fresh() as url, fleet(tmp_path, attached(url, tmp_path, **settings), program) as processes:
        for name, number in health.items():
            processes.start(name, name, HEALTH_PORT=str(number))
        processes.start("api", "api")
        processes.start("simulate", f"simulate --port {simulator}")
        for name, number in {**health, "api": port}.items():
            wait_until_ready(f"http://127.0.0.1:{number}/health", processes, name)
        wait_until_ready(f"http://127.0.0.1:{webhooks}/health/live", processes, "api")
        wait_until_ready(f"http://127.0.0.1:{port}/docs", processes, "api")
        wait_until_ready(f"http://127.0.0.1:{simulator}/simulator/state", processes, "simulate")
        for name in (*health, "api", "simulate"):
            assert processes.end(name)[0] == 0, processes.log(name).read_text()
    assert_none_ran(tmp_path)


def test_serve_prepares_its_database_there_and_serves(home: Path, tmp_path: Path, program: list[str]) -> None:
    port = free_port()
    with fleet(tmp_path, embedded(home, port), program) as processes:
        processes.start("serve", "serve")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "serve")
        assert processes.end("serve")[0] == 0
    assert_none_ran(tmp_path)


def test_the_demo_runs_there_and_says_where_it_simulates(home: Path, tmp_path: Path, program: list[str]) -> None:
    port, simulator = free_pair(), free_port()
    settings = {**embedded(home, port), "SIMULATOR_PORT": str(simulator), "COLUMNS": "200"}
    with fleet(tmp_path, settings, program) as processes:
        processes.start("demo", "demo --seconds 1")
        wait_until_ended(processes, "demo")
        said = processes.log("demo").read_text()
    assert f"serving on http://127.0.0.1:{port}; WhatsApp and Genesys are simulated on http://127.0.0.1:{simulator}" in said
    assert "waystate: stopped" in said
    assert_none_ran(tmp_path)


def test_the_database_is_migrated_there(databases: Databases, tmp_path: Path, program: list[str]) -> None:
    with databases.fresh() as url:
        environment = {"PATH": os.environ.get("PATH", ""), **attached(url, tmp_path)}
        for arguments in (["prepare"], ["migrate", "up"], ["migrate", "status"], ["--help"]):
            command = [*program, *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
    assert_none_ran(tmp_path)


async def test_a_suspected_message_is_tried_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: set[str], capfd: pytest.CaptureFixture[str]
) -> None:
    plant(tmp_path / "folder", libraries)
    monkeypatch.chdir(tmp_path / "folder")
    monkeypatch.setenv("WAYSTATE_MASTER_KEY", MASTER_KEY)
    monkeypatch.delenv("AMQP_URL", raising=False)
    message = QueueMessage(queue="inbound", id="1", body=b"{}", headers={}, sent_at=None, returns=0)
    with pytest.raises(Untried, match="exit code 2"):
        await try_apart("inbound", message)
    assert "AMQP_URL is not set" in capfd.readouterr().err
    assert_none_ran(tmp_path)
