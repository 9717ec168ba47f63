"""The modules of methods: one a noun with its class, a method an operation, once plain and once async. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from clients.generator.models import HEADER, docstring
from clients.generator.names import method_names, noun_of, snake
from clients.generator.types import REFERENCE, Schema, Types

_METHODS = ("get", "put", "post", "patch", "delete")
_CURSORS = ("after", "before")
_STREAM = "stream"
_JSON, _BYTES, _TEXT = "application/json", "application/octet-stream", "text/plain"
_BODY = "body"


@dataclass(frozen=True)
class Argument:
    """`place`: path, query, header, field (of the body) or body (the whole of it)."""

    name: str
    sent_as: str
    place: str
    kind: str
    required: bool
    default: str = "None"
    text: str = ""

    def render(self) -> str:
        return f"{self.name}: {self.kind}" + ("" if self.required else f" = {self.default}")


_KEY = Argument("idempotency_key", "Idempotency-Key", "header", "str | None", False)


@dataclass(frozen=True)
class Method:
    noun: str
    name: str
    verb: str
    path: str
    text: str
    arguments: tuple[Argument, ...]
    answer: str
    """The type that it returns."""
    reads: str
    """How the answer is read: a model, `str`, `None`, or `"location"`."""
    is_keyed: bool
    items: str = ""
    """Of a page: the type of one item."""


def methods_of(document: dict[str, Any]) -> list[Method]:
    rows = [
        (verb, path, entry)
        for path, entries in document["paths"].items()
        for verb, entry in entries.items()
        if verb in _METHODS
    ]
    names = method_names([(noun_of(path), entry["operationId"]) for _, path, entry in rows])
    types = Types(document["components"]["schemas"], "models.")
    return [_method(types, verb, path, entry, names[entry["operationId"]]) for verb, path, entry in rows]


def is_keyed(verb: str, path: str, entry: Schema) -> bool:
    """Whether an Idempotency-Key means something to it: as the server decides, of what the document says."""
    content = entry.get("requestBody", {}).get("content", {})
    if verb == "get" or "security" not in entry or (content and _JSON not in content):
        return False
    return path.startswith(("/state/", "/v1/")) and not path.startswith("/v1/auth/")


def _method(types: Types, verb: str, path: str, entry: Schema, name: str) -> Method:
    answer, reads, items = _answer(types, entry)
    arguments = [*(_parameter(types, each) for each in entry.get("parameters", [])), *_body(types, verb, entry)]
    if is_keyed(verb, path, entry) and verb == "post":
        arguments.append(_KEY)
    paragraphs = [entry["summary"], *entry.get("description", "").split("\n\n")]
    text = "\n\n".join(" ".join(each.split()) for each in paragraphs).strip()
    told = [f"{each.name}: {each.text}" for each in arguments if each.text]
    is_page = bool(items) and any(each.name in _CURSORS for each in arguments)
    return Method(
        noun=noun_of(path),
        name=name,
        verb=verb.upper(),
        path=path,
        text="\n".join([text, *(["", *told] if told else [])]),
        arguments=tuple(_distinct(arguments)),
        answer=answer,
        reads=reads,
        is_keyed=is_keyed(verb, path, entry),
        items=items if is_page else "",
    )


def _parameter(types: Types, said: Schema) -> Argument:
    required = bool(said.get("required"))
    kind = types.sent(said["schema"])
    kind = kind if required or kind.endswith("| None") else f"{kind} | None"
    text = " ".join((said.get("description") or said["schema"].get("description") or "").split())
    return Argument(snake(said["name"]), said["name"], said["in"], kind, required, text=text)


def _body(types: Types, verb: str, entry: Schema) -> list[Argument]:
    content = entry.get("requestBody", {}).get("content", {})
    if content and _JSON not in content:
        file = Argument("content", "", "content", "bytes | Iterable[bytes]", True, text="The file itself.")
        kinds = [each for each in content if each != _BYTES]
        kind = Argument("content_type", "Content-Type", "header", f"Literal[{', '.join(map(repr, kinds))}]", True)
        return [file, *([kind] if kinds else [])]
    if not content:
        return []
    schema = content[_JSON]["schema"]
    fields = types.schemas[schema["$ref"].removeprefix(REFERENCE)] if "$ref" in schema else schema
    if "properties" not in fields:
        return [Argument(_BODY, "", _BODY, types.sent(schema), True)]
    needed = fields.get("required", ()) if entry["requestBody"].get("required") else ()
    return [_field(types, name, shape, name in needed, verb) for name, shape in fields["properties"].items()]


def _field(types: Types, name: str, shape: Schema, required: bool, verb: str) -> Argument:
    """What is left out is not sent. None is neither, but where things are changed: there it takes away."""
    kind, default = types.sent(shape), "None"
    if not required and verb == "patch":
        null = " | None" if kind.endswith(" | None") else ""
        kind, default = f"{kind.removesuffix(null)} | Unset{null}", "UNSET"
    elif not required and not kind.endswith("| None"):
        kind = f"{kind} | None"
    text = " ".join(shape.get("description", "").split())
    return Argument(snake(name), name, "field", kind, required, default, text)


def _distinct(arguments: list[Argument]) -> list[Argument]:
    """A name that a path or a query has already is not the body's too."""
    seen: set[str] = set()
    distinct = []
    for each in arguments:
        name = f"{each.name}_in_{each.place}" if each.name in seen else each.name
        seen.add(name)
        distinct.append(replace(each, name=name))
    return distinct


def _answer(types: Types, entry: Schema) -> tuple[str, str, str]:
    good = {status: answer.get("content", {}) for status, answer in entry["responses"].items() if status[0] in "23"}
    models = {content[_JSON]["schema"]["$ref"] for content in good.values() if _JSON in content}
    if len(models) > 1:
        by_status = {
            int(status): types.prefix + types.name(content[_JSON]["schema"]["$ref"]) for status, content in good.items()
        }
        reads = ", ".join(f"{status}: {name}" for status, name in by_status.items())
        return " | ".join(sorted(set(by_status.values()))), f"{{{reads}}}", ""
    if models:
        (reference,) = models
        name = types.prefix + types.name(reference)
        fields = types.schemas[reference.removeprefix(REFERENCE)].get("properties", {})
        is_page = {"items", "next"} <= fields.keys()
        return name, name, types.read(fields["items"]["items"]) if is_page else ""
    if any(_TEXT in content for content in good.values()):
        return "str", "str", ""
    if any(good.values()):
        return "Iterator[bytes]", _STREAM, ""
    return ("str", '"location"', "") if "303" in good else ("None", "None", "")


_IMPORTS = """
from collections.abc import {iterator}, {iterable}, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.generated import models
from waystate_client.records import UNSET, Unset
from waystate_client.calls import {caller}, in_path
"""


PLAIN, AWAITED = "nouns", "async_nouns"
"""The packages of the two clients."""


def render_nouns(methods: list[Method], *, is_async: bool) -> dict[str, str]:
    """By module: a noun's, and `__init__`, whose class has all of them."""
    flavour, package = ("Async", AWAITED) if is_async else ("", PLAIN)
    nouns = list(dict.fromkeys(each.noun for each in methods))
    lines = [
        HEADER.format(f"All nouns{', awaited' if is_async else ''}."),
        f"from waystate_client.calls import {flavour}Caller",
    ]
    lines += [f"from waystate_client.generated.{package}.{noun} import {flavour}{_class(noun)}" for noun in nouns]
    lines.append(f"\n\nclass {flavour}Nouns:\n    def __init__(self, caller: {flavour}Caller) -> None:")
    lines += [f"        self.{noun} = {flavour}{_class(noun)}(caller)" for noun in nouns]
    texts = {noun: _noun(noun, [each for each in methods if each.noun == noun], is_async) for noun in nouns}
    return {"__init__": "\n".join(lines) + "\n", **texts}


def _noun(noun: str, methods: list[Method], is_async: bool) -> str:
    flavour = "Async" if is_async else ""
    lines = [
        HEADER.format(f"Of `{noun}`: a method an operation{', awaited' if is_async else ''}."),
        _IMPORTS.format(iterator=f"{flavour}Iterator", iterable=f"{flavour}Iterable", caller=f"{flavour}Caller"),
        f"\n\nclass {flavour}{_class(noun)}:",
        f"    def __init__(self, caller: {flavour}Caller) -> None:\n        self._caller = caller\n",
    ]
    for method in methods:
        lines.append(_render(method, is_async))
        if method.items:
            lines.append(_render_all(method, is_async))
    return "\n".join(lines) + "\n"


def _class(noun: str) -> str:
    return "".join(each.capitalize() for each in noun.split("_")) + "Noun"


def _signature(name: str, arguments: list[Argument], answer: str, start: str) -> str:
    placed = [each.render() for each in arguments if each.place in ("path", "content", _BODY)]
    named = [each.render() for each in sorted(arguments, key=lambda each: not each.required) if _is_named(each)]
    return f"    {start} {name}({', '.join(['self', *placed, *(['*', *named] if named else [])])}) -> {answer}:"


def _is_named(argument: Argument) -> bool:
    return argument.place not in ("path", "content", _BODY)


def _render(method: Method, is_async: bool) -> str:
    start = "async def" if is_async else "def"
    arguments = [_as_async(each) if is_async else each for each in method.arguments]
    answer = method.answer.replace("Iterator", "AsyncIterator") if is_async else method.answer
    return "\n".join(
        [
            _signature(method.name, arguments, answer, start),
            docstring(method.text, 8),
            *_statements(method, arguments, is_async),
        ]
    )


def _statements(method: Method, arguments: list[Argument], is_async: bool) -> list[str]:
    call = [repr(method.verb), _path(method), *([] if method.reads == _STREAM else [method.reads])]
    for place, keyword in (("query", "query"), ("header", "headers"), ("field", "fields")):
        if chosen := [each for each in arguments if each.place == place]:
            call.append(f"{keyword}={{{', '.join(f'{each.sent_as!r}: {each.name}' for each in chosen)}}}")
    if nulls := [each.sent_as for each in arguments if _may_be_null(each)]:
        call.append(f"nulls={tuple(nulls)!r}")
    call += [f"{each.place}={each.name}" for each in arguments if each.place in (_BODY, "content")]
    call += ["is_keyed=True"] if method.is_keyed else []
    said, wait = ", ".join(call), "await " if is_async else ""
    if method.reads == _STREAM and is_async:
        return [f"        async for each in self._caller.stream({said}):", "            yield each\n"]
    if method.reads == _STREAM:
        return [f"        yield from self._caller.stream({said})\n"]
    if method.reads.startswith("{"):
        return [f"        found: {method.answer} = {wait}self._caller.call({said})", "        return found\n"]
    return [f"        return {wait}self._caller.call({said})\n"]


def _may_be_null(argument: Argument) -> bool:
    """Whether None says something of a field that is always sent, as `user: null` does: nobody."""
    return argument.place == "field" and argument.required and argument.kind.endswith("| None")


def _as_async(argument: Argument) -> Argument:
    if argument.place != "content":
        return argument
    return Argument(argument.name, "", "content", "bytes | AsyncIterable[bytes]", True, text=argument.text)


def _render_all(method: Method, is_async: bool) -> str:
    flavour, start = ("Async", "async def") if is_async else ("", "def")
    cursor = next(each for each in method.arguments if each.name in _CURSORS)
    arguments = [
        Argument("page_size", each.sent_as, each.place, each.kind, each.required) if each.name == "limit" else each
        for each in method.arguments
        if each is not cursor
    ]
    given = [each.name if each.place == "path" else f"{_kept(each)}={each.name}" for each in arguments]
    name = method.name.replace("list", "iterate", 1) if method.name.startswith("list") else f"iterate_{method.name}"
    wait = "await " if is_async else ""
    yields = ["    for each in page.items:", "        yield each"] if is_async else ["    yield from page.items"]
    return "\n".join(
        [
            _signature(name, arguments, f"{flavour}Iterator[{method.items}]", start),
            docstring(f"All that `{method.name}` finds, from page to page. `page_size` is how many come with one call.", 8),
            f"        {cursor.name}: Any = None",
            "        while True:",
            f"            page = {wait}self.{method.name}({', '.join([*given, f'{cursor.name}={cursor.name}'])})",
            *(f"        {line}" for line in yields),
            "            if not page.next:",
            "                return",
            f"            {cursor.name} = page.next\n",
        ]
    )


def _kept(argument: Argument) -> str:
    return "limit" if argument.name == "page_size" else argument.name


def _path(method: Method) -> str:
    path = method.path
    for each in method.arguments:
        if each.place == "path":
            path = path.replace(f"{{{each.sent_as}}}", f"{{in_path({each.name})}}")
    return f'f"{path}"' if "{" in path else repr(path)
