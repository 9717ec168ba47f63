"""The master key changes while everything runs: nothing is lost, overwritten or unreadable at any moment."""

import asyncio
from itertools import count, pairwise

import pytest

from tests.integration.vault.safe import TENANTS, Safe
from tests.world import SetClock, wait_for_lock
from waystate.errors import ConfigError
from waystate.ids import PLATFORM
from waystate.vault.installation import check_keys, count_keys, load_installation_secret
from waystate.vault.model import COLUMNS
from waystate.vault.rotation import Progress, rotate
from waystate.vault.sealing import Vault, key_id, replace_key_file, vault_of

OLD, NEW = b"o" * 32, b"n" * 32
VALUES = 14
"""In `safe`: the installation's, two of the app's, a person's, and four of each tenant."""


class Stop(Exception):
    pass


async def test_everything_is_sealed_anew_and_says_what_it_said(safe: Safe) -> None:
    before = await safe.read(safe.vault)
    current = replace_key_file(safe.config)
    progress = await rotate(safe.db, safe.vault, SetClock())
    assert progress == Progress(total=VALUES, resealed=VALUES)
    assert await safe.key_ids() == {str(column): {current} for column in COLUMNS}
    assert await safe.read(vault_of(bytes.fromhex((safe.config.home / "keys" / "master.key").read_text()))) == before


async def test_no_read_fails_in_any_process_while_keys_change_under_them(safe: Safe) -> None:
    """Two processes read and one writes all the time; the key is replaced and everything sealed anew, three times over."""
    here, there, desk = safe.new_vault(), safe.new_vault(), safe.new_vault()
    over = False
    reads = {"here": 0, "there": 0}
    wrote = "first"
    installation = (await safe.read(here))["installation"]

    async def keep_reading(name: str, vault: Vault) -> None:
        while not over:
            found = await safe.read(vault)
            assert found.pop("installation") == installation
            reads[name] += 1

    async def keep_writing() -> None:
        nonlocal wrote
        for number in count():
            if over:
                return
            wrote = f"secret-{number}"
            await safe.set_app("app-1", wrote, there)
            for place, tenant in enumerate(TENANTS):
                await safe.set_account(tenant, f"10{place}", wrote, there)

    tasks = [asyncio.create_task(each) for each in (keep_reading("here", here), keep_reading("there", there), keep_writing())]
    keys = {here.current}
    for _ in range(3):
        keys.add(replace_key_file(safe.config))
        await asyncio.sleep(0.05)
        await rotate(safe.db, desk, SetClock(), batch=1)
        await asyncio.sleep(0.05)
    over = True
    await asyncio.gather(*tasks)
    assert min(reads.values()) > 10
    assert len(keys) == 4
    assert here.current == there.current == desk.current
    found = await safe.read(here)
    assert {value for name, value in found.items() if name != "installation"} == {wrote}
    # What a write that was under way sealed with the key before, the next run takes.
    await rotate(safe.db, desk, SetClock())
    assert await count_keys(safe.db) == {here.current: VALUES}


async def test_keys_in_variables_change_by_two_rolling_restarts_without_a_failed_read(safe: Safe) -> None:
    """The order of docs/how-to/rotate-secrets.md: first all open with the new key, then they seal with it."""
    await rotate(safe.db, vault_of(OLD, *await _keys_of(safe)), SetClock())
    steps = [vault_of(OLD), vault_of(OLD, NEW), vault_of(NEW, OLD)]
    number = count()
    # At every moment of a rolling restart two neighbouring steps run side by side, and either may write.
    for before, after in pairwise(steps):
        for writer in (before, after):
            wrote = f"secret-{next(number)}"
            await safe.set_app("app-1", wrote, writer)
            for reader in (before, after):
                assert (await safe.read(reader))["app"] == wrote
    await rotate(safe.db, steps[-1], SetClock())
    assert await count_keys(safe.db) == {key_id(NEW): VALUES}
    assert (await safe.read(vault_of(NEW)))["app"] == wrote


async def _keys_of(safe: Safe) -> list[bytes]:
    return [bytes.fromhex((safe.config.home / "keys" / "master.key").read_text())]


async def test_what_somebody_changes_meanwhile_is_not_overwritten(safe: Safe) -> None:
    replace_key_file(safe.config)
    async with safe.connection.transaction():
        await safe.connection.execute("UPDATE meta_apps SET app_secret = $1", b"somebody else's")
        rotating = asyncio.create_task(rotate(safe.db, safe.vault, SetClock()))
        async with safe.db.login() as conn:
            await wait_for_lock(conn)
    progress = await rotating
    assert (progress.changed, progress.unopened) == (1, [])
    assert await safe.connection.fetchval("SELECT app_secret FROM meta_apps") == b"somebody else's"


async def test_a_rotation_that_was_stopped_goes_on_where_it_was(safe: Safe) -> None:
    replace_key_file(safe.config)

    def stop(progress: Progress) -> None:
        if progress.resealed == 5:
            raise Stop

    with pytest.raises(Stop):
        await rotate(safe.db, safe.vault, SetClock(), told=stop, batch=1)
    assert (await count_keys(safe.db))[safe.vault.current] == 5
    seen: list[int] = []
    progress = await rotate(safe.db, safe.vault, SetClock(), told=lambda each: seen.append(each.resealed), batch=2)
    assert (progress.total, progress.resealed) == (VALUES - 5, VALUES - 5)
    assert seen == sorted(seen)
    entries = await safe.connection.fetch("SELECT tenant_id, action, subject, details FROM audit_log ORDER BY position")
    assert {row["tenant_id"] for row in entries} == {PLATFORM}
    assert {row["subject"] for row in entries} == {f"master_key:{safe.vault.current}"}
    assert [row["action"] for row in entries] == ["secrets.rotation_started", "secrets.rotated"] * 2
    assert '"resealed": 5' in entries[1]["details"]
    assert (await rotate(safe.db, safe.vault, SetClock())).total == 0


async def test_what_cannot_be_opened_is_named_and_the_rest_is_done(safe: Safe) -> None:
    replace_key_file(safe.config)
    await safe.connection.execute("UPDATE users SET totp_secret = $1 WHERE totp_secret IS NOT NULL", b"\x01\x02no")
    await safe.connection.execute("UPDATE genesys_integrations SET webhook_secret = client_secret WHERE tenant_id = 'acme'")
    progress = await rotate(safe.db, safe.vault, SetClock(), batch=1)
    assert progress.resealed == VALUES - 2
    assert ["users.totp_secret" in each for each in progress.unopened] == [True, False]
    assert "tenant acme, genesys_integrations.webhook_secret of row" in progress.unopened[1]


@pytest.mark.parametrize("table", ["meta_apps", "whatsapp_accounts"])
async def test_a_start_without_the_key_of_a_stored_secret_is_refused_with_its_id(safe: Safe, table: str) -> None:
    await check_keys(safe.db, safe.vault)
    column = next(each for each in COLUMNS if each.table == table)
    sealed = vault_of(NEW).seal("x", aad="x")
    await safe.connection.execute(f"UPDATE {table} SET {column.column} = $1", sealed)
    with pytest.raises(ConfigError, match=f"master key '{key_id(NEW)}'.*WAYSTATE_MASTER_KEYS_OLD.*keys/old"):
        await check_keys(safe.db, safe.vault)
    await check_keys(safe.db, vault_of(NEW, *await _keys_of(safe)))


async def test_processes_that_start_at_once_have_one_installation_secret(safe: Safe) -> None:
    await safe.connection.execute("DELETE FROM installation")
    found = await asyncio.gather(*(load_installation_secret(safe.db, safe.new_vault()) for _ in range(10)))
    assert len(set(found)) == 1
    replace_key_file(safe.config)
    await rotate(safe.db, safe.vault, SetClock())
    assert await load_installation_secret(safe.db, safe.new_vault()) == found[0]
