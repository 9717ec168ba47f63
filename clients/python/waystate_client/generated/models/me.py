"""Of `me`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal
from uuid import UUID

from waystate_client.generated.models.auth import Role
from waystate_client.records import CamelRecord, Record

__all__ = ["MyselfAnswer", "Revoked", "SessionAnswer", "SessionList", "TotpAnswer", "UserAnswer"]


class UserAnswer(CamelRecord):
    id: UUID
    email: str
    name: str
    role: Role | str
    status: Literal["invited", "active", "disabled"] | str
    totp: bool
    """Whether one-time codes are on"""
    created_at: str
    invitation_expires_at: str | None = None


class MyselfAnswer(CamelRecord):
    user: UserAnswer
    tenant: str
    role: Role | str
    scopes: list[str]
    csrf_token: str


class Revoked(CamelRecord):
    revoked_sessions: int


class SessionAnswer(CamelRecord):
    id: UUID
    created_at: str
    last_seen_at: str
    expires_at: str
    user_agent: str
    address: str
    current: bool | None = None
    """The one that asks"""


class SessionList(Record):
    items: list[SessionAnswer]


class TotpAnswer(Record):
    secret: str
    """Shown this once, to type into an authenticator"""
    uri: str
    """The same, to show as a QR code"""
