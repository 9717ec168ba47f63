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

ZELIA = "5511987650321"
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
        lines = _here(blocks(HOW_TO / "python-client.md")[1], f"http://127.0.0.1:{port}")
        said = someone.types(lines + 'echo "$WAYSTATE_URL $WAYSTATE_KEY"')
        url, key = said.splitlines()[-1].split()
        someone.environment |= {"WAYSTATE_URL": url, "WAYSTATE_KEY": key}
        _wait_for(someone, "zelia")
        yield someone
        assert processes.end("demo")[0] == 0
        EmbeddedPostgres(place).stop("immediate")


def _here(lines: str, url: str) -> str:
    """Beside this demo, and without the page's seconds: they are too many for a test and too few for a busy machine."""
    simulator = f"127.0.0.1:{int(url.rpartition(':')[2]) + 1}"
    lines = lines.replace("http://127.0.0.1:3005", url).replace("127.0.0.1:3006", simulator)
    return lines.replace("sleep 4", ":")


def _wait_for(newcomer: Newcomer, who: str) -> None:
    """Until what they wrote is found."""
    deadline = time.monotonic() + 60
    with Client(newcomer.environment["WAYSTATE_URL"], newcomer.environment["WAYSTATE_KEY"]) as waystate:
        while not any(each.message_count for each in waystate.customers.list(q=who).items):
            assert time.monotonic() < deadline, f"the message of {who} did not arrive"
            time.sleep(0.1)
        while not waystate.conversations.list(q=who).items:
            assert time.monotonic() < deadline, f"the conversation of {who} is not found"
            time.sleep(0.1)


def test_the_programs_of_the_python_page_run_as_they_stand(newcomer: Newcomer) -> None:
    who, change, many, webhook = blocks(HOW_TO / "python-client.md", "python")
    for name, program in {"who": who, "change": change, "many": many, "webhook": webhook}.items():
        (newcomer.folder / f"{name}.py").write_text(program)
    known, message, *_, held = newcomer.types("python who.py zelia").splitlines()
    assert re.fullmatch(rf"Zélia Ramos, \+{ZELIA}, \d+ messages, tags: ", known)
    assert message.endswith("Where is my order?")
    assert re.fullmatch(r"  with (none|genesys), may be written to", held)
    assert newcomer.types('python who.py "(11) 98765-0321"').startswith("Zélia Ramos")
    assert newcomer.types("python change.py").split()[0] in ("queued", "not_in_control")
    assert re.fullmatch(r"\d+ messages of \d+ customers\n", newcomer.types("python many.py"))
    assert newcomer.types("python webhook.py").startswith("answer 400: The webhook is too old")


def test_the_program_of_the_page_on_models_runs_as_it_stands(newcomer: Newcomer) -> None:
    lines = blocks(HOW_TO / "mcp.md")[1].replace("http://127.0.0.1:3005", newcomer.environment["WAYSTATE_URL"])
    (program,) = blocks(HOW_TO / "mcp.md", "python")
    (newcomer.folder / "ask.py").write_text(program)
    tools, told, *said = newcomer.types(f"{lines}python ask.py zelia").splitlines()
    assert tools == "find_customer customer_context may_i_write where_is_message open_dead_letters"
    assert re.fullmatch(r"Zélia Ramos \| .+\. \| .+\.", told)
    assert "Where is my order?" in said
    (hosted,) = blocks(HOW_TO / "mcp.md", "json")
    assert json.loads(hosted)["mcpServers"]["waystate"]["args"] == ["mcp"]


def test_an_inbound_transformer_meets_a_customer_as_the_page_says(newcomer: Newcomer) -> None:
    lines, each = blocks(HOW_TO / "inbound-transformer.md")
    (program,) = blocks(HOW_TO / "inbound-transformer.md", "python")
    (newcomer.folder / "inbound.py").write_text(program)
    typed = _here(lines + each, newcomer.environment["WAYSTATE_URL"]) + "python inbound.py\n"
    context, known, held = newcomer.types(typed).splitlines()
    met = json.loads(context)
    assert (met["customer"]["name"], met["conversation"]["status"], met["messages"]) == ("Quim Prado", "active", [])
    assert known == "Quim Prado, +5511987650201, tags: none"
    assert held == f"conversation {met['conversation']['id']}: active, with nobody"


def test_an_outbound_transformer_tracks_what_it_sends_as_the_page_says(newcomer: Newcomer) -> None:
    lines = _here("".join(blocks(HOW_TO / "outbound-transformer.md")), newcomer.environment["WAYSTATE_URL"])
    mapping, sent, again, delivered = map(json.loads, newcomer.types(lines).splitlines())
    assert (mapping["waId"], mapping["status"]) == ("5511987650202", "active")
    assert (sent["created"], again["created"], sent["messageId"]) == (True, False, again["messageId"])
    assert (delivered["messageId"], delivered["status"]) == (sent["messageId"], "delivered")


def test_an_agent_portal_finds_reads_takes_and_answers_as_the_page_says(newcomer: Newcomer) -> None:
    (lines,) = blocks(HOW_TO / "agent-portal.md")
    (program,) = blocks(HOW_TO / "agent-portal.md", "python")
    (newcomer.folder / "portal.py").write_text(program)
    newcomer.types(_here(lines, newcomer.environment["WAYSTATE_URL"]))
    _wait_for(newcomer, "iara")
    found, *said, taken, sent = newcomer.types('python portal.py "blue lamp"').splitlines()
    assert re.fullmatch(r"Iara Quintela: active, with (nobody|genesys), may be written to", found)
    assert said[0].endswith(" inbound  The blue lamp flickers")
    assert (taken, sent) == ("taken by Rui", "queued")


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
