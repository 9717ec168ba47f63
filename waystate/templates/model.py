"""WhatsApp's message templates as they are known here, and what becomes of them by what WhatsApp says. Pure.

A fact (status, category, quality, components) is as old as what said it: webhooks come late and out of order, and a listing may
lag behind them, so the younger word stands, of each fact for itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from waystate.channels.model import TemplateReport
from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.ids import new_id

LAG = timedelta(seconds=60)
"""A listing may not show yet what a webhook told so short before; and a webhook may tell late what a listing showed."""
EVERY = timedelta(hours=1)
"""Between two listings of an account, unless a setting says otherwise."""
AGAIN = timedelta(minutes=10)
"""After a listing that failed."""
SETTLED = timedelta(seconds=90)
"""After a webhook that told of something not known: by then a listing shows it."""
STALE = timedelta(minutes=1)
"""An account is asked for what is missed no more often than this."""

_REFUSING: Mapping[str, str] = {
    "PENDING": "WhatsApp is still reviewing it: wait for its approval",
    "REJECTED": "WhatsApp has rejected it: change it and submit it again, or use another one",
    "PAUSED": "WhatsApp has paused it, as customers found it unwanted: wait until it is approved again, or use another one",
    "DISABLED": "WhatsApp has disabled it: appeal, or use another one",
    "IN_APPEAL": "WhatsApp is looking at its appeal: wait for that, or use another one",
    "PENDING_DELETION": "it is being deleted: use another one",
    "DELETED": "it is deleted: use another one",
    "LIMIT_EXCEEDED": "the account has more templates than WhatsApp allows: delete some",
    "ARCHIVED": "it is archived: take it out of the archive, or use another one",
}
"""Statuses in which WhatsApp sends nothing of a template, and what to do. All other words are let through."""
APPROVED = "APPROVED"
DELETED = "DELETED"
_MEANS = {"REINSTATED": APPROVED, "UNARCHIVED": APPROVED}
"""Words of webhooks that a listing has no status of."""
_GONE = frozenset({DELETED, "PENDING_DELETION"})
_SIMILAR = 3

IsYounger = Callable[[datetime | None], bool]
"""Whether a report is younger than a fact that is known since then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template in one language. `components` is WhatsApp's definition, None while only a webhook told of the template.

    Each `…_at` of a fact is when it was so at WhatsApp, `changed_at` the latest of them that changed something, `synced_at`
    when the listing began that showed it last. A `status` is WhatsApp's word, whatever it is; None: nobody has said one.
    """

    id: UUID
    business_account_id: str
    name: str
    language: str
    changed_at: datetime
    external_id: str | None = None
    category: str | None = None
    category_at: datetime | None = None
    status: str | None = None
    reason: str | None = None
    status_at: datetime | None = None
    quality: str | None = None
    quality_at: datetime | None = None
    parameter_format: str | None = None
    components: list[JsonObject] | None = None
    components_at: datetime | None = None
    synced_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.language


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSync:
    """How far an account's templates are known.

    `synced_at` is when the last listing began that was written down, `asked_at` when one was asked for last, `error` why that
    failed.
    """

    business_account_id: str
    due_at: datetime
    synced_at: datetime | None = None
    asked_at: datetime | None = None
    error: JsonObject | None = None

    @property
    def is_certain(self) -> bool:
        """Whether what is not known does not exist: the account was listed when somebody asked last."""
        return self.synced_at is not None and (self.asked_at is None or self.asked_at <= self.synced_at)


class TemplateStep(NamedTuple):
    """A template before and after something was said of it. `before` is None of one that was not known."""

    before: Template | None
    after: Template

    @property
    def is_told(self) -> bool:
        """Whether others are to hear of it: something changed besides when it was said."""
        return self.before is None or _facts(self.before) != _facts(self.after)


def tell(known: Template | None, report: TemplateReport, sync: TemplateSync) -> Template | None:
    """What a template is after a webhook's word; None: it is of none that is there.

    Of a template that is not known, a word from before the last listing is of one that was gone by then.
    """
    if known is None:
        if report.name is None or report.language is None or not _is_after(report.at, sync.synced_at):
            return None
        known = _new(report, report.name, report.language)
    elif _is_of_former(known, report):
        return known
    return _merged(known, report, lambda at: _is_after(report.at, sync.synced_at) and (at is None or report.at >= at))


def list_out(
    known: Sequence[Template], listed: Sequence[TemplateReport], sync: TemplateSync, at: datetime
) -> list[TemplateStep]:
    """What a whole listing that began `at` makes of an account's templates. Those that are listed no more are DELETED."""

    def is_younger(since: datetime | None) -> bool:
        """Than what a webhook told, unless it told that already before the listing before."""
        return since is None or since <= at - LAG or (sync.synced_at is not None and since <= sync.synced_at)

    by_key = {each.key: each for each in known}
    changes: list[TemplateStep] = []
    for report in {(each.name, each.language): each for each in listed}.values():
        assert report.name is not None
        assert report.language is not None
        before = by_key.pop((report.name, report.language), None)
        after = _merged(before or _new(report, report.name, report.language), report, is_younger, is_listed=True)
        changes.append(TemplateStep(before, replace(after, synced_at=at)))
    for each in by_key.values():
        gone = TemplateReport(business_account_id=each.business_account_id, at=at, status=DELETED)
        after = each if each.status == DELETED else _merged(each, gone, is_younger, is_listed=True)
        if after != each:
            changes.append(TemplateStep(each, after))
    return changes


def next_due(business_account_id: str, now: datetime, every: timedelta = EVERY) -> datetime:
    """When the account is listed next after a success: up to a sixth later by its id, so that accounts set up together part."""
    return now + every * (1 + (sum(business_account_id.encode()) * 37 % 100) / 600)


def list_similar(name: str, names: Sequence[str]) -> list[str]:
    """Names that a slip of the keyboard may have meant, the closest first."""
    folded = {each.lower(): each for each in names}
    return [folded[each] for each in get_close_matches(name.lower(), list(folded), n=_SIMILAR, cutoff=0.6)]


def _new(report: TemplateReport, name: str, language: str) -> Template:
    return Template(
        id=new_id(), business_account_id=report.business_account_id, name=name, language=language, changed_at=report.at
    )


def _is_after(at: datetime, synced_at: datetime | None) -> bool:
    return synced_at is None or at > synced_at - LAG


def _is_of_former(known: Template, report: TemplateReport) -> bool:
    """That an earlier template of the same name and language goes says nothing of its successor."""
    ids = {known.external_id, report.external_id}
    return None not in ids and len(ids) == 2 and report.status in _GONE


def _merged(known: Template, report: TemplateReport, is_younger: IsYounger, *, is_listed: bool = False) -> Template:
    said: dict[str, Any] = {}
    since = partial(_since, report, is_listed)
    if report.status is not None and is_younger(known.status_at):
        status = _MEANS.get(report.status, report.status)
        is_same = status == known.status
        # A listing has no reason of a pause: the one that a webhook gave stays as long as the status does.
        reason = report.reason or (known.reason if is_same else None)
        said |= {"status": status, "reason": reason, "status_at": since(known.status_at, is_same)}
    for name in ("category", "quality"):
        value, known_at = getattr(report, name), getattr(known, f"{name}_at")
        if value is not None and is_younger(known_at):
            said |= {name: value, f"{name}_at": since(known_at, value == getattr(known, name))}
    if is_younger(known.components_at):
        said |= _definition(known, report, since)
    if report.external_id is not None and (known.external_id is None or said):
        said["external_id"] = report.external_id
    after = replace(known, **said)
    is_same = _facts(after) == _facts(known)
    return after if is_same else replace(after, changed_at=max(known.changed_at, report.at))


def _since(report: TemplateReport, is_listed: bool, known_at: datetime | None, is_same: bool) -> datetime:
    """A listing that repeats what is known says nothing of since when; a webhook that does tells of a later time than it.

    What a listing shows was so when it may lag the most: a webhook that tells of a change since then may come after it.
    """
    if not is_listed:
        return report.at
    return known_at if is_same and known_at is not None else report.at - LAG


def _definition(known: Template, report: TemplateReport, since: Callable[[datetime | None, bool], datetime]) -> dict[str, Any]:
    if report.components is None:
        if not report.texts or known.components is None:
            return {}
        return {"components": edited(known.components, report.texts), "components_at": report.at}
    parameter_format = report.parameter_format or known.parameter_format
    is_same = (report.components, parameter_format) == (known.components, known.parameter_format)
    return {
        "components": report.components,
        "parameter_format": parameter_format,
        "components_at": since(known.components_at, is_same),
    }


def edited(components: Sequence[JsonObject], texts: JsonObject) -> list[JsonObject]:
    """The definition with the texts that a webhook tells. It tells of no media, no examples and not of every button."""
    result: list[JsonObject] = []
    for each in components:
        said = texts.get(str(each.get("type", "")).upper())
        if isinstance(said, str) and (each.get("text") is not None or "format" not in each):
            result.append({**each, "text": said})
        elif isinstance(said, list) and isinstance(each.get("buttons"), list):
            result.append({**each, "buttons": _buttons(each["buttons"], said)})
        else:
            result.append(each)
    return result


def _buttons(known: list[Any], said: list[JsonObject]) -> list[Any]:
    if len(known) != len(said):
        return known
    return [{**before, **now} if isinstance(before, dict) else now for before, now in zip(known, said, strict=True)]


def _facts(template: Template) -> tuple[Any, ...]:
    of = template
    return of.external_id, of.status, of.reason, of.category, of.quality, of.parameter_format, of.components


def find_refusal(template: Template) -> str | None:
    """Why WhatsApp sends nothing of it now, and since when; None where it may."""
    why = _REFUSING.get(template.status or "")
    if why is None:
        return None
    since = f" since {iso(template.status_at)}" if template.status_at else ""
    reason = f" ({template.reason})" if template.reason else ""
    return f"Template '{template.name}' ({template.language}) is {template.status}{since}{reason}: {why}."
