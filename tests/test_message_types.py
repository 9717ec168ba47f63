"""docs/reference/message-types.md is made from the models of what can be sent, and from an example of each kind.

`python -m tests.test_message_types` writes it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.test_agents_view import CUSTOMERS
from tests.unit.channels.sent_contents import EXAMPLES
from waystate.channels.whatsapp import interactive, outgoing, parts, template
from waystate.channels.whatsapp.content import find_media
from waystate.channels.whatsapp.incoming import structure_of
from waystate.channels.whatsapp.lines import line_of, preview_of
from waystate.channels.whatsapp.outgoing import ContentType, MessageContent, render_content, text_of_content
from waystate.channels.whatsapp.render import render_composed
from waystate.clock import utc_now
from waystate.ids import new_id
from waystate.simulator.graph_bodies import read_send
from waystate.simulator.template_parameters import fill
from waystate.simulator.templates import TemplateBook, TemplateOfAccount
from waystate.templates.check import check
from waystate.templates.model import Template

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "message-types.md"
_WIDTH = 110
_NEEDED = " \\*"
_INTRO = """# Message types

What the body of `POST /v1/messages` says: `type`, and under the field of that type the content. Each example is a whole body;
how to address one, plan it, or reply with it: [send messages](../how-to/send-messages.md). [What customers
send](#what-customers-send) stands at the end.

- Names are those of the WhatsApp Cloud API in camelCase: `preview_url` is `previewUrl`. WhatsApp's own spelling, as on Meta's
  pages, is taken too, but not both of one field.
- The files of `image`, `video`, `audio`, `document` and `sticker` all stand under `media`. Meta's pages, linked below, show
  each type on a phone.
- An unknown field is refused, and so is what is over a limit: 422 `invalid_request`, whose `errors` name each field and say
  what to do. Characters are counted as Unicode code points: 👍 is one, 👍🏽 is two.
- A template may be sent at any time. Everything else, reactions too, only in the 24 hours after the customer's last message.
- Ids of messages, media, catalogues and forms are made up: put your own in their places. All else goes out in the demo (`make
  run`) as it stands, once `+15550100142` [has written](../how-to/send-messages.md#the-first-message). It has these templates.
- `*`: it must be there, where what holds it is.
- The line below an example is what a history shows of it.
"""
_FROM_CUSTOMERS = """## What customers send

What `GET /v1/messages/{id}` answers of a customer's message has as `content` the structure below, told apart by its
`type`: that of the message, or of the reply to an interactive message. The line is its `text`, the agent's ([what stands
around it](agents-view.md#what-stands-around-it)); the `preview` is one line of at most 120 characters. All three are made
by one model a type. Fields that are null are left out here; the answer has them.

- Any field may be null: WhatsApp leaves out what it does not have. Numbers that count are texts where WhatsApp may write
  either.
- `further` holds what WhatsApp sent beyond the type's fields.
- `unsupported`: what WhatsApp itself does not pass on, a type that is new to Waystate (`subtype` is its name), and a
  content that is not made as its type is. `raw` is all that came. It is never refused and never a dead letter.
- Beside the content: `context` (`forwarded`, `frequentlyForwarded`, `referredProduct`), `referral` (the ad or post that
  brought the customer) and `replyTo`.
- [The trace](../how-to/find-a-message.md) shows WhatsApp's own object as it came.
"""
_AFTERWARDS = """## What customers do to a message afterwards

A reaction, an edit and a revocation stay messages of the history, and reach Genesys as lines. Each also changes the
message that it names, in whichever conversation of that customer it stands, and is an event: `message.reacted`,
`message.edited`, `message.revoked`.

| what | becomes of the message |
|---|---|
| reaction | `reactions` has the customer's newest emoji, until they take it back; of your messages and of theirs |
| a reaction of yours | `reactions` has it too, `by` `business`, once WhatsApp took it; if it fails, the one before stands |
| edit | `text`, `content`, `type` and `media` are the new ones since `editedAt`; `GET /v1/messages/{id}/versions` lists all |
| revocation | `content` and `media` are null since `revokedAt`, and the text is `[message deleted]` |

- Answers, lists, quotes and the trace show nothing of what was taken back; of its versions there are only the times, and
  its file's addresses are over. It
  is kept in the database (`message_versions`) until the tenant's data is deleted, for who must prove what was said; no
  operation shows it. What reached Genesys before stays there: the agent reads `[message deleted]` behind it.
- The newest counts by WhatsApp's time, and of one second in the order in which they came; what was taken back stays so.
  So any order ends the same, and what comes twice changes nothing.
- What names a message that is not known waits for it, and is applied when it comes.
- What names another customer's message has no effect on it. Customers edit and take back only what they wrote themselves.
"""
_HEADERS: list[type[BaseModel]] = [parts.TextHeader, parts.ImageHeader, parts.VideoHeader, parts.DocumentHeader]
_MEDIA = {"image", "video", "audio", "document", "sticker"}
_PLAIN: list[tuple[str, str, type[BaseModel], str]] = [
    ("Text", "`type`: `text`; the content is `text`.", outgoing.TextContent, "text"),
    (
        "Files",
        "`type`: `image`, `video`, `audio`, `document` or `sticker`; the content is `media`.",
        outgoing.MediaContent,
        "media",
    ),
    ("Location", "`type`: `location`; the content is `location`.", outgoing.LocationContent, "location"),
    ("Contacts", "`type`: `contacts`; the content is `contacts`, a list of 1 to 257.", outgoing.ContactCard, "contacts[]"),
    ("Reaction", "`type`: `reaction`; the content is `reaction`.", outgoing.ReactionContent, "reaction"),
]
_COMPONENTS: list[tuple[str, list[type[BaseModel]]]] = [
    ("Header", [template.FilledHeader, *template.HEADER_FILLINGS]),
    ("Body", [template.FilledBody, template.TextFilling, template.MoneyFilling, template.TimeFilling]),
    ("Buttons", list(template.BUTTON_FILLINGS)),
    ("Carousel", [template.FilledCarousel]),
    ("Offer that ends", [template.FilledOffer]),
    ("State of an order", [template.FilledOrder]),
    ("Picture to tap", [template.FilledTapTarget]),
]


def documented_types() -> str:
    """The page as it must read."""
    lines = [_INTRO]
    for title, intro, model, field in _PLAIN:
        types = _MEDIA if field == "media" else {field.removesuffix("[]")}
        lines += [f"## {title}\n", intro, *_described(model), *_table(model, field), *_examples(types)]
    lines += [
        "## Interactive messages\n",
        "`type`: `interactive`; the content is `interactive`, told apart by its own `type`.\n",
    ]
    lines += ["### Headers\n", "`header` is one of these, told apart by its `type`.\n", *_tables(_HEADERS, "header")]
    for model in interactive.INTERACTIVE_MODELS:
        lines += [f"### `{_kind_of(model)}`\n", *_described(model), *_table(model, "interactive")]
        lines += _examples({"interactive"}, _kind_of(model))
    lines += ["## Template\n", "`type`: `template`; the content is `template`.", *_described(template.TemplateContent)]
    lines += [*_table(template.TemplateContent, "template"), "`components` hold what fills the template's places:\n"]
    for title, models in _COMPONENTS:
        lines += [f"### {title}\n", *_tables(models, "")]
    lines += ["### Examples of templates\n", *_examples({"template"})]
    lines += customers_messages()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def customers_messages() -> Iterator[str]:
    """Each type that customers send, with the three things that are made of it."""
    yield _FROM_CUSTOMERS
    for kind, contents in CUSTOMERS.items():
        yield f"### `{kind}`\n"
        for content in contents:
            media = find_media(kind, content)
            line, structure = line_of(kind, content), structure_of(kind, None, content, media)
            preview = preview_of(kind, line, content, media)
            yield "<br>".join(f"`{each}`" for each in line.split("\n")) + "\n"
            if preview != line:
                yield f"In a list: `{preview}`\n"
            written = structure.model_dump(mode="json", by_alias=True, exclude_none=True)
            yield f"```json\n{_laid_out(written)}\n```\n"
    yield _AFTERWARDS


def _described(model: type[BaseModel]) -> Iterator[str]:
    sentence, _, rest = (model.__doc__ or "").partition("\n\n")
    link = re.search(r"https://\S+", rest)
    yield sentence.strip() + (f" [Meta's page]({link[0]})" if link else "") + "\n"


def _tables(models: list[type[BaseModel]], prefix: str) -> Iterator[str]:
    for model in models:
        kind = _kind_of(model)
        yield from _described(model) if model.__doc__ else [f"Of the kind `{kind}`:\n"]
        yield from _table(model, prefix)


def _kind_of(model: type[BaseModel]) -> str:
    properties = model.model_json_schema()["properties"]
    return str(properties.get("subType", properties["type"])["const"])


def _table(model: type[BaseModel], prefix: str) -> Iterator[str]:
    schema = model.model_json_schema()
    rows = [
        (f"`{name}`{_NEEDED if needed else ''}", _must_be(shape, schema), (shape.get("description") or "").replace("\n", " "))
        for name, needed, shape in _fields(schema, schema, f"{prefix}." if prefix else "")
    ]
    width = 3 if any(meaning for _, _, meaning in rows) else 2
    yield _row(("field", "what it must be", "what it is for")[:width])
    yield f"|{'---|' * width}"
    yield from (_row(row[:width]) for row in rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fields(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    for name, declared in schema.get("properties", {}).items():
        shape = _resolved(declared, root)
        needed = name in schema.get("required", [])
        item = _resolved(shape["items"], root) if "items" in shape else None
        yield f"{prefix}{name}{'[]' if item else ''}", needed, shape
        yield from _fields(item or shape, root, f"{prefix}{name}{'[]' if item else ''}.")


def _resolved(shape: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Without null, and what a reference leads to; several models stay `anyOf`."""
    said = shape.get("description")
    if "anyOf" in shape:
        rest = [each for each in shape["anyOf"] if each.get("type") != "null"]
        shape = rest[0] if len(rest) == 1 else {"anyOf": [_resolved(each, root) for each in rest]}
        shape = _resolved(shape, root) if "anyOf" not in shape else shape
    if "$ref" in shape:
        shape = {**root["$defs"][shape["$ref"].rsplit("/", 1)[-1]]}
        shape["description"] = None
    return {**shape, "description": said or shape.get("description")}


def _must_be(shape: dict[str, Any], root: dict[str, Any]) -> str:
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return " or ".join(f"`{each}`" for each in shape["enum"])
    if "anyOf" in shape:
        return _one_of(shape["anyOf"], root) or " or ".join(dict.fromkeys(_must_be(each, root) for each in shape["anyOf"]))
    match shape.get("type"):
        case "array":
            items = _resolved(shape["items"], root)
            kinds = _one_of(items.get("anyOf", []), root)
            count = "one object" if shape.get("maxItems") == 1 else f"{_span(shape, 'minItems', 'maxItems')}objects"
            return f"a list of {count}{f': {kinds}' if kinds else ''}"
        case "string" if shape.get("format") == "uri":
            return "an address"
        case "string":
            return f"text, at most {shape['maxLength']:,}" if "maxLength" in shape else "text"
        case "integer":
            return "a whole number" + (f" from {_span(shape, 'minimum', 'maximum')}".rstrip() if "maximum" in shape else "")
        case "number":
            return "a number"
        case "boolean":
            return "true or false"
    return "an object"


def _one_of(shapes: list[dict[str, Any]], root: dict[str, Any]) -> str:
    """The kinds of several models."""
    properties = [_resolved(each, root).get("properties", {}) for each in shapes]
    kinds = [(each.get("subType") or each.get("type") or {}).get("const") for each in properties]
    return " or ".join(f"`{kind}`" for kind in kinds) if kinds and all(kinds) else ""


def _span(shape: dict[str, Any], least: str, most: str) -> str:
    return f"{shape[least]} to {shape[most]:,} " if most in shape else ""


def _examples(types: set[str], kind: str | None = None) -> Iterator[str]:
    for name, (type, said) in EXAMPLES.items():
        if type in types and (kind is None or said["type"] == kind):
            content = {"type": type, ContentType(type).field: said}
            yield f"{name[0].upper()}{name[1:]}:\n"
            yield f"```json\n{_laid_out({'to': '+15550100142'} | content)}\n```\n"
            lines = text_of_content(MessageContent.model_validate(content)).split("\n")
            yield f"{'<br>'.join(f'`{line}`' for line in lines)}\n"


def _laid_out(value: Any, indent: int = 0) -> str:
    """JSON, of which every object or list that fits stands on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent and len(flat) + indent <= _WIDTH):
        return flat
    inner, space = indent + 2, " " * (indent + 2)
    if isinstance(value, dict):
        rows = [f"{space}{json.dumps(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
    else:
        rows = [f"{space}{_laid_out(item, inner)}" for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return "\n".join([opening, ",\n".join(rows), " " * indent + closing])


def test_the_page_shows_the_models_and_an_example_of_each_kind() -> None:
    assert PAGE.read_text() == documented_types()


def test_every_example_of_the_page_is_taken() -> None:
    said, _, _ = PAGE.read_text().partition(_FROM_CUSTOMERS)
    bodies = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", said, re.DOTALL)]
    assert len(bodies) == len(EXAMPLES)
    for body in bodies:
        del body["to"]
        MessageContent.model_validate(body)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_page_is_taken_by_the_simulator(name: str) -> None:
    type, said = EXAMPLES[name]
    content = MessageContent.model_validate({"type": type, ContentType(type).field: said})
    written = render_content(content)[type]
    sent = read_send(
        render_composed(wa_id="15550100142", user_id=None, message_id=new_id(), type=content.type, content=written)
    )
    if sent.template is not None:
        found = TemplateBook().get_sendable(sent.template.name, sent.template.language.code)
        components = sent.template.components or []
        assert fill(found, components, lambda _: True)
        assert check(_known(found), components) == []


def _known(template: TemplateOfAccount) -> Template:
    """As Waystate knows it once it was listed."""
    facts = {name: getattr(template, name) for name in ("name", "language", "category", "parameter_format", "components")}
    return Template(id=new_id(), business_account_id="1", changed_at=utc_now(), status="APPROVED", **facts)


if __name__ == "__main__":
    PAGE.write_text(documented_types())
