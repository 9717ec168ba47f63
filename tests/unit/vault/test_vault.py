import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from waystate.config import Config, load_config
from waystate.errors import ConfigError, WaystateError
from waystate.vault.sealing import Unsealable, Vault, aad, derive_key, key_id, load_or_create_master_key, vault_of

ONE, TWO = b"\x01" * 32, b"\x02" * 32
CELL = aad("acme", "whatsapp_accounts", "access_token", "106540352242922")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    before = os.umask(0o000)
    yield tmp_path / "home"
    os.umask(before)


def config_of(home: Path, **environ: str) -> Config:
    return load_config({"WAYSTATE_HOME": str(home), **environ})


@pytest.mark.parametrize("secret", ["EAAG…token", "", "пароль \U0001f511", "x" * 10_000])
def test_what_is_sealed_opens_again(secret: str) -> None:
    vault = vault_of(ONE)
    sealed = vault.seal(secret, aad=CELL)
    assert vault.open(sealed, aad=CELL) == secret
    assert not secret or secret.encode() not in sealed


def test_the_same_secret_never_looks_the_same_twice() -> None:
    vault = vault_of(ONE)
    assert len({vault.seal("token", aad=CELL) for _ in range(100)}) == 100


def test_the_form_is_version_key_id_nonce_ciphertext() -> None:
    sealed = vault_of(ONE).seal("token", aad=CELL)
    assert sealed[:10] == b"\x01\x08" + key_id(ONE).encode()
    assert len(sealed) == 10 + 12 + len("token") + 16


@pytest.mark.parametrize("row", ["2", ""])
def test_a_value_moved_to_another_cell_does_not_open(row: str) -> None:
    vault = vault_of(ONE)
    sealed = vault.seal("token", aad=CELL)
    with pytest.raises(Unsealable, match="moved from another row"):
        vault.open(sealed, aad=aad("acme", "whatsapp_accounts", "access_token", row))


def test_another_master_key_is_told_from_damage() -> None:
    sealed = vault_of(ONE).seal("token", aad=CELL)
    with pytest.raises(Unsealable, match=f"master key '{key_id(ONE)}'.*WAYSTATE_MASTER_KEY"):
        vault_of(TWO).open(sealed, aad=CELL)
    with pytest.raises(Unsealable, match="damaged"):
        Vault({key_id(ONE): TWO}, key_id(ONE)).open(sealed, aad=CELL)


def test_no_damaged_byte_passes() -> None:
    vault = vault_of(ONE)
    sealed = vault.seal("token", aad=CELL)
    for index in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[index] ^= 1
        with pytest.raises(WaystateError):
            vault.open(bytes(damaged), aad=CELL)
    for length in range(len(sealed)):
        with pytest.raises(WaystateError):
            vault.open(sealed[:length], aad=CELL)


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key() -> None:
    old = vault_of(ONE).seal("token", aad=CELL)
    rotated = Vault({"old": ONE, key_id(ONE): ONE, key_id(TWO): TWO}, key_id(TWO))
    assert rotated.open(old, aad=CELL) == "token"
    assert vault_of(TWO).open(rotated.seal("token", aad=CELL), aad=CELL) == "token"


def test_a_vault_needs_the_key_it_seals_with() -> None:
    with pytest.raises(ConfigError, match="no key 'b'"):
        Vault({"a": ONE}, "b")


def test_neither_repr_nor_key_id_shows_the_key() -> None:
    assert repr(vault_of(ONE)) == f"Vault(keys=['{key_id(ONE)}'], current='{key_id(ONE)}')"
    assert key_id(ONE) not in ONE.hex()


def test_derived_keys_differ_by_purpose_and_by_master() -> None:
    assert len({derive_key(ONE, "log"), derive_key(ONE, "tombstone"), derive_key(TWO, "log"), ONE, TWO}) == 5


def test_the_master_key_is_made_once_for_the_owner_alone(home: Path) -> None:
    key = load_or_create_master_key(config_of(home))
    assert len(key) == 32
    assert load_or_create_master_key(config_of(home)) == key
    assert [path.name for path in (home / "keys").iterdir()] == ["master.key"]
    assert stat.S_IMODE((home / "keys" / "master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700


def test_processes_that_start_at_once_agree_on_the_key(home: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(16)

    def begin() -> None:
        start.wait()
        keys.append(load_or_create_master_key(config_of(home)))

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16
    assert len(set(keys)) == 1


def test_a_given_master_key_is_used_and_none_is_written(home: Path) -> None:
    assert load_or_create_master_key(config_of(home, WAYSTATE_MASTER_KEY=ONE.hex())) == ONE
    assert not home.exists()


@pytest.mark.parametrize("environ", [{"DATABASE_URL": "postgresql://h/d"}, {"DB_HOST": "h"}])
def test_an_external_database_needs_a_given_key(home: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="WAYSTATE_MASTER_KEY is not set"):
        load_or_create_master_key(config_of(home, **environ))
    assert not home.exists()


def test_a_key_others_can_read_is_refused(home: Path) -> None:
    load_or_create_master_key(config_of(home))
    (home / "keys" / "master.key").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create_master_key(config_of(home))


def test_a_damaged_key_file_is_never_replaced(home: Path) -> None:
    load_or_create_master_key(config_of(home))
    (home / "keys" / "master.key").write_text("abc")
    with pytest.raises(ConfigError, match="restore it from your backup"):
        load_or_create_master_key(config_of(home))
    assert (home / "keys" / "master.key").read_text() == "abc"
