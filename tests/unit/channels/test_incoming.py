"""Whatever of a customer's message is missing, null or of another kind than usual: it is read, kept as it came, and shown."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_agents_view import CUSTOMERS
from tests.unit.channels.test_whatsapp_parse import envelope, message, only
from waystate.channels.fields import is_visible
from waystate.channels.whatsapp.incoming import (
    MODELS,
    IncomingContent,
    Unsupported,
    read,
    read_context,
    read_referral,
    structure_of,
)
from waystate.channels.whatsapp.lines import agents_text, attributes_of, preview_of
from waystate.messages.model import InboundMessage

EXAMPLES = [(kind, content) for kind, contents in CUSTOMERS.items() for content in contents]
OTHERS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
    | st.builds(list)
    | st.builds(dict)
    | st.builds(lambda: [None])
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in the document, at any depth."""
    keys = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [place for key, value in keys for place in [(*path, key), *places(value, (*path, key))]]


@st.composite
def damaged(draw: st.DrawFn, *, is_typed: bool) -> tuple[str, dict[str, Any]]:
    """An example of a type, with fields dropped and nulled; unless `is_typed`, something else may stand in their place."""
    kind, example = draw(st.sampled_from(EXAMPLES))
    content = copy.deepcopy(example)
    for _ in range(draw(st.integers(0, 4))):
        found = places(content)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        node = content
        for key in path:
            node = node[key]
        match draw(st.sampled_from(["drop", "null"] if is_typed else ["drop", "null", "other"])):
            case "drop":
                del node[last]
            case "null":
                node[last] = None
            case "other":
                node[last] = draw(OTHERS)
    return kind, content


def shown(value: InboundMessage) -> None:
    structure = structure_of(value.type, value.text, value.content, value.media)
    assert structure.type in {model.model_fields["type"].default for model in MODELS}
    json.dumps(structure.model_dump(mode="json", by_alias=True))
    preview = preview_of(value.type, value.text, value.content, value.media)
    for text in (value.text, agents_text(value.type, value.text, value.content, value.media), preview):
        assert is_visible(text)
    assert "\n" not in preview
    attributes_of(value.type, value.content, value.media)


@settings(max_examples=400)
@given(said=damaged(is_typed=True), further=st.dictionaries(st.sampled_from(["new", "newer"]), OTHERS))
def test_what_lacks_fields_or_has_nulls_is_read_as_its_type_kept_as_it_came_and_shown(
    said: tuple[str, dict[str, Any]], further: dict[str, Any]
) -> None:
    kind, content = said
    value = only(envelope(message(type=kind, text=None) | {kind: content | further}))
    assert (value.type, value.content) == (kind, content | further)
    shown(value)
    if kind not in ("interactive", "unsupported"):
        model = read(kind, content | further)
        assert not isinstance(model, Unsupported), content
        assert structure_of(kind, value.text, value.content, value.media).further == (further or None)


@settings(max_examples=400)
@given(said=damaged(is_typed=False))
def test_what_is_not_made_as_its_type_is_kept_as_it_came_and_shown(said: tuple[str, dict[str, Any]]) -> None:
    kind, content = said
    value = only(envelope(message(type=kind, text=None) | {kind: content}))
    assert (value.type, value.content) == (kind, content)
    shown(value)
    if isinstance(read(kind, content), Unsupported):
        assert structure_of(kind, None, value.content, value.media).model_dump()["raw"] == content


@pytest.mark.parametrize(("kind", "content"), EXAMPLES)
def test_of_every_example_all_that_came_is_in_the_structure(kind: str, content: dict[str, Any]) -> None:
    structure = structure_of(kind, None, content, None)
    assert isinstance(structure, Unsupported) == (kind == "unsupported")
    said = json.dumps(structure.model_dump(mode="json", by_alias=True))
    for leaf in leaves(content):
        assert json.dumps(leaf)[1:-1] in said, (leaf, said)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() if key != "type" for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [str(value)] if isinstance(value, str | int | float) and not isinstance(value, bool) else []


STRUCTURES: list[tuple[str, str | None, Any, Any, dict[str, Any]]] = [
    ("text", "Hi", {}, None, {"type": "text", "body": "Hi"}),
    ("location", None, {"latitude": "1.5", "longitude": 2}, None, {"type": "location", "latitude": 1.5, "longitude": 2}),
    ("reaction", None, {"message_id": "w", "emoji": ""}, None, {"type": "reaction", "messageId": "w", "emoji": ""}),
    ("document", "see", {}, {"url": "https://a.test"}, {"type": "document", "caption": "see", "url": "https://a.test"}),
    ("image", "[image]", {"id": 5}, {"id": 5}, {"type": "image", "id": "5", "caption": None}),
    ("interactive", None, {"type": "button_reply", "button_reply": {"id": 1}}, None, {"type": "button_reply", "id": "1"}),
    (
        "interactive",
        None,
        {"type": "nfm_reply", "nfm_reply": {"response_json": '{"a":1}'}},
        None,
        {"type": "nfm_reply", "answers": {"a": 1}},
    ),
    ("interactive", None, {"type": "new"}, None, {"type": "unsupported", "subtype": "interactive", "raw": {"type": "new"}}),
    ("hologram", None, {"x": 1}, None, {"type": "unsupported", "subtype": "hologram", "raw": {"x": 1}}),
    ("unsupported", None, {"type": "pin"}, None, {"type": "unsupported", "subtype": "pin"}),
    ("system", None, {"type": "user_changed_number"}, None, {"type": "system", "subtype": "user_changed_number"}),
    ("text", None, {"body": "Hi", "new": [1]}, None, {"type": "text", "body": "Hi", "further": {"new": [1]}}),
]


@pytest.mark.parametrize(("kind", "text", "content", "media", "structure"), STRUCTURES)
def test_the_structure_is_the_types_own(kind: str, text: str | None, content: Any, media: Any, structure: Any) -> None:
    written = structure_of(kind, text, content, media).model_dump(mode="json", by_alias=True)
    assert {name: written[name] for name in structure} == structure


def test_an_edit_shows_how_the_message_is_now() -> None:
    content = {"original_message_id": "w", "message": {"type": "image", "image": {"id": "1", "caption": "new"}}}
    written = structure_of("edit", None, content, None).model_dump(mode="json", by_alias=True)
    assert (written["messageId"], written["content"]["type"], written["content"]["caption"]) == ("w", "image", "new")
    assert "message" not in written


def test_a_preview_is_one_short_line() -> None:
    assert preview_of("text", "two\n\n lines", {}, None) == "two lines"
    assert preview_of("image", "Taj", {"id": "1", "caption": "Taj"}, {"id": "1"}) == "[image] Taj"
    assert len(preview_of("text", "x" * 70_000, {}, None)) == 120


def test_surroundings_of_another_shape_are_left_out_and_never_an_error() -> None:
    for odd in (None, "x", [], 7, {"from": []}, {"id": {}}, {"referred_product": "x"}, {"source_url": [1]}):
        about = {"context": odd, "referral": odd}
        read_context(about)
        read_referral(about)
        assert agents_text("text", "Hi", {}, None).startswith("Hi")


def test_every_model_is_closed_and_says_its_type() -> None:
    for model in MODELS:
        assert issubclass(model, IncomingContent)
        assert model.model_config["extra"] == "ignore"
        schema = model.model_json_schema(mode="serialization")["properties"]["type"]
        assert schema["const"] == model.model_fields["type"].default
