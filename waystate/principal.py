"""Who acts: scopes and the roles that hold them, who a caller is once let in, and who the audit log says it was. Pure."""

from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.ids import TenantId


class Scope(StrEnum):
    """What a caller may do: a role holds a set of them, an API key is given some of `KEY_SCOPES`."""

    STATE_READ = "state:read"
    STATE_WRITE = "state:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CONVERSATIONS_ASSIGN = "conversations:assign"
    MESSAGES_READ = "messages:read"
    MESSAGES_SEND = "messages:send"
    DEAD_LETTERS_READ = "dead_letters:read"
    DEAD_LETTERS_WRITE = "dead_letters:write"
    TENANT_READ = "tenant:read"
    TENANT_WRITE = "tenant:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"
    SIGN_ON_WRITE = "sign_on:write"
    SELF = "self"
    CREDENTIALS = "credentials"
    PLATFORM = "platform"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    VIEWER = "viewer"
    PLATFORM = "platform"


TRUSTED = frozenset({Scope.STATE_READ, Scope.STATE_WRITE, Scope.MESSAGES_READ})
"""What a neighbour may that only named a tenant."""

_VIEWER = frozenset(
    {
        Scope.SELF,
        Scope.CREDENTIALS,
        Scope.STATE_READ,
        Scope.CUSTOMERS_READ,
        Scope.CONVERSATIONS_READ,
        Scope.MESSAGES_READ,
    }
)
_AGENT = _VIEWER | {Scope.STATE_WRITE, Scope.CUSTOMERS_WRITE, Scope.CONVERSATIONS_WRITE, Scope.MESSAGES_SEND}
_SUPERVISOR = _AGENT | {
    Scope.CONVERSATIONS_ASSIGN,
    Scope.DEAD_LETTERS_READ,
    Scope.DEAD_LETTERS_WRITE,
    Scope.USERS_READ,
    Scope.TENANT_READ,
}
_ADMIN = _SUPERVISOR | {Scope.TENANT_WRITE, Scope.USERS_WRITE, Scope.KEYS_READ, Scope.KEYS_WRITE, Scope.AUDIT_READ}

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: _VIEWER,
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _ADMIN | {Scope.SIGN_ON_WRITE},
    Role.PLATFORM: frozenset(
        {
            Scope.SELF,
            Scope.CREDENTIALS,
            Scope.PLATFORM,
            Scope.USERS_READ,
            Scope.USERS_WRITE,
            Scope.KEYS_READ,
            Scope.KEYS_WRITE,
            Scope.AUDIT_READ,
        }
    ),
}
"""Who sets the identity provider decides who anybody is, owners too: so an owner alone does. That only owners make and unmake
owners is a rule of the membership."""
NEVER_OF_A_KEY = frozenset({Scope.SELF, Scope.CREDENTIALS, Scope.SIGN_ON_WRITE})
"""Of people alone: their password, their sessions."""
KEY_SCOPES = tuple(each for each in Scope if each not in NEVER_OF_A_KEY)
"""What a key may be given."""
NEVER_BY_SIGN_ON = frozenset({Scope.CREDENTIALS})
"""Not of a session that a tenant's identity provider vouched for: a person's password and codes open other tenants too."""


class Principal(NamedTuple):
    """Who calls. `id` is that of the key or the session, `user_id` whose session it is.

    `trusted` is a caller on this machine that named a tenant without proving it.
    """

    tenant_id: TenantId
    kind: Literal["key", "session", "trusted"]
    id: UUID | None = None
    scopes: frozenset[Scope] = TRUSTED
    user_id: UUID | None = None
    role: Role | None = None


class Actor(NamedTuple):
    """`operator` is whoever runs commands on the machine itself, `system` a timer; neither has an id."""

    kind: Literal["user", "key", "trusted", "operator", "system"]
    id: UUID | None = None


OPERATOR = Actor("operator")


def roles_of(scope: Scope) -> list[Role]:
    """Who holds it, the most powerful first."""
    return [role for role in Role if scope in ROLE_SCOPES[role]]


def actor_of(principal: Principal) -> Actor:
    """For the audit log: a session's person, or the key."""
    if principal.kind == "session":
        return Actor("user", principal.user_id)
    return Actor(principal.kind, principal.id)
