"""Of `users`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models
from waystate_client.records import UNSET, Unset


class AsyncUsersNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self, *, after: UUID | str | None = None, limit: int | None = None) -> models.UserPage:
        """The tenant's people, and who is invited

        after: The `next` of the page before
        """
        return await self._caller.call("GET", "/v1/users", models.UserPage, query={"after": after, "limit": limit})

    async def iterate(self, *, page_size: int | None = None) -> AsyncIterator[models.UserAnswer]:
        """All that `list` finds, from page to page. `page_size` is how many come with one call."""
        after: Any = None
        while True:
            page = await self.list(limit=page_size, after=after)
            for each in page.items:
                yield each
            if not page.next:
                return
            after = page.next

    async def invite(
        self, *, email: str, role: models.Role, name: str | None = None, idempotency_key: str | None = None
    ) -> models.InvitedAnswer:
        """Invite somebody

        Waystate sends no mail: hand the token over yourself. Inviting again ends the older token.
        """
        return await self._caller.call(
            "POST",
            "/v1/users",
            models.InvitedAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"email": email, "role": role, "name": name},
            is_keyed=True,
        )

    async def get(self, user_id: UUID | str) -> models.UserAnswer:
        """One person"""
        return await self._caller.call("GET", f"/v1/users/{in_path(user_id)}", models.UserAnswer)

    async def change(
        self,
        user_id: UUID | str,
        *,
        role: models.Role | Unset | None = UNSET,
        status: Literal["active", "disabled"] | Unset | None = UNSET,
        name: str | Unset | None = UNSET,
    ) -> models.UserAnswer:
        """Change role, status or name

        A role counts at once. Who is disabled has no session left and cannot log in, in any tenant.
        """
        return await self._caller.call(
            "PATCH",
            f"/v1/users/{in_path(user_id)}",
            models.UserAnswer,
            fields={"role": role, "status": status, "name": name},
            is_keyed=True,
        )

    async def remove(self, user_id: UUID | str) -> None:
        """Remove somebody from the tenant

        An invitation as well. The account is deleted when no other tenant has it.
        """
        return await self._caller.call("DELETE", f"/v1/users/{in_path(user_id)}", None, is_keyed=True)

    async def reset(
        self, user_id: UUID | str, *, remove_totp: bool | None = None, idempotency_key: str | None = None
    ) -> models.ResetAnswer:
        """Let somebody set a new password

        Hand the token over yourself; it holds for an hour. The old password and the sessions hold until it is used.

        remove_totp: Also switch one-time codes off, for who lost the device
        """
        return await self._caller.call(
            "POST",
            f"/v1/users/{in_path(user_id)}/reset",
            models.ResetAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"removeTotp": remove_totp},
            is_keyed=True,
        )

    async def list_sessions(self, user_id: UUID | str) -> models.SessionList:
        """Where somebody is logged in

        In this tenant.
        """
        return await self._caller.call("GET", f"/v1/users/{in_path(user_id)}/sessions", models.SessionList)

    async def revoke_sessions(self, user_id: UUID | str) -> models.Revoked:
        """Log somebody out everywhere in this tenant"""
        return await self._caller.call("DELETE", f"/v1/users/{in_path(user_id)}/sessions", models.Revoked, is_keyed=True)
