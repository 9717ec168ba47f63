"""What a message becomes on its way between Genesys and WhatsApp, by the code that passes it on, without a database."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from waystate.channels.genesys.parse import parse_webhook
from waystate.deliveries.plan import delivery_of
from waystate.documents import JsonObject
from waystate.events.model import Event, InboundEnriched, OutboundProcessed
from waystate.events.outbox import Stamped
from waystate.messages.model import OutboundMessage
from waystate.messages.send import parts_of
from waystate.tenants.model import GenesysIntegration, TenantSettings, WhatsAppAccount

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
INTEGRATION = "73cb7fb7-c2db-4996-88f3-0a83a4fea1da"
NUMBER = "106540352242922"
ID = UUID(int=1)
_WHOLE = {"contact_id": ID, "phone_number_id": NUMBER, "at": AT, "wa_id": "15550100142", "message_id": ID, "mapping_id": ID}


def outbound(**fields: Any) -> JsonObject:
    """A webhook of Genesys' with these fields."""
    channel = {"id": INTEGRATION, "platform": "Open", "type": "Private", "to": {"id": "c-1", "idType": "Opaque"}}
    whole = {"id": "c327", "channel": channel | {"messageId": "c327", "time": "2026-11-20T12:00:00.000Z"}}
    return whole | {"direction": "Outbound", "conversationId": "d06c", "type": "Text"} | fields


def read(document: JsonObject | bytes, integration: str = INTEGRATION) -> Any:
    """The one value of a webhook."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    (item,) = parse_webhook(body, integration, AT).items
    return item.value


def whatsapp_bodies(message: OutboundMessage) -> list[JsonObject]:
    """The sends that an agent's or a bot's message makes, each file as if it was uploaded."""
    return [_request(_processed(_kept(part))) for part in parts_of(message)]


def genesys_body(kind: str, content: JsonObject, *, text: str | None = None, media: JsonObject | None = None) -> JsonObject:
    """The body that a customer's message of this type makes."""
    event = InboundEnriched(
        **_WHOLE,
        wamid="wamid.1",
        contact_name="Ann",
        timestamp=AT,
        message_type=kind,
        message_text=text,
        media=media,
        content=content,
        conversation_id=None,
        is_new_conversation=True,
    )
    return _request(event)


def _processed(part: OutboundMessage) -> OutboundProcessed:
    return OutboundProcessed(
        **_WHOLE,
        genesys_message_id=part.genesys_message_id,
        conversation_id=part.conversation_id,
        message_type=part.type,
        message_text=part.text,
        media=part.media,
        content=part.content,
        composed=part.composed,
    )


def _kept(part: OutboundMessage) -> OutboundMessage:
    return replace(part, media={**part.files[0], "file_id": "MEDIA"}) if part.files else part


def _request(event: Event) -> JsonObject:
    account, integration = _accounts()
    stamped = Stamped(ID, 1, event.type, event.model_dump_json())
    delivery = delivery_of(stamped, account, integration, TenantSettings(), 1, {})
    assert delivery is not None
    return delivery.request


@cache
def _accounts() -> tuple[WhatsAppAccount, GenesysIntegration]:
    integration = GenesysIntegration(
        integration_id=INTEGRATION, region="mypurecloud.de", client_id="c", client_secret="s", webhook_secret="w" * 20
    )
    account = WhatsAppAccount(
        phone_number_id=NUMBER,
        display_phone_number="15550783881",
        business_account_id="1",
        meta_app_id="1",
        access_token="t",
        genesys_integration_id=integration.id,
    )
    return account, integration
