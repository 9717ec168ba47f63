"""The very lines that a newcomer copies out of README.md and docs/how-to, in a shell, beside a server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.fleet import fleet
from tests.acceptance.served import free_port, served
from tests.acceptance.terminal import beside
from tests.acceptance.test_ports import free_pair
from tests.acceptance.test_supervision import embedded, home, wait_until_ready
from tests.databases import Databases

__all__ = ["home"]

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
WAMID = "wamid.of-a-newcomer"

pytestmark = [
    pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed") for program in ("curl", "openssl")
]


def blocks(page: Path, language: str = "sh") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@dataclass
class Newcomer:
    """Types in `folder`, with the environment's programs first in the path, as after `. .venv/bin/activate`."""

    folder: Path
    environment: dict[str, str]

    def types(self, lines: str, **values: str) -> str:
        """What the lines print; `values` are what the reader puts in place of the page's."""
        for name, value in values.items():
            lines, changed = re.subn(rf"^{name}=.*$", f"{name}={value}", lines, flags=re.MULTILINE)
            assert changed == 1, f"the lines do not set {name} once"
        # A reader's machine is less busy than one that runs tests.
        lines = lines.replace("sleep 1", "sleep 3")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "NO_PROXY": "*", **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def acme(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Newcomer, str]]:
    """Who has connected a number as connect-a-number.md says, with no platform to call; and the server's address."""
    folder = tmp_path_factory.mktemp("newcomer")
    (file,) = blocks(HOW_TO / "connect-a-number.md", "json")
    tenant = json.loads(file)
    for each in (*tenant["whatsapp_accounts"], *tenant["genesys_integrations"]):
        each["sender"] = "external"
    (folder / "acme.json").write_text(json.dumps(tenant))
    with databases.fresh() as database, served(database, folder, free_port()) as url:
        yield Newcomer(folder, beside(database, folder)), url


def test_a_number_is_connected_and_checked_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check = blocks(HOW_TO / "connect-a-number.md")
    assert newcomer.types(apply).startswith("Tenant acme has 1 WhatsApp number and 1 Genesys integration.\n")
    key = newcomer.types(apply).splitlines()[-1]
    challenge, accepted, trace = newcomer.types(check, URL=url, KEY=key, WAMID=WAMID).split("\n", 2)
    assert (challenge, accepted) == ("it-works", "{}")
    traced = json.loads(trace)
    assert (traced["wamid"], traced["text"], traced["contact"]["name"]) == (WAMID, "Hello!", "Asha")


def test_a_message_is_found_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check = blocks(HOW_TO / "connect-a-number.md")
    key = newcomer.types(apply).splitlines()[-1]
    newcomer.types(check, URL=url, KEY=key, WAMID=WAMID)
    unknown = check.replace("$(of whatsapp_accounts.0.phone_number_id)", "777").partition("# It arrived")[0]
    newcomer.types(unknown, URL=url, KEY=key, WAMID="wamid.of-nobody")
    start, where, letters, rejected, replay, refused = blocks(HOW_TO / "find-a-message.md")
    start = start.replace("http://127.0.0.1:3005", url)
    assert newcomer.types(start + where, ID=WAMID).count(f'"wamid": "{WAMID}"') == 2
    assert '"openTotal": 0' in newcomer.types(start + letters)
    listed = newcomer.types(start + rejected)
    assert "unknown_tenant: No tenant is configured for number 777." in listed
    assert "phone_number_id:777" in listed
    replayed = newcomer.types(start + rejected + "sleep 1\n" + replay)
    assert "1 of 1 put back to work." in replayed
    newcomer.types(f"curl -s '{url}/webhooks/whatsapp/1' -d '{{}}'")
    assert newcomer.types(start + refused) == 'waystate_webhooks_total{outcome="refused",source="whatsapp"} 1.0\n'


def test_dead_letters_are_mended_replayed_and_discarded_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check = blocks(HOW_TO / "connect-a-number.md")
    key = newcomer.types(apply).splitlines()[-1]
    nameless = re.sub(r'"contacts":.*?\}\],|"from":"\d+",', "", check).partition("# It arrived")[0]
    for wamid in ("wamid.nameless-1", "wamid.nameless-2"):
        newcomer.types(nameless, URL=url, KEY=key, WAMID=wamid)
    start, find, understand, mend, replay, discard, without_tenant = blocks(HOW_TO / "dead-letters.md")
    start = start.replace("http://127.0.0.1:3005", url)
    listed = newcomer.types("sleep 1\n" + start + find)
    assert "invalid_payload: The item cannot be used: the message names no sender" in listed
    newest, oldest = re.findall(r"^([0-9a-f-]{36})  ", listed, re.MULTILINE)[:2]
    payload = {
        "wamid": "wamid.nameless-2",
        "phone_number_id": "209876543210987",
        "sent_at": "2026-11-29T09:00:00Z",
        "wa_id": "1",
    }
    (newcomer.folder / "payload.json").write_text(json.dumps(payload))
    by_value, by_file, _ = mend.splitlines()
    said = newcomer.types(re.sub(r"\bID\b", newest, "\n".join([start, understand, by_file, by_value])))
    assert said.count('"wa_id": "491701234567"') == 1
    said = newcomer.types(re.sub(r"\bID\b", newest, start + replay))
    assert "1 replayed" in said
    assert said.endswith('"openTotal":1}')
    by_command, over_http = discard.splitlines()
    assert "1 discarded." in newcomer.types(by_command.replace("ID", oldest))
    said = newcomer.types(start + over_http.replace("…", oldest, 1) + "\n" + without_tenant)
    assert '"not_open":1' in said
    assert re.search(r'\{"replayed":\d+,"ids":\[[^]]*\]\}$', said)


def test_the_lines_of_the_readme_work_beside_the_demo(home: Path, tmp_path: Path) -> None:
    port = free_pair()
    settings = embedded(home, port)
    (typed,) = (block for block in blocks(ROOT / "README.md") if "wamid.my-first" in block)
    with fleet(tmp_path, settings) as processes:
        processes.start("demo", "demo --customers 1 --rate 0.2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        said = Newcomer(tmp_path, {"WAYSTATE_HOME": str(home)}).types(typed)
        assert processes.end("demo")[0] == 0
        # Without a terminal there is no table that says where to look.
        assert (
            f"API docs http://127.0.0.1:{port}/docs; keys and secrets {home}/demo.json\n" in processes.log("demo").read_text()
        )
    assert said.startswith("{}\n")
    assert re.search(r'"genesysConversationId":"[0-9a-f-]{36}"', said)
    for part in ('"text": "Hello!"', '"waId":"+919876543210"', '"status":"processed"', f"http://127.0.0.1:{port}/docs\n"):
        assert part in said
