"""`waystate keys` and `waystate audit`, beside a server that knows nothing of them."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.credentials import bearing
from tests.acceptance.installation import TENANT, envelope, installed, until
from tests.acceptance.terminal import Terminal, beside
from tests.databases import Databases
from waystate.keys.model import DATA_PLANE


class Machine(Terminal):
    async def status(self, key: str) -> int:
        return (await self.place.http.get("/v1/dead-letters", headers=bearing(key))).status_code


@pytest.fixture(scope="module")
async def machine(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machine]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as url:
        async with installed(url, home, TRUSTED_MODE="off") as place:
            await place.add_tenant()
            yield Machine(place, beside(url, home))


async def test_a_key_is_made_listed_rotated_and_revoked(machine: Machine) -> None:
    key = await machine.output("keys", "create", TENANT, "bridge", "--expires-in", "90d")
    assert await machine.status(key) == 200
    (listed,) = json.loads(await machine.output("keys", "list", TENANT, "--json"))
    assert (listed["name"], listed["createdBy"]["kind"], len(listed["scopes"])) == ("bridge", "operator", len(DATA_PLANE))
    assert listed["expiresAt"] is not None
    successor = await machine.output("keys", "rotate", TENANT, listed["id"])
    assert [await machine.status(each) for each in (key, successor)] == [200, 200]
    code, _, errors = await machine.run("keys", "rotate", TENANT, listed["id"], "--overlap", "0")
    assert (code, "rotated already" in errors) == (2, True)
    said = await machine.output("keys", "revoke", TENANT, listed["id"])
    assert f"Key {listed['id']} (bridge) is revoked" in said

    async def is_refused() -> bool:
        return await machine.status(key) == 401

    await until(is_refused, timeout=2)
    assert await machine.status(successor) == 200
    small = await machine.output("keys", "create", TENANT, "reader", "--scopes", "messages:read, audit:read")
    assert await machine.status(small) == 403
    text = await machine.output("keys", "list", TENANT)
    assert "revoked  bridge" in text
    assert "may audit:read, messages:read; made" in text
    for secret in (key, successor, small):
        assert secret.rpartition(".")[2] not in text
    told = json.loads(await machine.output("audit", "list", TENANT, "--action", "key", "--json"))
    assert [each["action"] for each in told] == ["key.created", "key.revoked", "key.rotated", "key.created"]
    assert {each["actor"]["kind"] for each in told} == {"operator"}


async def test_a_replay_of_the_ledger_is_in_the_platforms_log(machine: Machine) -> None:
    await machine.place.post_meta(envelope({"messages": [{"id": "wamid.nobodys"}]}, number="404"))
    await machine.place.settled()
    assert "1 of 1" in await machine.output("ledger", "replay", "--all")
    await machine.place.settled()
    (entry,) = json.loads(await machine.output("audit", "list", "platform", "--json"))
    assert (entry["action"], entry["subject"], entry["details"]["count"]) == ("ledger.replayed", "ledger", 1)
    assert await machine.output("ledger", "replay", "01900000-0000-7000-8000-000000000000") == "0 of 1 put back to work."
    assert len(json.loads(await machine.output("audit", "list", "platform", "--json"))) == 1


async def test_dead_letters_are_worked_on_as_the_operator(machine: Machine) -> None:
    await machine.place.post_meta(envelope({"messages": [{"id": "wamid.unusable"}]}))
    await machine.place.settled()
    await machine.output("dlq", "discard", TENANT, "--all")
    text = await machine.output("audit", "list", TENANT, "--subject", "dead_letter", "--limit", "1")
    assert "dead_letter.discarded  dead_letter:" in text
    assert "by operator" in text
    assert "Older ones: --before" in text


async def test_verify_walks_every_chain_and_its_exit_code_tells(machine: Machine) -> None:
    for name in ("one", "two", "three"):
        await machine.output("keys", "create", TENANT, name)
    whole = await machine.output("audit", "verify")
    lines = dict(line.split(": ", 1) for line in whole.splitlines())
    assert set(lines) == {"platform", TENANT}
    head = lines[TENANT].rpartition("Head ")[2]
    assert await machine.output("audit", "verify", TENANT, "--head", head) == f"{TENANT}: {lines[TENANT]}"
    last = int(head.partition(":")[0])
    database: Any = machine.place.database
    await database.execute("DELETE FROM audit_log WHERE tenant_id = $1 AND position = $2", TENANT, last)
    assert (await machine.run("audit", "verify"))[0] == 0, "the chain alone does not show its end"
    code, output, _ = await machine.run("audit", "verify", TENANT, "--head", head)
    assert (code, f"BROKEN at entry {last} (truncated)" in output) == (1, True)
    await database.execute("UPDATE audit_log SET at = at + interval '1 s' WHERE tenant_id = $1 AND position = 2", TENANT)
    code, output, errors = await machine.run("audit", "verify")
    assert (code, f"{TENANT}: BROKEN at entry 2 (changed)" in output, "platform: intact" in output) == (1, True, True), errors
    assert re.search(r"The last good entry is 1:[0-9a-f]{64}$", output, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "nobody", "name"),
        ("keys", "create", TENANT, ""),
        ("keys", "create", TENANT, "name", "--scope", "self"),
        ("keys", "create", TENANT, "name", "--scope", "state"),
        ("keys", "create", TENANT, "name", "--scopes", "messages:read,self"),
        ("keys", "create", TENANT, "name", "--expires-in", "soon"),
        ("keys", "create", TENANT, "name", "--expires-in", "999999w"),
        ("keys", "rotate", TENANT, "01900000-0000-7000-8000-000000000000", "--overlap", "-1h"),
        ("keys", "revoke", TENANT, "01900000-0000-7000-8000-000000000000"),
        ("audit", "list", TENANT, "--actor", "somebody"),
        ("audit", "verify", "nobody"),
        ("audit", "verify", TENANT, "--head", "x"),
        ("audit", "verify", "--head", "1:" + "0" * 64),
    ],
)
async def test_what_cannot_be_meant_is_one_sentence_and_exit_code_2(machine: Machine, arguments: tuple[str, ...]) -> None:
    code, _, errors = await machine.run(*arguments)
    assert code == 2, errors
    assert "Traceback" not in errors
    assert errors.strip()
