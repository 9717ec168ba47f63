"""API keys, and who a caller is once let in.

A key reads `wsk.{tenant}.{id}.{secret}{checksum}`. The tenant stands in clear, so the key's row can be found under row-level
security; the checksum tells a typo from a key that was revoked, without asking the database.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.errors import BadRequest, Unauthorized
from waystate.ids import TenantId, new_id

PREFIX = "wsk"
NAME_LENGTH = 100
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_SECRET_BYTES = 32
# Base 62: 22 characters hold 16 bytes, 43 hold 32, 6 hold a CRC-32.
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 22, 43, 6
_KEY = re.compile(
    rf"{PREFIX}\.([a-z0-9][a-z0-9-]{{0,62}})\.([0-9A-Za-z]{{{_ID_LENGTH}}})\.[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`hash` is the SHA-256 of the whole key; the key itself is kept nowhere."""

    id: UUID
    tenant_id: TenantId
    name: str
    hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class Principal(NamedTuple):
    """Who calls. `trusted` is a caller on this machine that named a tenant without proving it."""

    tenant_id: TenantId
    kind: Literal["key", "trusted"]
    key_id: UUID | None = None


class PresentedKey(NamedTuple):
    tenant_id: TenantId
    id: UUID
    hash: bytes


def make_key(tenant_id: TenantId, name: str, now: datetime, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """The row, and the key in clear, which exists only here."""
    _check(name, now, expires_at)
    key_id = new_id()
    secret = int.from_bytes(secrets.token_bytes(_SECRET_BYTES), "big")
    unsigned = f"{PREFIX}.{tenant_id}.{_base62(key_id.int, _ID_LENGTH)}.{_base62(secret, _SECRET_LENGTH)}"
    plaintext = unsigned + _checksum(unsigned)
    key = ApiKey(
        id=key_id, tenant_id=tenant_id, name=name.strip(), hash=_hash(plaintext), created_at=now, expires_at=expires_at
    )
    return key, plaintext


def parse_key(text: str) -> PresentedKey:
    found = _KEY.fullmatch(text)
    number = _number(found[2]) if found else 0
    if found is None or number >> 128 or not hmac.compare_digest(_checksum(text[:-_CHECKSUM_LENGTH]), text[-_CHECKSUM_LENGTH:]):
        raise Unauthorized(
            "api_key_malformed",
            "This is not a whole API key: a character is missing, added or changed. Copy it again, from 'wsk.' to the end.",
        )
    return PresentedKey(TenantId(found[1]), UUID(int=number), _hash(text))


def matches(key: ApiKey, presented: PresentedKey) -> bool:
    return key.tenant_id == presented.tenant_id and hmac.compare_digest(key.hash, presented.hash)


def check_usable(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Unauthorized("api_key_revoked", "This API key was revoked. Ask an administrator of the tenant for a new one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthorized("api_key_expired", "This API key has expired. Ask an administrator of the tenant for a new one.")


def unknown_key() -> Unauthorized:
    return Unauthorized("api_key_unknown", "There is no such API key. Ask an administrator of the tenant for one.")


def _check(name: str, now: datetime, expires_at: datetime | None) -> None:
    if not 1 <= len(name.strip()) <= NAME_LENGTH or "\x00" in name:
        raise BadRequest("invalid_key_name", f"A key's name has 1 to {NAME_LENGTH} characters. Say what the key is for.")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise BadRequest("invalid_expiry", "expires_at must be in the future and have a time zone. Send a later one, or none.")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _checksum(unsigned: str) -> str:
    return _base62(zlib.crc32(unsigned.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _VALUES[character]
    return number
