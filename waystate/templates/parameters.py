"""The parameters of a template message: their number, their kinds, and what stands in their places. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from pydantic.alias_generators import to_camel

from waystate.channels.fields import find_list, find_object, find_text, is_visible
from waystate.channels.whatsapp.parts import list_names, respell
from waystate.channels.whatsapp.template import BUTTON_FILLINGS, COMPONENTS
from waystate.documents import JsonObject, shorten

_KINDS = frozenset(
    {
        *("text", "currency", "date_time", "image", "video", "document", "location", "product"),
        *("payload", "coupon_code", "action", "limited_time_offer"),
    }
)
"""Types that are known; one that came later is for WhatsApp to judge."""
_OF_TEXT = frozenset({"text", "currency", "date_time"})
_NOT_IN_LINE = re.compile(r"[\n\r\t]| {5}")
_CURRENCY = ("fallback_value", "code", "amount_1000")


@cache
def _names() -> dict[str, str]:
    return list_names((*COMPONENTS, *BUTTON_FILLINGS))


def whatsapps_components(components: list[JsonObject]) -> list[JsonObject]:
    """With WhatsApp's names of fields, of which senders may write ours. Raises ValidationError where both of one are there."""
    respelled: list[JsonObject] = respell(components, _names())
    return respelled


def kind_of(component: Any) -> str:
    """A component's `type`: header, body, button, … WhatsApp's pages write it in either case."""
    return (find_text(component, "type") or "").lower()


def find_component(sent: Iterable[Any], kind: str) -> JsonObject | None:
    return next((each for each in sent if kind_of(each) == kind), None)


def given_as(component: JsonObject | None) -> list[Any]:
    """A component's parameters."""
    return find_list(component, "parameters") or []


def check_type(place: str, parameter: Any, allowed: Collection[str]) -> list[str]:
    """Whether a parameter is of one of these types, as far as its own is known."""
    kind = kind_of(parameter)
    if kind == "":
        return [f"{place}: each parameter is an object with a `type`."]
    if kind in allowed or kind not in _KINDS:
        return []
    return [f"{place}: a parameter of type {' or '.join(sorted(allowed))} is needed, and one of type {kind} is given."]


def check_texts(place: str, variables: Sequence[str], named: bool, given: Sequence[Any]) -> list[str]:
    """Whether each variable of a text has one value, and each value is one."""
    if not variables:
        are = "1 parameter is" if len(given) == 1 else f"{len(given)} parameters are"
        return [f"{place}: it has no variables, and {are} given; leave that out."] if given else []
    problems = _check_names(place, variables, given) if named else _check_count(place, variables, given)
    if problems:
        return problems
    for position, parameter in enumerate(given):
        called = find_text(parameter, "parameter_name") if named else str(variables[position])
        problems += _check_value(f"{place}, {{{{{called}}}}}", parameter)
    return problems


def values_of(variables: Sequence[str], named: bool, given: Sequence[Any]) -> dict[str, str]:
    """What the customer reads in place of each variable. A currency and a date are shown by their `fallback_value`."""
    if named:
        return {name: shown_as(each) for each in given if (name := find_text(each, "parameter_name")) is not None}
    return {name: shown_as(each) for name, each in zip(variables, given, strict=False)}


def shown_as(parameter: Any) -> str:
    kind = kind_of(parameter)
    if kind in ("currency", "date_time"):
        return find_text(find_object(parameter, kind), "fallback_value") or ""
    return find_text(parameter, "text") or ""


def _check_count(place: str, variables: Sequence[str], given: Sequence[Any]) -> list[str]:
    if len(given) == len(variables):
        return []
    needed = "1 parameter is" if len(variables) == 1 else f"{len(variables)} parameters are"
    listed = ", ".join(f"{{{{{each}}}}}" for each in variables)
    return [f"{place}: {needed} needed ({listed}), {len(given)} {'is' if len(given) == 1 else 'are'} given."]


def _check_names(place: str, variables: Sequence[str], given: Sequence[Any]) -> list[str]:
    names = [find_text(each, "parameter_name") for each in given]
    if None in names:
        return [f"{place}: its variables have names, so each parameter needs its `parameterName` ({', '.join(variables)})."]
    problems = []
    if missing := [each for each in variables if each not in names]:
        problems.append(f"{place}: no parameter is given for {', '.join(missing)}.")
    if unknown := [shorten(str(each), 100) for each in names if each not in variables]:
        problems.append(f"{place}: it has no variable {', '.join(unknown)}; it has {', '.join(variables)}.")
    if not problems and len(set(names)) < len(names):
        problems.append(f"{place}: a `parameterName` is given twice; give each once.")
    return problems


def _check_value(place: str, parameter: Any) -> list[str]:
    if problems := check_type(place, parameter, _OF_TEXT):
        return problems
    match kind_of(parameter):
        case "text":
            text = find_text(parameter, "text")
            if not is_visible(text):
                return [f"{place}: its `text` is empty, and WhatsApp takes no empty parameter."]
            if _NOT_IN_LINE.search(text):
                return [f"{place}: WhatsApp takes no line breaks, no tabs and no more than 4 spaces in a row in a parameter."]
        case "currency":
            currency = find_object(parameter, "currency")
            if missing := [to_camel(each) for each in _CURRENCY if find_text(currency, each) is None]:
                return [f"{place}: the currency lacks {', '.join(missing)}."]
        case "date_time":
            if find_text(find_object(parameter, "date_time"), "fallback_value") is None:
                return [f"{place}: the date_time lacks its `fallbackValue`, which is what customers read."]
    return []
