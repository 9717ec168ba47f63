"""What WhatsApp says of a business account or a number as such: kept whole, with a sentence and how bad it is. Pure.

A field or an event that is not known yet is kept alike, and its sentence says so.
https://developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from waystate.channels.fields import find_list, find_object, find_text
from waystate.channels.model import AccountReport, Severity
from waystate.channels.whatsapp.change import FieldChange
from waystate.documents import JsonObject, dump, shorten

_INFO, _WARNING, _CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
_LONGEST_WORD = 100
_LONGEST_TEXT = 300
_LONGEST_SENTENCE = 1000


class Statement(NamedTuple):
    """`event` is WhatsApp's own word. `quality` and `messaging_limit` are facts of the number from then on."""

    sentence: str
    severity: Severity = _INFO
    event: str | None = None
    quality: str | None = None
    messaging_limit: str | None = None


def report_of(change: FieldChange, said: Statement | None = None, *, part: str = "") -> AccountReport:
    """The change, or a part of it, as an entry of the account's timeline; `said` where the caller knows what it tells."""
    told = said or _read(change)
    return AccountReport(
        field=shorten(change.field, _LONGEST_WORD),
        at=change.at,
        sentence=shorten(told.sentence, _LONGEST_SENTENCE),
        severity=told.severity,
        event=None if told.event is None else shorten(told.event, _LONGEST_WORD),
        business_account_id=change.waba_id,
        phone_number_id=change.phone_number_id,
        display_phone_number=change.display_phone_number or _find_number(change.value),
        value=change.value,
        quality=told.quality,
        messaging_limit=told.messaging_limit,
        digest=_digest(change),
        origin=f"{change.origin}:{change.item}{f'.{part}' if part else ''}",
    )


def report_of_error(change: FieldChange, error: Any, place: int) -> AccountReport:
    """An error that came with no message and no status: it is of the number as such."""
    details = find_text(find_object(error, "error_data"), "details")
    parts = [find_text(error, "title") or find_text(error, "message"), details]
    text = ": ".join(dict.fromkeys(_text(part) for part in parts if part)) or "an error without text"
    code = find_text(error, "code")
    said = Statement(f"WhatsApp reports an error of the number{f' ({code})' if code else ''}: {text}.", _WARNING, code)
    return report_of(change.of_part(errors=[error]), said, part=f"e{place}")


def _digest(change: FieldChange) -> str:
    """The same for every copy of what was sent once. What has no time of its own counts as said once a day."""
    content = dump([change.field, change.waba_id, change.phone_number_id, change.time, change.value])
    has_time = change.time is not None or '"timestamp"' in content
    day = "" if has_time else change.received_at.date().isoformat()
    return hashlib.sha256(f"{day}{content}".encode(errors="replace")).hexdigest()


def _read(change: FieldChange) -> Statement:
    reader = READERS.get(change.field)
    if reader is None and change.field.startswith("group_"):
        reader = _group
    if reader is None:
        event = _word(change.value, "event")
        return Statement(f"WhatsApp sent the field {_text(change.field)}, which Waystate keeps and does not use.", event=event)
    return reader(change.value)


def _account_update(value: JsonObject) -> Statement:
    event = _word(value, "event") or "?"
    severity, sentence = _ACCOUNT_EVENTS.get(event, (_INFO, f"The business account changed: {event}."))
    if event == "DISABLED_UPDATE":
        return _ban(find_object(value, "ban_info"))
    if event == "ACCOUNT_RESTRICTION":
        listed = find_list(value, "restriction_info") or [find_object(value, "restriction_info")]
        kinds = [each for each in (_word(one, "restriction_type") for one in listed) if each]
        sentence += f" Restricted: {', '.join(dict.fromkeys(kinds))}." if kinds else ""
    if event == "ACCOUNT_VIOLATION" and (kind := _word(find_object(value, "violation_info"), "violation_type")):
        sentence += f" It is about {kind}."
    if partner := _word(find_object(value, "disconnection_info"), "reason"):
        sentence += f" Reason: {partner}."
    return Statement(sentence, severity, event)


def _ban(info: JsonObject | None) -> Statement:
    state, date = _word(info, "waba_ban_state") or "?", _word(info, "waba_ban_date")
    when = f", {date}" if date else ""
    if state == "REINSTATE":
        return Statement(f"WhatsApp has reinstated the business account{when}.", _INFO, "DISABLED_UPDATE")
    if state == "SCHEDULE_FOR_DISABLE":
        text = f"WhatsApp will disable the business account{when}. Appeal in Meta Business Suite."
    else:
        text = f"WhatsApp has disabled the business account ({state}{when}). Appeal in Meta Business Suite."
    return Statement(text, _CRITICAL, "DISABLED_UPDATE")


_ACCOUNT_EVENTS: Mapping[str, tuple[Severity, str]] = {
    "VERIFIED_ACCOUNT": (_INFO, "The business account is verified."),
    "ACCOUNT_VIOLATION": (_WARNING, "The business account violated a policy of WhatsApp."),
    "ACCOUNT_RESTRICTION": (_CRITICAL, "WhatsApp restricts the business account."),
    "ACCOUNT_DELETED": (_CRITICAL, "The business account was deleted."),
    "ACCOUNT_OFFBOARDED": (_CRITICAL, "The number was disconnected from the Cloud API; nothing is received or sent by it."),
    "ACCOUNT_RECONNECTED": (_INFO, "The number is connected to the Cloud API again."),
    "PARTNER_ADDED": (_INFO, "The business account was shared with a partner."),
    "PARTNER_REMOVED": (_WARNING, "The business account is not shared with its partner any more."),
    "PARTNER_APP_INSTALLED": (_INFO, "A partner's app was installed for the business account."),
    "PARTNER_APP_UNINSTALLED": (_WARNING, "A partner's app was removed from the business account."),
    "AD_ACCOUNT_LINKED": (_INFO, "An advertising account was linked to the business account."),
    "MM_LITE_TERMS_SIGNED": (_INFO, "The terms of the Marketing Messages API were signed."),
    "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE": (_INFO, "The account falls under international rates for authentication messages."),
    "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE": (_INFO, "The country of the business changed."),
    "VOLUME_BASED_PRICING_TIER_UPDATE": (_INFO, "The account reached another tier of volume prices."),
}


def _alert(value: JsonObject) -> Statement:
    info = find_object(value, "alert_info") or value
    kind, status = _word(info, "alert_type"), _word(info, "alert_status")
    severity = {"CRITICAL": _CRITICAL, "WARNING": _WARNING}.get((_word(info, "alert_severity") or "").upper(), _INFO)
    text = find_text(info, "alert_description")
    what = f"{kind or 'no type named'}{f', {status}' if status else ''}{f': {_text(text)}' if text else ''}"
    return Statement(f"WhatsApp alerts: {what}.", _INFO if status == "RESOLVED" else severity, kind)


def _review(value: JsonObject) -> Statement:
    decision = _word(value, "decision") or "?"
    bad = decision in ("REJECTED", "DISABLED")
    return Statement(f"WhatsApp reviewed the business account: {decision}.", _CRITICAL if bad else _INFO, decision)


def _capability(value: JsonObject) -> Statement:
    names = {
        "max_daily_conversation_per_phone": "customers a day for each number",
        "max_daily_conversations_per_business": "customers a day outside the window, of all numbers together",
        "max_phone_numbers_per_business": "numbers of the business",
        "max_phone_numbers_per_waba": "numbers of the business account",
    }
    said = [f"{_word(value, key)} {words}" for key, words in names.items() if _word(value, key) is not None]
    limit = _word(value, "max_daily_conversations_per_business") or _word(value, "max_daily_conversation_per_phone")
    return Statement(f"The account's limits are now: {', '.join(said) or 'not named'}.", messaging_limit=limit)


def _name(value: JsonObject) -> Statement:
    decision, wanted = _word(value, "decision") or "?", _text(find_text(value, "requested_verified_name") or "?")
    reason = find_text(value, "rejection_reason")
    why = f" Reason: {_text(reason)}." if reason and reason != "NONE" else ""
    bad = decision in ("REJECTED", "DECLINED")
    return Statement(
        f"WhatsApp's decision on the display name “{wanted}”: {decision}.{why}", _WARNING if bad else _INFO, decision
    )


def _quality(value: JsonObject) -> Statement:
    event = _word(value, "event") or "?"
    limit = _word(value, "current_limit") or _word(value, "max_daily_conversations_per_business")
    severity, sentence = _QUALITY_EVENTS.get(event, (_INFO, f"The number's quality or limit changed: {event}."))
    at_most = f" It may write to {limit} customers a day outside the window." if limit else ""
    quality = event if event in ("FLAGGED", "UNFLAGGED") else None
    return Statement(sentence + at_most, severity, event, quality, limit)


_QUALITY_EVENTS: Mapping[str, tuple[Severity, str]] = {
    "FLAGGED": (_WARNING, "The number's quality is low: customers block or report it. Send less, and only what was asked for."),
    "UNFLAGGED": (_INFO, "The number's quality is good again."),
    "ONBOARDING": (_INFO, "The number was registered."),
    "UPGRADE": (_INFO, "The number's messaging limit was raised."),
    "DOWNGRADE": (_WARNING, "The number's messaging limit was lowered."),
    "THROUGHPUT_UPGRADE": (_INFO, "The number may send more messages a second."),
}


def _security(value: JsonObject) -> Statement:
    event = _word(value, "event") or "?"
    sentence = {
        "PIN_CHANGED": "The number's two-step verification PIN was changed.",
        "PIN_RESET_REQUEST": "Somebody asked to reset the number's two-step verification PIN.",
        "PIN_RESET_SUCCESS": "The number's two-step verification was turned off.",
    }.get(event, f"The number's security settings changed: {event}.")
    return Statement(f"{sentence} If nobody of yours did this, look in Meta Business Suite now.", _WARNING, event)


def _username(value: JsonObject) -> Statement:
    status, name = _word(value, "status") or "?", _word(value, "username") or "?"
    bad = status.lower() in ("deleted", "revoked", "rejected") or _word(value, "context") == "revoked"
    return Statement(f"The business's username {name} is now {status}.", _WARNING if bad else _INFO, status)


def _payment(value: JsonObject) -> Statement:
    name, status = _word(value, "configuration_name") or "?", _word(value, "status") or "?"
    return Statement(f"The payment configuration {name} is now {status}.", event=status)


def _solution(value: JsonObject) -> Statement:
    event, status = _word(value, "event"), _word(value, "solution_status") or "?"
    return Statement(f"The partner solution {_word(value, 'solution_id') or '?'} is now {status}.", event=event)


def _flow(value: JsonObject) -> Statement:
    event, flow = _word(value, "event") or "?", _word(value, "flow_id") or "?"
    status, text = _word(value, "new_status"), find_text(value, "message")
    severity = {"BLOCKED": _CRITICAL, "THROTTLED": _WARNING}.get(status or "", _INFO)
    if event != "FLOW_STATUS_CHANGE" and _word(value, "alert_state") != "DEACTIVATED":
        severity = _WARNING
    said = _text(text) if text else f"{event}{f', now {status}' if status else ''}"
    return Statement(f"Flow {flow}: {said.rstrip('.')}.", severity, event)


def _automatic(value: JsonObject) -> Statement:
    names = [each for one in find_list(value, "automatic_events") or [] if (each := _word(one, "event_name"))]
    text = f"WhatsApp recognised events of an advertisement's customers: {', '.join(dict.fromkeys(names)) or 'not named'}."
    return Statement(text, event=names[0] if names else None)


def _settings(value: JsonObject) -> Statement:
    return Statement("Settings of the number changed.", event=_word(value, "type"))


def _group(value: JsonObject) -> Statement:
    groups = find_list(value, "groups") or []
    kinds = list(dict.fromkeys(each for one in groups if (each := _word(one, "type"))))
    names = list(dict.fromkeys(each for one in groups if (each := _word(one, "group_id"))))
    bad = any(kind == "group_suspend" for kind in kinds)
    text = (
        f"Of WhatsApp groups ({', '.join(shorten(name, 40) for name in names[:3]) or 'not named'}): {', '.join(kinds) or '?'}."
    )
    moves = {"added_participants": "joined", "removed_participants": "left"}
    counts = {word: sum(len(find_list(one, key) or []) for one in groups) for key, word in moves.items()}
    moved = [f"{count} {word}" for word, count in counts.items() if count]
    text += f" {', '.join(moved)}." if moved else ""
    return Statement(text, _WARNING if bad else _INFO, kinds[0] if kinds else None)


def _standby(value: JsonObject) -> Statement:
    copies = find_object(value, "standby")
    keys = ("messages", "message_echoes", "statuses")
    counts = {key: len(find_list(copies, key) or []) for key in keys}
    said = ", ".join(f"{key.replace('_', ' ')} ({count})" for key, count in counts.items() if count) or "nothing"
    text = f"Another responder leads the thread; WhatsApp sent copies: {said}."
    return Statement(text, event=next(iter(copies or {}), None))


def _handover(value: JsonObject) -> Statement:
    kind = _word(value, "type") or "?"
    inner = find_object(value, kind)
    before, after = _word(inner, "previous_owner_role") or "nobody named", _word(inner, "new_owner_role") or "nobody named"
    verb = {"control_passed": "was passed", "control_taken": "was taken"}.get(kind, f"changed ({kind})")
    return Statement(f"Control of a customer's thread {verb}: from {before} to {after}.", event=kind)


def _moved_user(value: JsonObject) -> Statement:
    return Statement("WhatsApp told new user ids of customers; Waystate learns them from messages.", event="user_id_update")


READERS: Mapping[str, Callable[[JsonObject], Statement]] = {
    "account_update": _account_update,
    "account_alerts": _alert,
    "account_review_update": _review,
    "account_settings_update": _settings,
    "automatic_events": _automatic,
    "business_capability_update": _capability,
    "business_username_update": _username,
    "business_username_updates": _username,
    "flows": _flow,
    "messaging_handovers": _handover,
    "partner_solutions": _solution,
    "payment_configuration_update": _payment,
    "phone_number_name_update": _name,
    "phone_number_quality_update": _quality,
    "security": _security,
    "standby": _standby,
    "user_id_update": _moved_user,
}
"""By the field of a webhook, what its value says."""


def _find_number(value: JsonObject) -> str | None:
    return find_text(value, "display_phone_number") or find_text(value, "phone_number")


def _word(source: Any, key: str) -> str | None:
    word = find_text(source, key)
    return None if word is None else shorten(word, _LONGEST_WORD)


def _text(text: str) -> str:
    return shorten(" ".join(text.split()), _LONGEST_TEXT)
