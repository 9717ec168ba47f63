"""A login under way: what this browser must bring back from the provider, sealed in a cookie of its own. Pure."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from json import dumps, loads
from urllib.parse import urlencode

from waystate.errors import BadRequest
from waystate.ids import TenantId
from waystate.vault.sealing import Unsealable, Vault, aad

COOKIE = "__Host-waystate-login"
TTL = timedelta(minutes=10)
"""To find the password, and the telephone with the second factor."""
HOME = "/v1/me"
SCOPES = "openid email profile"

_LONGEST_COOKIE = 4096
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
# One slash first and no backslash at all: browsers read `//host` and `/\host` as another host.
_RETURN_TO = re.compile(r"/(?![/\\])[!-\[\]-~]{0,499}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """`verifier` is PKCE's, `redirect_uri` must be the same towards the provider twice, `ends` is in seconds."""

    tenant_id: TenantId
    issuer: str
    client_id: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    return_to: str
    ends: float


def begin(
    tenant_id: TenantId, issuer: str, client_id: str, now: datetime, *, redirect_uri: str, return_to: str = HOME
) -> Attempt:
    if _RETURN_TO.fullmatch(return_to) is None:
        raise BadRequest("invalid_return_to", "return_to must be a path of Waystate's own, such as /v1/me. Correct it.")
    return Attempt(
        tenant_id=tenant_id,
        issuer=issuer,
        client_id=client_id,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri,
        return_to=return_to,
        ends=(now + TTL).timestamp(),
    )


def authorization_url(attempt: Attempt, endpoint: str) -> str:
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": attempt.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": SCOPES,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def attempt_cookie(vault: Vault, attempt: Attempt) -> str:
    """The Set-Cookie header. Lax: the browser brings it along when the provider sends it back to us."""
    sealed = vault.seal(dumps(asdict(attempt)), aad=_aad(attempt.tenant_id))
    value = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    return f"{COOKIE}={value}; Max-Age={round(TTL.total_seconds())}; {_ATTRIBUTES}"


def clear_attempt_cookie() -> str:
    return f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}"


def read_attempt(vault: Vault, tenant_id: TenantId, cookie: str | None, state: str | None, now: datetime) -> Attempt:
    """The attempt that this browser began and the provider now answers; `BadRequest` if it is not both."""
    attempt = _opened(vault, tenant_id, cookie)
    is_meant = attempt is not None and hmac.compare_digest(attempt.state.encode(), (state or "").encode())
    if attempt is None or not is_meant or attempt.ends <= now.timestamp() or attempt.tenant_id != tenant_id:
        raise BadRequest(
            "login_not_begun_here",
            "This login was not begun in this browser, or more than "
            f"{round(TTL.total_seconds() / 60)} minutes ago, or another one was begun after it. Begin again.",
        )
    return attempt


def _opened(vault: Vault, tenant_id: TenantId, cookie: str | None) -> Attempt | None:
    if not cookie or len(cookie) > _LONGEST_COOKIE or not cookie.isascii():
        return None
    try:
        sealed = base64.b64decode(cookie.replace("-", "+").replace("_", "/") + "=" * (-len(cookie) % 4), validate=True)
        return Attempt(**loads(vault.open(sealed, aad=_aad(tenant_id))))
    except (binascii.Error, Unsealable, TypeError, ValueError):
        return None


def _aad(tenant_id: TenantId) -> str:
    """No table has it; still it is bound to one tenant and one use."""
    return aad(tenant_id, "login", "cookie", "attempt")
