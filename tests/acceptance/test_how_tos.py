"""The very lines that a newcomer copies out of README.md and docs/how-to, in a shell, beside a server."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest

from tests.acceptance.fleet import fleet
from tests.acceptance.served import free_port, served
from tests.acceptance.terminal import beside
from tests.acceptance.test_ports import free_pair
from tests.acceptance.test_supervision import embedded, home, wait_until_ready
from tests.databases import Databases, find_memory
from tests.servers.forked import write_command
from tests.servers.rabbitmq import HOW_TO_GET_IT, is_installed, rabbitmq
from waystate.ids import new_id

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
    """Types in `folder`, with the environment's programs first in the path, as after `. .venv/bin/activate`.

    Before them stands a `waystate` that does what theirs does, without importing it again for each line.
    """

    folder: Path
    environment: dict[str, str]

    def types(self, lines: str, **values: str) -> str:
        """What the lines print; `values` are what the reader puts in place of the page's."""
        for name, value in values.items():
            lines, changed = re.subn(rf"^{name}=.*$", f"{name}={value}", lines, flags=re.MULTILINE)
            assert changed == 1, f"the lines do not set {name} once"
        # A reader's machine is less busy than one that runs tests.
        lines = lines.replace("sleep 1", "sleep 3")
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        write_command(programs)
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
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
    _, apply, check, said = blocks(HOW_TO / "connect-a-number.md")
    assert newcomer.types(apply).startswith("Tenant acme has 1 WhatsApp number and 1 Genesys integration.\n")
    key = newcomer.types(apply).splitlines()[-1]
    challenge, accepted, trace = newcomer.types(check, URL=url, KEY=key, WAMID=WAMID).split("\n", 2)
    assert (challenge, accepted) == ("it-works", "{}")
    traced = json.loads(trace)
    assert (traced["wamid"], traced["text"], traced["contact"]["name"]) == (WAMID, "Hello!", "Asha")
    watcher = newcomer.types("waystate keys create acme watcher --scope tenant:read").splitlines()[-1]
    assert json.loads(newcomer.types(f"URL={url}\nKEY={watcher}\n{said}")) == {"items": [], "next": None}
    shown, over_http = newcomer.types(blocks(HOW_TO / "operate.md")[6], URL=url).split("{", 1)
    assert "300 requests a minute" in shown
    assert '"waiting":0' in over_http


def test_a_message_is_found_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check, _ = blocks(HOW_TO / "connect-a-number.md")
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


def test_genesys_is_connected_as_the_how_to_says(databases: Databases, tmp_path: Path) -> None:
    port = free_pair()
    simulator, tenant, setup, check, message, offer, end, undo = (
        block.replace("127.0.0.1:3005", f"127.0.0.1:{port}").replace("127.0.0.1:3006", f"127.0.0.1:{port + 1}")
        for block in blocks(HOW_TO / "connect-genesys.md")[:8]
    )
    with databases.fresh() as database, served(database, tmp_path, port, EGRESS_HOSTS="127.0.0.1"):
        newcomer = Newcomer(tmp_path, beside(database, tmp_path))
        begin = simulator.replace("--port 3006", f"--port {port + 1}")
        newcomer.types(begin)
        # Each block is a terminal of its own here; the reader's is one.
        terminal = begin.splitlines()[0] + "\n"
        try:
            assert newcomer.types(tenant) == "Tenant acme has 1 WhatsApp number and 0 Genesys integrations.\n"
            assert "secret of events" in newcomer.types(terminal + setup)
            assert newcomer.types(terminal + setup.partition(" | tee")[0]).count("\n") == 3
            checked = newcomer.types(terminal + check)
            assert (checked.count("✗"), checked.count("✓")) == (0, 6)
            written = newcomer.types(message).splitlines()
            assert (written[1], written[2][:14]) == ("Genesys got:  Hello!", "Asha got:  #1 ")
            typed = message.partition('curl -s "$ASHA/messages')[0] + offer
            assert newcomer.types(typed).splitlines()[-2].endswith("Hello!  Yes")
            kept = offer[: offer.index('curl -s "$AT_GENESYS')]
            assert '"status": "closed"' in newcomer.types(kept + end)
            # The page sends whoever wonders why a conversation stays open to these lines.
            assert re.search(r"without effect: \S+\.user\.end: an agent's part ended", newcomer.types("waystate ledger list"))
        finally:
            deleted = newcomer.types(undo)
        assert "Tenant acme is deleted." in deleted


def test_the_lines_for_messages_and_templates_work_beside_the_demo(home: Path, tmp_path: Path) -> None:
    port = free_pair()
    pages = ("send-messages", "templates")
    here = {"127.0.0.1:3005": f"127.0.0.1:{port}", "127.0.0.1:3006": f"127.0.0.1:{port + 1}"}
    typed = {page: "\n".join(blocks(HOW_TO / f"{page}.md")) for page in pages}
    for there, its in here.items():
        typed = {page: lines.replace(there, its) for page, lines in typed.items()}
    with fleet(tmp_path, embedded(home, port)) as processes:
        processes.start("demo", "demo --customers 1 --rate 0.2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        newcomer = Newcomer(tmp_path, {"WAYSTATE_HOME": str(home)})
        said, shown = (newcomer.types(typed[page]) for page in pages)
        state = httpx2.get(f"http://127.0.0.1:{port + 1}/simulator/state").json()
        assert processes.end("demo")[0] == 0
    _, wamid, *answers = said.splitlines()
    assert wamid.startswith("wamid.")
    first, again, seen, reply, reaction, filled, document, refused, *answered = map(json.loads, answers)
    closed, plain, planned, held, waiting, withdrawn, bulk, *rest = answered
    assert refused["code"] == "media_type_mismatch"
    assert {each["status"] for each in (first, again, reply, reaction, filled, document)} == {"queued"}
    assert document["content"]["caption"] == "Your order"
    assert (seen["message"], reply["replyTo"]) == ("It will be shown as read.", wamid)
    assert (closed["code"], plain["code"], plain["errors"][0]["field"]) == ("window_closed", "invalid_request", "media.link")
    assert {each["status"] for each in (planned, held)} == {"planned"}
    assert [each["id"] for each in waiting["items"]] == [held["id"], planned["id"]]
    assert (withdrawn["id"], withdrawn["status"]) == (held["id"], "withdrawn")
    assert (bulk["taken"], [(each["place"], each["code"]) for each in bulk["refused"]]) == (1, [(1, "phone_unusable")])
    _, message, trace, _, _, failed, resent, _ = rest
    assert trace["messageId"] == message["id"]
    assert (failed["status"], failed["error"]["code"], resent["status"]) == ("failed", 131026, "queued")
    assert state["whatsapp"]["statuses"]["failed"] == 0
    assert "Hello Ada, your order A-7 arrives on Friday." in shown


def test_the_lines_for_files_work_beside_the_demo(home: Path, tmp_path: Path) -> None:
    port = free_pair()
    typed = "\n".join(blocks(HOW_TO / "media.md"))
    for there, its in {"127.0.0.1:3005": f"127.0.0.1:{port}", "127.0.0.1:3006": f"127.0.0.1:{port + 1}"}.items():
        typed = typed.replace(there, its)
    with fleet(tmp_path, embedded(home, port)) as processes:
        processes.start("demo", "demo --customers 1 --rate 0.2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        newcomer = Newcomer(tmp_path, {"WAYSTATE_HOME": str(home)})
        shown = json.loads(newcomer.types(typed).splitlines()[0])
        assert processes.end("demo")[0] == 0
    assert (shown["state"], shown["mimeType"]) == ("stored", "image/jpeg")
    assert (newcomer.folder / "receipt.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_dead_letters_are_mended_replayed_and_discarded_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check, _ = blocks(HOW_TO / "connect-a-number.md")
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


def test_queues_and_ready_answers_are_kept_as_the_how_tos_say(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    _, apply, check, _ = blocks(HOW_TO / "connect-a-number.md")
    key = newcomer.types(apply).splitlines()[-1]
    trace = newcomer.types(check, URL=url, KEY=key, WAMID="wamid.at-the-desk").split("\n", 2)[2]
    conversation = json.loads(trace)["conversation"]["internalId"]
    pages = ["\n".join(blocks(HOW_TO / f"{name}.md")) for name in ("queues-and-hours", "ready-replies")]
    desk, ready = (lines.replace("http://127.0.0.1:3005", url) for lines in pages)
    said = newcomer.types(desk, CONVERSATION=conversation)
    now, eve, changed, back, *answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert (now["holiday"], eve["open"], eve["holiday"]) == (None, False, "Christmas Eve")
    assert [len(each["versions"]) for each in (changed, back)] == [2, 1]
    listed, edited, note, notes, put, people = answers
    assert [each["name"] for each in listed["items"][0]["members"]] == ["Ana Núñez"]
    assert edited["genesysQueue"] == "0a1b2c3d-0000-4000-8000-000000000001"
    assert notes["items"] == [note]
    assert put == people
    assert [each["source"] for each in people["items"]] == ["conversation", "added"]
    found, gold, _, plain, wrong = map(json.loads, newcomer.types(ready).splitlines())
    assert (found["items"][0]["shortcut"], gold["missing"], wrong["line"]) == ("thanks", [], 2)
    assert (gold["text"], plain["missing"]) == ("Thank you, Ana! Your gold plan, Acme", ["customer.metadata.plan"])


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
    assert said.startswith('{"wamid":"wamid.my-first"')
    assert re.search(r'"genesysConversationId":"[0-9a-f-]{36}"', said)
    for part in ('"text": "Hello!"', '"waId":"+919876543210"', '"status":"processed"', f"http://127.0.0.1:{port}/docs\n"):
        assert part in said


def test_the_record_is_read_and_verified_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    newcomer.types(blocks(HOW_TO / "connect-a-number.md")[1])
    start, verify = blocks(HOW_TO / "audit.md")
    start = start.replace("http://127.0.0.1:3005", url)
    said = newcomer.types(start.replace("key:ID", "key").replace("user:ID", f"user:{new_id()}"))
    assert said.count("  key.created  key:") >= 2
    assert said.endswith('"items":[],"next":null}')
    head = re.search(r"acme: intact, \d+ entries\. Head (\d+:[0-9a-f]{64})\n", newcomer.types("waystate audit verify"))
    assert head is not None
    said = newcomer.types(start.splitlines()[0] + "\n" + start.splitlines()[1] + "\n" + verify.replace("1234:5f2c…", head[1]))
    assert said.count("acme: intact, ") == 2
    assert json.loads(said.splitlines()[-1])["intact"] is True


def test_tenants_are_looked_after_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    pages = [block.replace("http://127.0.0.1:3005", url) for block in blocks(HOW_TO / "tenants.md")]
    start, make, change, show, check, pause, delete = (re.sub(r"\bacme\b", "initech", block) for block in pages)
    file = re.sub(r"\bacme\b", "initech", (newcomer.folder / "acme.json").read_text())
    for mine, theirs in (("2098765", "3098765"), ("2000000000", "3000000000"), ("201234", "301234"), ("0b6f6e0c", "1b6f6e0c")):
        file = file.replace(mine, theirs)
    (newcomer.folder / "initech.json").write_text(file)
    show = show.replace("2098765", "3098765").replace("0b6f6e0c", "1b6f6e0c")
    check = check.replace("106540352242922", "309876543210987")
    created, *others = make.splitlines()
    assert newcomer.types(created).startswith("id      initech\nname    Acme\n")
    said = newcomer.types("\n".join([start, *others]))
    assert "Tenant initech has 1 WhatsApp number and 1 Genesys integration.\n" in said
    assert '"code":"tenant_exists"' in said, "it is one or the other"
    said = newcomer.types(start + change)
    assert ("websocket_connections  50" in said, said.count("quotas: the defaults")) == (True, 0)
    assert json.loads(said.splitlines()[-1])["settings"]["mapping_ttl"] == "PT72H" or '"mapping_ttl":"P3D"' in said
    checked, over_http = check.splitlines()
    assert "whatsapp 309876543210987" in newcomer.types(f"{{ {checked}\n}} || test $? = 1")
    assert '"findings":[' in newcomer.types(start + over_http)
    assert newcomer.types(show).count("is removed from tenant initech.") == 2
    assert [line for line in newcomer.types(pause).splitlines() if "status" in line] == ["status  suspended", "status  active"]
    # Of a tenant that is suspended no key is made; the page's are there by then.
    start = "\n".join(line for line in start.splitlines() if not line.startswith("KEY="))
    assert "Tenant initech is deleted.\n" in newcomer.types(f"{start}\n{delete}")


def test_people_are_looked_after_as_the_how_to_says(acme: tuple[Newcomer, str]) -> None:
    newcomer, url = acme
    newcomer.types(blocks(HOW_TO / "connect-a-number.md")[1])
    first, come_in, colleagues, reset, codes, sessions = blocks(HOW_TO / "people.md")
    (newcomer.folder / "password.txt").write_text("a few words in a row\n")
    platform, invite, at_once = first.splitlines()
    assert "you@example.com is invited as platform" in newcomer.types(platform)
    token = re.search(r"^wsi\.\S+$", newcomer.types(invite), re.MULTILINE)
    assert token is not None
    come_in = come_in.replace("http://127.0.0.1:3005", url).replace("wsi.…", token[0])
    said = newcomer.types(come_in).replace("}{", "}\n{").splitlines()
    session = json.loads(said[-1])["token"]
    assert "owner@acme.example can log in as owner" in newcomer.types(at_once.replace("boss@", "owner@"))
    start = "\n".join(come_in.splitlines()[:2]) + f"\nTOKEN={session}\n"
    add, over_http, remove, *by_command = colleagues.splitlines()[1:]
    invited = json.loads(newcomer.types(start + add))
    grace = invited["user"]["id"]
    accept, log_in = come_in.splitlines()[2:]
    newcomer.types(start + accept.replace(token[0], invited["token"]))
    assert '"role":"supervisor"' in newcomer.types(start + over_http.replace("ID", grace))
    assert newcomer.types("\n".join(by_command)).count("grace@acme.example") == 3
    newcomer.types("waystate user enable acme grace@acme.example")
    by_http, by_command_line, with_token = reset.splitlines()
    assert '"token":"wsr.' in newcomer.types(start + by_http.replace("ID", grace))
    token = re.search(r"^wsr\.\S+$", newcomer.types(by_command_line.replace("grace", "boss")), re.MULTILINE)
    assert token is not None
    newcomer.types(start + with_token.replace("wsr.…", token[0]))
    log_in = log_in.replace("a few words in a row", "another few words")
    start = start.replace(session, json.loads(newcomer.types(start + log_in))["token"])
    codes = codes.replace('"password": "…"', '"password": "another few words"')
    begin, confirm, end = codes.splitlines()
    secret = json.loads(newcomer.types(start + begin))["secret"]
    assert newcomer.types(start + confirm.replace("123456", pyotp.TOTP(secret).now())) == ""
    assert newcomer.types(start + end) == ""
    newcomer.types(start + remove.replace("ID", grace))
    assert "grace@" not in newcomer.types("waystate user list acme")
    # Of whoever is there; it ends the session that it lists.
    assert '"items":[' in newcomer.types(start + sessions.replace("grace", "boss"))


TALKS = ("customers", "what-whatsapp-says", "groups", "find-conversations", "conversations")


def test_the_lines_for_customers_conversations_and_what_whatsapp_says_work_beside_the_demo(home: Path, tmp_path: Path) -> None:
    port = free_pair()
    pages = ["\n".join(blocks(HOW_TO / f"{page}.md")) for page in TALKS]
    for there, its in {"127.0.0.1:3005": f"127.0.0.1:{port}", "127.0.0.1:3006": f"127.0.0.1:{port + 1}"}.items():
        pages = [page.replace(there, its) for page in pages]
    with fleet(tmp_path, embedded(home, port)) as processes:
        processes.start("demo", "demo --customers 1 --rate 0.2")
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", processes, "demo")
        newcomer = Newcomer(tmp_path, {"WAYSTATE_HOME": str(home)})
        customers, what_whatsapp_says, groups, inbox, conversations = (newcomer.types(page).splitlines() for page in pages)
        assert processes.end("demo")[0] == 0
    said = [json.loads(line) for line in customers if line.startswith("{")]
    _assert_customers_are_known(said[:15])
    _assert_customers_are_merged_and_taken_in(said[0]["id"], said[15:])
    _assert_conversations_are_found([json.loads(line) for line in inbox])
    _assert_conversations_are_led([json.loads(line) for line in conversations])
    _, warned, _, refused, _, sent, shown = map(json.loads, what_whatsapp_says)
    assert [each["severity"] for each in warned["items"]] == ["critical"]
    assert (refused["code"], sent["status"], shown["customer"]["marketing"]) == ("marketing_opted_out", "queued", "opted_in")
    _, queued, journal, _, answer, _ = groups
    (group,) = json.loads(journal)["customers"]
    assert (group["name"], group["genesysReceived"][0]["text"][-12:]) == ("Trip to Oslo", ": Who comes?")
    assert json.loads(queued)["text"] == group["whatsappGot"][0]["text"] == "We meet at nine."
    assert answer == '"text":"I bring the tickets."'


def _assert_conversations_are_found(said: list[dict[str, Any]]) -> None:
    _, found, active, unassigned, one, around, written, timeline, integrations = said
    (item,) = found["items"]
    match = item["matches"]["message"]
    assert [match["text"][start:end] for start, end in match["spans"]] == ["está", "gelad"]
    assert item["id"] == one["id"]
    assert one["id"] in {each["id"] for each in active["items"] + unassigned["items"]}
    assert one["counts"]["inbound"] == 1
    assert match["id"] in {each["id"] for each in around["items"]}
    assert written.get("code") == "not_in_control"
    assert {each["kind"] for each in timeline["items"]} >= {"message", "status"}
    assert "conversation.correlated" in {each.get("type") for each in integrations["items"]}


def _assert_customers_are_known(said: list[dict[str, Any]]) -> None:
    added, changed, tagged, untagged, many, by_name, by_phone, by_tag, busy, _, read, messages, texts, talks, context = said
    assert (added["name"], added["tags"], added["phoneNumber"]) == ("Zélia Ramos", ["vip"], "+5511987654321")
    assert (changed["email"], changed["metadata"]) == ("zelia@example.com", {"plan": "silver"})
    assert (tagged["tags"], untagged["tags"], many["changed"]) == (["brazil", "vip"], ["brazil"], 1)
    for found in (by_name, by_phone, by_tag):
        assert [each["id"] for each in found["items"]] == [added["id"]]
    assert (read["id"], read["tags"], busy.keys()) == (added["id"], ["brazil", "spring-sale"], {"items", "next"})
    assert messages["items"][-1]["text"] == "Where is my order?"
    assert [each["text"] for each in texts["items"]] == ["Where is my order?"]
    assert [each["id"] for each in talks["items"]] == [context["conversation"]["id"]]
    assert (context["conversation"]["controller"], context["conversation"]["controlHolder"]) == ("external", "genesys")
    assert [each["id"] for each in context["messages"]] == [each["id"] for each in messages["items"]]


def _assert_conversations_are_led(said: list[dict[str, Any]]) -> None:
    taken, answered, edited, by_eve, refused, passed_on, closed, reopened = said
    assert (taken["controller"], taken["assignee"]["name"], answered["status"]) == ("agent", "Ana", "queued")
    assert (edited["subject"], edited["tags"], edited["metadata"]) == ("Invoice", ["billing"], {"ticket": "4711"})
    assert (by_eve["assignee"]["name"], refused["code"], refused["assignee"]["name"]) == ("Eve", "not_in_control", "Eve")
    assert passed_on["controlHolder"] == "genesys"
    assert (closed["status"], closed["closeReason"], reopened["controller"]) == ("closed", "invoice corrected", "none")


def _assert_customers_are_merged_and_taken_in(zelia: str, said: list[dict[str, Any]]) -> None:
    other, alike, merged, merges, undone, tried, taken, again = said
    (group,) = alike["items"]
    assert {each["id"] for each in group["customers"]} == {zelia, other["id"]}
    assert (merged["customer"]["id"], merged["customer"]["waIds"]) == (zelia, ["5511987654321", "5521988887777"])
    assert [each["id"] for each in merges["items"]] == [merged["merge"]["id"]]
    restored = undone["restored"]
    assert (restored["id"], restored["name"], undone["customer"]["id"]) == (other["id"], "Ramos, Zélia", zelia)
    assert tried == taken
    assert (taken["added"], [each["line"] for each in taken["errors"]]) == (2, [4])
    assert (again["rows"], again["unchanged"]) == (again["rows"], again["rows"])


def test_a_deployment_is_secured_as_the_how_to_says(databases: Databases, tmp_path: Path) -> None:
    begin, record = blocks(HOW_TO / "secure-a-deployment.md")
    with databases.fresh() as database, served(database, tmp_path, free_port()) as url:
        newcomer = Newcomer(tmp_path, beside(database, tmp_path))
        background, _, *rest = begin.splitlines()
        assert background.startswith("waystate serve &"), "it is served already"
        said = newcomer.types("\n".join([f"URL={url}", *rest, record]))
    assert '"scopes":["state:read","state:write"]' in said
    assert '"email":"grace@acme.example"' in said
    assert re.search(r"acme: intact, \d+ entries\. Head \d+:", said)


def test_a_database_is_backed_up_and_restored_as_the_how_to_says(databases: Databases, tmp_path: Path) -> None:
    own, _, _, backup, restore, *_ = blocks(HOW_TO / "operate.md")
    with databases.empty() as database, databases.empty() as another:
        place = {name: value for name, value in beside(database, tmp_path).items() if name == "WAYSTATE_HOME"}
        begin = re.sub(r"DATABASE_URL=\S+", f"DATABASE_URL='{database}'", own).replace("waystate serve\n", "")
        said = Newcomer(tmp_path, place).types(begin + "waystate tenant create acme\n" + backup)
        assert "pending: nothing." in said
        assert "waystate.dump has the whole database" in said
        begin = re.sub(r"DATABASE_URL=\S+", f"DATABASE_URL='{another}'", own).partition("waystate migrate")[0]
        said = Newcomer(tmp_path, place).types(begin + restore.replace("waystate serve\n", "waystate tenant list\n"))
        assert re.match(r"Restored \d+ tables from waystate\.dump\.\n", said)
        assert said.endswith("acme  active  acme\n")


@pytest.mark.skipif(not is_installed(), reason=HOW_TO_GET_IT)
def test_queues_are_declared_as_the_how_to_says(tmp_path: Path) -> None:
    _, declare = blocks(HOW_TO / "connect-your-services.md")
    with tempfile.TemporaryDirectory(prefix="waystate-", dir=find_memory()) as folder, rabbitmq(Path(folder)) as broker:
        said = Newcomer(tmp_path, {"AMQP_URL": broker.url}).types(declare.replace(".venv/bin/waystate", "waystate"))
    assert re.match(r"Declared: \d+ queues and \d+ exchanges\.\n", said)
    assert "inbound-whatsapp-messages" in said
    assert "not declared" not in said


TYPED = {
    "README.md": (1, 2),
    "agent-portal.md": (0,),
    "audit.md": (0, 1),
    "connect-a-number.md": (1, 2, 3),
    "connect-genesys.md": tuple(range(8)),
    "connect-your-services.md": (1,),
    "conversations.md": (0, 1, 2, 3, 4),
    "customers.md": tuple(range(10)),
    "dead-letters.md": (0, 1, 2, 3, 4, 5, 6),
    "find-a-message.md": (0, 1, 2, 3, 4, 5),
    "find-conversations.md": (0, 1, 2, 3, 4),
    "groups.md": (0, 1, 2),
    "inbound-transformer.md": (0, 1),
    "mcp.md": (1,),
    "media.md": (0, 1, 2),
    "operate.md": (0, 1, 2, 3, 4, 6),
    "outbound-transformer.md": (0, 1, 2, 3),
    "people.md": (0, 1, 2, 3, 4, 5),
    "python-client.md": (1,),
    "queues-and-hours.md": (0, 1, 2, 3, 4, 5),
    "ready-replies.md": (0, 1, 2),
    "secure-a-deployment.md": (0, 1),
    "send-messages.md": tuple(range(16)),
    "templates.md": (0, 1, 2, 3),
    "tenants.md": (0, 1, 2, 3, 4, 5, 6),
    "what-whatsapp-says.md": (0, 1, 2, 3),
}
"""Blocks of lines that are typed: by the tests above and test_client_how_tos.py, and those of operate.md that look inside by
test_seed_verification.py."""
NOT_TYPED = {
    ("README.md", 0): "it is `waystate demo`, which the next block is typed beside, behind an installation",
    ("README.md", 3): "it is this test and its like, for hours",
    ("README.md", 4): "it installs from the package index; test_served.py and others run `waystate serve`",
    ("connect-a-number.md", 0): "it installs from the package index, and serves until it is ended",
    (
        "connect-your-services.md",
        0,
    ): "it serves until it is ended; tests/integration/broker/test_how_to.py runs the rest",
    ("connect-genesys.md", 8): "it needs an organisation at Genesys; the third block is typed against a simulated one",
    ("mcp.md", 0): "it installs from the package index; test_installed.py has the wheel",
    ("mcp.md", 2): "it serves until it is ended; test_mcp.py asks over HTTP",
    ("python-client.md", 0): "it installs from the package index; test_installed.py has the wheel",
    ("typescript-client.md", 0): "it installs from the package index; test_client_how_tos.py builds and runs the rest",
    **{("move-from-the-seed-state-manager.md", index): "test_import_command.py types it" for index in range(3)},
    ("operate.md", 5): "the tunnel needs an account at its provider; test_ports.py has WEBHOOK_PORT",
    ("single-sign-on.md", 0): "it needs an identity provider under a public name; test_single_sign_on.py has one of our own",
    **{("install.md", index): "it needs a package index, root's systemd or a container engine" for index in range(7)},
}


def test_every_block_of_lines_is_typed_or_says_why_not() -> None:
    pages = {path.name: len(blocks(path)) for path in (ROOT / "README.md", *HOW_TO.glob("*.md"))}
    there = {(name, index) for name, count in pages.items() for index in range(count)}
    assert there == {(name, index) for name, indexes in TYPED.items() for index in indexes} | set(NOT_TYPED)
    assert not {(name, index) for name, indexes in TYPED.items() for index in indexes} & set(NOT_TYPED)
