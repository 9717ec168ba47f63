"""Bodies for Genesys Cloud Open Messaging. Platform, type, recipient and direction are implied by the path.

https://developer.genesys.cloud/commdigital/digital/openmessaging/inboundMessages and …/inboundReceiptMessages
"""

from datetime import datetime
from typing import Literal

from waystate.channels.model import Explanation
from waystate.channels.offers import ChosenOption
from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected

_MEDIA_TYPES = {"image": "Image", "sticker": "Image", "video": "Video", "audio": "Audio", "voice": "Audio"}


def render_inbound(
    *,
    contact_id: str,
    name: str | None,
    wamid: str,
    sent_at: datetime,
    text: str,
    attributes: dict[str, str],
    answer: ChosenOption | None = None,
) -> JsonObject:
    """A customer's message. Genesys tells a repeat by (messageId, time): both are WhatsApp's, so a retry is the same body.

    `attributes` become the participant's data; only `channel.metadata.customAttributes` does that. An `answer` to what Genesys
    offered is a structured response (…/inbound/open/structured/response), and agents read its `text`. Genesys' model of it
    (ContentButtonResponse) knows no list picker: a row of one is answered as a button.
    """
    if not text:
        raise Rejected(Reason.INVALID_PAYLOAD, "Genesys Cloud refuses a message without text; give it a readable line.")
    sender: JsonObject = {"id": contact_id, "idType": "Opaque"}
    if name:
        sender["nickname"] = name
    channel: JsonObject = {"from": sender, "time": iso(sent_at), "messageId": wamid}
    if attributes:
        channel["metadata"] = {"customAttributes": attributes}
    if answer is None:
        return {"channel": channel, "text": text}
    option = answer.option
    kind = "Button" if option.kind == "ListPicker" else option.kind
    chosen: JsonObject = {"type": kind, "text": option.line, "payload": option.payload}
    about = {"originatingMessageId": answer.offered_in} if answer.offered_in else {}
    return {"channel": channel, "buttonResponse": chosen} | about


def is_structured_response(body: JsonObject) -> bool:
    return "buttonResponse" in body


def render_in_words(response: JsonObject) -> JsonObject:
    """A structured response as the message that says the same, for a Genesys that takes no such response."""
    return {"channel": response["channel"], "text": response["buttonResponse"]["text"]}


def render_file(*, contact_id: str, wamid: str, at: datetime, content: list[JsonObject]) -> JsonObject:
    """A customer's file behind its message, which had gone by then; `content` holds `render_attachment`."""
    channel = {"from": {"id": contact_id, "idType": "Opaque"}, "time": iso(at), "messageId": f"{wamid}:file"}
    return {"channel": channel, "content": content}


def render_attachment(
    *, file_id: str, kind: str, url: str, mime_type: str | None, filename: str | None, sha256: str | None
) -> JsonObject:
    """`kind` is WhatsApp's type of the message. Genesys loads `url` itself, with no credentials."""
    said = {"mime": mime_type, "filename": filename, "sha256": sha256}
    attachment = {"id": file_id, "mediaType": _MEDIA_TYPES.get(kind, "File"), "url": url}
    return {"contentType": "Attachment", "attachment": attachment | {key: value for key, value in said.items() if value}}


def render_receipt(
    *,
    genesys_message_id: str,
    contact_id: str,
    at: datetime,
    status: Literal["Sent", "Delivered", "Failed"],
    told: Explanation | None = None,
) -> JsonObject:
    """What became of an agent's message; `told`: why it failed. Only `Sent` is not the last word."""
    receipt: JsonObject = {
        "id": genesys_message_id,
        "channel": {"to": {"id": contact_id, "idType": "Opaque"}, "time": iso(at)},
        "status": status,
        "isFinalReceipt": status != "Sent",
        "direction": "Outbound",
    }
    if status == "Failed" and told is not None:
        receipt["reasons"] = [{"code": told.reason, "message": told.text}]
    return receipt
