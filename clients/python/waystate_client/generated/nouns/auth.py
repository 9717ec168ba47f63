"""Of `auth`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import Caller, in_path
from waystate_client.generated import models


class AuthNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def log_in(self, *, email: str, password: str, tenant: str | None = None, code: str | None = None) -> models.LoginAnswer:
        """Log in

        A new session for 12 hours, over after 2 hours of rest. It comes as a token and as a cookie.

        tenant: Left out by who is a member of one alone
        """
        return self._caller.call(
            "POST",
            "/v1/auth/login",
            models.LoginAnswer,
            fields={"email": email, "password": password, "tenant": tenant, "code": code},
        )

    def log_out(self) -> None:
        """End this session"""
        return self._caller.call("POST", "/v1/auth/logout", None)

    def accept_invitation(self, *, token: str, password: str, name: str | None = None) -> models.Opened:
        """Accept an invitation"""
        return self._caller.call(
            "POST", "/v1/auth/invitation", models.Opened, fields={"token": token, "password": password, "name": name}
        )

    def redeem_reset(self, *, token: str, password: str) -> models.Opened:
        """Set a new password with a token

        Every session of the person ends. One-time codes stay as they are.

        password: 12 to 256 characters, not easily guessed
        """
        return self._caller.call("POST", "/v1/auth/reset", models.Opened, fields={"token": token, "password": password})

    def begin_sign_on(self, tenant: str, *, return_to: str | None = None) -> str:
        """Log in by the tenant's identity provider

        For a browser: it is sent to the provider, and comes back with a session. `return_to` is a path to end at.
        """
        return self._caller.call("GET", f"/v1/auth/oidc/{in_path(tenant)}", "location", query={"return_to": return_to})

    def finish_sign_on(
        self,
        tenant: str,
        *,
        state: str | None = None,
        code: str | None = None,
        error: str | None = None,
        iss: str | None = None,
    ) -> str:
        """Where the provider sends the browser

        Only in the browser that began the login, within ten minutes, once.
        """
        return self._caller.call(
            "GET",
            f"/v1/auth/oidc/{in_path(tenant)}/callback",
            "location",
            query={"state": state, "code": code, "error": error, "iss": iss},
        )
