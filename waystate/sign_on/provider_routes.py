"""`/v1/tenant/identity-provider`: by which OpenID Connect provider a tenant's people log in."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.errors import NotFound, Unprocessable
from waystate.principal import Principal, actor_of
from waystate.sign_on import store
from waystate.sign_on.log_in import SignOnAddress
from waystate.sign_on.model import IdentityProvider, Issuer, ProviderSettings
from waystate.tenants.model import Word
from waystate.vault.sealing import Vault
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

_PATH = "/v1/tenant/identity-provider"
_REFUSED: dict[int | str, dict[str, Any]] = {404: {"description": "The tenant has no identity provider"}}


class ProviderBody(BaseModel):
    """`client_secret` may be left out where one is kept already, for the same issuer and client."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    issuer: Issuer
    client_id: Word
    client_secret: str | None = Field(None, min_length=1, max_length=4096, repr=False)
    settings: ProviderSettings = ProviderSettings()


class ProviderAnswer(BaseModel):
    """`redirect_uri` is what the provider must be told; null as long as PUBLIC_URL is not set. The secret is never shown."""

    issuer: str
    client_id: str
    settings: ProviderSettings
    redirect_uri: str | None
    login_path: str
    created_at: datetime


class ProviderRoutes:
    def __init__(self, db: Database, vault: Vault, address: SignOnAddress, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._address = address
        self._clock = clock

    async def read(self, principal: Principal, host: str | None) -> ProviderAnswer:
        async with self._db.tenant(principal.tenant_id) as conn:
            stored = await store.find(conn, self._vault, principal.tenant_id)
        if stored is None:
            raise _no_provider()
        return ProviderAnswer(
            issuer=stored.provider.issuer,
            client_id=stored.provider.client_id,
            settings=stored.provider.settings,
            redirect_uri=self._address.find_redirect_uri(principal.tenant_id, host),
            login_path=self._address.login_path(principal.tenant_id),
            created_at=stored.created_at,
        )

    async def write(self, principal: Principal, body: ProviderBody) -> None:
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            stored = await store.find(conn, self._vault, tenant)
            provider = _wanted(body, None if stored is None else stored.provider)
            await store.upsert(conn, self._vault, tenant, provider, now)
            told = {
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "settings": provider.settings.model_dump(mode="json"),
                "secret_entered": body.client_secret is not None,
            }
            await audit_store.append_many(conn, tenant, [_entry(principal, "identity_provider.set", now, told)])

    async def remove(self, principal: Principal) -> None:
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.work(tenant_id=tenant) as conn:
            issuer = await store.remove(conn, tenant)
            if issuer is None:
                raise _no_provider()
            entry = _entry(principal, "identity_provider.removed", now, {"issuer": issuer})
            await audit_store.append_many(conn, tenant, [entry])


def identity_provider_routes(routes: ProviderRoutes) -> APIRouter:
    router = APIRouter(tags=["Tenant"])

    @router.get(_PATH, summary="The identity provider, without its secret", responses=_REFUSED)
    async def get_identity_provider(request: Request, principal: Caller) -> ProviderAnswer:
        return await routes.read(principal, request.headers.get("host"))

    @router.put(_PATH, summary="Let people log in by an OpenID Connect provider", openapi_extra=takes(ProviderBody))
    async def put_identity_provider(request: Request, principal: Caller) -> ProviderAnswer:
        """An owner's to decide: who runs the provider decides who anybody of this tenant is.

        Another issuer or client knows people by other names, so each is found by the e-mail address again.
        """
        await routes.write(principal, await read_body(request, ProviderBody))
        return await routes.read(principal, request.headers.get("host"))

    @router.delete(_PATH, summary="No login by an identity provider any more", status_code=204, responses=_REFUSED)
    async def delete_identity_provider(principal: Caller) -> Response:
        """People stay, and log in with their passwords; sessions go on until they end."""
        await routes.remove(principal)
        return Response(status_code=204)

    return router


def _wanted(body: ProviderBody, before: IdentityProvider | None) -> IdentityProvider:
    """A kept secret goes to the issuer and client it was entered for, and to no other."""
    secret = body.client_secret
    if secret is None and before is not None and (before.issuer, before.client_id) == (body.issuer, body.client_id):
        secret = before.client_secret
    if secret is None:
        problem = {"field": "client_secret", "problem": "is needed for a new issuer or client"}
        raise Unprocessable(
            "invalid_request", "Not usable: client_secret. Send the provider's client secret.", errors=[problem]
        )
    return IdentityProvider(issuer=body.issuer, client_id=body.client_id, client_secret=secret, settings=body.settings)


def _entry(principal: Principal, action: str, now: datetime, details: dict[str, Any]) -> Entry:
    subject = f"tenant:{principal.tenant_id}"
    return Entry(actor=actor_of(principal), action=action, subject=subject, at=now, details=details)


def _no_provider() -> NotFound:
    return NotFound("no_identity_provider", "This tenant has no identity provider. Set one with PUT.")
