"""Single sign-on: from a click to the tenant's identity provider, and from its answer to a session here."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from waystate import documents
from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.documents import JsonObject
from waystate.errors import Conflict, Forbidden, NotFound, Refused
from waystate.ids import TenantId, parse_tenant_id
from waystate.people import store as people_store
from waystate.people.sessions import set_cookie
from waystate.principal import Actor
from waystate.sign_on import store
from waystate.sign_on.attempt import HOME, Attempt, attempt_cookie, authorization_url, begin, clear_attempt_cookie, read_attempt
from waystate.sign_on.discovery import Discovery, Metadata, unusable
from waystate.sign_on.id_token import UnknownKey, refused_token, verify_id_token
from waystate.sign_on.model import Admission, IdentityProvider, ProvenIdentity, identity_of
from waystate.tenants import store as tenant_store
from waystate.vault.sealing import Vault
from waystate.web.facts import names_loopback

logger = structlog.get_logger()

_LONGEST_CODE = 4096


class ProviderReply(NamedTuple):
    """What the provider sent the browser back with."""

    state: str | None = None
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


class Visit(NamedTuple):
    """From where the browser came: for the list of sessions."""

    cookie: str | None = None
    user_agent: str = ""
    address: str = ""


class Redirect(NamedTuple):
    location: str
    cookies: tuple[str, ...]


class SignOnAddress:
    """Where this installation is for browsers."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url

    def login_path(self, tenant_id: TenantId) -> str:
        return f"/v1/auth/oidc/{tenant_id}"

    def find_redirect_uri(self, tenant_id: TenantId, host: str | None) -> str | None:
        """A Host header is believed on this machine only: elsewhere whoever sends it would say where codes go."""
        origin = self._public_url
        if origin is None and host is not None and names_loopback(host.encode("latin-1", "replace")):
            origin = f"http://{host}"
        return None if origin is None else f"{origin}{self.login_path(tenant_id)}/callback"


class SignOn:
    def __init__(self, db: Database, vault: Vault, discovery: Discovery, address: SignOnAddress, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._discovery = discovery
        self._address = address
        self._clock = clock

    async def begin(self, tenant: str, host: str | None, return_to: str | None) -> Redirect:
        tenant_id = parse_tenant_id(tenant)
        provider = await self._provider_of(tenant_id)
        redirect_uri = self._address.find_redirect_uri(tenant_id, host)
        if redirect_uri is None:
            raise Conflict(
                "public_url_missing",
                "Single sign-on needs to know its own address. Whoever runs this installation must set PUBLIC_URL.",
            )
        attempt = begin(
            tenant_id,
            provider.issuer,
            provider.client_id,
            self._clock(),
            redirect_uri=redirect_uri,
            return_to=HOME if return_to is None else return_to,
        )
        metadata = await self._discovery.metadata_of(provider.issuer)
        location = authorization_url(attempt, metadata.authorization_endpoint)
        return Redirect(location, (attempt_cookie(self._vault, attempt),))

    async def finish(self, tenant: str, answer: ProviderReply, visit: Visit) -> Redirect:
        """The session's cookie, and the way to the page that was asked for."""
        tenant_id = parse_tenant_id(tenant)
        attempt = read_attempt(self._vault, tenant_id, visit.cookie, answer.state, self._clock())
        try:
            provider = await self._provider_of(tenant_id)
            if (provider.issuer, provider.client_id) != (attempt.issuer, attempt.client_id):
                raise _changed_meanwhile()
            metadata = await self._discovery.metadata_of(provider.issuer)
            code = _code(answer, metadata)
            tokens = await self._discovery.redeem(metadata, attempt, code, provider.client_secret)
            identity = identity_of(await self._claims(metadata, attempt, tokens))
            token = await self._enter(attempt, identity, visit)
        except Refused as refused:
            logger.info("A login by an identity provider was refused.", tenant_id=tenant_id, code=refused.code)
            raise
        return Redirect(attempt.return_to, (set_cookie(token), clear_attempt_cookie()))

    async def _provider_of(self, tenant_id: TenantId) -> IdentityProvider:
        async with self._db.tenant(tenant_id) as conn:
            stored = await store.find(conn, self._vault, tenant_id)
        if stored is None or not stored.is_open:
            # The same for a tenant that is not there: who has one, and who is a tenant, is nobody's business.
            raise NotFound(
                "sign_on_not_set_up",
                "There is no single sign-on at this address. Correct the tenant in it, or log in with e-mail and password.",
            )
        return stored.provider

    async def _claims(self, metadata: Metadata, attempt: Attempt, tokens: JsonObject) -> JsonObject:
        token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(token, str):
            raise unusable("it gives no ID token; the application there must be one of OpenID Connect")

        def verify(keys: JsonObject) -> JsonObject:
            return verify_id_token(
                token,
                keys,
                issuer=attempt.issuer,
                client_id=attempt.client_id,
                nonce=attempt.nonce,
                access_token=access_token if isinstance(access_token, str) else None,
                now=self._clock(),
            )

        # In a thread: a signature, and the first time the libraries, would keep look-ups waiting.
        try:
            return await asyncio.to_thread(verify, await self._discovery.keys_of(metadata))
        except UnknownKey:
            pass
        try:
            return await asyncio.to_thread(verify, await self._discovery.newer_keys_of(metadata))
        except UnknownKey:
            raise refused_token("it is signed with a key that the provider does not publish") from None

    async def _enter(self, attempt: Attempt, identity: ProvenIdentity, visit: Visit) -> str:
        tenant_id, now = attempt.tenant_id, self._clock()
        async with self._db.work(tenant_id=tenant_id) as conn:
            settings = await store.find_locked_settings(conn, tenant_id, attempt.issuer, attempt.client_id)
            if settings is None:
                raise _changed_meanwhile()
            await tenant_store.check_open(conn, tenant_id)
            user_id, way = await store.admit(conn, tenant_id, identity, settings, now)
            _, token = await people_store.create_session(
                conn,
                tenant_id,
                user_id,
                now,
                user_agent=documents.clean_text(visit.user_agent),
                address=visit.address,
                method="sign_on",
            )
            await audit_store.append_many(conn, tenant_id, _entries(user_id, way, now))
        return token


def _code(answer: ProviderReply, metadata: Metadata) -> str:
    """The state is known to be right; an answer of another provider is told by its `iss` (RFC 9207)."""
    if answer.issuer != metadata.issuer and (answer.issuer is not None or metadata.names_issuer):
        raise Forbidden("issuer_mismatch", "Another identity provider than the tenant's answered. Begin again.")
    if answer.error is not None:
        raise Forbidden(
            "login_declined",
            "The identity provider did not log you in. Begin again, or ask its administrator to assign you to the application.",
        )
    if not answer.code or len(answer.code) > _LONGEST_CODE:
        raise unusable("it answers without a code")
    return answer.code


def _changed_meanwhile() -> Conflict:
    return Conflict("identity_provider_changed", "The tenant's identity provider was changed meanwhile. Begin again.")


def _entries(user_id: UUID, way: Admission, now: datetime) -> list[Entry]:
    told: list[tuple[str, Mapping[str, str]]] = []
    if way.joins_as is not None:
        told.append(("user.joined", {"role": way.joins_as}))
    elif way.links:
        told.append(("user.linked", {}))
    told.append(("user.logged_in", {}))
    return [
        Entry(
            actor=Actor("user", user_id),
            action=action,
            subject=f"user:{user_id}",
            at=now,
            details={**details, "by": "identity_provider"},
        )
        for action, details in told
    ]
