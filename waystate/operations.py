"""An operation of the HTTP API: one row beside its handler, from which its route, its place in the OpenAPI document and on the
permissions page, and what an Idempotency-Key means for it derive. Pure."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast

from waystate.principal import Scope

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

TEXT = "text/plain"
"""The model of an answer that is no JSON, but this."""
PROBES_OWN = "a probe that adds something to get past caches asks the same"
"""Why health and metrics ignore queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Of an operation on the fast path, whose handler's signature does not say it. `kind` is a type."""

    name: str
    place: Literal["path", "query", "header"] = "path"
    kind: Any = str
    required: bool = True
    description: str = ""
    example: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """The facts of one operation; as a decorator it stands on its handler, a method of its room's routes.

    `scope` is what a caller must hold; None: anybody may come, with or without a credential, unless it
    `is_of_any_credential`. What the handler says is not said again: `name` (the operationId: `list_keys` is `listKeys`),
    `description` (its docstring), parameters, `body` (its parameter of that name) and the usual answer's model. What `is_fast`
    is served by the lane without the framework: its handler takes an `asgi.Request`, so the row says these itself.
    """

    method: str
    path: str
    scope: Scope | None
    summary: str = field(default="", kw_only=True)
    tag: str = field(default="", kw_only=True)
    name: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)
    parameters: tuple[Parameter, ...] = field(default=(), kw_only=True)
    body: Any = field(default=None, kw_only=True)
    """A model, or a type that JSON can be."""
    is_body_optional: bool = field(default=False, kw_only=True)
    """Nothing sent stands for `{}`."""
    status: int = field(default=200, kw_only=True)
    """Of the usual answer."""
    answers: Mapping[int, Any] = field(default_factory=dict, kw_only=True)
    """By status: a model, a media type of text such as `TEXT`, or None for an answer without a body."""
    problems: Mapping[int, str] = field(default_factory=dict, kw_only=True)
    """By status, what a refusal means. A problem is also every operation's answer for what is not named here."""
    example_body: Any = field(default=None, kw_only=True)
    example_answer: Any = field(default=None, kw_only=True)
    """Of the usual answer, as JSON or text."""
    repeatable: str = field(default="", kw_only=True)
    """Why a POST may run twice with one effect; "": it may not. PUT, PATCH and DELETE may: they say how things are to be."""
    repeatable_if: Callable[[bytes], bool] | None = field(default=None, kw_only=True)
    """Which bodies (raw) that is true of, where not of all."""
    ignores_query: str = field(default="", kw_only=True)
    """Why query parameters that it does not know are ignored; "": they are refused."""
    is_streamed: str = field(default="", kw_only=True)
    """Why its body is no JSON and taken as it comes; it has no Idempotency-Key, for which it would be read first."""
    is_fast: bool = field(default=False, kw_only=True)
    is_of_any_credential: bool = field(default=False, kw_only=True)
    """Without a scope, and yet not for everybody: whoever has a credential may."""
    is_hidden: bool = field(default=False, kw_only=True)
    """Not shown in the document."""
    handler: Callable[..., Awaitable[Any]] | None = field(default=None, kw_only=True, repr=False)

    def __call__(self, handler: Handler) -> Handler:
        """The handler, with its row on it."""
        words = handler.__name__.split("_")
        body = None if self.is_fast else inspect.signature(handler).parameters.get("body")
        row = replace(
            self,
            name=self.name or words[0] + "".join(each.capitalize() for each in words[1:]),
            description=self.description or inspect.getdoc(handler) or "",
            body=self.body if body is None else body.annotation,
            handler=handler,
        )
        handler.operation = row  # type: ignore[attr-defined]
        return handler

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def find_operation(handler: Any) -> Operation | None:
    """The row that stands on a handler, be it a function or bound."""
    return cast("Operation | None", getattr(handler, "operation", None))


def operations_of(routes: Iterable[type]) -> dict[tuple[str, str], Operation]:
    """The rows on the methods of these classes, by method and path as the OpenAPI document writes them. Each is there once."""
    rows = [row for each in routes for handler in vars(each).values() if (row := find_operation(handler)) is not None]
    found = {(row.method, row.path): row for row in rows}
    if len(found) < len(rows):
        raise ValueError(f"two handlers for one operation: {next(row for row in rows if row not in found.values())}")
    return found
