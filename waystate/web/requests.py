"""Bodies of requests: read through the one boundary for JSON, checked against a model, and described in the document; and the
tags that a change expects."""

from typing import Annotated, Any, TypeVar

from fastapi import Header
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from waystate.errors import NotJson
from waystate.web.facts import is_json
from waystate.web.problems import parse_body

B = TypeVar("B", bound=BaseModel)

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=500, description="The ETag of what you have seen")]


class Body(BaseModel):
    """What is mistyped or too much is refused by its name; what was sent is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)


async def read_body(request: Request, model: type[B], *, default: bytes | None = None) -> B:
    """`default` stands for an empty body."""
    raw = await request.body()
    if default is not None and not raw.strip():
        return parse_body(model, default)
    check_json(request.headers.get("content-type", "").encode("latin-1"), raw)
    return parse_body(model, raw)


def expected_tags(if_match: str | None) -> list[str] | None:
    """None: whatever it is now. A proxy that compresses answers makes tags weak: `W/"…"` is the same tag to us."""
    if if_match is None or if_match.strip() == "*":
        return None
    return [each.strip().removeprefix("W/") for each in if_match.split(",")]


def check_json(content_type: bytes | None, body: bytes) -> None:
    """Raises NotJson (415). Nothing sent needs no type; what a web page can send without being allowed to is no JSON."""
    if body and not is_json(content_type):
        raise NotJson("json_required", "The body must be JSON and say so. Send 'Content-Type: application/json' with it.")


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
