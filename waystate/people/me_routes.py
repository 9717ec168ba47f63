"""`/v1/me`: a person's own account."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from waystate.people.bodies import (
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
from waystate.principal import Principal
from waystate.tokens import parse_token
from waystate.web.caller import Caller
from waystate.web.facts import facts_of, token_of
from waystate.web.requests import read_body, takes

_PROVEN: dict[int | str, dict[str, Any]] = {
    403: {"description": "`password_wrong`: it is not the account's password"},
    429: {"description": "Too many failed attempts; Retry-After says when to come again"},
}


def me_routes(myself: Myself) -> APIRouter:
    router = APIRouter(prefix="/v1/me", tags=["Myself"])
    _add_account(router, myself)
    _add_totp(router, myself)
    _add_sessions(router, myself)
    return router


def _add_account(router: APIRouter, myself: Myself) -> None:
    @router.get("", summary="Who I am, where, and what I may")
    async def get_me(request: Request, response: Response, principal: Caller) -> MyselfAnswer:
        """With the CSRF token that a page sends along with the session's cookie."""
        user_id, _ = _ids(principal)
        member = await myself.get(principal.tenant_id, user_id)
        response.headers.update(SECRET)
        return MyselfAnswer(
            user=render_user(member),
            tenant=principal.tenant_id,
            role=member.role,
            scopes=sorted(principal.scopes),
            csrfToken=_csrf_token(request),
        )

    @router.post("/password", summary="Change my password", responses=_PROVEN, openapi_extra=takes(PasswordChange))
    async def change_password(request: Request, principal: Caller) -> Revoked:
        """My other sessions end, in every tenant."""
        body = await read_body(request, PasswordChange)
        user_id, session_id = _ids(principal)
        count = await myself.change_password(
            principal.tenant_id, user_id, session_id, body.currentPassword, body.newPassword, origin_of(request)
        )
        return Revoked(revokedSessions=count)


def _add_totp(router: APIRouter, myself: Myself) -> None:
    @router.post("/totp", summary="Begin with one-time codes", responses=_PROVEN, openapi_extra=takes(Proof))
    async def begin_totp(request: Request, response: Response, principal: Caller) -> TotpAnswer:
        """They are asked for once `/v1/me/totp/confirm` took the first one."""
        body = await read_body(request, Proof)
        secret, uri = await myself.begin_totp(_ids(principal)[0], body.password, origin_of(request))
        response.headers.update(SECRET)
        return TotpAnswer(secret=secret, uri=uri)

    @router.post("/totp/confirm", status_code=204, summary="Switch one-time codes on", openapi_extra=takes(Confirmation))
    async def confirm_totp(request: Request, principal: Caller) -> None:
        body = await read_body(request, Confirmation)
        await myself.confirm_totp(principal.tenant_id, _ids(principal)[0], body.code)

    @router.delete("/totp", status_code=204, summary="Switch one-time codes off", responses=_PROVEN, openapi_extra=takes(Proof))
    async def remove_totp(request: Request, principal: Caller) -> None:
        body = await read_body(request, Proof)
        await myself.remove_totp(principal.tenant_id, _ids(principal)[0], body.password, origin_of(request))


def _add_sessions(router: APIRouter, myself: Myself) -> None:
    @router.get("/sessions", summary="Where I am logged in")
    async def list_my_sessions(principal: Caller) -> SessionList:
        """In this tenant."""
        user_id, session_id = _ids(principal)
        sessions = await myself.sessions(principal.tenant_id, user_id)
        return SessionList(items=[render_session(each, session_id) for each in sessions])

    @router.delete("/sessions/{session_id}", status_code=204, summary="End one of my sessions")
    async def end_my_session(session_id: UUID, principal: Caller) -> None:
        await myself.end_session(principal.tenant_id, _ids(principal)[0], session_id)


def _ids(principal: Principal) -> tuple[UUID, UUID]:
    """Of the person and the session; the scope `self` is of sessions alone."""
    assert principal.user_id is not None
    assert principal.id is not None
    return principal.user_id, principal.id


def _csrf_token(request: Request) -> str:
    token = token_of(facts_of(request.scope))
    assert token is not None
    return csrf_token(parse_token(token.decode("latin-1")).hash)
