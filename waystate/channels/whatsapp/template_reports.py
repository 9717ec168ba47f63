"""What WhatsApp says of message templates, as values: entries of a business account's list, and webhooks that tell changes.

https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates/
https://developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.model import TemplateReport
from waystate.documents import JsonObject, shorten

LISTED_FIELDS = "id,name,language,status,category,quality_score,rejected_reason,parameter_format,components"
"""What a listing is asked for."""
LONGEST_NAME = 512
"""Characters, of WhatsApp's own names."""
LONGEST_LANGUAGE = 35
_LONGEST_WORD = 100
_LONGEST_REASON = 500
_NONE = "NONE"
"""How WhatsApp says that there is no reason."""


def find_listed(entry: Any, business_account_id: str, at: datetime) -> TemplateReport | None:
    """One entry of a listing that began `at`; None where it names no template that could be sent."""
    name, language = find_text(entry, "name"), find_language(entry, "language")
    if name is None or language is None or len(name) > LONGEST_NAME or len(language) > LONGEST_LANGUAGE:
        return None
    components = find_list(entry, "components")
    return TemplateReport(
        business_account_id=business_account_id,
        at=at,
        external_id=_find_word(entry, "id"),
        name=name,
        language=language,
        status=_find_word(entry, "status"),
        reason=_find_reason(entry, "rejected_reason"),
        category=_find_word(entry, "category"),
        quality=_find_word(find_object(entry, "quality_score"), "score"),
        parameter_format=_find_word(entry, "parameter_format"),
        components=[each for each in components if isinstance(each, dict)] if components is not None else None,
    )


def find_change(name: str, value: JsonObject, business_account_id: str, at: datetime, origin: str) -> TemplateReport | str:
    """What a webhook's change of field `name` tells, or why it tells nothing of a template."""
    external_id, template = _find_word(value, "message_template_id"), find_text(value, "message_template_name")
    language = find_language(value, "message_template_language")
    if external_id is None and (template is None or language is None):
        return "it names no template: neither `message_template_id` nor name and language"
    if len(template or "") > LONGEST_NAME or len(language or "") > LONGEST_LANGUAGE:
        return "the name or the language of its template is longer than WhatsApp's are"
    return TemplateReport(
        business_account_id=business_account_id,
        at=at,
        external_id=external_id,
        name=template,
        language=language,
        origin=origin,
        **CHANGES[name](value),
    )


def find_language(source: Any, key: str) -> str | None:
    """WhatsApp writes `en_US` in lists and takes that in sends; its webhooks write `en-US` at times."""
    language = find_text(source, key)
    return None if language is None else language.replace("-", "_")


def _status(value: JsonObject) -> dict[str, Any]:
    reason = _find_reason(value, "reason") or _find_further_reason(value)
    category = _find_word(value, "message_template_category")
    return {"status": _find_word(value, "event"), "reason": reason, "category": category}


def _quality(value: JsonObject) -> dict[str, Any]:
    return {"quality": _find_word(value, "new_quality_score")}


def _category(value: JsonObject) -> dict[str, Any]:
    """`correct_category`, which says what it becomes tomorrow, is not what it is: that is `new_category` in both cases."""
    return {"category": _find_word(value, "new_category")}


def _components(value: JsonObject) -> dict[str, Any]:
    buttons = find_list(value, "message_template_buttons")
    texts: JsonObject = {
        "HEADER": find_text(value, "message_template_title"),
        "BODY": find_text(value, "message_template_element"),
        "FOOTER": find_text(value, "message_template_footer"),
        "BUTTONS": None if buttons is None else [_button(each) for each in buttons if isinstance(each, dict)],
    }
    return {"texts": {place: said for place, said in texts.items() if said is not None}}


CHANGES: Mapping[str, Callable[[JsonObject], dict[str, Any]]] = {
    "message_template_status_update": _status,
    "message_template_quality_update": _quality,
    "message_template_components_update": _components,
    "template_category_update": _category,
}
"""By the field of a webhook, what its value tells."""


def _button(said: JsonObject) -> JsonObject:
    names = ("type", "text", "url", "phone_number")
    found = {name: find_text(said, f"message_template_button_{name}") for name in names}
    return {name: text for name, text in found.items() if text is not None}


def _find_word(source: Any, key: str) -> str | None:
    word = find_text(source, key)
    return None if word is None or len(word) > _LONGEST_WORD else word


def _find_reason(source: Any, key: str) -> str | None:
    reason = find_text(source, key)
    return None if reason is None or reason == _NONE else shorten(reason, _LONGEST_REASON)


def _find_further_reason(value: JsonObject) -> str | None:
    """Of a pause: which it is, and what WhatsApp says of it."""
    further = find_object(value, "other_info")
    said = [text for key in ("title", "description") if (text := find_text(further, key)) is not None]
    return shorten(": ".join(said), _LONGEST_REASON) if said else None
