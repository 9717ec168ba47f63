"""Values put into a payload from the command line."""

from typing import Any

import pytest

from waystate.cli.dead_letter_work import read_payload, with_values
from waystate.errors import BadRequest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("b=1", {"a": [{"x": 1}], "b": 1}),
        ("a.0.x=text", {"a": [{"x": "text"}], "b": "old"}),
        ('a={"y": [null]}', {"a": {"y": [None]}, "b": "old"}),
        ("new.deep=true", {"a": [{"x": 1}], "b": "old", "new": {"deep": True}}),
        ("b=x=y", {"a": [{"x": 1}], "b": "x=y"}),
        ("b=", {"a": [{"x": 1}], "b": ""}),
        ('b="1"', {"a": [{"x": 1}], "b": "1"}),
    ],
)
def test_a_value_goes_where_its_path_says_as_json_or_else_as_text(value: str, expected: Any) -> None:
    payload = {"a": [{"x": 1}], "b": "old"}
    assert with_values(payload, [value]) == expected
    assert payload == {"a": [{"x": 1}], "b": "old"}, "the original is left alone"


@pytest.mark.parametrize("value", ["b", "=1", "a.1.x=1", "a.x=1", "b.c=1", "a.0.x.y=1"])
def test_a_path_that_leads_nowhere_is_refused(value: str) -> None:
    with pytest.raises(BadRequest):
        with_values({"a": [{"x": 1}], "b": "old"}, [value])


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_what_is_no_object_is_no_payload(document: bytes) -> None:
    with pytest.raises(BadRequest):
        read_payload(document)
