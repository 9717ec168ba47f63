"""What a schema of the document is as a type of Python. Pure."""

from dataclasses import dataclass, field
from typing import Any

from clients.generator.names import class_name

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
MOMENT = "ISO 8601 with Z"
"""How the document describes a time that it calls a string."""
_FORMATS = {"uuid": "UUID", "date-time": "datetime", "date": "date", "binary": "bytes"}
_PLAIN = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}


@dataclass(frozen=True)
class Types:
    """`schemas` are the document's. What is read tolerates what is new: an unknown word, an unknown variant."""

    schemas: dict[str, Schema]
    prefix: str = ""
    """What stands before a model's name, such as `models.`."""
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {each: class_name(each, set(self.schemas)) for each in self.schemas})

    def is_model(self, name: str) -> bool:
        return "enum" not in self.schemas[name]

    def name(self, reference: str) -> str:
        return self.names[reference.removeprefix(REFERENCE)]

    def read(self, schema: Schema) -> str:
        """As an answer's field has it."""
        if "$ref" in schema:
            name = self.prefix + self.name(schema["$ref"])
            return name if self.is_model(schema["$ref"].removeprefix(REFERENCE)) else f"{name} | str"
        if choices := self._choices(schema):
            kinds = [self.read(each) for each in choices]
            models = [each for each in choices if "$ref" in each and self.is_model(each["$ref"].removeprefix(REFERENCE))]
            return self._union([*kinds, *(["dict[str, Any]"] if len(models) > 1 else [])])
        if "enum" in schema:
            return f"{self._literal(schema['enum'])} | str"
        if "const" in schema:
            return self._literal([schema["const"]])
        return self._plain(schema, self.read, "list", "dict")

    def sent(self, schema: Schema) -> str:
        """As an argument has it: a model or a mapping that will do for one, an id in either form."""
        if "$ref" in schema:
            name = self.prefix + self.name(schema["$ref"])
            return f"{name} | Mapping[str, Any]" if self.is_model(schema["$ref"].removeprefix(REFERENCE)) else name
        if choices := self._choices(schema):
            return self._union([self.sent(each) for each in choices])
        if "enum" in schema or "const" in schema:
            return self._literal(schema.get("enum") or [schema["const"]])
        kind = self._plain(schema, self.sent, "Sequence", "Mapping")
        return f"{kind} | str" if kind == "UUID" else kind

    def _plain(self, schema: Schema, inner: Any, sequence: str, mapping: str) -> str:
        match schema.get("type"):
            case "string":
                return "datetime" if schema.get("description") == MOMENT else _FORMATS.get(schema.get("format", ""), "str")
            case "array" if "prefixItems" in schema:
                return f"tuple[{', '.join(inner(each) for each in schema['prefixItems'])}]"
            case "array":
                return f"{sequence}[{inner(schema.get('items', {}))}]"
            case "object" | None if isinstance(schema.get("additionalProperties"), dict):
                return f"{mapping}[str, {inner(schema['additionalProperties'])}]"
            case "object":
                return f"{mapping}[str, Any]"
        return _PLAIN.get(str(schema.get("type")), "Any")

    def _choices(self, schema: Schema) -> list[Schema]:
        choices: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or []
        return choices

    def _union(self, kinds: list[str]) -> str:
        """Each once, and None last."""
        parts = dict.fromkeys(part for kind in kinds for part in _parts(kind))
        if "Any" in parts:
            return "Any"
        return " | ".join([*(each for each in parts if each != "None"), *(["None"] if "None" in parts else [])])

    def _literal(self, values: list[Any]) -> str:
        return f"Literal[{', '.join(map(repr, values))}]"


def references(schema: Any) -> set[str]:
    """Names of all schemas that this one mentions itself."""
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix(REFERENCE)} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(references(each) for each in schema.values()))
    return set().union(*(references(each) for each in schema)) if isinstance(schema, list) else set()


def _parts(kind: str) -> list[str]:
    """Of a union, at its outermost bars."""
    parts, depth, last = [], 0, 0
    for place, letter in enumerate(kind):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append(kind[last:place].strip())
            last = place + 1
    return [*parts, kind[last:].strip()]
