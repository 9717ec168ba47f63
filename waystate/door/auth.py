"""Who is calling: by an API key or a session, or in trusted mode by a tenant's name alone."""

import asyncio
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from waystate.clock import Clock, utc_now
from waystate.db.pool import Database
from waystate.errors import BadRequest, Forbidden, Unauthorized
from waystate.ids import TenantId, parse_tenant_id
from waystate.keys import store
from waystate.keys.model import ApiKey, check_usable, matches, unknown_key
from waystate.people import sessions
from waystate.people import store as people_store
from waystate.people.sessions import Session
from waystate.principal import Principal
from waystate.tenants.model import TenantStatus, check_active
from waystate.tenants.routing import Directory, Monotonic, ShortMemory
from waystate.tenants.store import find_statuses, unknown_tenant
from waystate.tokens import parse_token
from waystate.web.facts import Facts, is_json, is_loopback, names_loopback, shown, token_of

CHECK_TTL = 0.9
"""Seconds a credential's check holds: a revocation counts within 1 s, and a tenth is left for the read itself."""

_OLD = frozenset({"0.9", "1", "1.0"})
"""Versions of HTTP, as ASGI and Granian write them. A proxy that speaks one of them need not say that it is one."""
_TRUSTED_PATH = re.compile(r"/state/.*|/v1/messages/.+/trace", re.DOTALL)
"""Decoded, so that an id may hold a slash."""


class TokenClaim(NamedTuple):
    """An API key or a session's token."""

    token: bytes
    tenant: bytes | None


class TrustedClaim(NamedTuple):
    tenant: bytes | None


def decide(facts: Facts, *, trusted: bool) -> TokenClaim | TrustedClaim:
    """What the caller claims to be, or why it is sent away before anything is looked up. A header wins over a cookie."""
    token = token_of(facts)
    if token is not None:
        return TokenClaim(token, facts.tenant)
    if not trusted:
        raise Unauthorized(
            "credentials_required",
            "Send an API key of the tenant as 'Authorization: Bearer wsk.…' or 'X-API-Key: wsk.…', or log in.",
        )
    if doubt := why_not_trusted(facts):
        raise Unauthorized("trusted_mode_refused", f"{doubt} Send an API key as 'Authorization: Bearer wsk.…' instead.")
    return TrustedClaim(facts.tenant)


def why_not_trusted(facts: Facts) -> str | None:
    """A webhook tunnel, a reverse proxy or a web page must not come in by the door that needs no key."""
    if _TRUSTED_PATH.fullmatch(facts.path) is None:
        return "Trusted mode answers only /state/* and /v1/messages/{id}/trace."
    if not is_loopback(facts.client_host):
        return "Trusted mode answers only callers on this machine, and this connection comes from elsewhere."
    if facts.version in _OLD or facts.names_target_host:
        return "Trusted mode answers HTTP/1.1 whose target is a path: HTTP/1.0 and whole addresses are what proxies send."
    if not names_loopback(facts.host):
        return "Trusted mode answers only calls to localhost, 127.0.0.1 or [::1], and the Host header names another."
    if facts.betraying is not None:
        return f"Trusted mode answers no proxy and no web page, and the header {shown(facts.betraying)} is of one."
    if (facts.has_body or facts.method in ("POST", "PUT", "PATCH")) and not is_json(facts.content_type):
        return "Trusted mode takes bodies only as 'Content-Type: application/json'."
    return None


class Authenticator:
    """`find_cached` first, on every request; `authenticate` when it has no answer. Both raise `Refused`."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        *,
        trusted: bool = False,
        clock: Clock = utc_now,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._db = db
        self._directory = directory
        self.trusted = trusted
        self._clock = clock
        self._tokens = ShortMemory(self._load_many, ttl=CHECK_TTL, absent_ttl=CHECK_TTL, monotonic=monotonic)

    def find_cached(self, facts: Facts) -> Principal | None:
        """None means "ask `authenticate`"."""
        claim = decide(facts, trusted=self.trusted)
        if isinstance(claim, TokenClaim):
            known = self._tokens.find_cached(claim.token)
            return None if known is None else self._admit(known, claim)
        if claim.tenant is not None:
            tenant_id = TenantId(claim.tenant.decode("latin-1"))
        else:
            tenants = self._directory.find_cached_first_tenants()
            if tenants is None:
                return None
            tenant_id = _only(tenants)
        status = self._directory.find_cached_status(tenant_id)
        return None if status is None else _trusted(tenant_id, status)

    async def authenticate(self, facts: Facts) -> Principal:
        principal = self.find_cached(facts)
        if principal is not None:
            return principal
        claim = decide(facts, trusted=self.trusted)
        if isinstance(claim, TokenClaim):
            presented = parse_token(claim.token.decode("latin-1"))
            known = await self._tokens.find(claim.token)
            if known is None:
                raise unknown_key() if presented.prefix == "wsk" else _unknown_session()
            return self._admit(known, claim)
        if claim.tenant is None:
            tenant_id = _only(await self._directory.first_tenants())
        else:
            tenant_id = parse_tenant_id(claim.tenant.decode("latin-1"))
        status = await self._directory.find_status(tenant_id)
        if status is None:
            raise unknown_tenant(tenant_id)
        return _trusted(tenant_id, status)

    def forget(self) -> None:
        """After a revocation in this process, so that it counts here at once."""
        self._tokens.clear()

    def _admit(self, known: "Known", claim: TokenClaim) -> Principal:
        if isinstance(known.credential, ApiKey):
            check_usable(known.credential, self._clock())
        else:
            sessions.check_usable(known.credential, self._clock())
        check_active(known.status)
        if claim.tenant is not None and claim.tenant != known.principal.tenant_id.encode():
            raise Forbidden(
                "tenant_mismatch",
                "X-Tenant-ID names another tenant than the credential's. Leave the header out, or use one of that tenant.",
            )
        return known.principal

    async def _load_many(self, tokens: Sequence[bytes]) -> dict[bytes, "Known"]:
        loaded = await asyncio.gather(*(self._load(token) for token in tokens))
        return {token: found for token, found in zip(tokens, loaded, strict=True) if found is not None}

    async def _load(self, token: bytes) -> "Known | None":
        presented = parse_token(token.decode("latin-1"))
        now = self._clock()
        if presented.prefix == "wss":
            async with self._db.work(tenant_id=presented.tenant_id) as conn:
                session = await people_store.find_session(conn, presented, now)
                status = (await find_statuses(conn, [presented.tenant_id])).get(presented.tenant_id)
            return None if session is None or status is None else Known(session, session.principal, status)
        async with self._db.tenant(presented.tenant_id) as conn:
            key = await store.find_key(conn, presented.tenant_id, presented.id)
            status = (await find_statuses(conn, [presented.tenant_id])).get(presented.tenant_id)
            if key is None or not matches(key, presented) or status is None:
                return None
            if key.revoked_at is None and (key.last_used_at is None or key.last_used_at <= now - store.TOUCH_EVERY):
                await store.touch_many(conn, presented.tenant_id, [key.id], now)
        return Known(key, Principal(key.tenant_id, "key", key.id, key.scopes), status)


class Known(NamedTuple):
    """A credential that was found, and whom it lets in."""

    credential: ApiKey | Session
    principal: Principal
    status: TenantStatus


def _unknown_session() -> Unauthorized:
    return Unauthorized("session_unknown", "There is no such session. Log in again.")


def _only(tenants: Sequence[TenantId]) -> TenantId:
    if not tenants:
        raise BadRequest("no_tenant", "This installation has no tenant yet. Create one first.")
    if len(tenants) > 1:
        raise BadRequest("tenant_required", "There is more than one tenant. Name the one you mean in the X-Tenant-ID header.")
    return tenants[0]


@lru_cache(maxsize=4096)
def _trusted(tenant_id: TenantId, status: TenantStatus) -> Principal:
    check_active(status)
    return Principal(tenant_id, "trusted")
