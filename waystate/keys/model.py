"""API keys, and who a caller is once let in."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from waystate.documents import is_name
from waystate.errors import BadRequest, Unauthorized
from waystate.ids import PLATFORM, TenantId, new_id
from waystate.principal import NEVER_OF_A_KEY, Scope
from waystate.tokens import PresentedToken, make_token

DATA_PLANE = frozenset(
    {
        Scope.STATE_READ,
        Scope.STATE_WRITE,
        Scope.CONVERSATIONS_READ,
        Scope.MESSAGES_READ,
        Scope.DEAD_LETTERS_READ,
        Scope.DEAD_LETTERS_WRITE,
    }
)
"""What an integration needs, and what a new key is given unless told otherwise: to write to customers is a scope of its own."""
NAME_LENGTH = 100
LONGEST_LIFE = timedelta(days=36_525)
"""A hundred years: what is meant for longer has no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`hash` is the SHA-256 of the whole key; the key itself is kept nowhere. `replaces` is the key it was rotated from."""

    id: UUID
    tenant_id: TenantId
    name: str
    hash: bytes = field(repr=False)
    scopes: frozenset[Scope] = DATA_PLANE
    created_at: datetime
    created_by: UUID | None = None
    replaces: UUID | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def make_key(
    tenant_id: TenantId,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
    *,
    scopes: Iterable[Scope] = DATA_PLANE,
    created_by: UUID | None = None,
    replaces: UUID | None = None,
) -> tuple[ApiKey, str]:
    """The row, and the key in clear, which exists only here."""
    scopes = frozenset(scopes)
    _check(tenant_id, name, now, expires_at, scopes)
    key_id = new_id()
    plaintext, hashed = make_token("wsk", tenant_id, key_id)
    key = ApiKey(
        id=key_id,
        tenant_id=tenant_id,
        name=name.strip(),
        hash=hashed,
        scopes=scopes,
        created_at=now,
        created_by=created_by,
        replaces=replaces,
        expires_at=expires_at,
    )
    return key, plaintext


def matches(key: ApiKey, presented: PresentedToken) -> bool:
    return key.tenant_id == presented.tenant_id and hmac.compare_digest(key.hash, presented.hash)


def check_usable(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Unauthorized("api_key_revoked", "This API key was revoked. Ask an administrator of the tenant for a new one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthorized("api_key_expired", "This API key has expired. Ask an administrator of the tenant for a new one.")


def unknown_key() -> Unauthorized:
    return Unauthorized("api_key_unknown", "There is no such API key. Ask an administrator of the tenant for one.")


def _check(tenant_id: TenantId, name: str, now: datetime, expires_at: datetime | None, scopes: frozenset[Scope]) -> None:
    if not 1 <= len(name.strip()) <= NAME_LENGTH or not is_name(name.strip()):
        raise BadRequest(
            "invalid_key_name",
            f"A key's name has 1 to {NAME_LENGTH} characters, none of them a control character. Say what the key is for.",
        )
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise BadRequest("invalid_expiry", "expires_at must be in the future and have a time zone. Send a later one, or none.")
    if expires_at is not None and expires_at - now > LONGEST_LIFE:
        raise BadRequest("invalid_expiry", "expires_at is more than a hundred years away. Send an earlier one, or none.")
    if not scopes:
        raise BadRequest("invalid_scopes", "A key without scopes opens nothing. Name at least one.")
    if people_only := sorted(scopes & NEVER_OF_A_KEY):
        raise BadRequest("invalid_scopes", f"Scope {people_only[0]} is for people, not for keys. Leave it out.")
    if (Scope.PLATFORM in scopes) and tenant_id != PLATFORM:
        raise BadRequest("invalid_scopes", f"Scope {Scope.PLATFORM} is for keys of the tenant '{PLATFORM}'. Leave it out.")
