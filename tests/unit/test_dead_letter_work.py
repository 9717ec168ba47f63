"""Values put into a payload from the command line."""

from typing import Any, get_args

import pytest

from waystate.cli.dead_letter_work import read_payload, with_values
from waystate.cli.dead_letters import PipelineName
from waystate.dead_letters.model import Pipeline
from waystate.errors import BadRequest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.0.x=2", {"a": [{"x": 2}], "b": "old"}),
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
    assert with_values(payload, [value], {"new": False}) == expected
    assert payload == {"a": [{"x": 1}], "b": "old"}, "the original is left alone"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("wa_id=491701234567", {"wa_id": "491701234567"}),
        ("wa_id=00", {"wa_id": "00"}),
        ("wa_id=true", {"wa_id": "true"}),
        ('wa_id="491701234567"', {"wa_id": "491701234567"}),
        ("wa_id=null", {"wa_id": None}),
        ("name.0.first=7", {"name": [{"first": "7"}]}),
        ("count=8", {"count": 8}),
        ("user_id=8", {"user_id": "8"}),
        ("at=8", {"at": 8}),
    ],
)
def test_what_was_a_text_stays_one(value: str, expected: Any) -> None:
    payload = {"wa_id": "1", "name": [{"first": "Ada"}], "count": 7}
    assert with_values(payload, [value], {"user_id": True, "at": False}) == payload | expected


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ("waid=1", "there are a, b, known"),
        ("a.1.x=1", "there is a list of 1 value, the first at 0"),
        ("a.x=1", "there is a list of 1 value"),
        ("a.0.y=1", "there are x"),
        ("b.c=1", "there is a single value"),
    ],
)
def test_an_unknown_path_is_refused_with_what_there_is(value: str, there: str) -> None:
    payload = {"a": [{"x": 1}], "b": "old"}
    with pytest.raises(BadRequest, match=there):
        with_values(payload, [value], {"known": False})


@pytest.mark.parametrize("value", ["b", "=1", "a.1.x=1", "a.x=1", "b.c=1", "a.0.x.y=1"])
def test_a_path_that_leads_nowhere_is_refused(value: str) -> None:
    with pytest.raises(BadRequest):
        with_values({"a": [{"x": 1}], "b": "old"}, [value])


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_what_is_no_object_is_no_payload(document: bytes) -> None:
    with pytest.raises(BadRequest):
        read_payload(document)


def test_the_command_line_knows_every_pipeline() -> None:
    assert set(get_args(PipelineName)) == set(Pipeline)
