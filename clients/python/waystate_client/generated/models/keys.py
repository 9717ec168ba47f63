"""Of `keys`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["KeyAnswer", "KeyPage", "MadeKey", "Maker"]


class Maker(Record):
    """`operator` is whoever ran a command on the machine itself."""

    kind: Literal["operator", "user", "key"] | str
    id: UUID | None
    name: str | None


class KeyAnswer(CamelRecord):
    """`replaces` is the key it was rotated from; `lastUsedAt` is up to a minute old."""

    id: UUID
    name: str
    scopes: list[
        Literal[
            "state:read",
            "state:write",
            "customers:read",
            "customers:write",
            "conversations:read",
            "conversations:write",
            "conversations:assign",
            "messages:read",
            "messages:send",
            "dead_letters:read",
            "dead_letters:write",
            "tenant:read",
            "tenant:write",
            "users:read",
            "users:write",
            "keys:read",
            "keys:write",
            "audit:read",
            "platform",
        ]
        | str
    ]
    status: Literal["active", "expired", "revoked"] | str
    created_at: datetime
    created_by: Maker
    replaces: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[KeyAnswer]
    next: UUID | None


class MadeKey(CamelRecord):
    """`key` is the key in clear. Keep it now: nobody can show it again."""

    id: UUID
    name: str
    scopes: list[
        Literal[
            "state:read",
            "state:write",
            "customers:read",
            "customers:write",
            "conversations:read",
            "conversations:write",
            "conversations:assign",
            "messages:read",
            "messages:send",
            "dead_letters:read",
            "dead_letters:write",
            "tenant:read",
            "tenant:write",
            "users:read",
            "users:write",
            "keys:read",
            "keys:write",
            "audit:read",
            "platform",
        ]
        | str
    ]
    status: Literal["active", "expired", "revoked"] | str
    created_at: datetime
    created_by: Maker
    replaces: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    key: str
