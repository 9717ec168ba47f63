"""From the rows that stand on handlers to what serves them: the framework's routes, and the lane's."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from inspect import Parameter as Argument
from inspect import Signature
from typing import Any, get_args, get_origin
from urllib.parse import unquote

from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match

from waystate.operations import Operation, operations_of
from waystate.web.asgi import Route, Scope
from waystate.web.problems import check_query
from waystate.web.requests import read_body

Endpoint = Callable[..., Awaitable[Any]]
_GIVEN = ("body", "request")
"""Parameters of a handler that are not the framework's to find."""
_SLASH = "\udc2f"
"""Stands for a `/` of an id while a path is matched; no decoded path holds it."""


class _Route(APIRoute):
    """Tells a slash of an id, which a caller writes as %2F, from one that parts the path. The framework's sees neither: it
    matches the decoded path."""

    @cached_property
    def taken(self) -> dict[str, bool]:
        """The query's parameters that the handler's signature names, as the framework finds them; is it one that may repeat."""
        return {each.alias: _takes_several(each.field_info.annotation) for each in self.dependant.query_params}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raw = (scope.get("raw_path") or b"") if scope["type"] == "http" else b""
        if b"%2f" not in raw.lower() or not raw.startswith(b"/"):
            return super().matches(scope)
        parts = raw.decode("latin-1").split("/")
        match, found = super().matches({**scope, "path": "/".join(unquote(each).replace("/", _SLASH) for each in parts)})
        if given := found.get("path_params"):
            found["path_params"] = {name: value.replace(_SLASH, "/") for name, value in given.items()}
        return match, found


def add_operations(router: APIRouter, *rooms: Any, dependencies: Sequence[params.Depends] = ()) -> None:
    """The framework's routes of these objects, into an application's own router: one that is included in it is built twice.

    `dependencies` come before everything of a route. How the operations are shown, `openapi.describe` says for all alike.
    """
    for room in rooms:
        for operation in operations_of([type(room)]).values():
            if not operation.is_fast:
                router.add_api_route(
                    operation.path,
                    _endpoint(operation, _bound(operation, room)),
                    methods=["GET", "HEAD"] if operation.method == "GET" else [operation.method],
                    status_code=operation.status,
                    include_in_schema=False,
                    dependencies=[*dependencies, Depends(_query_check(operation))],
                    route_class_override=_Route,
                )


def lane_routes(room: Any) -> list[Route]:
    """The fast ones."""
    rows = operations_of([type(room)]).values()
    return [(each.method, each.path, _bound(each, room)) for each in rows if each.is_fast]


def _bound(operation: Operation, room: Any) -> Endpoint:
    assert operation.handler is not None
    bound: Endpoint = getattr(room, operation.handler.__name__)
    return bound


def _query_check(operation: Operation) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        check_query(request.scope["query_string"], request.scope["route"].taken, ignores=bool(operation.ignores_query))

    return check


def _takes_several(annotation: Any) -> bool:
    return any(get_origin(each) in (list, set, tuple, frozenset) for each in (annotation, *get_args(annotation)))


def _endpoint(operation: Operation, handler: Endpoint) -> Endpoint:
    """The handler, given its body. The framework's own reading lets things through that no database stores.

    It is read when everything else of the request was found good, as late as the handler would read it.
    """
    if operation.body is None:
        return handler
    default = b"{}" if operation.is_body_optional else None
    signature = inspect.signature(handler)
    asks_request = "request" in signature.parameters

    async def reading(request: Request, **arguments: Any) -> Any:
        if asks_request:
            arguments["request"] = request
        return await handler(body=await read_body(request, operation.body, default=default), **arguments)

    others = [each.replace(kind=Argument.KEYWORD_ONLY) for name, each in signature.parameters.items() if name not in _GIVEN]
    given = Argument("request", Argument.KEYWORD_ONLY, annotation=Request)
    reading.__signature__ = Signature([given, *others], return_annotation=signature.return_annotation)  # type: ignore[attr-defined]
    reading.operation = operation  # type: ignore[attr-defined]
    reading.__name__ = operation.name
    return reading
