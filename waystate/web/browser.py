"""The browser's rules: which pages may call, what they may do with an answer, and what no page may do with ours.

Without an `Origin` header nothing here costs more than a look at the headers, and without CORS_ORIGINS the lane not even that.
"""

from collections.abc import Collection, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from waystate.errors import Forbidden
from waystate.web.asgi import Lane, Route, find_header
from waystate.web.bodies import Bodies
from waystate.web.problems import UNMATCHED, Answers, Headers, OnError, render_problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ASKED = b"authorization, content-type, idempotency-key, x-api-key, x-csrf-token, x-tenant-id"
_TOLD = b"retry-after"
_REMEMBERED = b"600"
_VARY = (b"vary", b"Origin")
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_UNLESS_SAID: Headers = [(b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'")]
_NOT_KEPT = (b"cache-control", b"no-store")


def is_foreign(*, origin: bytes | None, fetch_site: bytes | None, host: bytes | None, origins: Collection[str]) -> bool:
    """Whether a page sent this that is neither ours nor one of `origins`. Who is no browser names no origin, and no site."""
    if origin is None:
        return fetch_site not in (None, b"same-origin", b"none")
    named = origin.decode("latin-1")
    # Compared as they stand, not taken apart: there are many ways to write an origin wrongly.
    return named not in origins and (not host or origin not in (b"https://" + host, b"http://" + host))


def foreign_origin() -> Forbidden:
    return Forbidden(
        "origin_not_allowed", "A page of another origin sent this. Open Waystate itself, or add the origin to CORS_ORIGINS."
    )


class CrossOriginLane(Lane):
    """A lane, and the framework behind it, for pages of `origins` too (Fetch standard, CORS protocol).

    Not Starlette's middleware: that one tells every origin that credentials are allowed, and refuses in plain text.
    """

    __slots__ = ("_origins",)

    def __init__(
        self,
        routes: Iterable[Route],
        fallback: ASGIApp,
        on_error: OnError,
        *,
        bodies: Bodies,
        answers: Answers,
        origins: Collection[str],
    ) -> None:
        super().__init__(routes, fallback, on_error, bodies=bodies, answers=answers)
        self._origins = frozenset(each.encode() for each in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await super().__call__(scope, receive, send)
        origin = find_header(scope, b"origin")
        if origin is None:
            return await super().__call__(scope, receive, send)
        is_listed = origin in self._origins
        if scope["method"] == "OPTIONS" and find_header(scope, b"access-control-request-method") is not None:
            return await self._answer_preflight(origin, is_listed, send)
        return await super().__call__(scope, receive, _adding(_allowed(origin) if is_listed else [_VARY], send))

    async def _answer_preflight(self, origin: bytes, is_listed: bool, send: Send) -> None:
        if is_listed:
            status, body = 204, b""
            headers = [
                *_allowed(origin),
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _ASKED),
                (b"access-control-max-age", _REMEMBERED),
            ]
        else:
            status, headers, body = render_problem(foreign_origin())
            headers = [*headers, _VARY]
        answers = self._answers
        answers[UNMATCHED, status] = answers.get((UNMATCHED, status), 0) + 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class OriginCheck:
    """Middleware: what changes something, and carries no key of its own, is not taken from a foreign page.

    The guard says so of requests with a session; this says it of those without, such as a login. Inside of `install_problems`.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            named = dict(reversed(list(scope["headers"])))
            if b"authorization" not in named and b"x-api-key" not in named:
                origin, site, host = named.get(b"origin"), named.get(b"sec-fetch-site"), named.get(b"host")
                if is_foreign(origin=origin, fetch_site=site, host=host, origins=self._origins):
                    raise foreign_origin()
        await self._app(scope, receive, send)


class SecurityHeaders:
    """Middleware, outside of every other: what a browser may not do with any answer of the framework."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if scope["method"] == "HEAD":
            send = _without_body(send)
        defaults = [*_UNLESS_SAID, _NOT_KEPT] if scope["path"].startswith("/v1/") else _UNLESS_SAID
        return await self._app(scope, receive, _adding(_ALWAYS, send, defaults))


def _allowed(origin: bytes) -> Headers:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _TOLD),
        _VARY,
    ]


def _without_body(send: Send) -> Send:
    """Of an answer to HEAD: its headers are those of a GET, which is what serves it."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def _adding(headers: Headers, send: Send, defaults: Headers | None = None) -> Send:
    """The answer's own list is left as it is: handlers share one."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = message["headers"]
            names = {name for name, _ in said} if defaults else ()
            message = {**message, "headers": [*said, *headers, *(each for each in defaults or () if each[0] not in names)]}
        await send(message)

    return sending
