"""A key's successor, and how long the key itself goes on: both work while whoever uses them changes over. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from waystate.errors import BadRequest, Conflict, Forbidden
from waystate.keys.model import ApiKey, make_key
from waystate.principal import Scope

OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=30)


class Rotation(NamedTuple):
    """`plaintext` is the successor's, which exists only here. `ends_at` is when the old key does, at the latest."""

    successor: ApiKey
    plaintext: str
    ends_at: datetime


def check_grant(scopes: Collection[Scope], held: Collection[Scope] | None) -> None:
    """Nobody gives what they do not hold; None holds everything, as an operator on the machine itself does."""
    if held is not None and (more := sorted(set(scopes) - set(held))):
        raise Forbidden(
            "scope_not_held",
            f"You do not hold the scope {more[0]} yourself, so you cannot give it. Name only what you hold.",
            scope=more[0],
        )


def rotate(key: ApiKey, now: datetime, overlap: timedelta, *, created_by: UUID | None = None) -> Rotation:
    """The same name, scopes and length of life. The old key never works longer than it would have."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadRequest("invalid_overlap", f"An overlap is 0 (the old key ends at once) to {LONGEST_OVERLAP.days} days.")
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Conflict(
            "key_over", "This key was revoked or has expired, so nothing uses it any more. Create a new one instead."
        )
    life = None if key.expires_at is None else key.expires_at - key.created_at
    successor, plaintext = make_key(
        key.tenant_id,
        key.name,
        now,
        None if life is None else now + life,
        scopes=key.scopes,
        created_by=created_by,
        replaces=key.id,
    )
    ends_at = now + overlap
    return Rotation(successor, plaintext, ends_at if key.expires_at is None else min(key.expires_at, ends_at))
