"""The API reference as one HTML page, written from the OpenAPI document: no script, no font, no picture from anywhere."""

import json
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

Node = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_LIMITS = ("format", "pattern", "minLength", "maxLength", "minimum", "maximum")
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a7d5c; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
body { display: grid; grid-template-columns: minmax(14rem, 20rem) minmax(0, 60rem); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; box-sizing: border-box; }
nav { border-right: 1px solid var(--line); }
nav ul { list-style: none; padding: 0; } nav li { margin: .2rem 0; font-size: .875rem; overflow-wrap: anywhere; }
main { padding: 1rem 2rem 6rem; } a { color: var(--accent); }
article { border-top: 1px solid var(--line); padding: .5rem 0 1.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; } pre { background: var(--soft); padding: .75rem; overflow: auto; }
.method { display: inline-block; min-width: 3.6rem; font: 600 .8rem ui-monospace, monospace; color: var(--accent); }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; } main { padding: 1rem; } }
"""
SERVER = "https://this-server.invalid"
"""Stands for the server's own address, which is put in its place for each caller."""
PLACES = {"docs": "/docs", "openapi": "/openapi.json", "health": "/health", "metrics": "/metrics"}
"""What somebody who knows nothing yet is told."""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def render_docs(document: Node) -> str:
    info = document["info"]
    operations = list(_operations(document))
    schemas = document.get("components", {}).get("schemas", {})
    title = escape(f"{info['title']} {info['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f'<nav aria-label="Operations">{_navigation(operations)}</nav>'
        f"<main><h1>{title}</h1>{_paragraphs(info.get('description'))}"
        f'<p>The same as <a href="/openapi.json">OpenAPI document</a>.</p>'
        f"{''.join(_operation(*each) for each in operations)}"
        f"<h2>Schemas</h2>{''.join(_schema(name, schema) for name, schema in sorted(schemas.items()))}</main></body></html>"
    )


def render_root(document: Node) -> str:
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    links = "".join(f'<li><a href="{path}">{path}</a></li>' for path in PLACES.values())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p>The state manager between WhatsApp Business and Genesys Cloud.</p><ul>{links}</ul></main></body></html>"
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, item in document["paths"].items():
        yield from ((method.upper(), path, item[method]) for method in _METHODS if method in item)


def _navigation(operations: Iterable[tuple[str, str, Node]]) -> str:
    groups: dict[str, list[str]] = {}
    for method, path, operation in operations:
        link = f'<a href="#{_anchor(method, path)}">{escape(path)}</a>'
        groups.setdefault(_tag(operation), []).append(f'<li><span class="method">{method}</span>{link}</li>')
    return "".join(f"<h2>{escape(tag)}</h2><ul>{''.join(items)}</ul>" for tag, items in groups.items())


def _operation(method: str, path: str, operation: Node) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    return (
        f'<article id="{_anchor(method, path)}"><h2><span class="method">{method}</span> <code>{escape(path)}</code></h2>'
        f"<p><strong>{escape(operation.get('summary', ''))}</strong></p>{_paragraphs(operation.get('description'))}"
        f"<pre>{escape(_curl(method, path, operation))}</pre>{_body_example(operation)}{_example(operation)}"
        f"{_table('Parameters', map(_parameter, operation.get('parameters', [])))}"
        f"{_table('Body', [(media, _type(content.get('schema', {})), '') for media, content in body.items()])}"
        f"{_table('Answers', (row for code, each in operation['responses'].items() for row in _answer(code, each)))}</article>"
    )


def _curl(method: str, path: str, operation: Node) -> str:
    lines = [f"curl -X {method} '{SERVER}{path}'"]
    if operation.get("security"):
        lines.append('-H "X-API-Key: $API_KEY"')
    if "requestBody" in operation:
        example = operation["requestBody"]["content"].get("application/json", {}).get("example")
        body = "@body.json" if example is None else shlex.quote(json.dumps(example, ensure_ascii=False))
        lines += ["-H 'Content-Type: application/json'", f"-d {body}"]
    return " \\\n  ".join(lines)


def _body_example(operation: Node) -> str:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in content:
            return _shown("A body", content["example"])
    return ""


def _example(operation: Node) -> str:
    """Of the first answer that has one."""
    contents = (content for each in operation["responses"].values() for content in each.get("content", {}).values())
    for content in contents:
        if "example" in content:
            return _shown("An answer", content["example"])
    return ""


def _shown(what: str, example: Any) -> str:
    text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    return f"<details><summary>{what}</summary><pre>{escape(text)}</pre></details>"


def _parameter(parameter: Node) -> tuple[str, str, str]:
    note = f"{parameter['in']}{'' if parameter.get('required') else ', optional'}"
    return _label(parameter["name"], note), _type(parameter.get("schema", {})), escape(parameter.get("description", ""))


def _answer(code: str, answer: Node) -> Iterator[tuple[str, str, str]]:
    for media, content in (answer.get("content") or {"": {}}).items():
        yield _label(code, media), _type(content.get("schema", {})), escape(answer.get("description", ""))


def _schema(name: str, schema: Node) -> str:
    required = schema.get("required", ())
    members = schema.get("properties", {})
    rows = (
        (_label(key, "" if key in required else "optional"), _type(value), escape(value.get("description", "")))
        for key, value in members.items()
    )
    text = _paragraphs(schema.get("description")) + (_table("Members", rows) if members else f"<p>{_type(schema)}</p>")
    return f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{text}</article>'


def _type(schema: Node) -> str:
    """A schema in one line of HTML; named schemas are links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for key, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if key in schema:
            return word.join(_type(each) for each in schema[key])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    limits = ", ".join(f"{key} {schema[key]}" for key in _LIMITS if key in schema)
    return escape(f"{schema.get('type', 'any')}{f' ({limits})' if limits else ''}")


def _label(name: str, note: str) -> str:
    return f"{escape(name)} <small>{escape(note)}</small>"


def _table(caption: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """`rows` hold HTML."""
    cells = "".join(f'<tr><th scope="row">{name}</th><td>{kind}</td><td>{text}</td></tr>' for name, kind, text in rows)
    return f"<table><caption>{caption}</caption><tbody>{cells}</tbody></table>" if cells else ""


def _paragraphs(text: str | None) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in (text or "").split("\n\n") if part.strip())


def _tag(operation: Node) -> str:
    return str((operation.get("tags") or ["Other"])[0])


def _anchor(method: str, path: str) -> str:
    return escape(f"{method.lower()}{path.replace('/', '-').replace('{', '').replace('}', '')}")
