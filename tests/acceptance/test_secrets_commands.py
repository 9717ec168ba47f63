"""`waystate secrets` beside a server that runs, and starts that are refused for lack of a key."""

import json
from pathlib import Path
from typing import Any

from tests.acceptance.installation import MASTER_KEY, Installation, customer_message, envelope, installed
from tests.acceptance.served import free_port
from tests.acceptance.terminal import run_command
from waystate.vault.sealing import key_id

OLD, NEW = bytes.fromhex(MASTER_KEY), b"n" * 32


async def run(url: str, home: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """As `run_command`, with the settings of a start in the environment."""
    environment = {"WAYSTATE_HOME": str(home), "DATABASE_URL": url, "PORT": str(free_port())}
    return await run_command(environment | settings, *arguments)


async def status(url: str, home: Path, **settings: str) -> dict[str, Any]:
    code, output, errors = await run(url, home, "secrets", "status", "--json", **settings)
    assert code == 0, errors
    return {row["keyId"]: row["values"] for row in json.loads(output)["keys"]}


async def test_secrets_are_rotated_beside_a_server_that_goes_on(database_url: str, tmp_path: Path) -> None:
    """The server opens with both keys, as after the first rolling restart; its webhooks need the app's secret all the time."""
    old, new = MASTER_KEY, NEW.hex()
    async with installed(database_url, tmp_path, WAYSTATE_MASTER_KEYS_OLD=new) as place:
        await place.add_tenant(sender="external")
        assert await status(database_url, tmp_path, WAYSTATE_MASTER_KEY=old) == {key_id(OLD): 6}
        await receives(place, "wamid.before")
        given = {"WAYSTATE_MASTER_KEY": new, "WAYSTATE_MASTER_KEYS_OLD": old}
        code, output, errors = await run(database_url, tmp_path, "secrets", "rotate", **given)
        assert (code, errors) == (0, "")
        assert output == f"6 of 6 secrets were sealed anew with key '{key_id(NEW)}'.\n"
        place.app.directory.clear()
        await receives(place, "wamid.after")
    assert await status(database_url, tmp_path, **given) == {key_id(NEW): 6, key_id(OLD): 0}
    code, output, _ = await run(database_url, tmp_path, "secrets", "status", **given)
    assert f"{key_id(OLD)}        0  seals nothing any more: it may be removed" in output
    code, output, errors = await run(database_url, tmp_path, "secrets", "rotate", WAYSTATE_MASTER_KEY=old)
    assert code == 1
    assert "6 cannot be opened and stay as they are:" in output


async def receives(place: Installation, wamid: str) -> None:
    assert (await place.post_meta(envelope(customer_message(wamid, "15550100001")))).status_code == 200
    await place.settled()
    assert await place.value("SELECT count(*) FROM messages WHERE wamid = $1", wamid) == 1


async def test_no_role_starts_without_the_key_of_stored_secrets(database_url: str, tmp_path: Path) -> None:
    async with installed(database_url, tmp_path) as place:
        await place.add_tenant(sender="external")
    for role in ("work", "relay", "timers"):
        code, output, errors = await run(database_url, tmp_path, role, WAYSTATE_MASTER_KEY=NEW.hex())
        assert code != 0, role
        assert f"Stored secrets were sealed with master key '{key_id(OLD)}', which this process does not have" in errors, role
        assert "Traceback" not in errors
        assert NEW.hex() not in output + errors


async def test_a_new_key_file_is_not_made_where_keys_are_given(database_url: str, tmp_path: Path) -> None:
    code, _, errors = await run(database_url, tmp_path, "secrets", "rotate", "--new-key", WAYSTATE_MASTER_KEY=MASTER_KEY)
    assert code == 2
    assert "docs/how-to/rotate-secrets.md" in errors
