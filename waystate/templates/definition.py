"""What WhatsApp's definition of a template asks of who sends it: its parts, their variables, its buttons and cards. Pure.

https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/components
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from waystate.channels.fields import find_list, find_object, find_text
from waystate.documents import JsonObject
from waystate.templates.model import Template

_VARIABLE = re.compile(r"\{\{\s*([^{}\s]{1,100})\s*\}\}")
_OTP_ADDRESS = re.compile(r"https?://(?:www\.)?whatsapp\.com/otp/")
MEDIA = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document", "LOCATION": "location", "PRODUCT": "product"}
"""A header's format, and the type of its one parameter."""
AUTHENTICATION = "AUTHENTICATION"


class Button(NamedTuple):
    """`kind` is WhatsApp's word in capitals. `has_variable`: its address has one."""

    kind: str
    text: str
    source: JsonObject

    @property
    def url(self) -> str | None:
        return find_text(self.source, "url")

    @property
    def has_variable(self) -> bool:
        return self.kind == "OTP" or bool(variables_of(self.url))

    @property
    def is_of_code(self) -> bool:
        """Whether it hands a code for logging in on. A listing shows such a button as one of an address."""
        return self.kind == "OTP" or _OTP_ADDRESS.match(self.url or "") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A template, or one card of it: texts are None where it has none. `header_format` is TEXT, IMAGE, …"""

    header_format: str | None = None
    header: str | None = None
    body: str | None = None
    footer: str | None = None
    buttons: tuple[Button, ...] = ()
    offer: JsonObject | None = None
    cards: tuple["Shape", ...] = ()


def read_definition(components: Iterable[Any]) -> Shape:
    """What is not understood of it is left out."""
    found: dict[str, Any] = {str(each.get("type", "")).upper(): each for each in components if isinstance(each, dict)}
    header = found.get("HEADER")
    return Shape(
        header_format=(find_text(header, "format") or "TEXT").upper() if header is not None else None,
        header=find_text(header, "text"),
        body=find_text(found.get("BODY"), "text"),
        footer=find_text(found.get("FOOTER"), "text"),
        buttons=tuple(_button(each) for each in find_list(found.get("BUTTONS"), "buttons") or []),
        offer=find_object(found.get("LIMITED_TIME_OFFER"), "limited_time_offer"),
        cards=tuple(
            read_definition(find_list(card, "components") or []) for card in find_list(found.get("CAROUSEL"), "cards") or []
        ),
    )


def variables_of(text: str | None) -> list[str]:
    """Names or numbers, each once and in the order in which parameters stand for them."""
    found = list(dict.fromkeys(_VARIABLE.findall(text or "")))
    return sorted(found, key=int) if all(each.isdecimal() for each in found) else found


def is_named(template: Template, definition: Shape) -> bool:
    """Whether parameters are told by their names, not by their places."""
    if template.parameter_format is not None:
        return template.parameter_format.upper() == "NAMED"
    return not all(each.isdecimal() for text in (definition.header, definition.body) for each in variables_of(text))


def fill(text: str, values: dict[str, str]) -> str:
    """The text with its variables' values; one without a value stays as it is."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _button(source: Any) -> Button:
    source = source if isinstance(source, dict) else {}
    return Button((find_text(source, "type") or "").upper(), find_text(source, "text") or "", source)
