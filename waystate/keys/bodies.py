"""What `/v1/keys` takes and answers. A key in clear is in the answer that makes it, and nowhere else."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from waystate.clock import UtcMoment, iso
from waystate.documents import JsonObject
from waystate.keys.model import DATA_PLANE, ApiKey
from waystate.keys.rotation import LONGEST_OVERLAP, OVERLAP
from waystate.keys.store import ListedKey
from waystate.principal import KEY_SCOPES, Scope


def _known(value: Any) -> Any:
    """Raises ValueError with the list: the enumeration's own would offer what is for people alone, which the key refuses."""
    if value not in tuple(Scope):
        raise ValueError(f"must be one of {', '.join(KEY_SCOPES)}")
    return value


KeyScope = Annotated[Scope, BeforeValidator(_known), WithJsonSchema({"type": "string", "enum": list(KEY_SCOPES)})]
Text = Annotated[str, Field(description="ISO 8601 with Z")]


class NewKey(BaseModel, extra="forbid", frozen=True):
    name: Annotated[str, Field(description="Who or what will use it")]
    scopes: Annotated[list[KeyScope], Field(description="What it may do; none that you do not hold yourself")] = sorted(
        DATA_PLANE
    )
    expiresAt: Annotated[UtcMoment | None, Field(description="In the future; null is never")] = None


class Overlap(BaseModel, extra="forbid", frozen=True):
    overlapSeconds: Annotated[
        int,
        Field(ge=0, le=round(LONGEST_OVERLAP.total_seconds()), description="How long the old key goes on; 0 ends it at once"),
    ] = round(OVERLAP.total_seconds())


class Maker(BaseModel):
    """`operator` is whoever ran a command on the machine itself."""

    kind: Literal["operator", "user", "key"]
    id: UUID | None
    name: str | None


class KeyAnswer(BaseModel):
    """`replaces` is the key it was rotated from; `lastUsedAt` is up to a minute old."""

    id: UUID
    name: str
    scopes: list[KeyScope]
    status: Literal["active", "expired", "revoked"]
    createdAt: Text
    createdBy: Maker
    replaces: UUID | None
    expiresAt: Text | None
    revokedAt: Text | None
    lastUsedAt: Text | None


class KeyPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[KeyAnswer]
    next: UUID | None


class MadeKey(KeyAnswer):
    """`key` is the key in clear. Keep it now: nobody can show it again."""

    key: str


class CredentialAnswer(BaseModel):
    """The credential of this call: an API key (`id`, `name`, `expiresAt` are its own), a person's session, or, in trusted
    mode, a neighbour on the machine that named a tenant."""

    kind: Literal["key", "session", "trusted"]
    id: UUID | None
    name: str | None
    tenant: str
    scopes: Annotated[list[str], Field(description="What it may do now")]
    expiresAt: Text | None


def render_key(listed: ListedKey, now: datetime) -> KeyAnswer:
    key = listed.key
    return KeyAnswer(
        id=key.id,
        name=key.name,
        scopes=sorted(key.scopes),
        status=status_of(key, now),
        createdAt=iso(key.created_at),
        createdBy=Maker(kind=listed.maker_kind, id=key.created_by, name=listed.maker_name),
        replaces=key.replaces,
        expiresAt=_time(key.expires_at),
        revokedAt=_time(key.revoked_at),
        lastUsedAt=_time(key.last_used_at),
    )


def status_of(key: ApiKey, now: datetime) -> Literal["active", "expired", "revoked"]:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


KEY_EXAMPLE: JsonObject = {
    "id": "019c1420-99f2-7a1b-b5c6-7d8e9f0a1b2c",
    "name": "routing service",
    "scopes": ["state:read", "state:write"],
    "status": "active",
    "createdAt": "2026-01-31T12:03:00.000Z",
    "createdBy": {"kind": "user", "id": "019c1420-1111-7d20-9c4b-3f5a6b7c8d9e", "name": "Ada Lovelace"},
    "replaces": None,
    "expiresAt": "2126-01-31T12:00:00.000Z",
    "revokedAt": None,
    "lastUsedAt": None,
}
