"""Webhook bodies as the platforms send them, as small as they can be."""

import json
from typing import Any

from tests.world import CUSTOMER, Business
from waystate.messages.model import InboundMessage, StatusReport


def change(business: Business, *items: InboundMessage | StatusReport | dict[str, Any], app_number: str | None = None) -> Any:
    """One entry with one change of this number; a dict goes in among the messages as it is."""
    messages = [
        _message(each) if isinstance(each, InboundMessage) else each for each in items if not isinstance(each, StatusReport)
    ]
    statuses = [_status(each) for each in items if isinstance(each, StatusReport)]
    metadata = {"display_phone_number": "+49 30 1234", "phone_number_id": app_number or business.number}
    value = {"messaging_product": "whatsapp", "metadata": metadata}
    for name, listed in (("messages", messages), ("statuses", statuses)):
        if listed:
            value[name] = listed  # type: ignore[assignment]
    return {"id": business.waba, "changes": [{"field": "messages", "value": value}]}


def envelope(*entries: Any) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": list(entries)}).encode()


def agent_says(business: Business, message_id: str, *, conversation: str = "genesys-conversation", to: str = CUSTOMER) -> bytes:
    channel = {"platform": "Open", "to": {"id": to, "idType": "Opaque"}, "time": business.clock.now.isoformat()}
    document = {"id": message_id, "conversationId": conversation, "channel": channel, "type": "Text", "text": "Good morning"}
    return json.dumps(document | {"direction": "Outbound"}).encode()


def _message(message: InboundMessage) -> dict[str, Any]:
    return {
        "from": message.wa_id,
        "id": message.wamid,
        "timestamp": str(int(message.sent_at.timestamp())),
        "type": "text",
        "text": {"body": message.text},
    }


def _status(report: StatusReport) -> dict[str, Any]:
    status = {"id": report.wamid, "status": report.status, "timestamp": str(int(report.at.timestamp()))}
    if report.message_id is not None:
        status["biz_opaque_callback_data"] = str(report.message_id)
    return status | {"recipient_id": CUSTOMER}
