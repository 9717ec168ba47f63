"""Of `common`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal

__all__ = ["Scope"]

Scope = Literal[
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
    "sign_on:write",
    "self",
    "credentials",
    "platform",
]
"""What a caller may do: a role holds a set of them, an API key is given some of `KEY_SCOPES`."""
