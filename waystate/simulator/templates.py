"""The templates of the simulated account: what they are made of, their status, and how Waystate hears of a change.

Source: developers.facebook.com, WhatsApp Business Management API, message templates; webhooks `message_template_status_update`,
`message_template_quality_update` and `template_category_update`.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, model_validator

from waystate.documents import JsonObject
from waystate.errors import NotFound
from waystate.simulator.refusals import GraphRefusal

MOST_A_PAGE, USUAL_PAGE, MOST_TEMPLATES = 1000, 25, 6000
RECATEGORISED_AFTER = timedelta(hours=24)
Status = Literal["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "FLAGGED"]
Category = Literal["UTILITY", "MARKETING", "AUTHENTICATION"]
Quality = Literal["GREEN", "YELLOW", "RED", "UNKNOWN"]
_FIRST_ID = 1_270_000_000_000_000
_SENT_AS = frozenset({"APPROVED", "FLAGGED"})
_SEEDS = Path(__file__).with_name("templates.json")


class NewTemplate(BaseModel):
    """A template as it is submitted; here it is approved at once unless its status says otherwise."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$")] = "en_US"
    category: Category = "UTILITY"
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    status: Status = "APPROVED"
    components: Annotated[list[JsonObject], Field(min_length=1)]


class TemplateChange(BaseModel):
    """What becomes of a template; `correct_category` is announced as its category in 24 hours, `reason` goes with a status."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    reason: Annotated[str, Field(min_length=1)] | None = None
    category: Category | None = None
    correct_category: Category | None = None
    quality: Quality | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.status or self.category or self.correct_category or self.quality):
            raise ValueError("name a status, a category, a correct_category or a quality")
        return self


@dataclass(slots=True, kw_only=True)
class TemplateOfAccount:
    id: str
    name: str
    language: str
    category: str
    parameter_format: str
    components: list[JsonObject]
    status: str = "APPROVED"
    reason: str = "NONE"
    quality: str = "UNKNOWN"
    previous_category: str | None = None

    def render(self, at: datetime) -> JsonObject:
        document: JsonObject = {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "quality_score": {"score": self.quality, "date": int(at.timestamp())},
            "rejected_reason": self.reason if self.status == "REJECTED" else "NONE",
        }
        return document | ({"previous_category": self.previous_category} if self.previous_category else {})


class TemplateBook:
    """In the order in which they were made."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], TemplateOfAccount] = {}
        self._made = 0
        for seed in _seeds():
            self.add(seed)

    def add(self, new: NewTemplate) -> TemplateOfAccount:
        """One of the same name and language is replaced."""
        self._made += 1
        made = TemplateOfAccount(id=str(_FIRST_ID + self._made), **new.model_dump())
        self._by_key[new.name, new.language] = made
        return made

    def get(self, name: str, language: str) -> TemplateOfAccount:
        found = self._by_key.get((name, language))
        if found is None:
            raise NotFound("unknown_template", f"There is no template {name} in {language}. See GET /simulator/templates.")
        return found

    def delete(self, name: str, language: str) -> None:
        del self._by_key[self.get(name, language).name, language]

    def find_by_id(self, template_id: str) -> TemplateOfAccount | None:
        return next((each for each in self.all() if each.id == template_id), None)

    def all(self) -> list[TemplateOfAccount]:
        return list(self._by_key.values())

    def get_sendable(self, name: str, language: str) -> TemplateOfAccount:
        """Raises GraphRefusal for one that does not exist, or may not be sent now."""
        found = self._by_key.get((name, language))
        if found is not None and found.status == "PAUSED":
            raise GraphRefusal(132015, "Template is paused due to low quality so it cannot be sent in a template message.")
        if found is not None and found.status == "DISABLED":
            raise GraphRefusal(132016, "Template has been paused too many times due to low quality and is now disabled.")
        if found is None or found.status not in _SENT_AS:
            raise GraphRefusal(132001, f"template name ({name}) does not exist in {language}")
        return found

    def page(self, asked: Mapping[str, str], url: str, at: datetime) -> JsonObject:
        """GET /{account}/message_templates, with the query's filters. `url` is the call's own, without a query."""
        templates = [each.render(at) for each in self.all()]
        total = len(templates)
        if "name" in asked:
            templates = [each for each in templates if asked["name"] in each["name"]]
        for name in ("status", "category", "language"):
            if name in asked:
                wanted = {each.strip(' []"').lower() for each in asked[name].split(",")}
                templates = [each for each in templates if each[name].lower() in wanted]
        limit, start = _limit(asked.get("limit")), _start(asked.get("after"))
        data = templates[start : start + limit]
        answer: JsonObject = {"data": [_only(each, asked.get("fields")) for each in data]}
        if "summary" in asked:
            counts = {"total_count": total, "message_template_count": total, "message_template_limit": MOST_TEMPLATES}
            answer["summary"] = counts | {"are_translations_complete": False}
        if data:
            end = start + len(data)
            answer["paging"] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
            if end < len(templates):
                query = urlencode({**asked, "limit": str(limit), "after": _cursor(end)})
                answer["paging"]["next"] = f"{url}?{query}"
        return answer


@cache
def _seeds() -> list[NewTemplate]:
    return [NewTemplate(**seed) for seed in json.loads(_SEEDS.read_text())]


def _limit(said: str | None) -> int:
    if said is None:
        return USUAL_PAGE
    if not said.isdigit() or not 1 <= int(said) <= MOST_A_PAGE:
        raise GraphRefusal(100, f"Param limit must be a number from 1 to {MOST_A_PAGE}.")
    return int(said)


def _cursor(place: int) -> str:
    return urlsafe_b64encode(f"place:{place}".encode()).decode()


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        word, place = urlsafe_b64decode(cursor).decode().split(":")
    except ValueError:
        word, place = "", ""
    if word != "place" or not place.isdigit():
        raise GraphRefusal(100, "Invalid cursor: start again from the beginning.")
    return int(place)


def _only(document: JsonObject, fields: str | None) -> JsonObject:
    """The fields that were asked for, and always the id."""
    if fields is None:
        return {name: value for name, value in document.items() if name not in ("quality_score", "rejected_reason")}
    asked = {field.partition("{")[0].strip() for field in fields.split(",")} | {"id"}
    return {name: value for name, value in document.items() if name in asked}


def change(template: TemplateOfAccount, order: TemplateChange, at: datetime) -> Iterator[tuple[str, JsonObject]]:
    """Make the change; yields the field and the value of each webhook that tells of it."""
    named = {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
    }
    if order.status is not None:
        template.status, template.reason = order.status, order.reason or "NONE"
        yield "message_template_status_update", named | _render_status(template, at)
    if order.category is not None:
        template.previous_category, template.category = template.category, order.category
        told = {"previous_category": template.previous_category, "new_category": order.category}
        yield "template_category_update", named | told
    if order.correct_category is not None:
        when = int((at + RECATEGORISED_AFTER).timestamp())
        told = {"new_category": template.category, "correct_category": order.correct_category}
        yield "template_category_update", named | told | {"category_update_timestamp": when}
    if order.quality is not None:
        told = {"previous_quality_score": template.quality, "new_quality_score": order.quality}
        template.quality = order.quality
        yield "message_template_quality_update", named | told


def _render_status(template: TemplateOfAccount, at: datetime) -> JsonObject:
    said: dict[str, Any] = {
        "event": template.status,
        "reason": template.reason,
        "message_template_category": template.category,
    }
    match template.status:
        case "PAUSED":
            said["other_info"] = {"title": "FIRST_PAUSE", "description": "Paused for 3 hours because of low quality."}
        case "DISABLED":
            said["disable_info"] = {"disable_date": int(at.timestamp())}
    return said
