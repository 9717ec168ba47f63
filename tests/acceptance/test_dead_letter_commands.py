"""`waystate dlq`, beside a server that knows nothing of it: what it replays is relayed and delivered all the same."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import (
    NUMBER,
    TENANT,
    customer_message,
    envelope,
    installed_with_far_sides,
    until,
)
from tests.acceptance.terminal import Terminal, beside
from tests.databases import Databases


class Desk(Terminal):
    command = ("dlq",)

    async def listed(self, *filters: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.told("list", TENANT, *filters))["items"]
        return items


@pytest.fixture(scope="module")
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as url:
        async with installed_with_far_sides(url, home, agent_reply_share=0.0) as place:
            yield Desk(place, beside(url, home))


async def bury(desk: Desk, *wamids: str) -> None:
    """Customers' messages that name no sender."""
    await desk.place.post_meta(envelope({"messages": [{"id": wamid, "type": "text"} for wamid in wamids]}))
    await desk.place.settled()


def mended(wamid: str) -> dict[str, Any]:
    sent_at = "2026-11-20T12:00:00Z"
    return {"wamid": wamid, "phone_number_id": NUMBER, "wa_id": "15550108888", "sent_at": sent_at, "text": "mended"}


async def test_letter_is_found_shown_mended_and_replayed_and_the_server_delivers_it(desk: Desk, tmp_path: Path) -> None:
    await bury(desk, "wamid.cli-1", "wamid.cli-2")
    newest, oldest = await desk.listed("--reason", "invalid_payload", "--pipeline", "inbound", "--since", "2026-01-01")
    code, output, _ = await desk.run("list", TENANT, "--limit", "1")
    assert code == 0
    assert newest["id"] in output
    assert "1 shown; 2 are open in all." in output
    assert f"--before {newest['id']}" in output
    assert [each["id"] for each in await desk.listed("--before", newest["id"])] == [oldest["id"]]
    code, output, _ = await desk.run("show", TENANT, oldest["id"])
    assert json.loads(output)["originalPayload"] == {"id": "wamid.cli-1", "type": "text"}

    code, output, errors = await desk.run("edit", TENANT, oldest["id"], "--set", "wamid=wamid.cli-1")
    assert code == 2
    assert "phone_number_id" in errors
    code, output, errors = await desk.run("edit", TENANT, oldest["id"], "--file", "-", stdin=json.dumps(mended("x")).encode())
    assert code == 0, errors
    code, output, errors = await desk.run("edit", TENANT, oldest["id"], "--set", "wa_ids=15550108888")
    assert (code, "nothing at 'wa_ids'" in errors, "wa_id, wamid" in errors) == (2, True, True)
    code, output, errors = await desk.run(
        *("edit", TENANT, oldest["id"], "--set", "wamid=wamid.cli-1", "--set", 'media={"id":"1"}'),
        *("--set", "wa_id=15550108888", "--set", "user_id=17"),
    )
    assert json.loads(output)["editedPayload"].pop("user_id") == "17"
    code, output, errors = await desk.run("edit", TENANT, oldest["id"], "--set", "user_id=null")
    assert json.loads(output)["editedPayload"] == mended("wamid.cli-1") | {"media": {"id": "1"}, "user_id": None}
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(mended("wamid.cli-2")))
    assert (await desk.run("edit", TENANT, newest["id"], "--file", str(file)))[0] == 0

    code, output, errors = await desk.run("replay", TENANT, "--all", "--reason", "invalid_payload")
    assert (code, output) == (0, "2 replayed.\n"), errors

    async def are_delivered() -> bool:
        query = "SELECT count(*) FROM messages WHERE wamid LIKE 'wamid.cli-_' AND status = 'processed'"
        return bool(await desk.place.value(query) == 2)

    await until(are_delivered)
    code, output, _ = await desk.run("replay", TENANT, oldest["id"])
    assert code == 0
    assert "not open: It was replayed already" in output
    for command in (("discard",), ("edit", "--set", "wa_id=1")):
        code, output, errors = await desk.run(command[0], TENANT, oldest["id"], *command[1:])
        assert (code, "replayed" in output + errors) == (2, True), command
    row = (await desk.listed("--status", "replayed"))[0]
    assert row["lastActor"] == {"kind": "operator", "id": None}


async def test_what_fails_again_is_told_by_the_exit_code_and_can_be_discarded(desk: Desk) -> None:
    await bury(desk, *(f"wamid.bad-{number}" for number in range(3)))
    await desk.place.post_meta(envelope(customer_message("wamid.good", "15550108888")))
    letters = [each["id"] for each in await desk.listed()]
    code, output, _ = await desk.run("replay", TENANT, *letters[:2], "--json")
    assert code == 1
    assert json.loads(output)["counts"] == {"failed": 2}
    code, output, _ = await desk.run("replay", TENANT, "--all")
    assert code == 1
    assert "3 failed." in output
    assert "phone_number_id" in output
    assert (await desk.run("discard", TENANT, "--all", "--note", "of a test"))[:2] == (0, "3 discarded.\n")
    assert await desk.listed() == []
    assert {each["note"] for each in await desk.listed("--status", "discarded")} == {"of a test"}
    assert (await desk.run("replay", TENANT, "--all"))[:2] == (0, "None matched.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", TENANT),
        ("replay", TENANT, "01900000-0000-7000-8000-000000000000", "--all"),
        ("discard", TENANT, "01900000-0000-7000-8000-000000000000", "--reason", "window_closed"),
        ("edit", TENANT, "01900000-0000-7000-8000-000000000000"),
        ("show", TENANT, "01900000-0000-7000-8000-000000000000"),
        ("replay", "nobody", "--all"),
        ("list", "nobody"),
        ("show", "nobody", "01900000-0000-7000-8000-000000000000"),
        ("list", "No Tenant"),
    ],
)
async def test_what_cannot_be_meant_is_one_sentence_and_exit_code_2(desk: Desk, arguments: tuple[str, ...]) -> None:
    code, _, errors = await desk.run(*arguments)
    assert code == 2
    assert "Traceback" not in errors
    assert errors.strip()
