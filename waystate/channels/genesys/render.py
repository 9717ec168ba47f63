"""Bodies for Genesys Cloud Open Messaging. Platform, type, recipient and direction are implied by the path.

https://developer.genesys.cloud/commdigital/digital/openmessaging/inboundMessages and …/inboundReceiptMessages
"""

from datetime import datetime
from typing import Literal

from waystate.channels.attempts import FailureKind
from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected

_GENERAL = "GeneralError"
_CODES: dict[str, tuple[int | str, ...]] = {
    "MessageExpired": (131047, "window_closed"),
    "RateLimited": (4, 17, 32, 341, 613, 80007, 80008, 130429, 131048, 131056, 131057, 132069),
    "InvalidDestination": (131021, 131026, 131030, 131062, "recipient_moved"),
    "RecipientOptedOut": (131050,),
    "MediaTypeNotAllowed": (131052, 131053, "invalid_media_url"),
    "UnsupportedMessage": (131051,),
    "InvalidMessageStructure": (
        *(100, 131008, 131009, 132000, 132001, 132005, 132012, 135000),
        *("invalid_payload", "unsendable_request"),
    ),
    # The platform, or a rule of ours, lets this business or this message through to nobody, or not to this person.
    "MessageNotAllowed": (
        *(0, 3, 10, 33, 102, 190, *range(200, 300), 368),
        *(130472, 130497, 131005, 131031, 131037, 131042, 131044, 131045, 131049, 131070),
        *(132007, 132015, 132016, 132068, 133000, 133006, 133007, 133010, 133015, 134011),
        *("mapping_status_closed", "mapping_status_expired", "state_violation", "group_message", "address_not_allowed"),
        *("account_missing", "sender_external", "unknown_tenant"),
    ),
    "ServerError": (1, 2, 131000, 131016, 133004, "not_connected", "answer_lost", "internal_error", "database_error"),
    _GENERAL: ("outcome_unknown", "mapping_not_found", "lock_timeout", "delivery_failed"),
}
"""Genesys' reason codes, each with the codes of WhatsApp's errors and of ours that it stands for."""
_REASONS = {str(code): reason for reason, codes in _CODES.items() for code in codes}
_REASONS_OF_KINDS: dict[str, str] = {
    FailureKind.AUTH: "MessageNotAllowed",
    FailureKind.ACCOUNT: "MessageNotAllowed",
    FailureKind.BILLING: "MessageNotAllowed",
    FailureKind.THROTTLE: "RateLimited",
    FailureKind.TRANSIENT: "ServerError",
    FailureKind.TRANSPORT: "ServerError",
}
"""Of codes that nobody knows yet, as far as the kind of the attempt's error says more than "refused"."""


def render_inbound(
    *, contact_id: str, name: str | None, wamid: str, sent_at: datetime, text: str, attributes: dict[str, str]
) -> JsonObject:
    """A customer's message. Genesys tells a repeat by (messageId, time): both are WhatsApp's, so a retry is the same body.

    `attributes` become the participant's data; only `channel.metadata.customAttributes` does that.
    """
    if not text:
        raise Rejected(Reason.INVALID_PAYLOAD, "Genesys Cloud refuses a message without text; give it a readable line.")
    sender: JsonObject = {"id": contact_id, "idType": "Opaque"}
    if name:
        sender["nickname"] = name
    channel: JsonObject = {"from": sender, "time": iso(sent_at), "messageId": wamid}
    if attributes:
        channel["metadata"] = {"customAttributes": attributes}
    return {"channel": channel, "text": text}


def render_receipt(
    *,
    genesys_message_id: str,
    contact_id: str,
    at: datetime,
    status: Literal["Delivered", "Failed"],
    error: JsonObject | None,
) -> JsonObject:
    """What became of an agent's message. `error` is an attempt's, a WhatsApp status's or ours (`{code, …}`)."""
    receipt: JsonObject = {
        "id": genesys_message_id,
        "channel": {"to": {"id": contact_id, "idType": "Opaque"}, "time": iso(at)},
        "status": status,
        "isFinalReceipt": True,
        "direction": "Outbound",
    }
    if status == "Failed":
        receipt["reasons"] = [{"code": reason_of(error), "message": _words(error)}]
    return receipt


def reason_of(error: JsonObject | None) -> str:
    """Genesys' reason code for an error code of WhatsApp or of ours."""
    fields = error or {}
    known = _REASONS.get(str(fields.get("code", "")))
    return known or _REASONS_OF_KINDS.get(str(fields.get("kind")), _GENERAL)


def _words(error: JsonObject | None) -> str:
    """What the agent reads: the most telling of the error's texts."""
    fields = error or {}
    data = fields.get("error_data")
    details = fields.get("details") or (data.get("details") if isinstance(data, dict) else None)
    found = details or fields.get("message") or fields.get("title") or fields.get("code")
    return str(found) if found else "The message could not be delivered."
