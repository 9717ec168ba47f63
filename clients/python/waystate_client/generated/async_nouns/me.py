"""Of `me`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from uuid import UUID

from waystate_client.calls import AsyncCaller, in_path
from waystate_client.generated import models


class AsyncMeNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.MyselfAnswer:
        """Who I am, where, and what I may

        With the CSRF token that a page sends along with the session's cookie.
        """
        return await self._caller.call("GET", "/v1/me", models.MyselfAnswer)

    async def change_password(
        self, *, current_password: str, new_password: str, idempotency_key: str | None = None
    ) -> models.Revoked:
        """Change my password

        My other sessions end, in every tenant.

        new_password: 12 to 256 characters, not easily guessed
        """
        return await self._caller.call(
            "POST",
            "/v1/me/password",
            models.Revoked,
            headers={"Idempotency-Key": idempotency_key},
            fields={"currentPassword": current_password, "newPassword": new_password},
            is_keyed=True,
        )

    async def begin_totp(self, *, password: str, idempotency_key: str | None = None) -> models.TotpAnswer:
        """Begin with one-time codes

        They are asked for once `/v1/me/totp/confirm` took the first one.
        """
        return await self._caller.call(
            "POST",
            "/v1/me/totp",
            models.TotpAnswer,
            headers={"Idempotency-Key": idempotency_key},
            fields={"password": password},
            is_keyed=True,
        )

    async def remove_totp(self, *, password: str) -> None:
        """Switch one-time codes off"""
        return await self._caller.call("DELETE", "/v1/me/totp", None, fields={"password": password}, is_keyed=True)

    async def confirm_totp(self, *, code: str, idempotency_key: str | None = None) -> None:
        """Switch one-time codes on

        code: Six digits of the authenticator
        """
        return await self._caller.call(
            "POST",
            "/v1/me/totp/confirm",
            None,
            headers={"Idempotency-Key": idempotency_key},
            fields={"code": code},
            is_keyed=True,
        )

    async def list_sessions(self) -> models.SessionList:
        """Where I am logged in

        In this tenant.
        """
        return await self._caller.call("GET", "/v1/me/sessions", models.SessionList)

    async def end_session(self, session_id: UUID | str) -> None:
        """End one of my sessions"""
        return await self._caller.call("DELETE", f"/v1/me/sessions/{in_path(session_id)}", None, is_keyed=True)
