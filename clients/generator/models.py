"""The modules of models, one a noun: what answers are read into, and what bodies can be made of. Pure."""

import textwrap
from typing import Any

from pydantic.alias_generators import to_camel

from clients.generator.names import noun_of, snake
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


def render_models(document: dict[str, Any]) -> dict[str, str]:
    """By module: a noun's, and `__init__`, which has them all."""
    types = Types(document["components"]["schemas"])
    homes = homes_of(document)
    texts = {home: _module(types, homes, home) for home in dict.fromkeys(homes.values())}
    lines = [HEADER.format("What the API takes and answers.")]
    lines += [f"from waystate_client.generated.models.{home} import *  # noqa: F403" for home in sorted(texts)]
    return {"__init__": "\n".join(lines) + "\n", **texts}


def homes_of(document: dict[str, Any]) -> dict[str, str]:
    """By schema, its module: of the first noun whose answers mention it, themselves or through others; of what is only sent
    `…_bodies`; and `common` of what nothing mentions.

    Whoever mentions a schema mentions all that it mentions: so a module needs earlier ones alone.
    """
    schemas: dict[str, Schema] = document["components"]["schemas"]
    homes: dict[str, str] = {}
    answered: dict[str, set[str]] = {}
    sent: dict[str, set[str]] = {}
    for path, entries in document["paths"].items():
        for entry in entries.values():
            body = entry.get("requestBody", {})
            answered.setdefault(noun_of(path), set()).update(references({**entry, "requestBody": None}))
            sent.setdefault(f"{noun_of(path)}_bodies", set()).update(references(body))
    for home, names in {**answered, **sent}.items():
        _settle(names, home, schemas, homes)
    _settle(set(schemas), "common", schemas, homes)
    return homes


def _settle(names: set[str], home: str, schemas: dict[str, Schema], homes: dict[str, str]) -> None:
    left = sorted(names)
    while left:
        name = left.pop()
        if name not in homes:
            homes[name] = home
            left += sorted(references(schemas[name]))


def _module(types: Types, homes: dict[str, str], home: str) -> str:
    schemas = {name: schema for name, schema in types.schemas.items() if homes.get(name) == home}
    mentioned = {each for schema in schemas.values() for each in references(schema)} - schemas.keys()
    lines = [HEADER.format(f"Of `{home}`."), _IMPORTS]
    for name in sorted(mentioned):
        lines.append(f"from waystate_client.generated.models.{homes[name]} import {types.names[name]}")
    lines.append(f"\n__all__ = {sorted(types.names[each] for each in schemas)!r}\n")
    words = [name for name in schemas if not types.is_model(name)]
    for name in sorted(words, key=types.names.__getitem__):
        lines.append(f"{types.names[name]} = Literal[{', '.join(map(repr, schemas[name]['enum']))}]")
        lines.append(docstring(schemas[name].get("description", ""), 0))
    known = {*words, *mentioned}
    for name in _in_order({name: schema for name, schema in schemas.items() if types.is_model(name)}):
        lines += ["", _render(types, types.names[name], schemas[name], known)]
        known.add(name)
    return "\n".join(lines)


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
    """Each after those that it mentions; where they mention each other in a circle, it is broken anywhere."""
    order: dict[str, None] = {}
    begun: set[str] = set()

    def add(name: str) -> None:
        if name in begun:
            return
        begun.add(name)
        for each in sorted(references(schemas[name]) & schemas.keys()):
            add(each)
        order[name] = None

    for name in sorted(schemas):
        add(name)
    return list(order)


def _render(types: Types, name: str, schema: Schema, known: set[str]) -> str:
    """`known` are the schemas that stand above; others are written as text, which is read later."""
    properties: dict[str, Schema] = schema.get("properties", {})
    is_camel = any(to_camel(snake(each)) != snake(each) for each in properties)
    lines = [f"class {name}({'CamelRecord' if is_camel else 'Record'}):", docstring(schema.get("description", ""), 4)]
    for each, shape in properties.items():
        kind = types.read(shape)
        if not references(shape) <= known:
            kind = f'"{kind}"'
        lines.append(_field(kind, each, required=each in schema.get("required", ()), is_camel=is_camel))
        if (text := " ".join(shape.get("description", "").split())) and text != MOMENT:
            lines.append(docstring(text, 4))
    return "\n".join(each for each in [*lines, "" if len(lines) > 2 else "    pass"] if each)


def _field(kind: str, name: str, *, required: bool, is_camel: bool) -> str:
    called = snake(name)
    options: dict[str, Any] = {}
    if not required:
        options["default"] = None
        kind = kind if kind.strip('"').endswith("None") or kind == "Any" else _optional(kind)
    if name != (to_camel(called) if is_camel else called):
        options |= {"validation_alias": name, "serialization_alias": name}
    if set(options) <= {"default"}:
        return f"    {called}: {kind}" + ("" if required else " = None")
    return f"    {called}: {kind} = Field({', '.join(f'{key}={value!r}' for key, value in options.items())})"


def _optional(kind: str) -> str:
    return f'"{kind[1:-1]} | None"' if kind.startswith('"') else f"{kind} | None"
