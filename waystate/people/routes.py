"""`/v1/users`: the people of a tenant, for those who look after them."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from waystate.operations import Operation
from waystate.people.bodies import (
    SESSION_EXAMPLE,
    USER_EXAMPLE,
    ColleagueAnswer,
    ColleagueList,
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
from waystate.principal import Scope
from waystate.web.caller import Caller

SECRET = {"cache-control": "no-store"}
"""With answers that show a token: no cache on the way keeps them."""
_UNKNOWN = {404: "The tenant has no such person"}
_REFUSED = {
    **_UNKNOWN,
    403: "Only owners change owners",
    409: "The last owner stays; or the account is not this tenant's alone; `code` says which",
}


class PeopleRoutes:
    def __init__(self, members: Members) -> None:
        self._members = members

    @Operation(
        "GET",
        "/v1/users",
        Scope.USERS_READ,
        tag="People",
        summary="The tenant's people, and who is invited",
        example_answer={"items": [USER_EXAMPLE], "next": None},
    )
    async def list_users(
        self,
        principal: Caller,
        after: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> UserPage:
        rows = await self._members.page(principal.tenant_id, after=after, limit=limit + 1)
        return UserPage(
            items=[render_user(each) for each in rows[:limit]], next=rows[limit - 1].id if len(rows) > limit else None
        )

    @Operation(
        "GET",
        "/v1/colleagues",
        Scope.CONVERSATIONS_READ,
        tag="People",
        summary="Who works here",
        example_answer={"items": [{"id": USER_EXAMPLE["id"], "name": "Grace Hopper", "role": "agent"}]},
    )
    async def list_colleagues(self, principal: Caller) -> ColleagueList:
        """Those who accepted and are not disabled, by name: to whom conversations can be passed, and who is who in them."""
        people = await self._members.colleagues(principal.tenant_id)
        return ColleagueList(items=[ColleagueAnswer(id=each.id, name=each.name, role=each.role) for each in people])

    @Operation(
        "POST",
        "/v1/users",
        Scope.USERS_WRITE,
        tag="People",
        summary="Invite somebody",
        status=201,
        problems=_REFUSED,
        example_body={"email": "grace@example.com", "role": "agent", "name": "Grace Hopper"},
        example_answer={
            "user": {
                **USER_EXAMPLE,
                "email": "grace@example.com",
                "name": "Grace Hopper",
                "role": "agent",
                "status": "invited",
                "totp": False,
                "invitationExpiresAt": "2026-02-07T12:00:00.000Z",
            },
            "token": "wsi.aGFuZC10aGlzLW92ZXItaW4tcGVyc29uLXBsZWFzZSE",
            "expiresAt": "2026-02-07T12:00:00.000Z",
        },
    )
    async def invite_user(self, response: Response, principal: Caller, body: Invitation) -> InvitedAnswer:
        """Waystate sends no mail: hand the token over yourself. Inviting again ends the older token."""
        invited = await self._members.invite(principal.tenant_id, acting_of(principal), body.email, body.role, body.name)
        response.headers.update(SECRET)
        return InvitedAnswer(user=render_user(invited.member), token=invited.token, expiresAt=invited.expires_at)

    @Operation(
        "GET",
        "/v1/users/{user_id}",
        Scope.USERS_READ,
        tag="People",
        summary="One person",
        problems=_UNKNOWN,
        example_answer=USER_EXAMPLE,
    )
    async def get_user(self, user_id: UUID, principal: Caller) -> UserAnswer:
        return render_user(await self._members.get(principal.tenant_id, user_id))

    @Operation(
        "PATCH",
        "/v1/users/{user_id}",
        Scope.USERS_WRITE,
        tag="People",
        summary="Change role, status or name",
        problems=_REFUSED,
        example_body={"role": "supervisor"},
        example_answer={**USER_EXAMPLE, "role": "supervisor"},
    )
    async def change_user(self, user_id: UUID, principal: Caller, body: UserChange) -> UserAnswer:
        """A role counts at once. Who is disabled has no session left and cannot log in, in any tenant."""
        change = Change(role=body.role, status=body.status, name=body.name)
        return render_user(await self._members.change(principal.tenant_id, acting_of(principal), user_id, change))

    @Operation(
        "DELETE",
        "/v1/users/{user_id}",
        Scope.USERS_WRITE,
        tag="People",
        summary="Remove somebody from the tenant",
        status=204,
        problems=_REFUSED,
    )
    async def remove_user(self, user_id: UUID, principal: Caller) -> None:
        """An invitation as well. The account is deleted when no other tenant has it."""
        await self._members.remove(principal.tenant_id, acting_of(principal), user_id)

    @Operation(
        "POST",
        "/v1/users/{user_id}/reset",
        Scope.USERS_WRITE,
        tag="People",
        summary="Let somebody set a new password",
        is_body_optional=True,
        problems=_REFUSED,
        example_body={"removeTotp": True},
        example_answer={"token": "wsr.aXQtaG9sZHMtZm9yLWFuLWhvdXItYW5kLW5vdC1tb3Jl", "expiresAt": "2026-01-31T13:00:00.000Z"},
    )
    async def reset_user(self, user_id: UUID, response: Response, principal: Caller, body: ResetWish) -> ResetAnswer:
        """Hand the token over yourself; it holds for an hour. The old password and the sessions hold until it is used."""
        made = await self._members.reset(principal.tenant_id, acting_of(principal), user_id, remove_totp=body.removeTotp)
        response.headers.update(SECRET)
        return ResetAnswer(token=made.token, expiresAt=made.expires_at)

    @Operation(
        "GET",
        "/v1/users/{user_id}/sessions",
        Scope.USERS_READ,
        tag="People",
        summary="Where somebody is logged in",
        problems=_UNKNOWN,
        example_answer={"items": [SESSION_EXAMPLE]},
    )
    async def list_user_sessions(self, user_id: UUID, principal: Caller) -> SessionList:
        """In this tenant."""
        sessions = await self._members.sessions(principal.tenant_id, user_id)
        return SessionList(items=[render_session(each, principal.id) for each in sessions])

    @Operation(
        "DELETE",
        "/v1/users/{user_id}/sessions",
        Scope.USERS_WRITE,
        tag="People",
        summary="Log somebody out everywhere in this tenant",
        problems=_UNKNOWN,
        example_answer={"revokedSessions": 2},
    )
    async def revoke_user_sessions(self, user_id: UUID, principal: Caller) -> Revoked:
        ended = await self._members.revoke_sessions(principal.tenant_id, acting_of(principal), user_id)
        return Revoked(revokedSessions=len(ended))
