"""`/v1/auth`: how people come in and go."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from waystate.ids import TenantId
from waystate.people.bodies import Acceptance, Login, LoginAnswer, Opened, Person, Redemption
from waystate.people.logins import LoggedIn, Logins, Origin
from waystate.people.routes import SECRET
from waystate.people.sessions import clear_cookie, csrf_token, set_cookie
from waystate.tokens import parse_token
from waystate.web.caller import Caller
from waystate.web.facts import facts_of
from waystate.web.requests import read_from_anybody, takes

_LOGIN: dict[int | str, dict[str, Any]] = {
    401: {"description": "`login_failed`: whatever the reason. `totp_required`, `totp_wrong`: only after the right password"},
    409: {"description": "`tenant_required`: the password is right, and `tenants` lists where the person is a member"},
    429: {"description": "Too many failed attempts; Retry-After says when to come again"},
}
_TOKEN: dict[int | str, dict[str, Any]] = {
    400: {"description": "The token is not known, was used, has expired or was replaced"},
    429: _LOGIN[429],
}


def login_routes(logins: Logins) -> APIRouter:
    router = APIRouter(prefix="/v1/auth", tags=["Logging in"])

    @router.post("/login", summary="Log in", responses=_LOGIN, openapi_extra=takes(Login))
    async def log_in(request: Request, response: Response) -> LoginAnswer:
        """A new session for 12 hours, over after 2 hours of rest. It comes as a token and as a cookie."""
        body = await read_from_anybody(request, Login)
        tenant = None if body.tenant is None else TenantId(body.tenant)
        done = await logins.log_in(body.email, body.password, origin_of(request), tenant=tenant, code=body.code)
        response.headers.update({**SECRET, "set-cookie": set_cookie(done.token)})
        return _render(done)

    @router.post("/logout", status_code=204, summary="End this session")
    async def log_out(response: Response, principal: Caller) -> None:
        assert principal.user_id is not None
        assert principal.id is not None
        await logins.log_out(principal.tenant_id, principal.user_id, principal.id)
        response.headers["set-cookie"] = clear_cookie()

    @router.post("/invitation", summary="Accept an invitation", responses=_TOKEN, openapi_extra=takes(Acceptance))
    async def accept_invitation(request: Request) -> Opened:
        body = await read_from_anybody(request, Acceptance)
        tenant, email = await logins.accept(body.token, body.password, origin_of(request), name=body.name)
        return Opened(email=email, tenant=tenant)

    @router.post("/reset", summary="Set a new password with a token", responses=_TOKEN, openapi_extra=takes(Redemption))
    async def redeem_reset(request: Request) -> Opened:
        """Every session of the person ends. One-time codes stay as they are."""
        body = await read_from_anybody(request, Redemption)
        return Opened(email=await logins.redeem(body.token, body.password, origin_of(request)))

    return router


def origin_of(request: Request) -> Origin:
    address = facts_of(request.scope).client_host or ""
    return Origin(address, request.headers.get("user-agent", ""))


def _render(done: LoggedIn) -> LoginAnswer:
    return LoginAnswer(
        token=done.token,
        csrfToken=csrf_token(parse_token(done.token).hash),
        expiresAt=done.expires_at,
        user=Person(id=done.account.id, email=done.account.email, name=done.account.name),
        tenant=done.tenant,
        role=done.role,
    )
