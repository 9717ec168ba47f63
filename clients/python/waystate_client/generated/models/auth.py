"""Of `auth`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["LoginAnswer", "Opened", "Person", "Role"]

Role = Literal["owner", "admin", "supervisor", "agent", "viewer", "platform"]


class Person(Record):
    id: UUID
    email: str
    name: str


class LoginAnswer(CamelRecord):
    token: str
    """As `Authorization: Bearer …`; a browser needs only the cookie"""
    csrf_token: str
    """What a page sends as X-CSRF-Token with the cookie"""
    expires_at: str
    user: Person
    tenant: str
    role: Role | str


class Opened(Record):
    """What to log in with."""

    email: str
    tenant: str | None = None
