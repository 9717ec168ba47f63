"""`/v1/auth/oidc`: where a browser begins a login by the tenant's identity provider, and comes back; and
`/v1/tenant/identity-provider`: which provider that is."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from waystate.operations import Operation
from waystate.principal import Scope
from waystate.sign_on.attempt import COOKIE
from waystate.sign_on.bodies import PROVIDER_EXAMPLE, ProviderAnswer, ProviderBody
from waystate.sign_on.log_in import ProviderReply, Redirect, SignOn, Visit
from waystate.sign_on.set_up import Providers
from waystate.web.caller import Caller

_REDIRECTS = {
    404: "No single sign-on at this address",
    503: "The identity provider does not answer, or not as it must",
}
_NO_PROVIDER = {404: "The tenant has no identity provider"}

# All of them at their longest, percent-encoded, stay below the 64 KiB of an address that the HTTP server reads.
Place = Annotated[str | None, Query(max_length=2048)]
Code = Annotated[str | None, Query(max_length=8192, pattern=r"^[\x20-\x7e]*$")]
"""Visible ASCII (RFC 6749, appendix A)."""
Word = Annotated[str | None, Query(max_length=1024)]


class SignOnRoutes:
    def __init__(self, sign_on: SignOn) -> None:
        self._sign_on = sign_on

    @Operation(
        "GET",
        "/v1/auth/oidc/{tenant}",
        None,
        tag="People",
        summary="Log in by the tenant's identity provider",
        status=303,
        problems=_REDIRECTS,
    )
    async def begin_sign_on(self, tenant: str, request: Request, return_to: Place = None) -> Response:
        """For a browser: it is sent to the provider, and comes back with a session. `return_to` is a path to end at."""
        return _redirect(await self._sign_on.begin(tenant, request.headers.get("host"), return_to))

    @Operation(
        "GET",
        "/v1/auth/oidc/{tenant}/callback",
        None,
        tag="People",
        summary="Where the provider sends the browser",
        status=303,
        ignores_query="a client must ignore what it does not know of a provider's answer (RFC 6749, 4.1.2)",
        problems=_REDIRECTS,
    )
    async def finish_sign_on(
        self, tenant: str, request: Request, state: Word = None, code: Code = None, error: Word = None, iss: Word = None
    ) -> Response:
        """Only in the browser that began the login, within ten minutes, once."""
        agent = request.headers.get("user-agent", "")
        visit = Visit(request.cookies.get(COOKIE), agent, request.client.host if request.client else "")
        return _redirect(await self._sign_on.finish(tenant, ProviderReply(state, code, error, iss), visit))


class ProviderRoutes:
    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    @Operation(
        "GET",
        "/v1/tenant/identity-provider",
        Scope.TENANT_READ,
        tag="Tenant",
        summary="The identity provider, without its secret",
        problems=_NO_PROVIDER,
        example_answer=PROVIDER_EXAMPLE,
    )
    async def get_identity_provider(self, request: Request, principal: Caller) -> ProviderAnswer:
        return await self._providers.read(principal, request.headers.get("host"))

    @Operation(
        "PUT",
        "/v1/tenant/identity-provider",
        Scope.SIGN_ON_WRITE,
        tag="Tenant",
        summary="Let people log in by an OpenID Connect provider",
        example_body={
            "issuer": PROVIDER_EXAMPLE["issuer"],
            "client_id": PROVIDER_EXAMPLE["client_id"],
            "client_secret": "as-the-provider-shows-it",
            "settings": PROVIDER_EXAMPLE["settings"],
        },
        example_answer=PROVIDER_EXAMPLE,
    )
    async def put_identity_provider(self, request: Request, principal: Caller, body: ProviderBody) -> ProviderAnswer:
        """An owner's to decide: who runs the provider decides who anybody of this tenant is.

        Another issuer or client knows people by other names, so each is found by the e-mail address again.
        """
        await self._providers.write(principal, body)
        return await self._providers.read(principal, request.headers.get("host"))

    @Operation(
        "DELETE",
        "/v1/tenant/identity-provider",
        Scope.SIGN_ON_WRITE,
        tag="Tenant",
        summary="No login by an identity provider any more",
        status=204,
        problems=_NO_PROVIDER,
    )
    async def delete_identity_provider(self, principal: Caller) -> None:
        """People stay, and log in with their passwords; sessions go on until they end."""
        await self._providers.remove(principal)


def _redirect(redirect: Redirect) -> Response:
    response = Response(status_code=303, headers={"location": redirect.location})
    for cookie in redirect.cookies:
        response.headers.append("set-cookie", cookie)
    return response
