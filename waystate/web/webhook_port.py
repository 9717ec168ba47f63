"""The port for tunnels and proxies: webhooks and liveness, and nothing that a leaked address could open."""

from collections.abc import Sequence

from waystate.errors import NotFound
from waystate.web.asgi import Lane, Request, Response, Route, Scope, Send, json_response
from waystate.web.bodies import Receive
from waystate.web.problems import UNMATCHED, Answers, OnError, render_problem


def webhook_lane(routes: Sequence[Route], on_error: OnError, *, read_timeout: float, answers: Answers) -> Lane:
    async def nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await send({"type": "websocket.close"})
        refused = NotFound("not_found", "This port takes webhooks alone. The API is on the other port.")
        status, headers, body = render_problem(refused)
        answers[UNMATCHED, status] = answers.get((UNMATCHED, status), 0) + 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        return await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return Lane([*routes, ("GET", "/health/live", _live)], nothing_else, on_error, read_timeout=read_timeout, answers=answers)


async def _live(_: Request) -> Response:
    return json_response(b'{"status":"ok"}')
