"""What is wrong with a field, in a sentence that says what to do: pydantic's errors in words of our own. Pure.

https://docs.pydantic.dev/latest/errors/validation_errors/
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import core_schema, to_jsonable_python

Limits = Mapping[str, Any]
Models = Sequence[type[BaseModel]]

_LIBRARYS = frozenset(get_args(core_schema.ErrorType))
_NEAR = 0.7
"""How alike two names are of which one is meant for the other, 1 being the same."""
_MOST_NAMES = 12
"""Fields that are listed to who misses one; of more the documents tell."""
_LONGEST_NAME = 100
_DURATION = re.compile(r"datetime\.timedelta\((.*)\)")
_WHOLE = "must be a whole number, such as 10"
_NUMBER = "must be a number, such as 1.5"
_TEXT = "must be a text, in quotes"
_LIST = "must be a list: [ … ]"
_DAY = "must be a day, such as 2026-01-31"
_TIME = "must be a time of day, such as 09:30"
_MOMENT = "must be a date and time with its offset, such as 2026-01-31T12:00:00Z"
_SPAN = 'must be an ISO 8601 duration, such as "PT72H", "PT10M" or "P7D"'
_ID = "must be an id of the form 019c1420-8f3a-7c55-9d6e-2b7f4a1c0e83"
_ADDRESS = "must be a whole address, such as https://example.org/offers"
_JSON = "is no JSON; send one JSON document in UTF-8"
_OTHERWISE = "cannot be used as it is; compare it with what /docs shows of this operation"


def problem_of(error: Mapping[str, Any], model: type[BaseModel] | None = None, sent: Any = None) -> str:
    """The sentence on one of pydantic's errors, never with what was sent.

    `model` and the `sent` document it was to be tell which field may be meant, and which there are.
    """
    kind, limits = str(error.get("type", "")), error.get("ctx") or {}
    if kind in ("value_error", "assertion_error") or kind not in _LIBRARYS:
        return _without_input(error)
    *place, last = error.get("loc") or ("",)
    if kind == "extra_forbidden":
        models, beside = _find_models(model, place, sent)
        return _on_unknown(str(last)[:_LONGEST_NAME], models, beside)
    if kind in _OF_OBJECTS:
        models, _ = _find_models(model, error.get("loc") or (), sent)
        return _on_no_object(models)
    said = _SENTENCES.get(kind, _OTHERWISE)
    return said if isinstance(said, str) else said(limits)


def field_of(error: Mapping[str, Any], sent: Any = None) -> str:
    """The field's place in the `sent` document, each name as it is spelled there."""
    parts: list[str] = []
    for part in error.get("loc") or ():
        if isinstance(sent, str | int | float) or (isinstance(sent, list) and isinstance(part, str)):
            break  # pydantic goes on with the names of the types that it has tried
        spelled = part
        if isinstance(sent, dict) and part not in sent and error.get("type") != "missing":
            spelled = next((each for each in sent if to_camel(each) == part), part)
        try:
            sent = sent[spelled]
        except (LookupError, TypeError):
            sent = None
        parts.append(str(spelled))
    return ".".join(parts)[:_LONGEST_NAME] or "body"


def _on_unknown(name: str, models: Models, beside: Mapping[str, Any]) -> str:
    names = _names_of(models)
    spelled = {_flat(each): each for each in names}
    meant = spelled.get(_flat(name)) or _also_called(name, models)
    if meant in beside:
        return f"is not taken beside `{meant}`, which says the same; send one of the two"
    if meant is None:
        meant = next(iter(get_close_matches(name, names, 1, _NEAR)), None)
    if meant is not None:
        return f"is not taken here; send `{meant}` if that is meant, or leave it out"
    if 0 < len(names) <= _MOST_NAMES:
        return f"is not taken here, only {_listed(names)}; correct its name, or leave it out"
    return "is not taken here; correct its name, or leave it out"


def _on_no_object(models: Models) -> str:
    names = _names_of(models)
    return f"must be an object with {_listed(names)}" if 0 < len(names) <= _MOST_NAMES else "must be an object: { … }"


def _also_called(name: str, models: Models) -> str | None:
    """What a model declares as `ALSO_CALLED`: names that senders know from elsewhere, and its own field for each."""
    return next((called[name] for each in models if name in (called := getattr(each, "ALSO_CALLED", {}))), None)


def _find_models(model: type[BaseModel] | None, place: Sequence[str | int], sent: Any) -> tuple[Models, Mapping[str, Any]]:
    """Those that may stand at the place, and the object that does."""
    found, node = [model] if model is not None else [], sent
    for part in place:
        try:
            node = node[part]
        except (LookupError, TypeError):
            node = None
        if isinstance(part, str):
            fields = [field for each in found for name, field in each.model_fields.items() if part in _spellings(name, field)]
            found = list(dict.fromkeys(inner for field in fields for inner in _models_in(field.annotation)))
        if isinstance(node, dict) and len(found) > 1:
            found = [each for each in found if _fits(each, node)] or found
    return found, node if isinstance(node, dict) else {}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


def _fits(model: type[BaseModel], node: Mapping[str, Any]) -> bool:
    """Whether the object says by a constant, as its `type` is one, that it is of another model."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal:
            said = next((node[each] for each in _spellings(name, field) if each in node), None)
            if isinstance(said, str) and said.lower() not in get_args(field.annotation):
                return False
    return True


def _names_of(models: Models) -> list[str]:
    return list(dict.fromkeys(_spellings(name, field)[0] for each in models for name, field in each.model_fields.items()))


def _spellings(name: str, field: FieldInfo) -> tuple[str, ...]:
    """That of our documents first."""
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return (*(each for each in choices if isinstance(each, str)), name)


def _flat(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def _without_input(error: Mapping[str, Any]) -> str:
    """The sentence of a check of ours; one that quotes the value it got (a password, say) is not passed on."""
    sentence, value = str(error.get("msg", "")), error.get("input")
    sentence = sentence.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = str(value) if isinstance(value, str | int | float) else ""
    return sentence.replace(text, "…") if len(text) > 2 else sentence


def _written(limit: Any) -> str:
    """pydantic gives the limit of a duration as Python writes it."""
    if isinstance(limit, str) and (found := _DURATION.fullmatch(limit)):
        limit = timedelta(**{name: int(number) for name, number in re.findall(r"(\w+)=(-?\d+)", found[1])})
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        return f"{limit:,}"
    return str(to_jsonable_python(limit))


def _counted(number: Any, what: str) -> str:
    return f"{_written(number)} {what}{'' if number == 1 else 's'}"


def _at(name: str, words: str) -> Callable[[Limits], str]:
    return lambda limits: f"must be {words} {_written(limits[name])}"


def _too_long(what: str) -> Callable[[Limits], str]:
    return lambda limits: f"has more than {_counted(limits['max_length'], what)}; shorten it"


def _too_short(what: str) -> Callable[[Limits], str]:
    def said(limits: Limits) -> str:
        least = limits["min_length"]
        if least == 1:
            return "is empty; fill it in"
        return f"has fewer than {_counted(least, what)}; give more"

    return said


_OF_OBJECTS = frozenset(
    {
        *("model_type", "model_attributes_type", "dict_type", "frozen_dict_type", "ordered_dict_type", "mapping_type"),
        *("dataclass_type", "arguments_type"),
    }
)
_SENTENCES: Mapping[str, str | Callable[[Limits], str]] = MappingProxyType(
    {
        "missing": "is missing; add it",
        "json_invalid": _JSON,
        "json_type": _JSON,
        "recursion_loop": "is nested too deeply; send a flatter document",
        "recursion_depth_exceeded": "is nested too deeply; send a flatter document",
        "none_required": "must be null, or left out",
        "invalid_key": "has a name that is no text; write every name in quotes",
        "greater_than": _at("gt", "more than"),
        "greater_than_equal": _at("ge", "at least"),
        "less_than": _at("lt", "less than"),
        "less_than_equal": _at("le", "at most"),
        "multiple_of": _at("multiple_of", "a multiple of"),
        "finite_number": _NUMBER,
        "string_type": _TEXT,
        "string_unicode": "must be a text in valid Unicode",
        "string_not_ascii": "must have letters, digits and signs of ASCII alone",
        "string_too_long": _too_long("character"),
        "string_too_short": _too_short("character"),
        "string_pattern_mismatch": lambda limits: f"has another form than is wanted: it must match {limits['pattern']}",
        "bytes_type": _TEXT,
        "bytes_too_long": _too_long("byte"),
        "bytes_too_short": _too_short("byte"),
        "bytes_invalid_encoding": lambda limits: f"is not encoded in {limits['encoding']}; encode it so",
        "too_long": lambda limits: f"has more than {_counted(limits['max_length'], 'item')}; leave some out",
        "too_short": lambda limits: f"has fewer than {_counted(limits['min_length'], 'item')}; add what is missing",
        **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type", "deque_type"), _LIST),
        "set_item_not_hashable": "must be a text or a number, as each item of this list",
        **dict.fromkeys(("enum", "literal_error"), lambda limits: f"must be {limits['expected']}"),
        "union_tag_invalid": lambda limits: f"must say {limits['discriminator']} as one of {limits['expected_tags']}",
        "union_tag_not_found": lambda limits: f"must say {limits['discriminator']}, which tells what it is",
        "bool_type": "must be true or false, without quotes",
        "bool_parsing": "must be true or false",
        "int_type": f"{_WHOLE}, without quotes",
        **dict.fromkeys(("int_parsing", "int_from_float"), _WHOLE),
        "int_parsing_size": "has too many digits; give a smaller number",
        "float_type": f"{_NUMBER}, without quotes",
        **dict.fromkeys(("float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
        "decimal_max_digits": lambda limits: f"has more than {_counted(limits['max_digits'], 'digit')}; round it",
        "decimal_max_places": lambda limits: f"has more than {_counted(limits['decimal_places'], 'decimal place')}; round it",
        "decimal_whole_digits": lambda limits: (
            f"has more than {_counted(limits['whole_digits'], 'digit')} before the decimal point; give a smaller number"
        ),
        **dict.fromkeys(("date_type", "date_parsing"), _DAY),
        **dict.fromkeys(("date_from_datetime_parsing", "date_from_datetime_inexact"), f"{_DAY}, without a time"),
        **dict.fromkeys(("date_past", "datetime_past"), "must lie in the past"),
        **dict.fromkeys(("date_future", "datetime_future"), "must lie in the future"),
        **dict.fromkeys(("time_type", "time_parsing"), _TIME),
        **dict.fromkeys(
            ("datetime_type", "datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"), _MOMENT
        ),
        "timezone_aware": "lacks its offset from UTC; add it, as in 2026-01-31T12:00:00Z or 2026-01-31T09:00:00-03:00",
        "timezone_naive": "has an offset from UTC, which is not taken here; leave it out",
        "timezone_offset": "has another offset from UTC than is taken here; write the time in UTC, with Z",
        **dict.fromkeys(("time_delta_type", "time_delta_parsing"), _SPAN),
        **dict.fromkeys(("uuid_type", "uuid_parsing", "uuid_version"), _ID),
        **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation"), _ADDRESS),
        "url_scheme": lambda limits: f"must be an address that begins with {limits['expected_schemes']}",
        "url_too_long": _too_long("character"),
    }
)
"""By the type of the error: the sentence, or how it is made with the limit that was broken."""
