"""Secrets at rest: AES-256-GCM under a master key, each value bound to the cell it is stored in."""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waystate.config import Config, parse_key, parse_keys
from waystate.errors import ConfigError, WaystateError

_VERSION = 1
_NONCE = 12
_KEY = 32
_CURRENT, _OTHERS = "master.key", "old"
NO_TENANT: Final = "-"
"""Stands for the tenant in the AAD of a global table's secrets."""


class Unsealable(WaystateError):
    """A sealed value cannot be opened: another master key, another cell, or damaged bytes."""


class Keys(NamedTuple):
    """`current` seals, all of them open."""

    current: bytes
    others: tuple[bytes, ...] = ()


class Vault:
    """`keys` by key id: `current` seals, all of them open.

    Sealed is: version byte, length and bytes of the key id, 12-byte nonce, ciphertext with its tag. `renew` is asked before
    something is sealed and when a key is missing; it answers with what the keys are now, or None when they are the same.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str, *, renew: Callable[[], Keys | None] = lambda: None) -> None:
        if current not in keys:
            raise ConfigError(f"The vault has no key '{current}' to seal with; give it one of the keys it holds.")
        self._renew = renew
        self._hold(keys, current)

    def __repr__(self) -> str:
        return f"Vault(keys={self.key_ids}, current={self._current!r})"

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        self._look_again()
        return self._current

    @property
    def header(self) -> bytes:
        """How everything begins that the current key sealed."""
        self._look_again()
        return self._header

    @property
    def key_ids(self) -> list[str]:
        return sorted(self._ciphers)

    def holds(self, key_id: str) -> bool:
        return self._find(key_id) is not None

    def seal(self, plaintext: str, *, aad: str) -> bytes:
        self._look_again()
        nonce = secrets.token_bytes(_NONCE)
        return self._header + nonce + self._ciphers[self._current].encrypt(nonce, plaintext.encode(), aad.encode())

    def open(self, sealed: bytes, *, aad: str) -> str:
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise Unsealable(
                "A stored secret is not in a form this version can open; enter it again, or start the newer version."
            )
        start = 2 + sealed[1]
        key_id = sealed[2:start].decode("utf-8", "replace")
        cipher = self._find(key_id)
        if cipher is None:
            raise Unsealable(
                f"A stored secret was sealed with master key {key_id!r}, which this process does not have; "
                "give that key in WAYSTATE_MASTER_KEY or WAYSTATE_MASTER_KEYS_OLD, or enter the secret again."
            )
        try:
            return cipher.decrypt(sealed[start : start + _NONCE], sealed[start + _NONCE :], aad.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unsealable("A stored secret is damaged or was moved from another row; enter it again.") from None

    def _find(self, key_id: str) -> AESGCM | None:
        if key_id not in self._ciphers:
            self._look_again()
        return self._ciphers.get(key_id)

    def _look_again(self) -> None:
        if (keys := self._renew()) is not None:
            self._hold(*_named(keys))

    def _hold(self, keys: Mapping[str, bytes], current: str) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current
        self._header = bytes([_VERSION, len(current.encode())]) + current.encode()


def aad(tenant: str, table: str, column: str, row: str) -> str:
    """What a sealed value is bound to; none of the first three may contain `|`."""
    return f"{tenant}|{table}|{column}|{row}"


def vault_of(master_key: bytes, *others: bytes, renew: Callable[[], Keys | None] = lambda: None) -> Vault:
    """For tests, and for one key; a process takes `load_vault`, which has all keys of the installation."""
    return Vault(*_named(Keys(master_key, others)), renew=renew)


def load_vault(config: Config) -> Vault:
    """With every key that the settings give, else with those in the home folder, which it reads again when they change."""
    current = load_or_create_master_key(config)
    if config.master_key is not None:
        others = config.other_master_keys
        return vault_of(current, *(parse_keys(others.get_secret_value()) if others is not None else ()))
    files = KeyFiles(config.home / "keys")
    keys = files.load()
    return vault_of(keys.current, *keys.others, renew=files.find_new)


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
    path = config.home / "keys" / _CURRENT
    if not path.exists():
        _create(path)
    return _read(path)


class KeyFiles:
    """The keys in a folder: `master.key` seals, those in `old` open what they sealed."""

    def __init__(self, folder: Path) -> None:
        self._current, self._others = folder / _CURRENT, folder / _OTHERS
        self._seen: object = None

    def load(self) -> Keys:
        """The current one first: it is put aside before another takes its place, so whichever is read, none is missed."""
        self._seen = self._look()
        current = _read(self._current)
        return Keys(current, tuple(_read(path) for path in sorted(self._others.glob("*.key"))))

    def find_new(self) -> Keys | None:
        """None while nothing changed, and while what changed cannot be read: a process goes on with the keys it has."""
        with suppress(ConfigError, OSError):
            if self._look() != self._seen:
                return self.load()
        return None

    def _look(self) -> object:
        file = self._current.stat()
        folder = self._others.stat().st_mtime_ns if self._others.exists() else 0
        return file.st_ino, file.st_mtime_ns, folder


def replace_key_file(config: Config) -> str:
    """The id of a new key that seals from now on. The one before opens on, from `old`; running processes notice it."""
    if config.master_key is not None:
        raise ConfigError(
            "The master key is given by WAYSTATE_MASTER_KEY, so a new one is yours to make and to hand to every process; "
            "docs/how-to/rotate-secrets.md has the steps."
        )
    load_or_create_master_key(config)
    path = config.home / "keys" / _CURRENT
    with _locked(path.parent):
        before, owner = _read(path), path.stat()
        old = path.parent / _OTHERS
        old.mkdir(mode=0o700, exist_ok=True)
        os.chown(old, owner.st_uid, owner.st_gid)
        with suppress(FileExistsError):
            os.link(path, old / f"{key_id(before)}.key")
        _sync_folder(old)
        draft = _draft(path)
        os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(path)
        _sync_folder(path.parent)
        return key_id(_read(path))


def _named(keys: Keys) -> tuple[dict[str, bytes], str]:
    return {key_id(each): each for each in (keys.current, *keys.others)}, key_id(keys.current)


def _create(path: Path) -> None:
    """The link makes it appear whole or not at all: of two processes that start at once, both read the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    draft = _draft(path)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _draft(path: Path) -> Path:
    """A new key in a file beside `path`, on disk."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_KEY).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return draft


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
