"""Sessions of people: made by a login, in one tenant, found by a token that only its owner has. Pure."""

import base64
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from waystate.errors import Unauthorized
from waystate.ids import TenantId
from waystate.principal import NEVER_BY_SIGN_ON, ROLE_SCOPES, Principal, Role
from waystate.tokens import COOKIE

Method = Literal["password", "sign_on"]
"""How the person proved who they are: to us, or to the tenant's identity provider."""

TTL = timedelta(hours=12)
"""A working day; then the person logs in again."""
IDLE = timedelta(hours=2)
"""Nobody at the screen for so long and the session is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`hash` is the SHA-256 of the token; `role` and `user_status` are today's."""

    id: UUID
    tenant_id: TenantId
    user_id: UUID
    hash: bytes = field(repr=False)
    role: Role
    user_status: Literal["invited", "active", "disabled"]
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None = None
    method: Method = "password"
    user_agent: str = ""
    address: str = ""

    @property
    def principal(self) -> Principal:
        scopes = ROLE_SCOPES[self.role]
        if self.method == "sign_on":
            scopes -= NEVER_BY_SIGN_ON
        return Principal(self.tenant_id, "session", self.id, scopes, self.user_id, self.role)


def is_over(session: Session, now: datetime) -> bool:
    return session.expires_at <= now or session.last_seen_at + IDLE <= now


def check_usable(session: Session, now: datetime) -> None:
    if session.revoked_at is not None or session.user_status != "active":
        raise Unauthorized("session_revoked", "This session was ended. Log in again.")
    if is_over(session, now):
        raise Unauthorized("session_expired", "This session has expired. Log in again.")


def set_cookie(token: str) -> str:
    """The Set-Cookie header that gives a browser its session. `__Host-` binds it to this host, over TLS or on localhost."""
    return f"{COOKIE}={token}; Path=/; Max-Age={round(TTL.total_seconds())}; Secure; HttpOnly; SameSite=Lax"


def clear_cookie() -> str:
    return f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"


def csrf_token(token_hash: bytes) -> str:
    """What a page must send with its cookie. It follows from the session, so nothing of it is kept."""
    return base64.urlsafe_b64encode(hmac.digest(token_hash, b"waystate csrf", "sha256")[:18]).decode()
