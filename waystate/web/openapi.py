"""The OpenAPI document: made from the rows of all operations, whoever serves them."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import Parameter as Argument
from inspect import Signature
from ipaddress import ip_network
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Header, Path, Query
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from waystate.operations import TEXT, Operation, Parameter
from waystate.principal import NEVER_OF_A_KEY
from waystate.web.docs_page import CONTENT_SECURITY_POLICY, PLACES, SERVER, render_docs, render_root
from waystate.web.facts import own_address, wants_html
from waystate.web.problems import Problem

Document = dict[str, Any]

SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a session token"},
}
_JSON = "application/json"
_BYTES = "application/octet-stream"
_PLACES = {"path": Path, "query": Query, "header": Header}
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM_CONTENT = {Problem.media_type: {"schema": _PROBLEM_REF}}
_LOCATION = {"Location": {"schema": {"type": "string"}}}
_OWN_ERRORS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, operations: Iterable[Operation]) -> None:
    """Makes `app.openapi()` show these operations, whatever serves them, and every refusal as a problem."""
    rows = [each for each in operations if not each.is_hidden]

    def openapi() -> Document:
        if app.openapi_schema is None:
            shown = APIRouter()
            for operation in rows:
                _add(shown, operation)
            app.openapi_schema = _finish(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    summary=app.summary,
                    description=app.description,
                    license_info=app.license_info,
                    tags=app.openapi_tags,
                    servers=app.servers,
                    routes=[*shown.routes, *app.routes],
                )
            )
            for operation in rows:
                _show_examples(app.openapi_schema["paths"][operation.path][operation.method.lower()], operation)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def model_of(operation: Operation) -> Any:
    """Of its usual answer: what the row says, else what the handler's signature does. A media type is text, None no content."""
    if operation.status in operation.answers or operation.handler is None:
        return operation.answers.get(operation.status)
    model = inspect.signature(operation.handler).return_annotation
    is_an_answer = isinstance(model, type) and issubclass(model, Response)
    return None if is_an_answer or model is Signature.empty else model


def undocumented(document: Document, served: Iterable[tuple[str, str]]) -> list[str]:
    """Which of the lane's (method, path) the document lacks, or describes without a schema of the answer."""
    return [f"{method} {path}" for method, path in served if not _is_described(document, method, path)]


class DocsRoutes:
    """A page without JavaScript and without anything from elsewhere: it works offline and under the strictest policy.

    `proxies` are those whose word counts for the address that the page shows.
    """

    def __init__(self, document: Callable[[], Document], proxies: Sequence[str] = ()) -> None:
        self._document = document
        self._proxies = [ip_network(each, strict=False) for each in proxies]
        self._page = ""

    @Operation("GET", "/", None, tag="Operations", summary="Where to go from here", is_hidden=True)
    async def get_root(self, request: Request) -> Response:
        """JSON, or a page for a browser."""
        headers = {"vary": "Accept", "content-security-policy": CONTENT_SECURITY_POLICY}
        if wants_html(request.headers.get("accept", "")):
            return HTMLResponse(render_root(self._document()), headers=headers)
        info = self._document()["info"]
        return JSONResponse({"service": info["title"], "version": info["version"], **PLACES}, headers=headers)

    @Operation("GET", "/openapi.json", None, tag="Operations", summary="All operations, for programs", is_hidden=True)
    async def get_document(self) -> JSONResponse:
        return JSONResponse(self._document())

    @Operation("GET", "/docs", None, tag="Operations", summary="All operations, for people", is_hidden=True)
    async def get_docs(self, request: Request) -> HTMLResponse:
        """With the address by which it was asked for in its examples."""
        self._page = self._page or render_docs(self._document())
        page = self._page.replace(SERVER, own_address(request.scope, self._proxies))
        # No cache may show one caller's address to another.
        return HTMLResponse(page, headers={"content-security-policy": CONTENT_SECURITY_POLICY, "cache-control": "no-store"})


_STREAM: dict[str, Any] = {
    "requestBody": {"required": True, "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
}


def _add(router: APIRouter, operation: Operation) -> None:
    usual = model_of(operation)
    others = {status: model for status, model in operation.answers.items() if status != operation.status}
    is_text = isinstance(usual, str)
    is_file = is_text and usual != TEXT
    router.add_api_route(
        operation.path,
        _stub(operation),
        methods=[operation.method],
        operation_id=operation.name,
        name=operation.name,
        summary=operation.summary,
        description=operation.description,
        tags=[operation.tag],
        status_code=operation.status,
        response_model=None if is_text else usual,
        # A class of answers without a media type is one without content.
        response_class=Response if is_file or usual is None else PlainTextResponse if is_text else JSONResponse,
        responses={
            operation.status: {"description": "Go on there", "headers": _LOCATION} if 300 <= operation.status < 400 else {},
            **({operation.status: _answer(usual)} if is_file else {}),
            **{status: _answer(model) for status, model in others.items()},
            **{status: {"description": text, "content": _PROBLEM_CONTENT} for status, text in operation.problems.items()},
        },
        openapi_extra=_security(operation) | (_STREAM if operation.is_streamed else {}),
    )


def _answer(model: Any) -> dict[str, Any]:
    if isinstance(model, str):
        return {"content": {model: {"schema": {"type": "string"}}}}
    return {} if model is None else {"model": model}


def _security(operation: Operation) -> dict[str, Any]:
    if operation.scope is None and not operation.is_of_any_credential:
        return {}
    schemes = ["bearer"] if operation.scope in NEVER_OF_A_KEY else list(SECURITY_SCHEMES)
    return {"security": [{name: []} for name in schemes]}


def _show_examples(entry: Document, operation: Operation) -> None:
    """In the finished document: while it is made, the framework takes every null out of it."""
    if operation.example_body is not None:
        entry["requestBody"]["content"][_JSON]["example"] = operation.example_body
    if operation.example_answer is not None:
        for content in entry["responses"][str(operation.status)]["content"].values():
            content["example"] = operation.example_answer


def _stub(operation: Operation) -> Callable[..., Awaitable[None]]:
    """A function with the operation's signature, which is all that the document is made from."""

    async def served_elsewhere(**_: Any) -> None:
        raise NotImplementedError("a router or the lane serves this operation")

    arguments = [_argument(number, each) for number, each in enumerate(operation.parameters)]
    if operation.handler is not None and not operation.is_fast:
        signature = inspect.signature(operation.handler).parameters
        arguments += [
            each.replace(kind=Argument.KEYWORD_ONLY) for name, each in signature.items() if name not in ("self", "body")
        ]
    if operation.body is not None:
        default = None if operation.is_body_optional else Argument.empty
        annotation: Any = Annotated[operation.body, Body()]
        arguments.append(Argument("body", Argument.KEYWORD_ONLY, annotation=annotation, default=default))
    served_elsewhere.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    return served_elsewhere


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
