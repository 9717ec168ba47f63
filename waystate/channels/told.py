"""What an agent is told of a message that failed, whoever refused it. Pure."""

from waystate.channels.attempts import FailureKind
from waystate.channels.model import Explanation
from waystate.channels.whatsapp.errors import find_rule, sentence_of
from waystate.documents import JsonObject

_GENERAL = "GeneralError"
_OURS: dict[str, tuple[str, ...]] = {
    "MessageExpired": (
        "hold_expired",
        "window_closed",
    ),
    "InvalidDestination": ("recipient_moved",),
    "MediaTypeNotAllowed": (
        *("invalid_media_url", "media_type_unsupported", "media_type_mismatch", "media_unplayable", "media_empty"),
        *("media_unusable", "media_refused", "media_held"),
    ),
    "InvalidMediaContentLength": ("media_too_large",),
    "InvalidMessageStructure": ("invalid_payload", "unsendable_request"),
    # A rule of ours lets this business or this message through to nobody, or not to this person.
    "MessageNotAllowed": (
        *("mapping_status_closed", "mapping_status_expired", "state_violation", "address_not_allowed"),
        *("group_message", "group_unavailable", "not_for_groups"),
        *("not_in_control", "controller_changed", "withdrawn", "earlier_part_failed"),
        *("account_missing", "sender_external", "unknown_tenant"),
    ),
    "ServerError": ("not_connected", "answer_lost", "internal_error", "database_error", "media_store_unavailable"),
    _GENERAL: (
        "media_fetch_failed",
        "media_gone",
        "outcome_unknown",
        "mapping_not_found",
        "lock_timeout",
        "delivery_failed",
        "missed_genesys_message",
    ),
}
"""Genesys' reason codes, each with the codes of ours that it stands for; WhatsApp's have theirs in the table of its errors."""
_REASONS = {code: reason for reason, codes in _OURS.items() for code in codes}
_REASONS_OF_KINDS: dict[str, str] = {
    FailureKind.AUTH: "MessageNotAllowed",
    FailureKind.ACCOUNT: "MessageNotAllowed",
    FailureKind.BILLING: "MessageNotAllowed",
    FailureKind.THROTTLE: "RateLimited",
    FailureKind.TRANSIENT: "ServerError",
    FailureKind.TRANSPORT: "ServerError",
}
"""Of codes that nobody knows yet, as far as the kind of the attempt's error says more than "refused"."""


def told_of(error: JsonObject | None) -> Explanation:
    """Returns what the agent reads of an error: an attempt's, a WhatsApp status's or ours (`{code, …}`)."""
    fields = error or {}
    rule = find_rule(fields)
    if rule is not None:
        return Explanation(rule.reason, sentence_of(rule, fields))
    known = _REASONS.get(str(fields.get("code", "")))
    return Explanation(known or _REASONS_OF_KINDS.get(str(fields.get("kind")), _GENERAL), _words(fields))


def _words(fields: JsonObject) -> str:
    """The most telling of the error's texts."""
    data = fields.get("error_data")
    details = fields.get("details") or (data.get("details") if isinstance(data, dict) else None)
    found = details or fields.get("message") or fields.get("title") or fields.get("code")
    return str(found) if found else "The message could not be delivered."
