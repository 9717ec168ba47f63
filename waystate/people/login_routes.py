"""`/v1/auth`: how people come in and go."""

from starlette.requests import Request
from starlette.responses import Response

from waystate.ids import TenantId
from waystate.operations import Operation
from waystate.people.bodies import LOGIN_EXAMPLE, Acceptance, Login, LoginAnswer, Opened, Person, Redemption
from waystate.people.logins import LoggedIn, Logins, Origin
from waystate.people.routes import SECRET
from waystate.people.sessions import clear_cookie, csrf_token, set_cookie
from waystate.principal import Scope
from waystate.tokens import parse_token
from waystate.web.caller import Caller
from waystate.web.facts import facts_of

_LOGIN = {
    401: "`login_failed`: whatever the reason. `totp_required`, `totp_wrong`: only after the right password",
    409: "`tenant_required`: the password is right, and `tenants` lists where the person is a member",
    429: "Too many failed attempts; Retry-After says when to come again",
}
_TOKEN = {400: "The token is not known, was used, has expired or was replaced", 429: _LOGIN[429]}


class LoginRoutes:
    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    @Operation(
        "POST",
        "/v1/auth/login",
        None,
        tag="Logging in",
        summary="Log in",
        problems=_LOGIN,
        example_body={"email": "ada@example.com", "password": "a long enough passphrase 7", "tenant": "acme"},
        example_answer=LOGIN_EXAMPLE,
    )
    async def log_in(self, request: Request, response: Response, body: Login) -> LoginAnswer:
        """A new session for 12 hours, over after 2 hours of rest. It comes as a token and as a cookie."""
        tenant = None if body.tenant is None else TenantId(body.tenant)
        done = await self._logins.log_in(body.email, body.password, origin_of(request), tenant=tenant, code=body.code)
        response.headers.update({**SECRET, "set-cookie": set_cookie(done.token)})
        return _render(done)

    @Operation("POST", "/v1/auth/logout", Scope.SELF, tag="Logging in", summary="End this session", status=204)
    async def log_out(self, response: Response, principal: Caller) -> None:
        assert principal.user_id is not None
        assert principal.id is not None
        await self._logins.log_out(principal.tenant_id, principal.user_id, principal.id)
        response.headers["set-cookie"] = clear_cookie()

    @Operation(
        "POST",
        "/v1/auth/invitation",
        None,
        tag="Logging in",
        summary="Accept an invitation",
        problems=_TOKEN,
        example_body={
            "token": "wsi.aGFuZC10aGlzLW92ZXItaW4tcGVyc29uLXBsZWFzZSE",
            "password": "a long enough passphrase 7",
            "name": "Grace Hopper",
        },
        example_answer={"email": "grace@example.com", "tenant": "acme"},
    )
    async def accept_invitation(self, request: Request, body: Acceptance) -> Opened:
        tenant, email = await self._logins.accept(body.token, body.password, origin_of(request), name=body.name)
        return Opened(email=email, tenant=tenant)

    @Operation(
        "POST",
        "/v1/auth/reset",
        None,
        tag="Logging in",
        summary="Set a new password with a token",
        problems=_TOKEN,
        example_body={"token": "wsr.aXQtaG9sZHMtZm9yLWFuLWhvdXItYW5kLW5vdC1tb3Jl", "password": "a long enough passphrase 7"},
        example_answer={"email": "grace@example.com", "tenant": None},
    )
    async def redeem_reset(self, request: Request, body: Redemption) -> Opened:
        """Every session of the person ends. One-time codes stay as they are."""
        return Opened(email=await self._logins.redeem(body.token, body.password, origin_of(request)))


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
