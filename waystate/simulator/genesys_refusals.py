"""How Genesys Cloud says no.

Source: the platform SDK's ErrorBody, and the codes that gildas/go-gcloudcx lists with their sentences.
"""

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse

from waystate.documents import JsonObject

CONTEXT = "simulated"


class GenesysRefusal(Exception):
    """`details` are `{errorCode, fieldName}`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[JsonObject] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self._parts = status, code, message, dict(headers or {}), details

    def render(self) -> JSONResponse:
        return refusal(*self._parts)


def refusal(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, details: Sequence[JsonObject] = ()
) -> JSONResponse:
    body = {
        "message": message,
        "code": code,
        "status": status,
        "contextId": CONTEXT,
        "details": list(details),
        "errors": [],
    }
    return JSONResponse(body, status, {"inin-correlation-id": CONTEXT, **(headers or {})})


def not_found(what: str) -> GenesysRefusal:
    return GenesysRefusal(404, "not.found", f"The requested resource was not found: {what}.")
