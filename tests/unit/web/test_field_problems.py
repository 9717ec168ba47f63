"""pydantic's errors in words of our own: each type that can come, its limit, and the field that was meant."""

from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    NaiveDatetime,
    StrictBool,
    StrictInt,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import InitErrorDetails

from waystate.channels.whatsapp.outgoing import MessageContent
from waystate.errors import Unprocessable
from waystate.sends.bodies import SendMany, SendMessage
from waystate.tenants.change import Changes, apply_changes
from waystate.tenants.model import Tenant
from waystate.web.field_problems import _LIBRARYS, _OF_OBJECTS, _SENTENCES, problem_of
from waystate.web.problems import invalid_fields, parse_body

SECRET = "correct horse battery"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    code: str
    policy: str | None = None


def _refuse(value: str) -> str:
    raise ValueError(f"{value} is no name; give another")


def _assert(value: str) -> str:
    raise AssertionError("is no name; give another")


Cat = type("Cat", (BaseModel,), {"__annotations__": {"kind": Literal["cat"]}})
Dog = type("Dog", (BaseModel,), {"__annotations__": {"kind": Literal["dog"]}})
MOMENT = "must be a date and time with its offset, such as 2026-01-31T12:00:00Z"
WHOLE = "must be a whole number, such as 10"
NUMBER = "must be a number, such as 1.5"
TEXT = "must be a text, in quotes"
DAY = "must be a day, such as 2026-01-31"
SPAN = 'must be an ISO 8601 duration, such as "PT72H", "PT10M" or "P7D"'
ID = "must be an id of the form 019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83"
OBJECT = "must be an object: { … }"
Later = Annotated[Annotated[timedelta, AfterValidator(lambda value: value)], Field(le=timedelta(days=30))]

REAL: list[tuple[Any, Any, str, str]] = [
    (Inner, {}, "missing", "is missing; add it"),
    (Inner, "en", "model_type", "must be an object with `code`, `policy`"),
    (dict[str, str], SECRET, "dict_type", OBJECT),
    (list[str], SECRET, "list_type", "must be a list: [ … ]"),
    (tuple[str, ...], SECRET, "tuple_type", "must be a list: [ … ]"),
    (set[str], SECRET, "set_type", "must be a list: [ … ]"),
    (str, 12, "string_type", TEXT),
    (Annotated[str, Field(max_length=3)], SECRET, "string_too_long", "has more than 3 characters; shorten it"),
    (Annotated[str, Field(max_length=1)], SECRET, "string_too_long", "has more than 1 character; shorten it"),
    (Annotated[str, Field(max_length=4096)], "x" * 4097, "string_too_long", "has more than 4,096 characters; shorten it"),
    (Annotated[str, Field(min_length=1)], "", "string_too_short", "is empty; fill it in"),
    (Annotated[str, Field(min_length=30)], SECRET, "string_too_short", "has fewer than 30 characters; give more"),
    (
        Annotated[str, Field(pattern="^[a-z]$")],
        SECRET,
        "string_pattern_mismatch",
        "has another form than is wanted: it must match ^[a-z]$",
    ),
    (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "too_long", "has more than 2 items; leave some out"),
    (Annotated[list[int], Field(min_length=1)], [], "too_short", "has fewer than 1 item; add what is missing"),
    (Colour, SECRET, "enum", "must be 'red' or 'blue'"),
    (Literal["a", "b", "c"], SECRET, "literal_error", "must be 'a', 'b' or 'c'"),
    (UUID, SECRET, "uuid_parsing", ID),
    (UUID, 12.5, "uuid_type", ID),
    (StrictBool, "yes", "bool_type", "must be true or false, without quotes"),
    (bool, SECRET, "bool_parsing", "must be true or false"),
    (StrictInt, "1234", "int_type", f"{WHOLE}, without quotes"),
    (int, SECRET, "int_parsing", WHOLE),
    (int, 1.5, "int_from_float", WHOLE),
    (int, "9" * 5000, "int_parsing_size", "has too many digits; give a smaller number"),
    (float, SECRET, "float_parsing", NUMBER),
    (float, [], "float_type", f"{NUMBER}, without quotes"),
    (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "finite_number", NUMBER),
    (Decimal, SECRET, "decimal_parsing", NUMBER),
    (Annotated[float, Field(le=10_000)], 10_001, "less_than_equal", "must be at most 10,000"),
    (Annotated[int, Field(ge=1)], 0, "greater_than_equal", "must be at least 1"),
    (Annotated[float, Field(gt=0)], 0, "greater_than", "must be more than 0"),
    (Annotated[int, Field(lt=9)], 9, "less_than", "must be less than 9"),
    (Annotated[int, Field(multiple_of=5)], 7, "multiple_of", "must be a multiple of 5"),
    (Later, timedelta(days=31), "less_than_equal", "must be at most P30D"),
    (timedelta, SECRET, "time_delta_parsing", SPAN),
    (AwareDatetime, "2026-01-31T12:00:00", "timezone_aware", "lacks its offset from UTC; add it, as in "),
    (NaiveDatetime, "2026-01-31T12:00:00Z", "timezone_naive", "has an offset from UTC, which is not taken here; leave it out"),
    (AwareDatetime, "soon", "datetime_from_date_parsing", MOMENT),
    (AwareDatetime, "2026-13-31T12:00:00Z", "datetime_from_date_parsing", MOMENT),
    (AwareDatetime, [], "datetime_type", MOMENT),
    (date, SECRET, "date_from_datetime_parsing", f"{DAY}, without a time"),
    (date, [], "date_type", DAY),
    (date, "2026-01-31T12:00:00", "date_from_datetime_inexact", f"{DAY}, without a time"),
    (time, SECRET, "time_parsing", "must be a time of day, such as 09:30"),
    (None, SECRET, "none_required", "must be null, or left out"),
    (HttpUrl, SECRET, "url_parsing", "must be a whole address, such as https://example.org/offers"),
    (HttpUrl, "ftp://example.org", "url_scheme", "must be an address that begins with 'http' or 'https'"),
    (Annotated[str, AfterValidator(_refuse)], SECRET, "value_error", "… is no name; give another"),
    (Annotated[str, AfterValidator(_assert)], SECRET, "assertion_error", "is no name; give another"),
    (Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": SECRET}, "union_tag_invalid", "must say 'kind' as one of "),
    (Annotated[Cat | Dog, Field(discriminator="kind")], {}, "union_tag_not_found", "must say 'kind', which tells what it is"),
]
"""What a field is, what is sent, the type of the error and the sentence, or how it begins."""

MADE: dict[str, dict[str, Any]] = {
    "bytes_invalid_encoding": {"encoding": "utf-8", "encoding_error": SECRET},
    "bytes_too_long": {"max_length": 2},
    "bytes_too_short": {"min_length": 2},
    "dataclass_type": {"class_name": "Inner"},
    "datetime_object_invalid": {"error": SECRET},
    "datetime_parsing": {"error": SECRET},
    "date_parsing": {"error": SECRET},
    "decimal_max_digits": {"max_digits": 3},
    "decimal_max_places": {"decimal_places": 3},
    "decimal_whole_digits": {"whole_digits": 3},
    "iterable_type": {},
    "json_invalid": {"error": SECRET},
    "mapping_type": {"error": SECRET},
    "timezone_offset": {"tz_expected": 0, "tz_actual": 60},
    "url_syntax_violation": {"error": SECRET},
    "url_too_long": {"max_length": 2000},
    "uuid_version": {"expected_version": 4},
}
"""Limits of types that need some, and that nothing here raises."""


def the_error(annotation: Any, value: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(value)
    return dict(caught.value.errors(include_url=False)[0])


@pytest.mark.parametrize(("annotation", "value", "kind", "said"), REAL, ids=[f"{each[2]}-{each[3][:40]}" for each in REAL])
def test_an_error_says_what_to_do_in_our_words(annotation: Any, value: Any, kind: str, said: str) -> None:
    error = the_error(annotation, value)
    problem = problem_of(error, annotation if annotation is Inner else None, value)
    assert error["type"] == kind
    assert problem.startswith(said) if said.endswith(" ") else problem == said
    assert SECRET not in problem


@pytest.mark.parametrize("kind", sorted(_SENTENCES.keys() | _OF_OBJECTS | {"extra_forbidden"}))
def test_every_type_has_a_sentence_without_the_librarys_words(kind: str) -> None:
    error = next((the_error(*each[:2]) for each in REAL if each[2] == kind), None)
    if error is None:
        details = InitErrorDetails(type=kind, loc=("field",), input=SECRET, ctx=MADE.get(kind, {}))  # type: ignore[typeddict-item]
        error = dict(ValidationError.from_exception_data("body", [details]).errors()[0])
    said = problem_of(error)
    assert said
    assert said != error["msg"]
    assert "Input should" not in said
    assert SECRET not in said
    assert kind in _LIBRARYS, "pydantic knows no such type"


def test_a_type_that_nobody_has_met_is_told_neutrally() -> None:
    said = problem_of({"type": "callable_type", "msg": f"Input should be callable, not {SECRET}", "loc": ("a",)})
    assert said.startswith("cannot be used as it is")


def test_a_sentence_of_our_own_is_passed_on_without_the_value() -> None:
    error = {"type": "whatsapp_limit", "msg": f"has {SECRET} in it; leave it out", "loc": ("a",), "input": SECRET}
    assert problem_of(error) == "has … in it; leave it out"


def refused(model: type[BaseModel], sent: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(sent)
    problem = invalid_fields(caught.value.errors(include_url=False), model, sent)
    return {each["field"]: each["problem"] for each in problem.extra["errors"]}


TO = {"to": "+5511987654321", "type": "text", "text": {"body": "Hi"}}


@pytest.mark.parametrize(
    ("model", "sent", "field", "meant"),
    [
        (SendMessage, {**TO, "text": {"body": "Hi", "previewURL": True}}, "text.previewURL", "previewUrl"),
        (SendMessage, {**TO, "image": {"link": "https://example.org/a"}}, "image", "media"),
        (SendMessage, {"recipient": "5511987654321", "type": "text", "text": {"body": "Hi"}}, "recipient", "to"),
        (SendMessage, {**TO, "context": {"message_id": "wamid.1"}}, "context", "replyTo"),
        (SendMessage, {**TO, "sendsAt": "2026-01-31T12:00:00Z"}, "sendsAt", "sendAt"),
        (SendMany, {"messages": [TO, {**TO, "holdUntilWindows": True}]}, "messages.1.holdUntilWindows", "holdUntilWindow"),
        (
            MessageContent,
            {
                "type": "template",
                "template": {
                    "name": "a",
                    "language": {"code": "en"},
                    "components": [{"type": "body", "parameters": [{"type": "text", "text": "a", "parametername": "b"}]}],
                },
            },
            "template.components.0.parameters.0.parametername",
            "parameterName",
        ),
    ],
)
def test_an_unknown_field_is_told_which_is_meant(model: type[BaseModel], sent: Any, field: str, meant: str) -> None:
    assert refused(model, sent)[field] == f"is not taken here; send `{meant}` if that is meant, or leave it out"


def test_a_field_like_no_other_is_told_those_there_are() -> None:
    sent = {**TO, "text": {"body": "Hi", "zzz": 1}}
    said = "is not taken here, only `body`, `previewUrl`; correct its name, or leave it out"
    assert refused(SendMessage, sent) == {"text.zzz": said}
    assert refused(SendMessage, {**TO, "zzz": 1}) == {"zzz": "is not taken here; correct its name, or leave it out"}


def test_what_is_no_object_is_told_its_fields() -> None:
    sent = {"type": "template", "template": {"name": "a", "language": "en"}}
    assert refused(MessageContent, sent) == {"template.language": "must be an object with `code`, `policy`"}


def test_the_detail_tells_the_first_three_and_how_many_more() -> None:
    class Four(BaseModel):
        model_config = ConfigDict(extra="forbid")
        one: str
        two: int
        three: bool

    with pytest.raises(Unprocessable) as caught:
        parse_body(Four, b'{"two": "x", "three": "x", "twoo": 1}')
    assert caught.value.detail == (
        f"Not usable: one is missing; add it; two {WHOLE}; three must be true or false; and 1 more. "
        "Correct what `errors` names and send again."
    )


def test_a_setting_over_its_limit_is_told_the_limit_as_it_is_written() -> None:
    tenant = Tenant.model_validate({"id": "acme", "name": "Acme", "status": "active"})
    with pytest.raises(Unprocessable) as caught:
        apply_changes(tenant, Changes(settings={"hold_ttl": "P31D"}))
    assert caught.value.extra["errors"] == [{"field": "settings.hold_ttl", "problem": "must be at most P30D"}]


def test_a_field_of_several_types_is_named_once_as_it_stands_in_the_body() -> None:
    sent = {"type": "location", "location": {"latitude": True, "longitude": []}}
    assert refused(MessageContent, sent).keys() == {"location.latitude", "location.longitude"}
