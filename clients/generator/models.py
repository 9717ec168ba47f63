"""The module of models: what answers are read into, and what bodies can be made of. Pure."""

import textwrap
from graphlib import CycleError, TopologicalSorter
from typing import Any

from clients.generator.names import camel, snake
from clients.generator.types import MOMENT, Schema, Types, references

HEADER = '"""{} Generated from docs/reference/openapi.json: `make clients` writes it."""\n'
WIDTH = 118
_IMPORTS = """
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from waystate_client.records import CamelRecord, Record
"""


def render_models(schemas: dict[str, Schema]) -> str:
    types = Types(schemas)
    words = [name for name in schemas if not types.is_model(name)]
    lines = [HEADER.format("What the API takes and answers."), _IMPORTS]
    for name in sorted(words, key=types.names.__getitem__):
        lines.append(f"{types.names[name]} = Literal[{', '.join(map(repr, schemas[name]['enum']))}]")
        lines.append(docstring(schemas[name].get("description", ""), 0))
    for name in _in_order({name: schema for name, schema in schemas.items() if types.is_model(name)}):
        lines += ["", _render(types, types.names[name], schemas[name])]
    return "\n".join(each for each in lines if each is not None)


def docstring(text: str, indent: int) -> str:
    """As a statement, or "" for no text."""
    if not text.strip():
        return ""
    margin = " " * indent
    whole = '"""' + text.strip().replace("\\", "\\\\").replace('"""', "'''") + ('"""' if "\n" not in text.strip() else "")
    lines: list[str] = []
    for line in whole.split("\n"):
        lines += textwrap.wrap(line, WIDTH - indent, break_long_words=False, break_on_hyphens=False) or [""]
    if len(lines) > 1 and lines[-1].endswith('"""'):
        lines[-1] = lines[-1].removesuffix('"""')
    if len(lines) > 1:
        lines.append('"""')
    return "\n".join(margin + each if each else "" for each in lines)


def _in_order(schemas: dict[str, Schema]) -> list[str]:
    """Each after those that it mentions, by name where that does not matter."""
    graph = {name: sorted(references(schemas[name]) & schemas.keys() - {name}) for name in sorted(schemas)}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError(f"schemas that mention each other in a circle are not written yet: {error.args[1]}") from None


def _render(types: Types, name: str, schema: Schema) -> str:
    properties: dict[str, Schema] = schema.get("properties", {})
    is_camel = any(camel(snake(each)) != snake(each) for each in properties)
    lines = [f"class {name}({'CamelRecord' if is_camel else 'Record'}):", docstring(schema.get("description", ""), 4)]
    for each, shape in properties.items():
        lines.append(_field(types, each, shape, required=each in schema.get("required", ()), is_camel=is_camel))
        if (text := " ".join(shape.get("description", "").split())) and text != MOMENT:
            lines.append(docstring(text, 4))
    return "\n".join(each for each in [*lines, "" if len(lines) > 2 else "    pass"] if each)


def _field(types: Types, name: str, shape: Schema, *, required: bool, is_camel: bool) -> str:
    kind, called = types.read(shape), snake(name)
    options: dict[str, Any] = {}
    if not required:
        options["default"] = None
        kind = kind if kind.endswith("None") or kind == "Any" else f"{kind} | None"
    if name != (camel(called) if is_camel else called):
        options |= {"validation_alias": name, "serialization_alias": name}
    if set(options) <= {"default"}:
        return f"    {called}: {kind}" + ("" if required else " = None")
    return f"    {called}: {kind} = Field({', '.join(f'{key}={value!r}' for key, value in options.items())})"
