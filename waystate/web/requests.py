"""Bodies of requests: read through the one boundary for JSON, checked against a model, and described in the document."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from waystate.errors import BadRequest
from waystate.web.problems import parse_body

B = TypeVar("B", bound=BaseModel)


class Body(BaseModel):
    """What is mistyped or too much is refused by its name; what was sent is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)


async def read_body(request: Request, model: type[B], *, default: bytes | None = None) -> B:
    """`default` stands for an empty body."""
    raw = await request.body()
    return parse_body(model, default if default is not None and not raw.strip() else raw)


async def read_from_anybody(request: Request, model: type[B], *, default: bytes | None = None) -> B:
    """Without a session there is no CSRF token. A page of another origin can send no JSON unless it was allowed to."""
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and ("origin" in headers or "sec-fetch-site" in headers):
        raise BadRequest("json_required", "A browser must send this as 'Content-Type: application/json'.")
    return await read_body(request, model, default=default)


def takes(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """For `openapi_extra`: the framework does not read these bodies, so it cannot describe them either."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inlined(schema, definitions)}}
    return {"requestBody": {"content": content, "required": required}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The document's list of schemas is the framework's own, so what a body refers to is written out in place."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return {key: _inlined(each, definitions) for key, each in schema.items()}
