"""`/v1/users`: the people of a tenant, for those who look after them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from waystate.people.bodies import (
    Invitation,
    InvitedAnswer,
    ResetAnswer,
    ResetWish,
    Revoked,
    SessionList,
    UserAnswer,
    UserChange,
    UserPage,
    render_session,
    render_user,
)
from waystate.people.members import Members
from waystate.people.model import Change, acting_of
from waystate.web.caller import Caller
from waystate.web.requests import read_body, takes

SECRET = {"cache-control": "no-store"}
"""With answers that show a token: no cache on the way keeps them."""
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "The tenant has no such person"}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    **_UNKNOWN,
    403: {"description": "Only owners change owners"},
    409: {"description": "The last owner stays; or the account is not this tenant's alone; `code` says which"},
}


def people_routes(members: Members) -> APIRouter:
    router = APIRouter(prefix="/v1/users", tags=["People"])
    _add_reading(router, members)
    _add_changing(router, members)
    _add_sessions(router, members)
    return router


def _add_reading(router: APIRouter, members: Members) -> None:
    @router.get("", summary="The tenant's people, and who is invited")
    async def list_users(
        principal: Caller,
        after: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> UserPage:
        rows = await members.page(principal.tenant_id, after=after, limit=limit + 1)
        return UserPage(
            items=[render_user(each) for each in rows[:limit]], next=rows[limit - 1].id if len(rows) > limit else None
        )

    @router.get("/{user_id}", summary="One person", responses=_UNKNOWN)
    async def get_user(user_id: UUID, principal: Caller) -> UserAnswer:
        return render_user(await members.get(principal.tenant_id, user_id))


def _add_changing(router: APIRouter, members: Members) -> None:
    @router.post("", status_code=201, summary="Invite somebody", responses=_REFUSED, openapi_extra=takes(Invitation))
    async def invite_user(request: Request, response: Response, principal: Caller) -> InvitedAnswer:
        """Waystate sends no mail: hand the token over yourself. Inviting again ends the older token."""
        body = await read_body(request, Invitation)
        invited = await members.invite(principal.tenant_id, acting_of(principal), body.email, body.role, body.name)
        response.headers.update(SECRET)
        return InvitedAnswer(user=render_user(invited.member), token=invited.token, expiresAt=invited.expires_at)

    @router.patch("/{user_id}", summary="Change role, status or name", responses=_REFUSED, openapi_extra=takes(UserChange))
    async def change_user(user_id: UUID, request: Request, principal: Caller) -> UserAnswer:
        """A role counts at once. Who is disabled has no session left and cannot log in, in any tenant."""
        body = await read_body(request, UserChange)
        change = Change(role=body.role, status=body.status, name=body.name)
        return render_user(await members.change(principal.tenant_id, acting_of(principal), user_id, change))

    @router.delete("/{user_id}", status_code=204, summary="Remove somebody from the tenant", responses=_REFUSED)
    async def remove_user(user_id: UUID, principal: Caller) -> None:
        """An invitation as well. The account is deleted when no other tenant has it."""
        await members.remove(principal.tenant_id, acting_of(principal), user_id)

    @router.post(
        "/{user_id}/reset",
        summary="Let somebody set a new password",
        responses=_REFUSED,
        openapi_extra=takes(ResetWish, required=False),
    )
    async def reset_user(user_id: UUID, request: Request, response: Response, principal: Caller) -> ResetAnswer:
        """Hand the token over yourself; it holds for an hour. The old password and the sessions hold until it is used."""
        body = await read_body(request, ResetWish, default=b"{}")
        made = await members.reset(principal.tenant_id, acting_of(principal), user_id, remove_totp=body.removeTotp)
        response.headers.update(SECRET)
        return ResetAnswer(token=made.token, expiresAt=made.expires_at)


def _add_sessions(router: APIRouter, members: Members) -> None:
    @router.get("/{user_id}/sessions", summary="Where somebody is logged in", responses=_UNKNOWN)
    async def list_user_sessions(user_id: UUID, principal: Caller) -> SessionList:
        """In this tenant."""
        sessions = await members.sessions(principal.tenant_id, user_id)
        return SessionList(items=[render_session(each, principal.id) for each in sessions])

    @router.delete("/{user_id}/sessions", summary="Log somebody out everywhere in this tenant", responses=_UNKNOWN)
    async def revoke_user_sessions(user_id: UUID, principal: Caller) -> Revoked:
        ended = await members.revoke_sessions(principal.tenant_id, acting_of(principal), user_id)
        return Revoked(revokedSessions=len(ended))
