"""Of `keys_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Literal

from waystate_client.records import CamelRecord

__all__ = ["NewKey", "Overlap"]


class NewKey(CamelRecord):
    name: str
    """Who or what will use it"""
    scopes: (
        list[
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
        | None
    ) = None
    """What it may do; none that you do not hold yourself"""
    expires_at: datetime | None = None
    """In the future; null is never"""


class Overlap(CamelRecord):
    overlap_seconds: int | None = None
    """How long the old key goes on; 0 ends it at once"""
