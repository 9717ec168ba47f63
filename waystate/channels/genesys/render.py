"""Bodies for Genesys Cloud Open Messaging. Platform, type, recipient and direction are implied by the path.

https://developer.genesys.cloud/commdigital/digital/openmessaging/inboundMessages and …/inboundReceiptMessages
"""

from datetime import datetime
from typing import Literal

from waystate.channels.model import Explanation
from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected


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
    told: Explanation | None = None,
) -> JsonObject:
    """What became of an agent's message; `told`: why it failed."""
    receipt: JsonObject = {
        "id": genesys_message_id,
        "channel": {"to": {"id": contact_id, "idType": "Opaque"}, "time": iso(at)},
        "status": status,
        "isFinalReceipt": True,
        "direction": "Outbound",
    }
    if status == "Failed" and told is not None:
        receipt["reasons"] = [{"code": told.reason, "message": told.text}]
    return receipt
