"""Who may do what: scopes, what each role holds, and the one table that names the scope of every operation. Pure."""

from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What an API key may be given. A role holds a set of them."""

    STATE_READ = "state:read"
    STATE_WRITE = "state:write"
    MESSAGES_READ = "messages:read"
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


DATA_PLANE = frozenset(
    {Scope.STATE_READ, Scope.STATE_WRITE, Scope.MESSAGES_READ, Scope.DEAD_LETTERS_READ, Scope.DEAD_LETTERS_WRITE}
)
"""What an integration needs, and what a new key is given unless told otherwise."""
TRUSTED = frozenset({Scope.STATE_READ, Scope.STATE_WRITE, Scope.MESSAGES_READ})
"""What a neighbour may that only named a tenant."""

_VIEWER = frozenset({Scope.SELF, Scope.CREDENTIALS, Scope.STATE_READ, Scope.MESSAGES_READ})
_AGENT = _VIEWER | {Scope.STATE_WRITE}
_SUPERVISOR = _AGENT | {Scope.DEAD_LETTERS_READ, Scope.DEAD_LETTERS_WRITE, Scope.USERS_READ, Scope.TENANT_READ}
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
NEVER_BY_SIGN_ON = frozenset({Scope.CREDENTIALS})
"""Not of a session that a tenant's identity provider vouched for: a person's password and codes open other tenants too."""


class Operation(NamedTuple):
    """`scope` None: anybody may, with or without a credential."""

    method: str
    path: str
    scope: Scope | None


_TABLE = (
    # Signed by the platforms, which have no credential of ours.
    ("GET", "/webhooks/whatsapp/{appId}", None),
    ("POST", "/webhooks/whatsapp/{appId}", None),
    ("POST", "/webhooks/genesys/{integrationId}", None),
    # For whoever watches the process; they tell nothing of any tenant.
    ("GET", "/health", None),
    ("GET", "/health/live", None),
    ("GET", "/health/ready", None),
    ("GET", "/metrics", None),
    ("GET", "/docs", None),
    ("GET", "/openapi.json", None),
    ("GET", "/state/mapping/{waId}", Scope.STATE_READ),
    ("GET", "/state/conversation/{conversationId}", Scope.STATE_READ),
    ("POST", "/state/message", Scope.STATE_WRITE),
    ("PATCH", "/state/message/{messageId}", Scope.STATE_WRITE),
    ("POST", "/state/correlation", Scope.STATE_WRITE),
    ("GET", "/v1/messages/{message_id}/trace", Scope.MESSAGES_READ),
    ("GET", "/v1/dead-letters", Scope.DEAD_LETTERS_READ),
    ("GET", "/v1/dead-letters/{letter_id}", Scope.DEAD_LETTERS_READ),
    ("PATCH", "/v1/dead-letters/{letter_id}", Scope.DEAD_LETTERS_WRITE),
    ("POST", "/v1/dead-letters/{letter_id}/replay", Scope.DEAD_LETTERS_WRITE),
    ("POST", "/v1/dead-letters/{letter_id}/discard", Scope.DEAD_LETTERS_WRITE),
    ("POST", "/v1/dead-letters/replay", Scope.DEAD_LETTERS_WRITE),
    ("POST", "/v1/dead-letters/discard", Scope.DEAD_LETTERS_WRITE),
    # People and their sessions.
    ("POST", "/v1/auth/login", None),
    ("POST", "/v1/auth/logout", Scope.SELF),
    ("POST", "/v1/auth/invitation", None),
    ("POST", "/v1/auth/reset", None),
    ("GET", "/v1/auth/oidc/{tenant}", None),
    ("GET", "/v1/auth/oidc/{tenant}/callback", None),
    ("GET", "/v1/me", Scope.SELF),
    ("POST", "/v1/me/password", Scope.CREDENTIALS),
    ("POST", "/v1/me/totp", Scope.CREDENTIALS),
    ("POST", "/v1/me/totp/confirm", Scope.CREDENTIALS),
    ("DELETE", "/v1/me/totp", Scope.CREDENTIALS),
    ("GET", "/v1/me/sessions", Scope.SELF),
    ("DELETE", "/v1/me/sessions/{session_id}", Scope.SELF),
    ("GET", "/v1/users", Scope.USERS_READ),
    ("POST", "/v1/users", Scope.USERS_WRITE),
    ("GET", "/v1/users/{user_id}", Scope.USERS_READ),
    ("PATCH", "/v1/users/{user_id}", Scope.USERS_WRITE),
    ("DELETE", "/v1/users/{user_id}", Scope.USERS_WRITE),
    ("POST", "/v1/users/{user_id}/reset", Scope.USERS_WRITE),
    ("GET", "/v1/users/{user_id}/sessions", Scope.USERS_READ),
    ("DELETE", "/v1/users/{user_id}/sessions", Scope.USERS_WRITE),
    # Keys.
    ("GET", "/v1/keys", Scope.KEYS_READ),
    ("POST", "/v1/keys", Scope.KEYS_WRITE),
    ("GET", "/v1/keys/{key_id}", Scope.KEYS_READ),
    ("POST", "/v1/keys/{key_id}/rotate", Scope.KEYS_WRITE),
    ("DELETE", "/v1/keys/{key_id}", Scope.KEYS_WRITE),
    ("GET", "/v1/audit", Scope.AUDIT_READ),
    ("GET", "/v1/audit/verify", Scope.AUDIT_READ),
    # The tenant, by its own people.
    ("GET", "/v1/tenant", Scope.TENANT_READ),
    ("PATCH", "/v1/tenant", Scope.TENANT_WRITE),
    ("GET", "/v1/tenant/whatsapp-accounts", Scope.TENANT_READ),
    ("PUT", "/v1/tenant/whatsapp-accounts/{phone_number_id}", Scope.TENANT_WRITE),
    ("DELETE", "/v1/tenant/whatsapp-accounts/{phone_number_id}", Scope.TENANT_WRITE),
    ("POST", "/v1/tenant/whatsapp-accounts/{phone_number_id}/check", Scope.TENANT_WRITE),
    ("GET", "/v1/tenant/genesys-integrations", Scope.TENANT_READ),
    ("PUT", "/v1/tenant/genesys-integrations/{integration_id}", Scope.TENANT_WRITE),
    ("DELETE", "/v1/tenant/genesys-integrations/{integration_id}", Scope.TENANT_WRITE),
    ("POST", "/v1/tenant/genesys-integrations/{integration_id}/check", Scope.TENANT_WRITE),
    ("GET", "/v1/tenant/identity-provider", Scope.TENANT_READ),
    ("PUT", "/v1/tenant/identity-provider", Scope.SIGN_ON_WRITE),
    ("DELETE", "/v1/tenant/identity-provider", Scope.SIGN_ON_WRITE),
    # All tenants, by the platform's people.
    ("GET", "/v1/platform/tenants", Scope.PLATFORM),
    ("POST", "/v1/platform/tenants", Scope.PLATFORM),
    ("GET", "/v1/platform/tenants/{tenant_id}", Scope.PLATFORM),
    ("PATCH", "/v1/platform/tenants/{tenant_id}", Scope.PLATFORM),
    ("DELETE", "/v1/platform/tenants/{tenant_id}", Scope.PLATFORM),
    ("POST", "/v1/platform/tenants/{tenant_id}/suspend", Scope.PLATFORM),
    ("POST", "/v1/platform/tenants/{tenant_id}/resume", Scope.PLATFORM),
    ("GET", "/v1/platform/meta-apps", Scope.PLATFORM),
    ("PUT", "/v1/platform/meta-apps/{app_id}", Scope.PLATFORM),
    ("GET", "/v1/platform/webhooks", Scope.PLATFORM),
    ("POST", "/v1/platform/webhooks/replay", Scope.PLATFORM),
)

OPERATIONS: dict[tuple[str, str], Operation] = {(row[0], row[1]): Operation(*row) for row in _TABLE}
"""By method and path as the OpenAPI document writes them. An operation that is not here is answered to nobody."""


def roles_of(scope: Scope) -> list[Role]:
    """Who holds it, the most powerful first."""
    return [role for role in Role if scope in ROLE_SCOPES[role]]
