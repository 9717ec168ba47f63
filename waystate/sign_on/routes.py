"""`/v1/auth/oidc`: where a browser begins a login by the tenant's identity provider, and comes back; and
`/v1/tenant/identity-provider`: which provider that is."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from waystate.sign_on.attempt import COOKIE
from waystate.sign_on.bodies import ProviderAnswer, ProviderBody
from waystate.sign_on.log_in import ProviderReply, Redirect, SignOn, Visit
from waystate.sign_on.set_up import Providers
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

_REDIRECTS: dict[int | str, dict[str, Any]] = {
    303: {"description": "Go on there", "headers": {"Location": {"schema": {"type": "string"}}}, "content": {}},
    404: {"description": "No single sign-on at this address"},
    503: {"description": "The identity provider does not answer, or not as it must"},
}

_PATH = "/v1/tenant/identity-provider"
_NO_PROVIDER: dict[int | str, dict[str, Any]] = {404: {"description": "The tenant has no identity provider"}}

# All of them at their longest, percent-encoded, stay below the 64 KiB of an address that the HTTP server reads.
Place = Annotated[str | None, Query(max_length=2048)]
Code = Annotated[str | None, Query(max_length=8192, pattern=r"^[\x20-\x7e]*$")]
"""Visible ASCII (RFC 6749, appendix A)."""
Word = Annotated[str | None, Query(max_length=1024)]


def sign_on_routes(sign_on: SignOn) -> APIRouter:
    router = APIRouter(prefix="/v1/auth/oidc", tags=["People"])

    @router.get("/{tenant}", summary="Log in by the tenant's identity provider", status_code=303, responses=_REDIRECTS)
    async def begin_sign_on(tenant: str, request: Request, return_to: Place = None) -> Response:
        """For a browser: it is sent to the provider, and comes back with a session. `return_to` is a path to end at."""
        return _redirect(await sign_on.begin(tenant, request.headers.get("host"), return_to))

    @router.get("/{tenant}/callback", summary="Where the provider sends the browser", status_code=303, responses=_REDIRECTS)
    async def finish_sign_on(
        tenant: str, request: Request, state: Word = None, code: Code = None, error: Word = None, iss: Word = None
    ) -> Response:
        """Only in the browser that began the login, within ten minutes, once."""
        agent = request.headers.get("user-agent", "")
        visit = Visit(request.cookies.get(COOKIE), agent, request.client.host if request.client else "")
        return _redirect(await sign_on.finish(tenant, ProviderReply(state, code, error, iss), visit))

    return router


def identity_provider_routes(providers: Providers) -> APIRouter:
    router = APIRouter(tags=["Tenant"])

    @router.get(_PATH, summary="The identity provider, without its secret", responses=_NO_PROVIDER)
    async def get_identity_provider(request: Request, principal: Caller) -> ProviderAnswer:
        return await providers.read(principal, request.headers.get("host"))

    @router.put(_PATH, summary="Let people log in by an OpenID Connect provider", openapi_extra=takes(ProviderBody))
    async def put_identity_provider(request: Request, principal: Caller) -> ProviderAnswer:
        """An owner's to decide: who runs the provider decides who anybody of this tenant is.

        Another issuer or client knows people by other names, so each is found by the e-mail address again.
        """
        await providers.write(principal, await read_body(request, ProviderBody))
        return await providers.read(principal, request.headers.get("host"))

    @router.delete(_PATH, summary="No login by an identity provider any more", status_code=204, responses=_NO_PROVIDER)
    async def delete_identity_provider(principal: Caller) -> Response:
        """People stay, and log in with their passwords; sessions go on until they end."""
        await providers.remove(principal)
        return Response(status_code=204)

    return router


def _redirect(redirect: Redirect) -> Response:
    response = Response(status_code=303, headers={"location": redirect.location})
    for cookie in redirect.cookies:
        response.headers.append("set-cookie", cookie)
    return response
