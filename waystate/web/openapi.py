"""The OpenAPI document: the framework's own operations and those of the lane, which the framework never sees."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter as Argument
from inspect import Signature
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, FastAPI, Header, Path, Query
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from waystate.web.docs_page import CONTENT_SECURITY_POLICY, render_docs
from waystate.web.problems import Problem

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a session token"},
}
_PLACES = {"path": Path, "query": Query, "header": Header}
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM_CONTENT = {Problem.media_type: {"schema": _PROBLEM_REF}}
_PLAIN_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_OWN_ERRORS = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    place: Literal["path", "query", "header"] = "path"
    kind: Any = str
    required: bool = True
    description: str = ""
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the lane, its `path` as in the lane's route.

    `responses` by status, the usual one first: a model, or None for plain text.
    `problems` says by status what a refusal means; the problem is each operation's `default` answer as well.
    """

    method: str
    path: str
    summary: str
    description: str = ""
    tag: str = "State"
    parameters: tuple[Parameter, ...] = ()
    request: Any = None
    responses: Mapping[int, Any] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    is_public: bool = False


def document_lane(app: FastAPI, operations: Iterable[Operation]) -> None:
    """Make `app.openapi()` describe the lane's operations too, and every refusal as a problem."""
    lane = APIRouter()
    for operation in operations:
        _add(lane, operation)

    def openapi() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _finish(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    summary=app.summary,
                    description=app.description,
                    license_info=app.license_info,
                    tags=app.openapi_tags,
                    servers=app.servers,
                    routes=[*lane.routes, *app.routes],
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def undocumented(document: Document, served: Iterable[tuple[str, str]]) -> list[str]:
    """Which of the lane's (method, path) the document lacks, or describes without a schema of the answer."""
    return [f"{method} {path}" for method, path in served if not _is_described(document, method, path)]


def install_docs(app: FastAPI, path: str = "/docs") -> None:
    """A page without JavaScript and without anything from elsewhere: it works offline and under the strictest policy."""
    pages: list[str] = []

    @app.get(path, include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        if not pages:
            pages.append(render_docs(app.openapi()))
        return HTMLResponse(pages[0], headers={"content-security-policy": CONTENT_SECURITY_POLICY})


def _add(lane: APIRouter, operation: Operation) -> None:
    first, *others = operation.responses.items() or [(200, None)]
    answers: Responses = {code: {"model": model} if model is not None else _PLAIN_TEXT for code, model in others}
    refusals: Responses = {
        code: {"description": text, "content": _PROBLEM_CONTENT} for code, text in operation.problems.items()
    }
    lane.add_api_route(
        operation.path,
        _described(operation),
        methods=[operation.method],
        summary=operation.summary,
        description=operation.description,
        tags=[operation.tag],
        name=operation.summary,
        response_model=first[1],
        response_class=PlainTextResponse if first[1] is None else JSONResponse,
        status_code=first[0],
        responses={**answers, **refusals},
        openapi_extra=None if operation.is_public else {"security": [{name: []} for name in SECURITY_SCHEMES]},
    )


def _described(operation: Operation) -> Callable[..., Awaitable[None]]:
    """A function with the operation's signature, which is all that the document is made from."""

    async def served_by_the_lane(**_: Any) -> None:
        raise NotImplementedError("the lane serves this operation")

    arguments = [_argument(number, each) for number, each in enumerate(operation.parameters)]
    if operation.request is not None:
        arguments.append(Argument("body", Argument.KEYWORD_ONLY, annotation=Annotated[operation.request, Body()]))
    served_by_the_lane.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    return served_by_the_lane


def _argument(number: int, parameter: Parameter) -> Argument:
    kind, place = parameter.kind, _PLACES[parameter.place]
    examples = None if parameter.example is None else [parameter.example]
    annotation: Any = Annotated[kind, place(alias=parameter.name, description=parameter.description, examples=examples)]
    default = Argument.empty if parameter.required else None
    name = parameter.name if parameter.place == "path" else f"argument_{number}"
    return Argument(name, Argument.KEYWORD_ONLY, annotation=annotation, default=default)


def _finish(document: Document) -> Document:
    """Replace the framework's own shape of a 422 by ours, and say that any refusal is a problem."""
    components = document.setdefault("components", {})
    schemas = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _OWN_ERRORS}
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] = {**schemas, **problem.pop("$defs", {}), "Problem": problem}
    components["securitySchemes"] = {**SECURITY_SCHEMES, **components.get("securitySchemes", {})}
    for operation in _operations(document):
        responses = operation["responses"]
        if _OWN_ERRORS[0] in str(responses.get("422")):
            responses["422"] = {"description": "A field is missing or not usable", "content": _PROBLEM_CONTENT}
        responses.setdefault("default", {"description": "Refused", "content": _PROBLEM_CONTENT})
    return document


def _operations(document: Document) -> Iterable[Document]:
    return (operation for path in document["paths"].values() for operation in path.values() if "responses" in operation)


def _is_described(document: Document, method: str, path: str) -> bool:
    responses = document["paths"].get(path, {}).get(method.lower(), {}).get("responses", {})
    good = [answer for code, answer in responses.items() if code.startswith("2")]
    return bool(good) and all(content.get("schema") for answer in good for content in answer.get("content", {"": {}}).values())
