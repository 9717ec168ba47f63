"""The lane: the data plane's operations, served without the framework; everything else goes to the framework.

A request costs one or two dict look-ups before its handler runs. Measured ceilings are in the performance goals; so no closure,
no header dict and no validation layer is made for a request here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

from waystate.documents import clean_text
from waystate.errors import NotFound, Refused
from waystate.operations import PROBES_OWN, Operation, find_operation
from waystate.web.bodies import Bodies, Message, Receive, Send, too_large
from waystate.web.problems import (
    UNMATCHED,
    Answers,
    Headers,
    MethodNotAllowed,
    OnError,
    check_query,
    refusal_of,
    render_problem,
)

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON_HEADERS: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
TEXT_HEADERS: Headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_LONGEST_LENGTH = 18


class Request:
    """`tail` is the path's last parameter, percent-decoded; a `+` in a path is a plus. `operation` is the handler's row."""

    __slots__ = ("_bodies", "_body", "_receive", "operation", "scope", "tail")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        tail: str = "",
        bodies: Bodies | None = None,
        operation: Operation | None = None,
    ) -> None:
        self.scope = scope
        self.tail = tail
        self.operation = operation
        self._receive = receive
        self._body: bytes | None = None
        self._bodies = bodies or Bodies()

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def query_string(self) -> bytes:
        return bytes(self.scope["query_string"])

    @property
    def client_host(self) -> str | None:
        client = self.scope.get("client")
        return client[0] if client else None

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name, which is written in lower case."""
        return find_header(self.scope, name)

    def query(self, name: str) -> str | None:
        if not self.scope["query_string"]:
            return None
        pairs = parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True)
        return next((clean_text(value) for key, value in pairs if key == name), None)

    def check_query(self) -> None:
        """Raises Unprocessable for what the row does not take."""
        if self.scope["query_string"] and (row := self.operation) is not None:
            taken = {each.name: False for each in row.parameters if each.place == "query"}
            check_query(self.query_string, taken, ignores=bool(row.ignores_query))

    async def body(self, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes. Raises TooLarge without reading on, TooSlow, BrokenOff."""
        if self._body is None:
            if _declares_over(self.scope, limit):
                raise too_large(limit)
            self._body = await self._bodies.read(self._receive, limit)
        return self._body

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes, of at most `limit` bytes, once. Raises as `body` does."""
        if _declares_over(self.scope, limit):
            raise too_large(limit)
        return self._bodies.stream(self._receive, limit)


class Response:
    """`headers` is sent as it is and never changed, so handlers share one list."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers = JSON_HEADERS) -> None:
        self.status = status
        self.body = body
        self.headers = headers


def json_response(body: bytes, status: int = 200) -> Response:
    return Response(status, body, JSON_HEADERS)


def text_response(text: str, status: int = 200) -> Response:
    return Response(status, text.encode(), TEXT_HEADERS)


Handler = Callable[[Request], Awaitable[Response]]
Served = tuple[Handler, str, Operation | None]
"""A handler, what its answers are counted as, and its row."""
Route = tuple[str, str, Handler]
"""Method, path, handler. `/state/message` is that path alone; `/state/mapping/{waId}` takes a last part, the `tail`, and
`/webhooks/genesys/{id}/events` one before its last."""


class Lane:
    """The ASGI application in front of the framework's (`fallback`).

    Where a caller must be let in first, the handler checks the query after that.

    `bodies` bounds all that arrive at the process. `answers` counts (operation, status).
    A path with more parts than the lane's own (`/state/mapping/a/b`) is the fallback's.
    """

    __slots__ = ("_answers", "_bodies", "_exact", "_fallback", "_on_error", "_parted", "_prefixed", "operations")

    def __init__(
        self, routes: Iterable[Route], fallback: Asgi, on_error: OnError, *, bodies: Bodies, answers: Answers | None = None
    ) -> None:
        self._fallback = fallback
        self._on_error = on_error
        self._bodies = bodies
        self._answers = {} if answers is None else answers
        self._exact: dict[str, dict[str, Served]] = {}
        self._prefixed: dict[str, dict[str, Served]] = {}
        # By what stands behind the id: `/webhooks/genesys/{id}/events`.
        self._parted: dict[tuple[str, str], dict[str, Served]] = {}
        self.operations: list[tuple[str, str]] = []
        for method, path, handler in routes:
            self._add(method, path, handler)

    def _add(self, method: str, path: str, handler: Handler) -> None:
        prefix, _, rest = path.partition("{")
        if behind := rest.partition("}")[2]:
            methods = self._parted.setdefault((prefix, behind), {})
        else:
            methods = (self._prefixed if prefix.endswith("/") else self._exact).setdefault(prefix, {})
        row = find_operation(handler)
        methods[method] = (handler, f"{method} {path}", row)
        if method == "GET":
            methods["HEAD"] = (handler, f"HEAD {path}", row)
        self.operations.append((method, path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._fallback(scope, receive, send)
        path = scope["path"]
        tail: str | None = None
        methods = self._exact.get(path)
        if methods is None:
            cut = path.rfind("/") + 1
            methods = self._prefixed.get(path[:cut])
            tail = path[cut:]
            if methods is None:
                methods, tail = self._find_parted(path, cut) or self._find_encoded(scope, path)
                if methods is None:
                    return await self._fallback(scope, receive, send)
        operation = UNMATCHED
        try:
            handler, operation, row = self._choose(methods, scope["method"], tail)
            request = Request(scope, receive, tail or "", self._bodies, row)
            if row is None or row.scope is None:
                request.check_query()
            response = await handler(request)
        except Exception as error:
            response = self._refuse(error, operation)
        key = (operation, response.status)
        self._answers[key] = self._answers.get(key, 0) + 1
        return await _send(scope, send, response)

    def _find_parted(self, path: str, cut: int) -> tuple[dict[str, Served], str] | None:
        """Of a path with a word behind its id: the id is the `tail`."""
        if not self._parted:
            return None
        before = path.rfind("/", 0, cut - 1) + 1
        methods = self._parted.get((path[:before], path[cut - 1 :]))
        return None if methods is None else (methods, path[before : cut - 1])

    def _find_encoded(self, scope: Scope, path: str) -> tuple[dict[str, Served] | None, str]:
        """An id may have a slash (base64 has), which a caller writes as %2F; only the raw path tells it from a further part."""
        for prefix, methods in self._prefixed.items():
            if path.startswith(prefix) and scope.get("raw_path", b"").count(b"/") == prefix.count("/"):
                return methods, path[len(prefix) :]
        return None, ""

    @staticmethod
    def _choose(methods: dict[str, Served], method: str, tail: str | None) -> Served:
        if tail is not None and (not tail or "\x00" in tail):
            raise NotFound("not_found", "The path needs an id as its last part. /docs lists every operation.")
        found = methods.get(method)
        if found is None:
            raise MethodNotAllowed(", ".join(sorted(methods)))
        return found

    def _refuse(self, error: Exception, operation: str) -> Response:
        status, headers, body = render_problem(refusal_of(error, operation, self._on_error))
        return Response(status, body, headers)


class BodyLimit:
    """Middleware that reads the bodies of the framework's own routes as the lane does. Add it before `install_problems`.

    It raises where the route reads: FastAPI lets an HTTPException pass there, and only that. The framework's `max_body_size`
    answers in plain text instead, and sends private exceptions through every middleware.
    """

    def __init__(self, app: Asgi, limit: int, bodies: Bodies | None = None) -> None:
        self._app = app
        self._limit = limit
        self._bodies = bodies or Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope, receive, bodies=self._bodies)
        is_read = False

        async def read() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            try:
                body = await request.body(self._limit)
            except Refused as refused:
                raise HTTPException(refused.status) from refused
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        return await self._app(scope, read, send)


async def _send(scope: Scope, send: Send, response: Response) -> None:
    headers, body = response.headers, response.body
    if scope["method"] == "HEAD":
        headers, body = [*headers, (b"content-length", str(len(body)).encode())], b""
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def find_header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this name, which is written in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def _declares_over(scope: Scope, limit: int) -> bool:
    declared = find_header(scope, b"content-length") or b""
    return declared.isdigit() and (len(declared) > _LONGEST_LENGTH or int(declared) > limit)


def webhook_lane(routes: Sequence[Route], on_error: OnError, *, bodies: Bodies, answers: Answers) -> Lane:
    async def nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await send({"type": "websocket.close"})
        refused = NotFound("not_found", "This port takes webhooks alone. The API is on the other port.")
        status, headers, body = render_problem(refused)
        answers[UNMATCHED, status] = answers.get((UNMATCHED, status), 0) + 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        return await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return Lane([*routes, ("GET", "/health/live", _live)], nothing_else, on_error, bodies=bodies, answers=answers)


@Operation("GET", "/health/live", None, ignores_query=PROBES_OWN)
async def _live(_: Request) -> Response:
    return json_response(b'{"status":"ok"}')
