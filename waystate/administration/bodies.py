"""How routes of the framework read a body, and describe it in the API's document."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel

from waystate.web.problems import parse_body

B = TypeVar("B", bound=BaseModel)


async def read_body(request: Request, model: type[B]) -> B:
    return parse_body(model, await request.body())


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """The framework's list of schemas is its own, so what the body refers to is written out in place."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inlined(schema, definitions)}}
    return {"requestBody": {"content": content, "required": True}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return {key: _inlined(each, definitions) for key, each in schema.items()}
