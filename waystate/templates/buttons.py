"""The buttons of a template message: which parameters each needs, and which it takes. Pure.

https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/components#buttons
https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates
"""

from collections.abc import Sequence
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.documents import JsonObject
from waystate.templates.definition import Button
from waystate.templates.parameters import check_type, given_as

_SUB_TYPES = {
    "URL": "url",
    "OTP": "url",
    "QUICK_REPLY": "quick_reply",
    "COPY_CODE": "copy_code",
    "FLOW": "flow",
    "CATALOG": "catalog",
    "MPM": "mpm",
    "VOICE_CALL": "voice_call",
    "ORDER_DETAILS": "order_details",
}
"""A button's type in the definition, and its `sub_type` in a send."""
_WITHOUT = frozenset({"PHONE_NUMBER"})
"""Buttons that take no parameters."""
_OF_ONE = _SUB_TYPES.keys() - {"VOICE_CALL"}
_NEEDED = frozenset({"COPY_CODE", "MPM", "OTP"})
LONGEST_CODE = 15
"""Characters, in the body and in the button."""
_LONGEST_COUPON = 20
_LONGEST_ADDRESS = 2000
_LONGEST_PAYLOAD = 256


def check_buttons(buttons: Sequence[Button], sent: Sequence[JsonObject], place: str, *, code: str | None) -> list[str]:
    """Of the template, or of a card (`place`). `code`: the one for logging in that the body shows."""
    problems: list[str] = []
    given: dict[int, JsonObject] = {}
    for each in sent:
        index = _find_index(each)
        if index is None or index >= len(buttons):
            problems.append(f"{_called(place, index)}: {_why_not_there(buttons)}")
        elif index in given:
            problems.append(f"{_called(place, index)}: it is given twice; give it once.")
        else:
            given[index] = each
    for index, button in enumerate(buttons):
        problems += _check_button(_called(place, index), button, given.get(index), code)
    return problems


def _check_button(place: str, button: Button, sent: JsonObject | None, code: str | None) -> list[str]:
    sub_type, expected = (find_text(sent, "sub_type") or "").lower(), _SUB_TYPES.get(button.kind)
    parameters = given_as(sent)
    if sent is not None and expected is not None and sub_type != expected:
        return [f"{place} ('{button.text}'): its `subType` is {expected}, not '{sub_type}'."]
    if not parameters:
        is_needed = button.kind in _NEEDED or (button.kind == "URL" and button.has_variable)
        return [f"{place} ('{button.text}'): {_what_is_needed(button)}"] if is_needed else []
    if button.kind in _WITHOUT or (button.kind == "URL" and not button.has_variable):
        return [f"{place} ('{button.text}'): it takes no parameters; leave it out."]
    if len(parameters) > 1 and button.kind in _OF_ONE:
        return [f"{place} ('{button.text}'): it takes one parameter, and {len(parameters)} are given."]
    return _check_parameter(f"{place} ('{button.text}')", button, parameters[0], code)


def _check_parameter(place: str, button: Button, parameter: Any, code: str | None) -> list[str]:
    match button.kind:
        case "URL" | "OTP":
            return check_type(place, parameter, {"text"}) or _check_address(place, button, find_text(parameter, "text"), code)
        case "QUICK_REPLY":
            return check_type(place, parameter, {"payload"}) or _check_text(place, parameter, "payload", _LONGEST_PAYLOAD)
        case "COPY_CODE":
            return check_type(place, parameter, {"coupon_code"}) or _check_text(
                place, parameter, "coupon_code", _LONGEST_COUPON
            )
        case "FLOW" | "CATALOG" | "MPM" | "ORDER_DETAILS":
            return check_type(place, parameter, {"action"}) or _check_action(place, button, find_object(parameter, "action"))
    return []


def _check_address(place: str, button: Button, text: str | None, code: str | None) -> list[str]:
    if text is None:
        return [f"{place}: {_what_is_needed(button)}"]
    if not button.is_of_code:
        return (
            []
            if len(text) <= _LONGEST_ADDRESS
            else [f"{place}: the end of its address is over {_LONGEST_ADDRESS:,} characters."]
        )
    if len(text) > LONGEST_CODE:
        return [f"{place}: a code has at most {LONGEST_CODE} characters."]
    if code is not None and text != code:
        return [f"{place}: the code of the button is another than that of the body; give the same in both."]
    return []


def _check_text(place: str, parameter: Any, name: str, most: int) -> list[str]:
    text = find_text(parameter, name)
    if text is None:
        return [f"{place}: its `{name}` is empty."]
    return [] if len(text) <= most else [f"{place}: its `{name}` has {len(text):,} characters, and WhatsApp takes {most:,}."]


def _check_action(place: str, button: Button, action: JsonObject | None) -> list[str]:
    if action is None:
        return [f"{place}: its parameter has no `action` object."]
    if button.kind == "MPM" and not find_list(action, "sections"):
        return [f"{place}: its `action` needs `sections` with products."]
    return []


def _what_is_needed(button: Button) -> str:
    if button.is_of_code:
        return "the code is needed here too, as a parameter of type text."
    match button.kind:
        case "COPY_CODE":
            return "the code to copy is needed, as a parameter of type coupon_code."
        case "MPM":
            return "the products are needed, as a parameter of type action with `sections`."
    return "the end of its address is needed, as a parameter of type text."


def _why_not_there(buttons: Sequence[Button]) -> str:
    if not buttons:
        return "the template has no buttons; leave it out."
    return f"there is none at this `index`: the first of {len(buttons)} is 0."


def _find_index(sent: JsonObject) -> int | None:
    index = find_text(sent, "index")
    return int(index) if index is not None and index.isascii() and index.isdecimal() and len(index) < 4 else None


def _called(place: str, index: int | None) -> str:
    word = "button" if place else "Button"
    return f"{place}{word}" if index is None else f"{place}{word} {index + 1}"
