"""`/v1/auth/oidc`: where a browser begins a login by the tenant's identity provider, and comes back."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from waystate.sign_on.attempt import COOKIE
from waystate.sign_on.log_in import ProviderReply, Redirect, SignOn, Visit

_REDIRECTS: dict[int | str, dict[str, Any]] = {
    303: {"description": "Go on there", "headers": {"Location": {"schema": {"type": "string"}}}, "content": {}},
    404: {"description": "No single sign-on at this address"},
    503: {"description": "The identity provider does not answer, or not as it must"},
}

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


def _redirect(redirect: Redirect) -> Response:
    response = Response(status_code=303, headers={"location": redirect.location})
    for cookie in redirect.cookies:
        response.headers.append("set-cookie", cookie)
    return response
