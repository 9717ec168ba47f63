"""Templates that are to be sent, checked against what WhatsApp has approved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from waystate.db.pool import Connection
from waystate.errors import Conflict, Refused, Unprocessable
from waystate.ids import TenantId
from waystate.preferences import store as preference_store
from waystate.sends.addressees import Addressee
from waystate.sends.model import Draft
from waystate.templates.sync import TemplateSend, judge_known
from waystate.tenants.routing import TenantView

Missed = Mapping[str, set[tuple[str, str]]]
"""Business account → (name, language) of templates that are not known, or may not be sent by what is known of them."""


@dataclass(frozen=True, slots=True)
class JudgedTemplates:
    """`refused`, and the template's category where it is known, by place.

    `missed` are worth a look at WhatsApp: they may have been approved since.
    """

    refused: Mapping[int, Refused] = field(default_factory=dict)
    categories: Mapping[int, str] = field(default_factory=dict)
    missed: Missed = field(default_factory=dict)


async def judge_templates(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    drafts: Sequence[Draft],
    addressees: Sequence[Addressee | Refused],
    now: datetime,
) -> JudgedTemplates:
    """One that nobody can know, WhatsApp decides."""
    sends = {
        place: _send_of(draft, view.accounts[addressee.key[0]].business_account_id)
        for place, (draft, addressee) in enumerate(zip(drafts, addressees, strict=True))
        if draft.type == "template" and isinstance(addressee, Addressee)
    }
    if not sends:
        return JudgedTemplates()
    verdicts = dict(zip(sends, await judge_known(conn, tenant, list(sends.values()), now), strict=True))
    missed: dict[str, set[tuple[str, str]]] = {}
    for place, each in sends.items():
        if verdicts[place].is_doubtful:
            missed.setdefault(each.business_account_id, set()).add((each.name, each.language))
    refused = {place: _refuse(each.problems) for place, each in verdicts.items() if each.problems}
    categories = {place: each.category for place, each in verdicts.items() if each.category is not None}
    return JudgedTemplates(refused, categories, missed)


async def refuse_unwanted(
    conn: Connection, tenant: TenantId, addressees: Sequence[Addressee | Refused], categories: Mapping[int, str]
) -> dict[int, Refused]:
    """By place, marketing to customers who told WhatsApp that they want none: it would refuse the message."""
    marketing = {
        place: addressee.key
        for place, addressee in enumerate(addressees)
        if isinstance(addressee, Addressee) and categories.get(place, "").upper() == "MARKETING"
    }
    if not marketing:
        return {}
    opted_out = await preference_store.find_opted_out(conn, tenant, set(marketing.values()))
    return {place: _opted_out() for place, key in marketing.items() if key in opted_out}


def _opted_out() -> Refused:
    return Conflict(
        "marketing_opted_out",
        "This customer told WhatsApp that they want no marketing messages of this number, and WhatsApp would refuse it. "
        "Send it when they resume; utility and authentication templates, and answers while they write, still reach them.",
    )


def _send_of(draft: Draft, account: str) -> TemplateSend:
    language = draft.content.get("language")
    code = language.get("code") if isinstance(language, dict) else language
    return TemplateSend(account, str(draft.content.get("name")), str(code), draft.content.get("components"))


def _refuse(problems: Sequence[str]) -> Refused:
    errors = [{"field": "template", "problem": each} for each in problems]
    return Unprocessable("template_unusable", " ".join(problems), errors=errors)
