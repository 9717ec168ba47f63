"""The programs of the pages on clients, as a newcomer saves and runs them beside the demo."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleet import fleet
from tests.acceptance.test_how_tos import HOW_TO, ROOT, Newcomer, blocks
from tests.acceptance.test_ports import free_pair
from tests.acceptance.test_supervision import embedded, wait_until_ready
from tests.databases import find_memory, temporary_home
from waystate.db.embedded import EmbeddedPostgres
from waystate_client import Client

ZELIA = "5511987654321"
TYPESCRIPT = ROOT / "clients" / "typescript"


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Who typed the lines of the Python client's page, so that Zélia has written and there is a key."""
    folder = tmp_path_factory.mktemp("newcomer")
    port = free_pair()
    with temporary_home(find_memory()) as place, fleet(folder, embedded(place, port)) as processes:
        processes.start("demo", "demo --customers 1 --rate 0.2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        someone = Newcomer(folder, {"WAYSTATE_HOME": str(place)})
        lines = blocks(HOW_TO / "python-client.md")[1]
        lines = lines.replace("127.0.0.1:3005", f"127.0.0.1:{port}").replace("127.0.0.1:3006", f"127.0.0.1:{port + 1}")
        said = someone.types(lines.replace("sleep 4", ":") + 'echo "$WAYSTATE_URL $WAYSTATE_KEY"')
        url, key = said.splitlines()[-1].split()
        someone.environment |= {"WAYSTATE_URL": url, "WAYSTATE_KEY": key}
        _wait_for_zelia(url, key)
        yield someone
        assert processes.end("demo")[0] == 0
        EmbeddedPostgres(place).stop("immediate")


def _wait_for_zelia(url: str, key: str) -> None:
    """In the place of the page's seconds, which are too many for a test and too few for a busy machine."""
    deadline = time.monotonic() + 60
    with Client(url, key) as waystate:
        while not any(each.message_count for each in waystate.customers.list(q="zelia").items):
            assert time.monotonic() < deadline, "Zélia's message did not arrive"
            time.sleep(0.1)


def test_the_programs_of_the_python_page_run_as_they_stand(newcomer: Newcomer) -> None:
    who, change, many, webhook = blocks(HOW_TO / "python-client.md", "python")
    for name, program in {"who": who, "change": change, "many": many, "webhook": webhook}.items():
        (newcomer.folder / f"{name}.py").write_text(program)
    known, message, *_, held = newcomer.types("python who.py zelia").splitlines()
    assert re.fullmatch(rf"Zélia Ramos, \+{ZELIA}, \d+ messages, tags: ", known)
    assert message.endswith("Where is my order?")
    assert re.fullmatch(r"  with (none|genesys), may be written to", held)
    assert newcomer.types('python who.py "(11) 98765-4321"').startswith("Zélia Ramos")
    assert newcomer.types("python change.py").split()[0] in ("queued", "not_in_control")
    assert re.fullmatch(r"\d+ messages of \d+ customers\n", newcomer.types("python many.py"))
    assert newcomer.types("python webhook.py").startswith("answer 400: The webhook is too old")


def test_the_program_of_the_page_on_models_runs_as_it_stands(newcomer: Newcomer) -> None:
    lines = blocks(HOW_TO / "mcp.md")[1].replace("http://127.0.0.1:3005", newcomer.environment["WAYSTATE_URL"])
    (program,) = blocks(HOW_TO / "mcp.md", "python")
    (newcomer.folder / "ask.py").write_text(program)
    tools, told = newcomer.types(f"{lines}python ask.py zelia").splitlines()
    assert tools == "find_customer customer_context may_i_write where_is_message open_dead_letters"
    assert re.fullmatch(r"Zélia Ramos \| .+\. \| .+\. \| Where is my order\?", told)
    (hosted,) = blocks(HOW_TO / "mcp.md", "json")
    assert json.loads(hosted)["mcpServers"]["waystate"]["args"] == ["mcp"]


def test_the_program_of_the_typescript_page_has_types_and_runs(newcomer: Newcomer, tmp_path: Path) -> None:
    """Against the built package, as an installation lays it."""
    libraries = TYPESCRIPT / "node_modules"
    if not libraries.exists():
        pytest.skip("the TypeScript client's tools are not installed: `make deps` does it")
    package = tmp_path / "node_modules" / "waystate-client"
    package.mkdir(parents=True)
    shutil.copy(TYPESCRIPT / "package.json", package)
    (package / "node_modules").symlink_to(libraries)
    _tsc("--project", TYPESCRIPT, "--outDir", package / "dist")
    (program,) = blocks(HOW_TO / "typescript-client.md", "ts")
    (tmp_path / "who.ts").write_text(f"declare const process: {{ argv: string[] }};\n{program}")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    options = json.loads((TYPESCRIPT / "tsconfig.json").read_text())["compilerOptions"] | {"rootDir": ".", "outDir": "."}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["who.ts"]}))
    _tsc("--project", tmp_path)
    asked = ["node", "who.js", newcomer.environment["WAYSTATE_URL"], newcomer.environment["WAYSTATE_KEY"], "zelia"]
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*"}
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    first, refused = done.stdout.split("\n", 1)
    assert re.fullmatch(rf"Zélia Ramos, \+{ZELIA}, with .+: Where is my order\?.*", first), done.stderr
    assert refused.startswith("invalid_request [")
    assert "field: 'email'" in refused


def _tsc(*options: str | Path) -> None:
    done = subprocess.run(
        ["node", TYPESCRIPT / "node_modules" / "typescript" / "bin" / "tsc", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
