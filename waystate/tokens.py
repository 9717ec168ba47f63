"""Credentials that a caller shows: API keys and the tokens of sessions.

A token reads `{prefix}.{tenant}.{id}.{secret}{checksum}`. The tenant stands in clear, so the row can be found under row-level
security; the checksum tells a typo from a token that was revoked, without asking the database. Only its SHA-256 is kept.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.errors import Unauthorized
from waystate.ids import TenantId

Prefix = Literal["wsk", "wss"]
"""An API key, a session."""

COOKIE = "__Host-waystate"
"""In which a browser sends its session's token; `__Host-` binds it to this host, over TLS or on localhost."""

_NAMES: dict[str, tuple[str, str]] = {"wsk": ("api_key", "API key"), "wss": ("session", "session token")}
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_SECRET_BYTES = 32
# Base 62: 22 characters hold 16 bytes, 43 hold 32, 6 hold a CRC-32.
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 22, 43, 6
_TAIL_LENGTH = _SECRET_LENGTH + _CHECKSUM_LENGTH
_TOKEN = re.compile(rf"(wsk|wss)\.([a-z0-9][a-z0-9-]{{0,62}})\.([0-9A-Za-z]{{{_ID_LENGTH}}})\.[0-9A-Za-z]{{{_TAIL_LENGTH}}}")


class PresentedToken(NamedTuple):
    prefix: Prefix
    tenant_id: TenantId
    id: UUID
    hash: bytes


def make_token(prefix: Prefix, tenant_id: TenantId, identifier: UUID) -> tuple[str, bytes]:
    """The token in clear, which exists only here, and the hash to keep."""
    secret = int.from_bytes(secrets.token_bytes(_SECRET_BYTES), "big")
    unsigned = f"{prefix}.{tenant_id}.{_base62(identifier.int, _ID_LENGTH)}.{_base62(secret, _SECRET_LENGTH)}"
    plaintext = unsigned + _checksum(unsigned)
    return plaintext, _hash(plaintext)


def parse_token(text: str) -> PresentedToken:
    found = _TOKEN.fullmatch(text)
    number = _number(found[3]) if found else 0
    if found is None or number >> 128 or not hmac.compare_digest(_checksum(text[:-_CHECKSUM_LENGTH]), text[-_CHECKSUM_LENGTH:]):
        code, name = _NAMES.get(text[:3], _NAMES["wsk"])
        start = text[:3] if text[:3] in _NAMES else "wsk"
        raise Unauthorized(
            f"{code}_malformed",
            f"This is not a whole {name}: a character is missing, added or changed. Copy it again, from '{start}.' to the end.",
        )
    prefix: Prefix = "wss" if found[1] == "wss" else "wsk"
    return PresentedToken(prefix, TenantId(found[2]), UUID(int=number), _hash(text))


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
