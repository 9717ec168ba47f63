"""Of `me_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.records import CamelRecord, Record

__all__ = ["Confirmation", "PasswordChange", "Proof"]


class Confirmation(Record):
    code: str
    """Six digits of the authenticator"""


class PasswordChange(CamelRecord):
    current_password: str
    new_password: str
    """12 to 256 characters, not easily guessed"""


class Proof(Record):
    password: str
