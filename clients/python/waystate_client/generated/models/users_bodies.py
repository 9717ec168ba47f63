"""Of `users_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal

from waystate_client.generated.models.auth import Role
from waystate_client.records import CamelRecord, Record

__all__ = ["Invitation", "ResetWish", "UserChange"]


class Invitation(Record):
    email: str
    role: Role | str
    name: str | None = None


class ResetWish(CamelRecord):
    remove_totp: bool | None = None
    """Also switch one-time codes off, for who lost the device"""


class UserChange(Record):
    """What is left out stays."""

    role: Role | str | None = None
    status: Literal["active", "disabled"] | str | None = None
    name: str | None = None
