"""The Graph API's errors: each code with its HTTP status and title, and the body in which it is told.

Source: developers.facebook.com, WhatsApp Cloud API, error codes. The code alone decides; titles and statuses are as on
Meta's page.
"""

from dataclasses import dataclass

from starlette.responses import JSONResponse

from waystate.documents import JsonObject

HREF = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/"
NO_SUCH_OBJECT = 33
"""The `error_subcode` of code 100 when the object of the path does not exist."""

_KNOWN: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
    10: (403, "API Permission Denied"),
    100: (400, "Invalid parameter"),
    190: (401, "Invalid OAuth access token"),
    200: (403, "API Permission"),
    299: (403, "API Permission"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131020: (400, "Group not found"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "WhatsApp provided number needs display name approval before message can be sent"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement"),
    131050: (400, "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131062: (400, "Business-scoped user ID recipients are not supported for this message"),
    131070: (400, "Message not allowed: another responder owns the thread"),
    131207: (400, "Group is suspended"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Template format character policy violated"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "There's an issue with the parameters in your template"),
    132068: (400, "Flow is blocked"),
    132069: (400, "Flow is throttled"),
    133000: (500, "Incomplete deregistration"),
    133004: (503, "Server temporarily unavailable"),
    133010: (400, "Phone number not registered"),
    134011: (400, "Business has not accepted the terms of payment"),
    135000: (400, "Generic user error"),
}


@dataclass(slots=True)
class GraphRefusal(Exception):
    """Nothing is done. `status` and `title` stand in for those of the code."""

    code: int
    details: str
    status: int | None = None
    title: str | None = None


def status_of(code: int) -> int:
    return _KNOWN[code][0] if code in _KNOWN else 403 if 200 <= code < 300 else 400


def title_of(code: int) -> str:
    return _KNOWN[code][1] if code in _KNOWN else "API Permission" if 200 <= code < 300 else "Something went wrong"


def no_such_object(name: str, method: str = "get") -> GraphRefusal:
    return GraphRefusal(
        100,
        f"Unsupported {method.lower()} request. Object with ID '{name}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation",
        title="",
    )


def render_refusal(error: GraphRefusal, headers: dict[str, str] | None = None) -> JSONResponse:
    """What names an object that does not exist has a type and a subcode of its own, and no details."""
    body: JsonObject
    if error.title == "":
        body = {"message": error.details, "type": "GraphMethodException", "code": error.code, "error_subcode": NO_SUCH_OBJECT}
    else:
        title = error.title or title_of(error.code)
        data = {"messaging_product": "whatsapp", "details": error.details}
        body = {"message": f"(#{error.code}) {title}", "type": "OAuthException", "code": error.code, "error_data": data}
    body["fbtrace_id"] = "Asimulated00000000000000"
    return JSONResponse({"error": body}, error.status or status_of(error.code), headers)


def refusal(status: int, code: int, details: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return render_refusal(GraphRefusal(code, details, status), headers)


def render_failure(code: int, details: str, title: str | None = None) -> JsonObject:
    """The same error in the `errors` of a `failed` status."""
    title = title or title_of(code)
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": HREF}
