"""What people deploy with names what there is: files, commands, settings and ports. No container engine is needed for that."""

import json
import re
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import AliasChoices

from tests.acceptance.served import free_port
from tests.servers.programs import get_program
from tests.test_documented_commands import is_command
from waystate.config import Config, load_config
from waystate.ports import ports_of

ROOT = Path(__file__).parent.parent
EXAMPLE = re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
UNIT = ROOT / "systemd" / "waystate.service"
PASSWORD = "c0ffee"


def known_settings() -> set[str]:
    aliases = [field.validation_alias for field in Config.model_fields.values()]
    return {str(each) for alias in aliases for each in (alias.choices if isinstance(alias, AliasChoices) else [alias])}


def instructions(stage: int | None = None) -> list[tuple[str, str]]:
    """Of the Dockerfile, (instruction, rest), continued lines as one; of one stage, or of all."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [place for place, line in enumerate(lines) if line.startswith("FROM ")] + [len(lines)]
    chosen = lines if stage is None else lines[starts[stage] : starts[stage + 1]]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1].strip()) for line in chosen]


def image_settings() -> dict[str, str]:
    (said,) = [rest for name, rest in instructions(1) if name == "ENV"]
    return dict(each.split("=", 1) for each in shlex.split(said))


def interpolated(value: Any, given: Mapping[str, str]) -> str:
    """As Compose does: `${NAME:?why}` must be given, `${NAME:-default}` may be, `$$` is one."""
    text = re.sub(r"\$\{(\w+):\?[^}]+\}", lambda match: given[match[1]], str(value))
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: given.get(match[1], match[2]), text).replace("$$", "$")


def ours() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml that are Waystate."""
    return {name: each for name, each in COMPOSE["services"].items() if "build" in each}


def unit(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_every_line_of_the_example_is_a_setting_with_a_usable_value() -> None:
    assert len(EXAMPLE) >= 20
    assert sorted({name for name, _ in EXAMPLE} - known_settings()) == []
    given = dict(EXAMPLE)
    assert len(given) == len(EXAMPLE)
    in_parts = {name: value for name, value in EXAMPLE if name != "DATABASE_URL"}
    for each in (given | {"DB_SSL": ""}, in_parts):
        load_config(each)


def test_every_name_in_compose_is_a_setting_or_a_secret_that_the_how_to_makes() -> None:
    made = set(re.findall(r"^(\w+)=\$\(openssl", (ROOT / "docs/how-to/install.md").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    assert made == asked | {"WAYSTATE_MASTER_KEY"}
    assert (ROOT / ".gitignore").read_text().splitlines().count(".env") == 1
    for name, each in ours().items():
        assert each["env_file"] == ".env"
        assert sorted(set(each["environment"]) - known_settings()) == [], name


def test_compose_starts_commands_that_there_are_on_ports_that_they_listen_on() -> None:
    secrets = {"DB_PASSWORD": PASSWORD, "BROKER_PASSWORD": PASSWORD, "REDIS_PASSWORD": PASSWORD}
    assert {tuple(each["command"]) for each in ours().values()} == {("migrate", "up"), ("serve",)}
    for each in ours().values():
        assert is_command(list(each["command"]))
        said = {name: interpolated(value, secrets) for name, value in each["environment"].items()}
        # Whatever else .env has of the example, it must not move what the image and the ports are made for.
        config = load_config(image_settings() | dict(EXAMPLE) | {"DATABASE_URL": "", "DB_SSL": "", "DB_PORT": "5432"} | said)
        assert (config.host, str(config.home)) == ("0.0.0.0", image_settings()["WAYSTATE_HOME"])
        assert [volume.split(":")[1] for volume in each["volumes"]] == [str(config.home)]
        assert config.database_url == f"postgresql://waystate:{PASSWORD}@postgres:5432/waystate"
        assert (config.amqp_url, config.redis_url) == (
            f"amqp://waystate:{PASSWORD}@rabbitmq:5672/",
            f"redis://:{PASSWORD}@redis:6379/0",
        )
        listening = {port.number for port in ports_of(config, None)}
        published = [interpolated(port, {}) for port in each.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in published)
        assert {int(port.rsplit(":", 1)[1]) for port in published} in (set(), listening)


def test_compose_waits_for_what_can_be_waited_for_and_keeps_what_must_be_kept() -> None:
    services = COMPOSE["services"]
    for name, each in services.items():
        for other, wanted in each.get("depends_on", {}).items():
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services[other], (name, other)
            assert wanted["condition"] != "service_completed_successfully" or "restart" not in services[other]
        if name in ours():
            assert (each["read_only"], each["cap_drop"], each["init"]) == (True, ["ALL"], True)
        else:
            assert re.fullmatch(r"[a-z]+:[\w.-]+", each["image"]), "a plain official image, with a version"
            assert "ports" not in each, "what only Waystate needs is reached by nobody else"
    mounted = {volume.split(":")[0] for each in services.values() for volume in each.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    assert float(services["serve"]["stop_grace_period"].removesuffix("s")) > load_config({}).stop_timeout


def test_redis_starts_and_is_asked_by_what_stands_in_compose() -> None:
    get_program("redis-server")
    said, port = COMPOSE["services"]["redis"], str(free_port())
    shell, option, line = (interpolated(each, {}) for each in said["command"])
    check = interpolated(said["healthcheck"]["test"][1], {}).replace("redis-cli", f"redis-cli -p {port}")
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "REDIS_PASSWORD": PASSWORD}

    def asked(**settings: str) -> int:
        return subprocess.run([shell, option, check], env=environment | settings, capture_output=True, check=False).returncode

    server = subprocess.Popen([shell, option, f"{line} --port {port}"], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while asked() != 0:
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.1)
        assert asked(REDIS_PASSWORD="another") != 0
    finally:
        server.terminate()
        server.wait(20)
    assert asked() != 0


def test_the_image_copies_what_there_is_and_what_may_be_copied() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for name, rest in instructions(0)
        if name == "COPY"
        for source in rest.split()[:-1]
    }  # fmt: skip
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_runs_a_command_that_there_is_as_nobody_of_importance() -> None:
    said = dict(instructions(1))
    assert json.loads(said["ENTRYPOINT"]) == ["waystate"]
    assert is_command(json.loads(said["CMD"]))
    user, _, group = said["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    settings = image_settings()
    assert set(settings) - known_settings() == {"PATH"}
    assert said["EXPOSE"] == settings["PORT"] == settings["HEALTH_PORT"]
    assert said["VOLUME"] == settings["WAYSTATE_HOME"]


def lines_of_the_unit() -> Iterator[str]:
    """Such that it can be verified where Waystate is not installed: only the program's place is another."""
    (program,) = unit("ExecStart")
    for line in UNIT.read_text().splitlines():
        yield line.replace(program, "/bin/true") if line.startswith("ExecStart=") else line


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    copy = tmp_path / UNIT.name
    copy.write_text("\n".join(lines_of_the_unit()))
    done = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    judged = [analyze, "security", "--offline=true", "--threshold=20", copy]  # of 100, in which 100 is the most exposed
    done = subprocess.run(judged, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_unit_starts_a_command_that_there_is_with_settings_that_there_are() -> None:
    (program,) = unit("ExecStart")
    assert is_command(program.split()[1:])
    assert {each.split("=")[0] for each in unit("Environment")} <= known_settings()
    assert float(unit("TimeoutStopSec")[0]) > load_config({}).stop_timeout
    page = (ROOT / "docs/how-to/install.md").read_text()
    assert f" {program.split()[0]}\n" in page
    assert f" {unit('EnvironmentFile')[0].removeprefix('-')}\n" in page


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    assert text.count("==") == len(re.findall(r"==\S+ \\\n +--hash=", text)), f"{name} names something without its hash"
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def required(wanted: Iterable[str]) -> set[str]:
    """What is installed because of the requirements, they themselves among it."""
    left, seen = [Requirement(each) for each in wanted], set[tuple[str, frozenset[str]]]()
    while left:
        each = left.pop()
        key = (canonicalize_name(each.name), frozenset(each.extras))
        if key not in seen:
            seen.add(key)
            its = map(Requirement, metadata.requires(each.name) or [])
            extras = ["", *each.extras]
            left += [one for one in its if one.marker is None or any(one.marker.evaluate({"extra": name}) for name in extras)]
    return {name for name, _ in seen}


def test_serving_installs_what_it_takes_and_no_tool_of_its_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    serving, extra = locked("requirements.lock"), locked("requirements-extra.lock")
    building = [*project["build-system"]["requires"], "editables"]
    assert set(serving) == required([*project["project"]["dependencies"], *building])
    assert set(serving) & set(extra) == set()
    assert set(extra) == required(project["project"]["optional-dependencies"]["dev"]) - set(serving)
    assert {name: metadata.version(name) for name in {**serving, **extra}} == {**serving, **extra}
    assert "requirements-extra" not in (ROOT / "Dockerfile").read_text()


def test_the_lock_for_typescript_has_names_versions_and_hashes_alone() -> None:
    text = (ROOT / "clients/typescript/package-lock.json").read_text()
    assert "://" not in text, "`make lock` writes it without addresses"
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if not each.get("version") or not each.get("integrity")] == []
