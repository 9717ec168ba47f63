"""The framework's refusals as problems, and its last resort."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from waystate import documents
from waystate.errors import Refused
from waystate.ids import new_id
from waystate.web.problems import (
    MEDIA_TYPE,
    UNMATCHED,
    Answers,
    Headers,
    InternalError,
    MethodNotAllowed,
    OnError,
    find_refusal,
    invalid_fields,
    log_failure,
    render_body,
    render_problem,
    unreadable_body,
)

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def install_problems(app: FastAPI, *, on_error: OnError = log_failure, answers: Answers | None = None) -> None:
    """Problems for everything the framework refuses. Call it after every other `add_middleware`, so that it is outermost."""
    app.add_exception_handler(Refused, _answer_refused)
    app.add_exception_handler(documents.Unreadable, _answer_unreadable)
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
    assert isinstance(error, documents.Unreadable)
    return _response(*render_problem(unreadable_body(error)))


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _response(*render_problem(invalid_fields(error.errors())))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
    if isinstance(error.__cause__, Refused):
        return _response(*render_problem(error.__cause__))
    if error.status_code < 400:
        return _response(error.status_code, headers, b"")
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names those of one route, and each method of a path is a route of its own.
        return _response(*render_problem(MethodNotAllowed(", ".join(_methods(request)))))
    detail = "There is nothing at this path. /docs lists every operation." if error.detail == "Not Found" else str(error.detail)
    members = {"code": status.name.lower(), "detail": detail}
    return _response(status, [MEDIA_TYPE, *headers], render_body(status, status.phrase.capitalize(), members))


def _methods(request: Request) -> list[str]:
    """All that the path takes."""
    routes = request.app.routes
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [each["method"] for each in asked if any(route.matches(each)[0] is Match.FULL for route in routes)]


def _response(status: int, headers: Headers, body: bytes) -> Response:
    response = Response(body, status)
    response.raw_headers.extend(headers)
    return response
