"""The door of every operation: who calls, whether it may, whether a browser was tricked into it, whether it is too often.

A session's cookie goes along whoever wrote the page. So what changes something must also carry the session's CSRF token, which
only a page that could read it has, and must not come from a foreign origin (OWASP, Cross-Site Request Forgery Prevention).
"""

import hmac
from collections.abc import Collection

from starlette.requests import Request

from waystate.door.auth import Authenticator, TrustedClaim, decide
from waystate.door.limits import RequestLimits
from waystate.errors import Forbidden
from waystate.operations import Operation, find_operation
from waystate.people.sessions import csrf_token
from waystate.principal import NEVER_OF_A_KEY, ROLE_SCOPES, Principal, roles_of
from waystate.tokens import parse_token
from waystate.web.browser import SAFE, foreign_origin, is_foreign
from waystate.web.caller import let_in
from waystate.web.facts import Facts, facts_of


class Guard:
    """As a dependency of a router (`Depends(guard)`) it finds the operation by the route; the lane names it.

    `origins` are the pages that may act with a session's cookie beside our own.
    """

    def __init__(
        self, authenticator: Authenticator, *, origins: Collection[str] = (), limit: RequestLimits | None = None
    ) -> None:
        self._authenticator = authenticator
        self._origins = frozenset(origins)
        self.limit = limit

    async def __call__(self, request: Request) -> Principal | None:
        """Lets the caller in, whom the route takes as `Caller`. None where anybody may come, with or without a credential."""
        operation = operation_of(request)
        if operation.scope is None and not operation.is_of_any_credential:
            return None
        principal = await self.admit(facts_of(request.scope), operation)
        let_in(request, principal)
        return principal

    async def admit(self, facts: Facts, operation: Operation) -> Principal:
        """The caller, who may do this; `Refused` else."""
        return self.find_admitted(facts, operation) or await self.admit_anew(facts, operation)

    async def admit_anew(self, facts: Facts, operation: Operation) -> Principal:
        """Where `find_admitted` had no answer."""
        authenticate, limit = self._authenticator.authenticate, self.limit
        if limit is None:
            return self._checked(await authenticate(facts), facts, operation)
        principal = self._checked(await limit.attempt(facts, authenticate), facts, operation)
        await limit.take(principal, facts)
        return principal

    def find_admitted(self, facts: Facts, operation: Operation) -> Principal | None:
        """From memory, and counted; None means "ask `admit_anew`"."""
        principal = self._authenticator.find_cached(facts)
        if principal is None:
            return None
        self._checked(principal, facts, operation)
        return principal if self.limit is None or self.limit.take_here(principal, facts) else None

    def waits_for_a_name(self, facts: Facts) -> bool:
        """A neighbour in trusted mode that has named no tenant yet: the body may. Others are not asked for anything here."""
        return self._authenticator.trusted and decide(facts, trusted=True) == TrustedClaim(None)

    def _checked(self, principal: Principal, facts: Facts, operation: Operation) -> Principal:
        if operation.scope not in principal.scopes and not operation.is_of_any_credential:
            raise _missing(operation, principal)
        if facts.cookie is not None:
            check_browser(facts, origins=self._origins)
        return principal


def operation_of(request: Request) -> Operation:
    """The row on the handler. A handler without one is nobody's: `test_permissions` finds it before anyone else does."""
    row = find_operation(request.scope["route"].endpoint)
    if row is None:
        raise LookupError("a route without a row")
    return row


def check_browser(facts: Facts, *, origins: Collection[str]) -> None:
    """Whether a cookie comes from a page that may send it: ours, or one of `origins`, such as `https://console.example.com`."""
    if facts.cookie is None or facts.method in SAFE or facts.authorization is not None or facts.api_key is not None:
        return
    if is_foreign(origin=facts.origin, fetch_site=facts.fetch_site, host=facts.host, origins=origins):
        raise foreign_origin()
    expected = csrf_token(parse_token(facts.cookie.decode("latin-1")).hash)
    if not hmac.compare_digest(expected.encode(), facts.csrf_token or b""):
        raise Forbidden(
            "csrf_token_required",
            "Send the session's CSRF token as X-CSRF-Token. The login's answer and GET /v1/me have it.",
        )


def _missing(operation: Operation, principal: Principal) -> Forbidden:
    scope = str(operation.scope)
    if principal.role is not None and operation.scope in ROLE_SCOPES[principal.role]:
        return Forbidden(
            "password_login_required",
            "You came in by your organisation's identity provider, which has no say in your password and codes. Log in "
            "with your password for this.",
            scope=scope,
        )
    if principal.kind == "session":
        roles = " or ".join(roles_of(operation.scope)) if operation.scope is not None else "nobody"
        return Forbidden("role_insufficient", f"This takes the role {roles}. Ask an administrator of the tenant.", scope=scope)
    if operation.scope in NEVER_OF_A_KEY:
        return Forbidden("scope_missing", f"This takes a person: no key has the scope {scope}. Log in.", scope=scope)
    return Forbidden("scope_missing", f"This credential does not have the scope {scope}. Use a key that has it.", scope=scope)
