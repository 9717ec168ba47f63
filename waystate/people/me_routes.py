"""`/v1/me`: a person's own account."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from waystate.operations import Operation
from waystate.people.bodies import (
    LOGIN_EXAMPLE,
    SESSION_EXAMPLE,
    USER_EXAMPLE,
    Confirmation,
    MyselfAnswer,
    PasswordChange,
    Proof,
    Revoked,
    SessionList,
    TotpAnswer,
    render_session,
    render_user,
)
from waystate.people.login_routes import origin_of
from waystate.people.myself import Myself
from waystate.people.routes import SECRET
from waystate.people.sessions import csrf_token
from waystate.principal import Principal, Scope
from waystate.tokens import parse_token
from waystate.web.caller import Caller
from waystate.web.facts import facts_of, token_of

_PROVEN = {
    403: "`password_wrong`: it is not the account's password",
    429: "Too many failed attempts; Retry-After says when to come again",
}
_PROOF = {"password": "a long enough passphrase 7"}


class MeRoutes:
    def __init__(self, myself: Myself) -> None:
        self._myself = myself

    @Operation(
        "GET",
        "/v1/me",
        Scope.SELF,
        tag="Myself",
        summary="Who I am, where, and what I may",
        example_answer={
            "user": USER_EXAMPLE,
            "tenant": "acme",
            "role": "admin",
            "scopes": ["messages:read", "state:read"],
            "csrfToken": LOGIN_EXAMPLE["csrfToken"],
        },
    )
    async def get_me(self, request: Request, response: Response, principal: Caller) -> MyselfAnswer:
        """With the CSRF token that a page sends along with the session's cookie."""
        user_id, _ = _ids(principal)
        member = await self._myself.get(principal.tenant_id, user_id)
        response.headers.update(SECRET)
        return MyselfAnswer(
            user=render_user(member),
            tenant=principal.tenant_id,
            role=member.role,
            scopes=sorted(principal.scopes),
            csrfToken=_csrf_token(request),
        )

    @Operation(
        "POST",
        "/v1/me/password",
        Scope.CREDENTIALS,
        tag="Myself",
        summary="Change my password",
        problems=_PROVEN,
        example_body={"currentPassword": "a long enough passphrase 7", "newPassword": "another passphrase, longer 8"},
        example_answer={"revokedSessions": 1},
    )
    async def change_password(self, request: Request, principal: Caller, body: PasswordChange) -> Revoked:
        """My other sessions end, in every tenant."""
        user_id, session_id = _ids(principal)
        count = await self._myself.change_password(
            principal.tenant_id, user_id, session_id, body.currentPassword, body.newPassword, origin_of(request)
        )
        return Revoked(revokedSessions=count)

    @Operation(
        "POST",
        "/v1/me/totp",
        Scope.CREDENTIALS,
        tag="Myself",
        summary="Begin with one-time codes",
        problems=_PROVEN,
        example_body=_PROOF,
        example_answer={
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "uri": "otpauth://totp/Waystate:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Waystate",
        },
    )
    async def begin_totp(self, request: Request, response: Response, principal: Caller, body: Proof) -> TotpAnswer:
        """They are asked for once `/v1/me/totp/confirm` took the first one."""
        secret, uri = await self._myself.begin_totp(_ids(principal)[0], body.password, origin_of(request))
        response.headers.update(SECRET)
        return TotpAnswer(secret=secret, uri=uri)

    @Operation(
        "POST",
        "/v1/me/totp/confirm",
        Scope.CREDENTIALS,
        tag="Myself",
        summary="Switch one-time codes on",
        status=204,
        example_body={"code": "123456"},
    )
    async def confirm_totp(self, principal: Caller, body: Confirmation) -> None:
        await self._myself.confirm_totp(principal.tenant_id, _ids(principal)[0], body.code)

    @Operation(
        "DELETE",
        "/v1/me/totp",
        Scope.CREDENTIALS,
        tag="Myself",
        summary="Switch one-time codes off",
        status=204,
        problems=_PROVEN,
        example_body=_PROOF,
    )
    async def remove_totp(self, request: Request, principal: Caller, body: Proof) -> None:
        await self._myself.remove_totp(principal.tenant_id, _ids(principal)[0], body.password, origin_of(request))

    @Operation(
        "GET",
        "/v1/me/sessions",
        Scope.SELF,
        tag="Myself",
        summary="Where I am logged in",
        example_answer={"items": [{**SESSION_EXAMPLE, "current": True}]},
    )
    async def list_my_sessions(self, principal: Caller) -> SessionList:
        """In this tenant."""
        user_id, session_id = _ids(principal)
        sessions = await self._myself.sessions(principal.tenant_id, user_id)
        return SessionList(items=[render_session(each, session_id) for each in sessions])

    @Operation(
        "DELETE",
        "/v1/me/sessions/{session_id}",
        Scope.SELF,
        tag="Myself",
        summary="End one of my sessions",
        status=204,
    )
    async def end_my_session(self, session_id: UUID, principal: Caller) -> None:
        await self._myself.end_session(principal.tenant_id, _ids(principal)[0], session_id)


def _ids(principal: Principal) -> tuple[UUID, UUID]:
    """Of the person and the session; the scope `self` is of sessions alone."""
    assert principal.user_id is not None
    assert principal.id is not None
    return principal.user_id, principal.id


def _csrf_token(request: Request) -> str:
    token = token_of(facts_of(request.scope))
    assert token is not None
    return csrf_token(parse_token(token.decode("latin-1")).hash)
