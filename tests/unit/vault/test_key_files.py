"""Master keys in files: replaced in place, kept, and noticed by whoever runs."""

import re
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest

from waystate.cli.secrets import rows_of
from waystate.config import Config, load_config
from waystate.errors import ConfigError
from waystate.vault.sealing import Unsealable, aad, key_id, load_vault, replace_key_file, vault_of

ROOT = Path(__file__).parents[3]
ONE, TWO = b"\x01" * 32, b"\x02" * 32
CELL = aad("acme", "whatsapp_accounts", "access_token", "1")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config({"WAYSTATE_HOME": str(tmp_path)})


def test_a_process_that_runs_opens_what_a_newer_key_sealed_and_seals_with_it(config: Config) -> None:
    running = load_vault(config)
    before = running.seal("token", aad=CELL)
    first = running.current
    second = replace_key_file(config)
    sealed = load_vault(config).seal("token", aad=CELL)
    assert running.open(sealed, aad=CELL) == running.open(before, aad=CELL) == "token"
    assert running.seal("token", aad=CELL)[2:10].decode() == running.current == second != first
    assert load_vault(config).key_ids == sorted([first, second])


def test_every_key_is_kept_for_its_owner_alone(config: Config) -> None:
    ids = [load_vault(config).current, *(replace_key_file(config) for _ in range(3))]
    keys = config.home / "keys"
    assert {path.name for path in (keys / "old").iterdir()} == {f"{each}.key" for each in ids[:-1]}
    assert [path.name for path in keys.iterdir() if path.is_file()] == ["master.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.rglob("*.key")} == {0o600}
    assert stat.S_IMODE((keys / "old").stat().st_mode) == 0o700


def test_whoever_reads_while_keys_are_replaced_never_misses_one(config: Config) -> None:
    running = load_vault(config)
    sealed = [running.seal("token", aad=CELL)]
    over = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        while not over.is_set():
            try:
                for each in list(sealed):
                    assert load_vault(config).open(each, aad=CELL) == "token"
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(30):
        replace_key_file(config)
        sealed[1:] = [running.seal("token", aad=CELL)]
    over.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_a_removed_key_no_longer_opens_and_is_named(config: Config) -> None:
    sealed = load_vault(config).seal("token", aad=CELL)
    first = load_vault(config).current
    replace_key_file(config)
    (config.home / "keys" / "old" / f"{first}.key").unlink()
    with pytest.raises(Unsealable, match=f"'{first}'"):
        load_vault(config).open(sealed, aad=CELL)


def test_a_folder_that_goes_away_takes_no_key_from_who_runs(config: Config) -> None:
    running = load_vault(config)
    sealed = running.seal("token", aad=CELL)
    (config.home / "keys" / "master.key").unlink()
    assert running.open(sealed, aad=CELL) == "token"
    with pytest.raises(Unsealable):
        running.open(vault_of(ONE).seal("token", aad=CELL), aad=CELL)


def test_a_key_that_is_given_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    given = load_config({"WAYSTATE_HOME": str(tmp_path), "WAYSTATE_MASTER_KEY": ONE.hex()})
    with pytest.raises(ConfigError, match="rotate-secrets"):
        replace_key_file(given)
    assert list(tmp_path.iterdir()) == []


def test_older_keys_of_the_settings_open_and_do_not_seal() -> None:
    given = {"WAYSTATE_MASTER_KEY": ONE.hex(), "WAYSTATE_MASTER_KEYS_OLD": f"{TWO.hex()}, {'0f' * 32},"}
    vault = load_vault(load_config(given))
    assert vault.open(vault_of(TWO).seal("token", aad=CELL), aad=CELL) == "token"
    assert (vault.current, len(vault.key_ids)) == (key_id(ONE), 3)
    assert TWO.hex() not in repr(load_config(given))


@pytest.mark.parametrize("value", ["s3cr3t", f"{'0f' * 32},s3cr3t"])
def test_an_older_key_that_is_none_is_told_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigError, match="WAYSTATE_MASTER_KEYS_OLD has a value that cannot be used") as refused:
        load_config({"WAYSTATE_MASTER_KEY": ONE.hex(), "WAYSTATE_MASTER_KEYS_OLD": value})
    assert "s3cr3t" not in str(refused.value)


def test_older_keys_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match="WAYSTATE_MASTER_KEY is not"):
        load_config({"WAYSTATE_MASTER_KEYS_OLD": ONE.hex()})


def test_the_status_tells_which_key_may_go() -> None:
    vault = vault_of(ONE, TWO, b"\x03" * 32)
    rows = rows_of(Counter({key_id(ONE): 5, key_id(TWO): 2, "deadbeef": 1}), vault)
    assert rows[0] == {"keyId": key_id(ONE), "values": 5, "advice": "current: it seals"}
    said = {row["keyId"]: row["advice"].partition(":")[0] for row in rows[1:]}
    assert said == {
        key_id(TWO): "needed",
        key_id(b"\x03" * 32): "seals nothing any more",
        "deadbeef": "NOT HERE",
    }


def test_every_part_of_the_product_opens_with_all_keys_of_the_installation() -> None:
    """A vault of one key alone works until the first rotation; `load_vault` has them all."""
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "waystate").rglob("*.py")
        if path.name != "sealing.py" and re.search(r"\bvault_of\(|\bVault\(", path.read_text())
    ]
    assert found == []
