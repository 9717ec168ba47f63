"""Bodies for Genesys Cloud Open Messaging. Platform, type, recipient and direction are implied by the path.

https://developer.genesys.cloud/commdigital/digital/openmessaging/inboundMessages
"""

from datetime import datetime
from typing import Literal

from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected

_GENERAL = "GeneralError"
_REASONS = {
    "131047": "MessageExpired",
    "window_closed": "MessageExpired",
    "131056": "RateLimited",
    "130429": "RateLimited",
    "131026": "InvalidDestination",
    "recipient_moved": "InvalidDestination",
    "131050": "RecipientOptedOut",
    "131053": "MediaTypeNotAllowed",
    "mapping_status_closed": "MessageNotAllowed",
    "mapping_status_expired": "MessageNotAllowed",
    "invalid_payload": "InvalidMessageStructure",
    "outcome_unknown": _GENERAL,
}


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
    return _REASONS.get(str((error or {}).get("code", "")), _GENERAL)


def _words(error: JsonObject | None) -> str:
    """What the agent reads: the most telling of the error's texts."""
    fields = error or {}
    data = fields.get("error_data")
    details = fields.get("details") or (data.get("details") if isinstance(data, dict) else None)
    found = details or fields.get("message") or fields.get("title") or fields.get("code")
    return str(found) if found else "The message could not be delivered."
