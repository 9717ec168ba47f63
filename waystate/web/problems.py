"""Every refusal as an RFC 9457 problem: `application/problem+json` with a stable `code` and a `detail` that says what to do."""

import traceback
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar, TypeVar

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from waystate import json
from waystate.db.failures import is_transient
from waystate.errors import BadRequest, Refused, Retry, Unavailable, Unprocessable
from waystate.ids import new_id

Model = TypeVar("Model", bound=BaseModel)

Headers = list[tuple[bytes, bytes]]
OnError = Callable[[str, Exception, str], None]
"""(operation, error, request id): told once of every failure that nobody expected."""
Answers = MutableMapping[tuple[str, int], int]
"""(operation, status) → how often: a plain dict, because a counter with labels costs more than a look-up."""

UNMATCHED = "unmatched"
BODY_TOO_LARGE = "body_too_large"
_MEDIA_TYPE = (b"content-type", b"application/problem+json")
_MOST_FIELDS = 20
_MOST_FRAMES = 12
_log = structlog.get_logger("waystate.web")


class MethodNotAllowed(Refused):
    status, title = 405, "Method not allowed"

    def __init__(self, allow: str) -> None:
        super().__init__("method_not_allowed", f"This path takes {allow}. Use one of these methods.")
        self.allow = allow


class TooSlow(Refused):
    status, title = 408, "Request timeout"


class InternalError(Refused):
    status, title = 500, "Internal error"

    def __init__(self, request_id: str) -> None:
        detail = f"This is a fault of the server. Try again; if it stays, report it and quote the request id {request_id}."
        super().__init__("internal_error", detail, request_id=request_id)


class FieldProblem(BaseModel):
    field: str
    problem: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable and for programs, `detail` is for people; a code may bring further members."""

    model_config = ConfigDict(extra="allow")
    media_type: ClassVar[str] = "application/problem+json"

    type: str = Field(examples=["urn:waystate:problem:conversation_not_found"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = Field(default=None, description="Each field, and what is wrong with it.")


def render_problem(refused: Refused, instance: str | None = None) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the answer."""
    members = {"code": refused.code, "detail": refused.detail, **({"instance": instance} if instance else {})}
    return refused.status, _headers(refused), _body(refused.status, refused.title, {**refused.extra, **members})


def invalid_fields(errors: Sequence[Mapping[str, Any]]) -> Unprocessable:
    """The refusal for pydantic's list of errors: names of fields and what is wrong with each, never what was sent."""
    fields = [
        {"field": ".".join(str(part) for part in error["loc"])[:100] or "body", "problem": _without_input(error)}
        for error in errors[:_MOST_FIELDS]
    ]
    names = ", ".join(field["field"] for field in fields)
    return Unprocessable("invalid_request", f"Not usable: {names}. Correct what `errors` names and send again.", errors=fields)


def parse_body(model: type[Model], body: bytes) -> Model:
    """Through the one boundary that makes any JSON storable (the framework's own reading is none), then checked."""
    try:
        return model.model_validate(json.parse(body))
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False)) from None


def unreadable_body(error: json.Unreadable) -> BadRequest:
    return BadRequest("unreadable_body", f"The body is {error}. Send one JSON document in UTF-8.")


def find_refusal(error: Exception) -> Refused | None:
    """What the caller is told of an error on purpose, or of a database that does not answer; None is a fault of ours."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, json.Unreadable):
        return unreadable_body(error)
    if isinstance(error, Retry) or is_transient(error):
        return Unavailable("database_unavailable", "The database does not answer now. Send the same again.", retry_after=1.0)
    return None


def refusal_of(error: Exception, operation: str, on_error: OnError) -> Refused:
    """As `find_refusal`; a fault of ours is told to `on_error` and answered as such, with the request id it is found by."""
    refused = find_refusal(error)
    if refused is None:
        request_id = str(new_id())
        on_error(operation, error, request_id)
        return InternalError(request_id)
    return refused


def log_failure(operation: str, error: Exception, request_id: str) -> None:
    """One log entry with the way to the failure. Messages of exceptions stay out: they quote values, and so people."""
    _log.error("unhandled error", operation=operation, request_id=request_id, traceback=render_traceback(error))


def render_traceback(error: BaseException, depth: int = 5) -> str:
    """Types, SQLSTATEs and frames of the error and what caused it, without any message."""
    sqlstate = getattr(error, "sqlstate", None)
    lines = [f"{type(error).__module__}.{type(error).__qualname__}{f' (SQLSTATE {sqlstate})' if sqlstate else ''}\n"]
    lines += traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES)
    nested = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    if cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        nested.append(cause)
    return "".join([*lines, *(f"due to {render_traceback(each, depth - 1)}" for each in nested if depth)])


def install_problems(app: FastAPI, *, on_error: OnError = log_failure, answers: Answers | None = None) -> None:
    """Problems for everything the framework refuses. Call it after every other `add_middleware`, so that it is outermost."""
    app.add_exception_handler(Refused, _answer_refused)
    app.add_exception_handler(json.Unreadable, _answer_unreadable)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_middleware(LastResort, on_error=on_error, answers={} if answers is None else answers)


class LastResort:
    """Answers what nobody handled, and counts answers.

    In place of Starlette's handler of `Exception`, which raises again, so that the server would log it once more, with values.
    """

    def __init__(self, app: ASGIApp, *, on_error: OnError, answers: Answers) -> None:
        self._app = app
        self._on_error = on_error
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except (ClientDisconnect, WebSocketDisconnect):
            return None
        except Exception as error:
            refused = find_refusal(error)
            if refused is None or status != 0 or scope["type"] != "http":
                request_id = str(new_id())
                self._on_error(_operation(scope), error, request_id)
                await _give_up(scope, watched, request_id, started=status != 0)
            else:
                await _response(*render_problem(refused))(scope, receive, watched)
        if scope["type"] == "http":
            key = (_operation(scope) if status != HTTPStatus.METHOD_NOT_ALLOWED else UNMATCHED, status)
            self._answers[key] = self._answers.get(key, 0) + 1
        return None


async def _give_up(scope: Scope, send: Send, request_id: str, *, started: bool) -> None:
    if started:
        raise ConnectionAbortedError(f"the answer broke off, request id {request_id}") from None
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1011, "reason": f"internal_error {request_id}"})
    status, headers, body = render_problem(InternalError(request_id))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    return await send({"type": "http.response.body", "body": body})


def _operation(scope: Scope) -> str:
    """The path's template: the path itself has people's ids in it."""
    template = getattr(scope.get("route"), "path", None)
    return f"{scope.get('method', 'WEBSOCKET')} {template}" if template else UNMATCHED


async def _answer_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _response(*render_problem(error))


async def _answer_unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, json.Unreadable)
    return _response(*render_problem(unreadable_body(error)))


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _response(*render_problem(invalid_fields(error.errors())))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
    if error.status_code < 400:
        return _response(error.status_code, headers, b"")
    status = HTTPStatus(error.status_code)
    code = BODY_TOO_LARGE if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else status.name.lower()
    members = {"code": code, "detail": _detail(request, error)}
    return _response(status, [_MEDIA_TYPE, *headers], _body(status, status.phrase.capitalize(), members))


def _detail(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 404 if error.detail == "Not Found":
            return "There is nothing at this path. /docs lists every operation."
        case 405:
            return f"This path takes {(error.headers or {}).get('Allow', 'other methods')}, not {request.method}."
    return str(error.detail)


def _response(status: int, headers: Headers, body: bytes) -> Response:
    response = Response(body, status)
    response.raw_headers.extend(headers)
    return response


def _headers(refused: Refused) -> Headers:
    headers = [_MEDIA_TYPE]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(max(1, ceil(refused.retry_after))).encode()))
    if isinstance(refused, MethodNotAllowed):
        headers.append((b"allow", refused.allow.encode()))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def _body(status: int, title: str, members: Mapping[str, Any]) -> bytes:
    document = {"type": f"urn:waystate:problem:{members['code']}", "title": title, "status": status}
    return json.clean_text(json.dump({**document, **members, **document})).encode()


def _without_input(error: Mapping[str, Any]) -> str:
    """pydantic's sentence; a validator that quotes the value it got (a password, say) is not passed on."""
    sentence, value = str(error["msg"]), error.get("input")
    text = str(value) if isinstance(value, str | int | float) else ""
    return sentence.replace(text, "…") if len(text) > 2 else sentence
