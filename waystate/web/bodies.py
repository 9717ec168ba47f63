"""Bodies of the framework's own operations: read through our own boundary, described in the document all the same."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel

from waystate.web.problems import parse_body

B = TypeVar("B", bound=BaseModel)


async def body_of(request: Request, model: type[B]) -> B:
    return parse_body(model, await request.body())


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {"requestBody": {"content": {"application/json": {"schema": _inlined(schema, definitions)}}, "required": True}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The document's list of schemas is the framework's own, so what a body refers to is written out in place."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return {key: _inlined(each, definitions) for key, each in schema.items()}
