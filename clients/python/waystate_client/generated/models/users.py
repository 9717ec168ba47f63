"""Of `users`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from uuid import UUID

from waystate_client.generated.models.me import UserAnswer
from waystate_client.records import CamelRecord, Record

__all__ = ["InvitedAnswer", "ResetAnswer", "UserPage"]


class InvitedAnswer(CamelRecord):
    user: UserAnswer
    token: str
    """Shown this once. Hand it to the person; it opens the account for 7 days"""
    expires_at: str


class ResetAnswer(CamelRecord):
    token: str
    """Shown this once. Hand it to the person; it sets a new password within an hour"""
    expires_at: str


class UserPage(Record):
    items: list[UserAnswer]
    next: UUID | None
    """The `after` of the following page"""
