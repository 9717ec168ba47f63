"""One-time codes (TOTP, RFC 6238) as the second factor of a login: their secret, and which code is right at a moment. Pure."""

import hmac
from datetime import datetime
from uuid import UUID

import pyotp

from waystate.vault.sealing import Vault, aad

PERIOD = 30
"""Seconds a code stands for; authenticators know no other."""
_DRIFT = 1
"""Steps that a phone's clock may be off."""


def new_secret() -> str:
    return pyotp.random_base32()


def uri(secret: str, email: str) -> str:
    """What an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Waystate")


def seal(vault: Vault, user_id: UUID, secret: str) -> bytes:
    return vault.seal(secret, aad=_cell(user_id))


def unseal(vault: Vault, user_id: UUID, sealed: bytes) -> str:
    return vault.open(sealed, aad=_cell(user_id))


def find_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """The time step of which this is the code, if it is a later one than `after`: a code is taken once."""
    current = int(now.timestamp()) // PERIOD
    totp = pyotp.TOTP(secret)
    given = "".join(code.split()).encode("utf-8", "replace")
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given) and step > after:
            found = step
    return found


def _cell(user_id: UUID) -> str:
    """People are of no single tenant: a dash stands for it."""
    return aad("-", "users", "totp_secret", str(user_id))
