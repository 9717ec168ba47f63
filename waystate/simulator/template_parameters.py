"""Whether the parameters of a send fit its template: how many, of what kind, and with what in them.

Source: developers.facebook.com, WhatsApp Cloud API, template messages and error codes 131008, 132000, 132005, 132012, 132018.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from waystate.documents import JsonObject
from waystate.simulator.graph_bodies import find_media_problem
from waystate.simulator.refusals import GraphRefusal
from waystate.simulator.templates import TemplateOfAccount

IsKnown = Callable[[str], bool]
"""Whether an upload has this id."""

LONGEST = {"header": 60, "body": 1024}
LONGEST_CODE, LONGEST_PAYLOAD = 15, 128
_PLACEHOLDER = re.compile(r"{{\s*(\w+)\s*}}")
_UNFIT = re.compile(r"[\n\r\t]| {5}")
_MEDIA = ("image", "video", "document")
_TEXTS = ("text", "currency", "date_time")
_PARTS = frozenset({"header", "body", "button", "carousel", "limited_time_offer", "order_status", "tap_target_configuration"})
_BUTTONS = {
    "url": "text",
    "copy_code": "coupon_code",
    "quick_reply": "payload",
    "flow": "action",
    "catalog": "action",
    "mpm": "action",
    "order_details": "action",
    "voice_call": "ttl_minutes",
}
_WANTED = {"url": "Url", "copy_code": "CopyCode", "mpm": "Mpm"}


def fill(template: TemplateOfAccount, components: Sequence[JsonObject], is_known: IsKnown) -> str:
    """The body as the customer reads it. Raises GraphRefusal for what does not fit."""
    return _Judge(template.parameter_format == "NAMED", is_known).judge(template.components, components)


class _Judge:
    def __init__(self, named: bool, is_known: IsKnown) -> None:
        self._named = named
        self._is_known = is_known

    def judge(self, made_of: Sequence[JsonObject], given: Sequence[JsonObject]) -> str:
        parts = {str(part["type"]).lower(): part for part in made_of}
        said = _by_type(given)
        for kind in said:
            if kind not in _PARTS:
                raise GraphRefusal(100, f"Param template['components'] has no type '{kind}'.")
        self._judge_header(parts.get("header"), _parameters(said.get("header")))
        text = self._judge_text("body", str(parts.get("body", {}).get("text", "")), _parameters(said.get("body")))
        self._judge_buttons(parts.get("buttons", {}).get("buttons", []), said.get("button", []))
        self._judge_cards(parts.get("carousel", {}).get("cards", []), said.get("carousel", []))
        _judge_offer(parts.get("limited_time_offer"), _parameters(said.get("limited_time_offer")))
        return text

    def _judge_header(self, header: JsonObject | None, given: Sequence[JsonObject]) -> None:
        kind = str(header["format"]).lower() if header is not None else "text"
        if kind == "text":
            self._judge_text("header", str((header or {}).get("text", "")), given)
            return
        received = str(given[0].get("type")).lower() if given else "unknown"
        if len(given) != 1 or received != kind or not isinstance(given[0].get(kind), dict):
            raise GraphRefusal(132012, f"header: Format mismatch, expected {kind.upper()}, received {received.upper()}")
        content = given[0][kind]
        if kind in _MEDIA:
            self._judge_medium(kind, content)
        elif kind == "product":
            if not all(content.get(name) for name in ("product_retailer_id", "catalog_id")):
                raise GraphRefusal(132012, "header: Format mismatch, expected PRODUCT with product_retailer_id and catalog_id")
        elif not all(isinstance(content.get(name), int | float | str) for name in ("latitude", "longitude")):
            raise GraphRefusal(132012, "header: Format mismatch, expected LOCATION with latitude and longitude")

    def _judge_medium(self, kind: str, content: JsonObject) -> None:
        problem = find_media_problem(kind, content)
        if problem is not None:
            raise problem
        if content.get("id") is not None and not self._is_known(content["id"]):
            name = f"template['components'][0]['parameters'][0]['{kind}']['id']"
            raise GraphRefusal(100, f"Param {name} is not a valid whatsapp business account media attachment ID")

    def _judge_text(self, place: str, text: str, given: Sequence[JsonObject]) -> str:
        wanted = list(dict.fromkeys(_PLACEHOLDER.findall(text)))
        if len(given) != len(wanted):
            found = f"number of localizable_params ({len(given)}) does not match the expected number of params ({len(wanted)})"
            raise GraphRefusal(132000, f"{place}: {found}")
        values = {name: _read_text(place, each) for name, each in zip(self._names(wanted, given), given, strict=True)}
        filled = _PLACEHOLDER.sub(lambda found: values[found[1]], text)
        if len(filled) > LONGEST[place]:
            raise GraphRefusal(
                132005, f"{place}: the translated text has {len(filled)} characters; {LONGEST[place]} are allowed."
            )
        return filled

    def _names(self, wanted: Sequence[str], given: Sequence[JsonObject]) -> Sequence[str]:
        """Which placeholder each parameter is for: by its name, or by its place."""
        if not self._named:
            return sorted(wanted, key=lambda name: (len(name), name))
        names = [each.get("parameter_name") for each in given]
        if not all(names):
            raise GraphRefusal(100, "Parameter name is missing or empty")
        if sorted(map(str, names)) != sorted(wanted):
            raise GraphRefusal(100, f"Parameter names {names} are not those of the template: {list(wanted)}")
        return [str(name) for name in names]

    def _judge_buttons(self, made_of: Sequence[JsonObject], given: Sequence[JsonObject]) -> None:
        said = {}
        for each in given:
            place, kind = _index(each.get("index"), "index"), str(each.get("sub_type")).lower()
            if place in said or place >= len(made_of) or str(made_of[place]["type"]).lower() != kind or kind not in _BUTTONS:
                raise GraphRefusal(132018, f"buttons: There is no button of type {kind} at index {place} that takes parameters")
            said[place] = each
        for place, button in enumerate(made_of):
            _judge_button(place, button, said.get(place))

    def _judge_cards(self, made_of: Sequence[JsonObject], given: Sequence[JsonObject]) -> None:
        cards = given[0].get("cards") if given else []
        if not isinstance(cards, list) or len(cards) != len(made_of):
            raise GraphRefusal(132012, f"carousel: Format mismatch, expected {len(made_of)} cards")
        places = [_index(card.get("card_index") if isinstance(card, dict) else None, "card_index") for card in cards]
        if sorted(places) != list(range(len(made_of))):
            raise GraphRefusal(132012, f"carousel: Format mismatch, expected the cards 0 to {len(made_of) - 1}")
        for place, card in zip(places, cards, strict=True):
            self.judge(made_of[place]["components"], _objects(card.get("components"), "components"))


def _by_type(given: Sequence[JsonObject]) -> dict[str, list[JsonObject]]:
    """A component comes once, but for the buttons."""
    said: dict[str, list[JsonObject]] = {}
    for each in given:
        said.setdefault(str(each.get("type")).lower(), []).append(each)
    for kind, all_of_it in said.items():
        if kind != "button" and len(all_of_it) > 1:
            raise GraphRefusal(100, f"Param template['components'] has more than one {kind}.")
    return said


def _parameters(components: Sequence[JsonObject] | None) -> list[JsonObject]:
    return _objects(components[0].get("parameters"), "parameters") if components else []


def _objects(value: Any, name: str) -> list[JsonObject]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise GraphRefusal(100, f"Param {name} must be an array of objects.")
    return value


def _index(value: Any, name: str) -> int:
    if isinstance(value, bool) or not str(value).isdigit():
        raise GraphRefusal(131008, f"Parameter {name} is required")
    return int(value)


def _read_text(place: str, parameter: JsonObject) -> str:
    kind = str(parameter.get("type")).lower()
    if kind not in _TEXTS:
        raise GraphRefusal(132012, f"{place}: Format mismatch, expected TEXT, received {kind.upper()}")
    value = parameter.get(kind)
    if kind != "text":
        value = value.get("fallback_value") if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise GraphRefusal(131008, f"{place}: Parameter of type {kind} is missing its value")
    if _UNFIT.search(value):
        raise GraphRefusal(132018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return value


def _judge_button(place: int, button: JsonObject, given: JsonObject | None) -> None:
    """A URL that ends in a placeholder, a code to copy and products need their value; a payload may be left to WhatsApp."""
    kind = str(button["type"]).lower()
    parameters = _parameters([given]) if given is not None else []
    is_wanted = kind in ("copy_code", "mpm") or (kind == "url" and bool(_PLACEHOLDER.search(str(button.get("url")))))
    if is_wanted and not parameters:
        raise GraphRefusal(131008, f"buttons: Button at index {place} of type {_WANTED[kind]} requires a parameter")
    if kind == "url" and parameters and not is_wanted:
        raise GraphRefusal(132000, "buttons: number of localizable_params (1) does not match the expected number of params (0)")
    if len(parameters) > 1:
        raise GraphRefusal(132000, f"buttons: Button at index {place} takes one parameter")
    for parameter in parameters:
        _judge_value(place, _BUTTONS[kind], parameter)


def _judge_value(place: int, wanted: str, parameter: JsonObject) -> None:
    received = str(parameter.get("type")).lower()
    if received != wanted:
        raise GraphRefusal(132012, f"buttons: Format mismatch, expected {wanted.upper()}, received {received.upper()}")
    value = parameter.get(wanted)
    if not value:
        raise GraphRefusal(131008, f"buttons: Button at index {place} requires a parameter with a value")
    longest = {"coupon_code": LONGEST_CODE, "payload": LONGEST_PAYLOAD}.get(wanted)
    if longest is not None and len(str(value)) > longest:
        raise GraphRefusal(132012, f"buttons: {wanted} must be at most {longest} characters long")


def _judge_offer(offer: JsonObject | None, given: Sequence[JsonObject]) -> None:
    is_wanted = offer is not None and bool(offer["limited_time_offer"].get("has_expiration"))
    if not is_wanted and not given:
        return
    content = given[0].get("limited_time_offer") if given else None
    time = content.get("expiration_time_ms") if isinstance(content, dict) else None
    if not is_wanted or isinstance(time, bool) or not isinstance(time, int):
        expected = "LIMITED_TIME_OFFER with expiration_time_ms" if is_wanted else "no LIMITED_TIME_OFFER"
        raise GraphRefusal(132012, f"limited_time_offer: Format mismatch, expected {expected}")
