"""Of `credential`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from waystate_client.records import CamelRecord

__all__ = ["CredentialAnswer"]


class CredentialAnswer(CamelRecord):
    """The credential of this call: an API key (`id`, `name`, `expiresAt` are its own), a person's session, or, in
    trusted
    mode, a neighbour on the machine that named a tenant.
    """

    kind: Literal["key", "session", "trusted"] | str
    id: UUID | None
    name: str | None
    tenant: str
    scopes: list[str]
    """What it may do now"""
    expires_at: datetime | None
