"""Secrets at rest: AES-256-GCM under a master key, each value bound to the cell it is stored in."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waystate.config import Config, parse_key
from waystate.errors import ConfigError, WaystateError

_VERSION = 1
_NONCE = 12
_KEY = 32


class Unsealable(WaystateError):
    """A sealed value cannot be opened: another master key, another cell, or damaged bytes."""


class Vault:
    """`keys` by key id: `current` seals, all of them open.

    Sealed is: version byte, length and bytes of the key id, 12-byte nonce, ciphertext with its tag.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise ConfigError(f"The vault has no key '{current}' to seal with; give it one of the keys it holds.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current
        self._header = bytes([_VERSION, len(current.encode())]) + current.encode()

    def __repr__(self) -> str:
        return f"Vault(keys={sorted(self._ciphers)}, current={self._current!r})"

    def seal(self, plaintext: str, *, aad: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return self._header + nonce + self._ciphers[self._current].encrypt(nonce, plaintext.encode(), aad.encode())

    def open(self, sealed: bytes, *, aad: str) -> str:
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise Unsealable(
                "A stored secret is not in a form this version can open; enter it again, or start the newer version."
            )
        start = 2 + sealed[1]
        key_id = sealed[2:start].decode("utf-8", "replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unsealable(
                f"A stored secret was sealed with master key {key_id!r}, which this process does not have; "
                "give the WAYSTATE_MASTER_KEY it was sealed with, or enter the secret again."
            )
        try:
            return cipher.decrypt(sealed[start : start + _NONCE], sealed[start + _NONCE :], aad.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unsealable("A stored secret is damaged or was moved from another row; enter it again.") from None


def aad(tenant: str, table: str, column: str, row: str) -> str:
    """What a sealed value is bound to; none of the first three may contain `|`."""
    return f"{tenant}|{table}|{column}|{row}"


def vault_of(master_key: bytes) -> Vault:
    return Vault({key_id(master_key): master_key}, key_id(master_key))


def key_id(master_key: bytes) -> str:
    """A name for the key that says nothing about it, so that a wrong key is told from damage."""
    return derive_key(master_key, "key id").hex()[:8]


def derive_key(master_key: bytes, purpose: str) -> bytes:
    """32 bytes for another use (pseudonyms in logs, tombstones): the master key itself only ever seals."""
    return hmac.digest(master_key, b"waystate " + purpose.encode(), hashlib.sha256)


def load_or_create_master_key(config: Config) -> bytes:
    """The key that is set, else the one in the home folder, made at first start.

    An external database outlives this machine's home folder, so there the key must be set.
    """
    if config.master_key is not None:
        return parse_key(config.master_key.get_secret_value())
    if config.database_url is not None:
        raise ConfigError(
            "WAYSTATE_MASTER_KEY is not set, and with an external database (DATABASE_URL or DB_HOST) it must be; "
            "write 64 random hexadecimal digits (openssl rand -hex 32), and keep a copy with your backups."
        )
    path = config.home / "keys" / "master.key"
    if not path.exists():
        _create(path)
    return _read(path)


def _create(path: Path) -> None:
    """The link makes it appear whole or not at all: of two processes that start at once, both read the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_KEY).encode() + b"\n")
        os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        os.close(descriptor)
        draft.unlink()


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"The master key {path} can be read by other users; run: chmod 600 {path}.")
        return parse_key(path.read_text().strip())
    except OSError as error:
        raise ConfigError(
            f"The master key {path} cannot be read ({error.strerror}); start Waystate as the user who owns it."
        ) from None
    except ValueError:
        raise ConfigError(f"The master key {path} is not 64 hexadecimal digits; restore it from your backup.") from None
