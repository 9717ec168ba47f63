"""`waystate tenant`, beside a server that knows nothing of it."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import NUMBER, TENANT, WEBHOOK_SECRET, installed
from tests.acceptance.terminal import Terminal, beside, run_command
from tests.databases import Databases
from waystate.ids import PLATFORM

FILE: dict[str, Any] = {
    "tenant": {"id": "initech", "name": "Initech", "settings": {"correlation": "local"}},
    "meta_apps": [{"id": "3001", "app_secret": "an-app-secret", "verify_token": "a-verify-token"}],
    "genesys_integrations": [
        {
            "integration_id": "4001",
            "region": "mypurecloud.de",
            "api_url": "http://127.0.0.1:9",
            "login_url": "http://127.0.0.1:9",
            "client_id": "c",
            "client_secret": "a-client-secret",
            "webhook_secret": WEBHOOK_SECRET,
        }
    ],
    "whatsapp_accounts": [
        {
            "phone_number_id": "1001",
            "display_phone_number": "+1 555 0100",
            "business_account_id": "2001",
            "meta_app_id": "3001",
            "api_url": "http://127.0.0.1:9",
            "access_token": "an-access-token",
            "genesys_integration": "4001",
        }
    ],
}


class Desk(Terminal):
    command = ("tenant",)

    async def audited(self, tenant: str) -> list[tuple[str, Any]]:
        rows = await self.place.rows(
            "SELECT action, details->'fields' AS fields, actor FROM audit_log WHERE tenant_id = $1 ORDER BY position", tenant
        )
        assert all(row["actor"] == {"kind": "operator", "id": None} for row in rows)
        return [(row["action"], row["fields"]) for row in rows]


@pytest.fixture
async def terminal(databases: Databases, tmp_path: Path) -> AsyncIterator[Desk]:
    with databases.fresh() as url:
        async with installed(url, tmp_path) as place:
            await place.add_tenant()
            yield Desk(place, beside(url, tmp_path) | {"EGRESS_HOSTS": "127.0.0.1, localhost"})


async def test_a_tenant_from_its_first_to_its_last_day(terminal: Desk) -> None:
    made = await terminal.told("create", "globex", "--name", "Globex", "--quota", "messages_per_second=20")
    assert (made["status"], made["quotas"]["messages_per_second"]) == ("active", 20)
    listed = await terminal.told("list")
    assert [each["id"] for each in listed["items"]] == [TENANT, "globex"]
    changed = await terminal.told("set", "globex", "--setting", "mapping_ttl=PT1H", "--quota", "messages_per_second=")
    assert (changed["settings"]["mapping_ttl"], changed["quotas"]["messages_per_second"]) == ("PT1H", None)
    assert await terminal.output("queue", "globex") == "It has no Genesys integration."
    (queue,) = (await terminal.told("queue", TENANT))["items"]
    assert (queue["client_id"], queue["waiting"], queue["oldest_at"]) == ("client-1", 0, None)
    code, _, errors = await terminal.run("delete", "globex", "--yes")
    assert (code, "Suspend it first" in errors) == (2, True)
    assert (await terminal.told("suspend", "globex"))["status"] == "suspended"
    assert (await terminal.told("resume", "globex"))["status"] == "active"
    await terminal.told("suspend", "globex")
    code, output, _ = await terminal.run("delete", "globex", stdin=b"n\n")
    assert (code, "for good?" in output) == (1, True)
    assert await terminal.told("delete", "globex", "--yes") == {"id": "globex", "done": True, "deleted": {}}
    code, _, errors = await terminal.run("show", "globex")
    assert (code, "There is no tenant 'globex'" in errors) == (2, True)
    assert await terminal.audited(PLATFORM) == [
        ("tenant.created", None),
        ("tenant.changed", ["settings.mapping_ttl", "quotas.messages_per_second"]),
        ("tenant.suspended", None),
        ("tenant.resumed", None),
        ("tenant.suspended", None),
        ("tenant.deletion_begun", None),
        ("tenant.deleted", None),
    ]


async def test_applying_a_file_is_on_record_once_and_keeps_quotas_and_status(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE))
    for _ in range(2):
        code, output, errors = await terminal.run("apply", str(file))
        assert code == 0, errors
        assert output == "Tenant initech has 1 WhatsApp number and 1 Genesys integration.\n"
    assert await terminal.audited(PLATFORM) == [("tenant.created", None), ("meta_app.created", None)]
    assert await terminal.audited("initech") == [("integration.created", None), ("account.created", None)]
    await terminal.told("set", "initech", "--quota", "websocket_connections=7")
    await terminal.told("suspend", "initech")
    account = FILE["whatsapp_accounts"][0] | {"access_token": "another-token"}
    file.write_text(json.dumps(FILE | {"tenant": FILE["tenant"] | {"name": "Inc"}, "whatsapp_accounts": [account]}))
    assert (await terminal.run("apply", str(file)))[0] == 0
    shown = await terminal.told("show", "initech")
    assert (shown["name"], shown["status"], shown["quotas"]["websocket_connections"]) == ("Inc", "suspended", 7)
    assert (await terminal.audited("initech"))[2:] == [("account.changed", ["access_token"])]
    assert (await terminal.audited(PLATFORM))[-1] == ("tenant.changed", ["name"])
    file.write_text(json.dumps(FILE | {"tenant": FILE["tenant"] | {"status": "active"}}))
    code, _, errors = await terminal.run("apply", str(file))
    assert (code, "A file sets no status" in errors) == (2, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"phone_number_id": NUMBER}, "belongs to another tenant"),
        ({"genesys_integration": "4002"}, "names integration 4002"),
        ({"meta_app_id": "3002"}, "There is no Meta app 3002"),
        ({"access_token": 7}, "is not usable"),
    ],
)
async def test_a_file_that_is_refused_changes_nothing(terminal: Desk, tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE | {"whatsapp_accounts": [FILE["whatsapp_accounts"][0] | wrong]}))
    code, _, errors = await terminal.run("apply", str(file))
    assert (code, said in errors) == (2, True), errors
    assert [each["id"] for each in (await terminal.told("list"))["items"]] == [TENANT]
    assert await terminal.place.rows("SELECT id FROM meta_apps WHERE id = '3001'") == []
    assert await terminal.audited(PLATFORM) == []


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\x1b[31m"])
@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("tenant", "name"),
        ("whatsapp_accounts", "display_phone_number"),
        ("whatsapp_accounts", "api_url"),
        ("genesys_integrations", "client_id"),
    ],
)
async def test_a_name_that_is_no_text_is_refused_by_its_field(
    terminal: Desk, tmp_path: Path, part: str, field: str, odd: str
) -> None:
    file = tmp_path / "initech.json"
    document = json.loads(json.dumps(FILE))
    place = document[part] if part == "tenant" else document[part][0]
    place[field] = f"{place[field]}{odd}b"
    file.write_text(json.dumps(document))
    file.chmod(0o600)
    code, output, errors = await terminal.run("apply", str(file))
    assert (code, output, errors.count("\n")) == (2, "", 1), errors
    assert f"{field}: must have no control characters" in errors


async def test_a_secret_that_lost_a_character_is_refused_by_its_field(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE | {"meta_apps": [FILE["meta_apps"][0] | {"app_secret": "a\0b"}]}))
    code, _, errors = await terminal.run("apply", str(file))
    assert (code, "meta_apps.0.app_secret: must have no NUL" in errors) == (2, True), errors
    file.write_text("{")
    code, _, errors = await terminal.run("apply", str(file))
    assert (code, f"{file} is not valid JSON" in errors) == (2, True), errors


async def test_an_unknown_region_is_refused_with_the_list(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    unknown = {"region": "mypurecloud.fr", "api_url": "", "login_url": ""}
    file.write_text(json.dumps(FILE | {"genesys_integrations": [FILE["genesys_integrations"][0] | unknown]}))
    code, _, errors = await terminal.run("apply", str(file))
    assert code == 2
    assert "genesys_integrations.0.region: must be the domain of a Genesys Cloud region, one of " in errors
    assert all(region in errors for region in ("mypurecloud.com,", "mxc1.pure.cloud", "edee1.eusc-pure.cloud"))
    assert [each["id"] for each in (await terminal.told("list"))["items"]] == [TENANT]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)])
async def test_a_file_of_secrets_that_others_can_read_is_warned_of(
    terminal: Desk, tmp_path: Path, mode: int, warned: bool
) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE))
    file.chmod(mode)
    code, output, errors = await terminal.run("apply", str(file))
    assert (code, output.startswith("Tenant initech has")) == (0, True)
    assert (f"chmod 600 {file}" in errors) is warned
    code, output, errors = await terminal.run("apply", "-", stdin=json.dumps(FILE))
    assert (code, errors) == (0, "")


async def test_a_tenant_is_shown_in_sections_of_short_lines(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE))
    await terminal.run("apply", str(file))
    lines = (await terminal.output("show", "initech")).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:3] == ["id      initech", "name    Initech", "status  active"]
    for heading in ("settings:", "quotas: the defaults", "whatsapp accounts:", "genesys integrations:"):
        assert lines[lines.index(heading) - 1] == ""
    for line in (
        "  phone_number_id             1001",
        "  is_default                  no",
        "  region                      mypurecloud.de",
    ):
        assert line in lines
    assert set(await terminal.told("show", "initech")) == {
        *("id", "name", "status", "settings", "quotas", "whatsapp_accounts", "genesys_integrations")
    }


async def test_numbers_and_integrations_are_removed(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE))
    await terminal.run("apply", str(file))
    code, _, errors = await terminal.run("remove-integration", "initech", "4001")
    assert (code, "Number 1001 passes" in errors) == (2, True)
    assert await terminal.output("remove-number", "initech", "1001") == "WhatsApp number 1001 is removed from tenant initech."
    code, _, errors = await terminal.run("remove-number", "initech", "1001")
    assert (code, "has no WhatsApp number 1001" in errors) == (2, True)
    said = await terminal.told("remove-integration", "initech", "4001")
    assert said == {"message": "Genesys integration 4001 is removed from tenant initech."}
    shown = await terminal.told("show", "initech")
    assert (shown["whatsapp_accounts"], shown["genesys_integrations"]) == ([], [])
    assert (await terminal.audited("initech"))[2:] == [("account.removed", None), ("integration.removed", None)]


async def test_what_is_shown_holds_no_secret_and_a_check_fails_loudly(terminal: Desk, tmp_path: Path) -> None:
    file = tmp_path / "initech.json"
    file.write_text(json.dumps(FILE))
    assert (await terminal.run("apply", str(file)))[0] == 0
    code, output, _ = await terminal.run("show", "initech")
    assert code == 0
    assert "1001" in output
    code, checked, errors = await terminal.run("check", "initech")
    assert (code, errors) == (1, "")
    assert checked.count("cannot be reached") == 2
    code, as_json, _ = await terminal.run("check", "initech", "--json")
    assert (code, [each["ok"] for each in json.loads(as_json)["items"]]) == (1, [False, False])
    for secret in ("an-app-secret", "a-verify-token", "a-client-secret", WEBHOOK_SECRET, "an-access-token"):
        assert secret not in output + checked + as_json


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("create", PLATFORM), "is the platform itself"),
    (("create", TENANT), "already"),
    (("create", "Not A Slug"), "id: must be 1 to 63 characters"),
    (("create", "x", "--quota", "messages_per_second=many"), "quotas.messages_per_second"),
    (("create", "x", "--setting", "colour=red"), "settings.colour"),
    (("set", TENANT, "--setting", "mapping_ttl"), "must read name=value"),
    (("set", TENANT, "--setting", "mapping_ttl=soon"), "settings.mapping_ttl"),
    (("suspend", "nobody"), "There is no tenant 'nobody'"),
    (("suspend", PLATFORM), "There is no tenant"),
    (("delete", PLATFORM, "--yes"), "There is no tenant"),
    (("check", "nobody"), "There is no tenant 'nobody'"),
    (("remove-number", "nobody", "1001"), "There is no tenant 'nobody'"),
    (("remove-number", TENANT, "777"), "has no WhatsApp number 777"),
    (("remove-integration", "nobody", "4001"), "There is no tenant 'nobody'"),
    (("remove-integration", TENANT, "777"), "has no Genesys integration 777"),
    (("show", "Not A Slug"), "A tenant id is 1 to 63 characters"),
]


async def test_a_wrong_command_is_explained_and_changes_nothing(terminal: Desk) -> None:
    for arguments, said in WRONG:
        code, output, errors = await terminal.run(*arguments)
        assert (code, output, said in errors, "Traceback" in errors) == (2, "", True, False), (arguments, errors)
    assert await terminal.audited(PLATFORM) == []
    assert NUMBER in json.dumps(await terminal.told("show", TENANT))


async def test_a_name_from_before_the_rule_is_listed_escaped_and_its_tenant_goes_on(terminal: Desk) -> None:
    await terminal.place.rows("UPDATE tenants SET name = E'\\x1b[31mred\\u009b' WHERE id = $1 RETURNING id", TENANT)
    for command in (("list",), ("show", TENANT), ("set", TENANT, "--setting", "mapping_ttl=PT1H")):
        output = await terminal.output(*command)
        assert ("\\x1b[31mred\\x9b" in output, "\x1b" in output, "\x9b" in output) == (True, False, False)
    code, _, errors = await terminal.run("set", TENANT, "--name", "\x1b[31mred")
    assert (code, "name: must have no control characters" in errors) == (2, True), errors
    code, _, errors = await terminal.run("create", "n1", "--name", "\x1b[31mred")
    assert (code, "name: must have no control characters" in errors) == (2, True), errors


@pytest.mark.parametrize(
    "command",
    [
        ("dlq", "discard", "acme", "019c1420-3333-7b40-9e6d-5f7a8b9c0d1e", "--note", b"\xff"),
        ("dlq", "edit", "acme", "019c1420-3333-7b40-9e6d-5f7a8b9c0d1e", "--set", b"text=\xff"),
        ("trace", "acme", b"\xff"),
        ("keys", "create", "acme", b"\xff"),
        ("tenant", "apply", b"\xff.json"),
        (b"\xed\xa0\x80",),
    ],
)
async def test_an_argument_that_is_not_utf_8_is_named(command: tuple[str | bytes, ...]) -> None:
    code, output, errors = await run_command({}, *command)
    assert (code, output, errors.count("\n")) == (2, "", 1), errors
    assert re.match(rf"waystate: argument {len(command)} \(.*\\udc.*\) is not UTF-8", errors), errors


async def test_output_that_cannot_be_written_ends_with_a_sentence(terminal: Desk, tmp_path: Path) -> None:
    said = "waystate: the output cannot be written: No space left on device.\n"
    for command in (("tenant", "list"), ("tenant", "show", TENANT, "--json"), ("--help",), ("version",), ("tenant", "--help")):
        with open("/dev/full", "wb") as full:
            done = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "waystate", *command),
                env={"PATH": os.environ["PATH"], **terminal.environment},
                stdout=full,
                stderr=asyncio.subprocess.PIPE,
            )
            errors = (await done.communicate())[1].decode()
        assert (done.returncode, errors) == (1, said), command
