"""Of `auth_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.records import Record

__all__ = ["Acceptance", "Login", "Redemption"]


class Acceptance(Record):
    """`password` becomes that of a new account; who has an account already gives the password it has."""

    token: str
    password: str
    name: str | None = None


class Login(Record):
    email: str
    password: str
    tenant: str | None = None
    """Left out by who is a member of one alone"""
    code: str | None = None


class Redemption(Record):
    token: str
    password: str
    """12 to 256 characters, not easily guessed"""
